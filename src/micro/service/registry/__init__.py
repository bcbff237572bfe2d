"""Who offers what, where: the registry and its catalog."""
