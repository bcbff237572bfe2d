"""The node's own services: what its owner, its instances and its neighbours may ask of it."""
