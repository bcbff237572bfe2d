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

from micro.doors.cli.output import clean
from micro.errors import ConfigError, Fault, LinkClosed, MicroError, NoNode, SourceError

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


def explain(error: BaseException, *, remedy: str = "") -> list[str]:
    """Returns the lines that say what happened, why, and what to type next.

    Args:
        error: what happened.
        remedy: the command that helps, if the caller knows a better one than the error's kind tells.
    """
    text = clean(_said(error)).strip() or type(error).__name__
    if isinstance(error, Fault) and error.id:  # it came from somewhere else
        where = "" if error.id in text else f"{clean(error.id)}: "
        text = f"{where}{text} ({error.code} {clean(error.status)})"
    lines = [f"micro: {text}"]
    command = getattr(error, "remedy", "") or remedy or _remedy(error)
    return [*lines, f"next: {command}"] if command else lines


def _said(error: BaseException) -> str:
    """Returns what an error says; one of the operating system says it with a number that tells nobody anything."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _remedy(error: BaseException) -> str:
    if isinstance(error, NoNode):
        return "micro server"
    if isinstance(error, ConfigError | LinkClosed):
        return "micro doctor"
    if isinstance(error, SourceError):
        return "micro run --help"
    if isinstance(error, Fault):
        return {404: "micro services", 503: "micro status"}.get(error.code, "")
    return ""
