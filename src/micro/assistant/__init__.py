"""What was meant: from a sentence to an endpoint with its fields filled in, for every face of the node."""
