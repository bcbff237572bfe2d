"""Connections of browsers that a super node passes on to a node behind it, still sealed: it reads their first words."""
