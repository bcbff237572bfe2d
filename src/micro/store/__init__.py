"""Bytes at rest: databases with group commit, the key-value store of services, and settings."""
