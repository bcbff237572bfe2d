"""Node to node: links, and the transports below them."""
