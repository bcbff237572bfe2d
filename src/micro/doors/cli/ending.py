"""How a command ends: the exit code of an error, and what a person reads about it.

Pure.

| code | means |
| --- | --- |
| 0 | it worked |
| 1 | a fault, of the service or of something else that went wrong |
| 2 | usage: what was typed makes no sense |
| 3 | no node runs |
| 4 | not found |
| 5 | refused |
| 6 | timeout |
| 7 | unavailable |
| 130 | stopped with Ctrl-C |
"""

from __future__ import annotations

import re

from micro.doors.cli.output import clean
from micro.errors import ConfigError, Fault, LinkClosed, MicroError, NoNode

__all__ = [
    "FAULT",
    "INTERRUPTED",
    "NOT_FOUND",
    "NO_NODE",
    "REFUSED",
    "TIMEOUT",
    "UNAVAILABLE",
    "USAGE",
    "Usage",
    "exit_code",
    "explain",
]

FAULT, USAGE, NO_NODE, NOT_FOUND, REFUSED, TIMEOUT, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 7, 130

_CODES = {401: REFUSED, 402: REFUSED, 403: REFUSED, 404: NOT_FOUND, 408: TIMEOUT, 429: UNAVAILABLE, 503: UNAVAILABLE}


_NAMED = re.compile(
    r"`(micro (?:"
    r"(?:services|status|doctor|describe|config get|auth (?:check|list|token|create token)"
    r"|events (?:list|subscriptions|copies|export)|network (?:nodes|peers|pins|offers|ticket|unpin))(?: [\w.:@-]+)*"
    r"|network (?:join|connect)(?: TICKET)?|network leave"
    r"))`(, at [a-z0-9]{1,64}\b)?"
)
"""A command that an error names, and where it is to be typed.

The error may be a stranger's: only commands are taken from it that look, or that a person has to complete, and no
word that a shell reads as anything but itself.
"""


_PLAIN = re.compile(r"[a-z][a-z0-9.-]{0,252}")
"""What a shell takes as one word, and no command as an option; the name of a service is no other."""


class Usage(MicroError):
    """What was typed makes no sense; the message says why, `remedy` what to type instead."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def exit_code(error: BaseException) -> int:
    """Returns the exit code of an error."""
    if isinstance(error, Fault):
        return _CODES.get(error.code, FAULT)
    if isinstance(error, NoNode):
        return NO_NODE
    if isinstance(error, Usage):
        return USAGE
    if isinstance(error, LinkClosed):
        return UNAVAILABLE
    if isinstance(error, TimeoutError):
        return TIMEOUT
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAULT


def explain(error: BaseException, *, remedy: str = "", hint: str = "", typed: str = "micro") -> list[str]:
    """Returns the two lines that say what happened and why, and what to type next.

    Args:
        error: what happened.
        remedy: the command that helps, if the caller is sure of one.
        hint: the command that helps where the error itself names none.
        typed: the command that failed; its help is what is left where nobody knows better.
    """
    text = clean(_said(error)).strip() or type(error).__name__
    named = _named(text, hint)
    if isinstance(error, Fault) and error.id:  # it came from somewhere else
        where = "" if error.id in text else f"{clean(error.id)}: "
        text = f"{where}{text} ({error.code} {clean(error.status)})"
    own = getattr(error, "remedy", "") or _log_of(error)
    command = own or remedy or named or hint or _remedy(error) or f"{typed} --help"
    return [f"micro: {text}", f"next: {command}"]


def _named(text: str, hint: str) -> str:
    """Returns the command that an error names; "" where it names none, or only the beginning of the hint."""
    found = _NAMED.search(text)
    if found is None or hint.startswith(found[1]):
        return ""
    return f"{found[1]}{found[2] or ''}"


def _said(error: BaseException) -> str:
    """Returns what an error says; one of the operating system says it with a number that tells nobody anything."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _log_of(error: BaseException) -> str:
    """Returns the command that shows the log to which an error points; empty where it points to none."""
    service, *endpoint = error.id.rsplit(".", 2) if isinstance(error, Fault) else ("",)
    points = len(endpoint) == 2 and str(error).endswith("; its log tells more")
    return f"micro logs {service}" if points and _PLAIN.fullmatch(service) else ""


def _remedy(error: BaseException) -> str:
    if isinstance(error, NoNode):
        return "micro server"
    if isinstance(error, ConfigError | LinkClosed):
        return "micro doctor"
    if isinstance(error, Fault):
        return {404: "micro services", 503: "micro status"}.get(error.code, "")
    return ""
