"""How cost grows: with nodes, with records, with home links, and over a relay."""
