"""The door to networks of go-micro v2: the node is a peer there; nothing else in the house knows of it."""
