"""How a command is typed so that it reaches the node that this one was about, where that is not everybody's."""

from __future__ import annotations

import re
import shlex

__all__ = ["at_home", "home_words", "typed_line"]

ANOTHER_NODE = ", at "
"""What a hint says that is to be typed at another node."""

_QUOTED = re.compile("'[^']*'|\"'\"")
_MICRO = re.compile(_QUOTED.pattern + r"|(^|&& |then: )micro (?!new\b)")
"""A quoted word, which is left alone, or where a command begins."""


def typed_line(command: str, *words: str) -> str:
    """Returns a command with words of somebody else's behind it, as a shell takes it: each remains the one word it is.

    Args:
        command: our own words, such as `micro describe`.
        words: what a person typed, or a stranger calls something.
    """
    from micro.doors.cli.output import cell

    dashes = "-- " if any(word.startswith("-") for word in words) else ""
    return f"{command} {dashes}{' '.join(shlex.quote(cell(word)) for word in words)}"


def home_words(home: str | None) -> str:
    """Returns what is typed before a command so that it finds a home, with a space behind; "" for the usual home.

    Args:
        home: the folder, None for what the environment says.
    """
    from micro.doors.cli.settings import home_folder, usual_home

    where = home_folder(home).absolute()
    return "" if where == usual_home() else f"MICRO_HOME={shlex.quote(str(where))} "


def at_home(command: str, home: str | None) -> str:
    """Returns the commands in a hint, each with the home before it where that is not the usual one."""
    words = home_words(home)
    if not words or ANOTHER_NODE in _QUOTED.sub("", command):
        return command
    return _MICRO.sub(lambda found: found[0] if found[1] is None else f"{found[1]}{words}micro ", command)
