"""Errors say something, whatever they were given to say."""

from __future__ import annotations

import pytest

from micro.errors import EngineError, Fault, LinkClosed, Unavailable, is_callers, reason_of


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EngineError("there is no room"), "there is no room"),
        (EngineError(), "EngineError"),
        (LinkClosed(""), "LinkClosed"),
        (Unavailable("it is gone"), "it is gone"),
        (Unavailable(""), "Service Unavailable"),
        (Fault("", code=418, status="Teapot"), "Teapot"),
        (TimeoutError(), "it took too long"),
        (TimeoutError(110, "Connection timed out"), "TimeoutError: [Errno 110] Connection timed out"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ValueError("no number"), "ValueError: no number"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_a_reason_is_never_empty(error: Exception, said: str) -> None:
    """Many of Python's errors are raised without a word, and a peer may send a fault without a detail."""
    assert reason_of(error) == said
    assert not isinstance(error, EngineError | Fault | LinkClosed) or str(error) == said


def test_what_travels_is_what_was_said() -> None:
    """A fault without a detail is handed on as it came."""
    assert Unavailable("").to_dict()["detail"] == ""


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 409, 413, 422, 429])
def test_what_was_asked_wrongly_is_the_callers(code: int) -> None:
    """Also a code that only strangers use."""
    assert is_callers(code)


@pytest.mark.parametrize("code", [0, 200, 408, 499, 500, 503])
def test_what_failed_or_took_too_long_is_not_the_callers(code: int) -> None:
    """Neither is that somebody hung up: nobody knows whose patience that was."""
    assert not is_callers(code)
