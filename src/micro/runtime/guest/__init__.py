"""WebAssembly guests: what they may say and ask, what runs them, and what builds them."""
