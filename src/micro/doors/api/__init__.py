"""The door for whoever speaks HTTP: calls, streams and events, behind a guard that reads bytes before a parser does."""
