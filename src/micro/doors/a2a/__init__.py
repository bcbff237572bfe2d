"""The language of agents (A2A): what other agents send the assistant, and how its turns are told to them."""
