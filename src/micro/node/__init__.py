"""One machine, put together."""
