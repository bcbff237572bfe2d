"""The door for go-micro programs of every generation, and whoever else says MUCP over HTTP."""
