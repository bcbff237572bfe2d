"""What a build leaves: files under a key, a bill of what is in them, and a statement that this node made them."""
