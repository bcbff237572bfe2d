"""What a service runs in: a process, or a worker for WebAssembly guests."""
