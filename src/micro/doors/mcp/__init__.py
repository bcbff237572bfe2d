"""The door for whoever speaks MCP: services as tools; loaded when somebody first knocks."""
