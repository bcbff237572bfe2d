"""The command `micro`: a node and its services, by typing."""
