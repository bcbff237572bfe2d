"""What keeps a guest to itself: what it may see and use, who holds it to that, and whether that really holds."""
