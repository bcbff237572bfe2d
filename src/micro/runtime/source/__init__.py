"""Where code comes from: a working tree on this machine, or a git repository anywhere."""
