"""Service to service: services, their callers, the registry and the broker."""
