"""The door for programs that speak gRPC, an extra that is loaded only where the settings open it."""
