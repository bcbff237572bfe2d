"""From annotated Python to typed endpoints: signatures, JSON Schema, derived proto3, and the codecs between them."""
