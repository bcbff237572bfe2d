"""How code becomes a running service: fetched, understood, built, started, kept alive and replaced."""
