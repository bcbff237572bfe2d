"""Node to node: links, peers and the transports below them."""
