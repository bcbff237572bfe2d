"""Measures the network beside its peers, in one run: `python -m benchmarks`."""
