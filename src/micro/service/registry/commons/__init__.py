"""The commons: places where everybody puts bytes and everybody finds them, run by nobody."""
