"""How a command is typed so that it reaches the node that this one was about, where that is not everybody's."""

from __future__ import annotations

import re
import shlex

__all__ = ["at_home", "home_words"]

ANOTHER_NODE = ", at "
"""What a hint says that is to be typed at another node."""

_MICRO = re.compile(r"(^|&& |then: )micro (?!new\b)")


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
    if not words or ANOTHER_NODE in command:
        return command
    return _MICRO.sub(lambda found: f"{found[1]}{words}micro ", command)
