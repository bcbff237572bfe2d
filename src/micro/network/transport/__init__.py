"""Byte pipes: memory, Unix and TCP sockets, and iroh, all of one shape."""
