"""A relay for nodes that cannot reach each other: it passes sealed datagrams on by key, and can read none of them."""
