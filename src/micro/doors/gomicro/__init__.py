"""go-micro's own services, by their names and with their messages, answered by the node."""
