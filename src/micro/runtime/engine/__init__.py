"""What a service runs in: today a process, later a sandbox or a WebAssembly worker."""
