"""Copies of logs: what a node that publishes and the super nodes that keep its events say, promise and remember."""
