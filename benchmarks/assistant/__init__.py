"""How well the assistant understands: sentences that it is measured by, and the fitting of its weights."""
