"""What a subscriber is told of the logs that it waits for: a change, in plain characters, and no more than fits."""

from __future__ import annotations

import logging

import pytest

from micro.mucp.headers import VALUE_BYTES_MAX
from micro.service.handling import _tell_waiting
from micro.service.waiting import REASON_CHARACTERS_MAX, REFUSALS_MAX, TOLD_MAX, Waiting, shown


def test_a_refusal_is_news_once() -> None:
    """Until it was granted, after which it is news again."""
    waiting = Waiting()
    assert waiting.refused("b5uafar", "no room")
    assert not waiting.refused("b5uafar", "no room")
    assert waiting.news(is_settled=False) == "b5uafar refuses, and is asked again: no room"
    assert waiting.news(is_settled=False) is None
    waiting.granted("b5uafar")
    assert waiting.news(is_settled=False) is None  # it may refuse yet
    assert waiting.news(is_settled=True) == ""
    assert waiting.refused("b5uafar", "no room")


def test_however_much_is_waited_for_fits_into_a_header() -> None:
    """Whatever other nodes say, and however many of them there are."""
    waiting = Waiting()
    for number in range(REFUSALS_MAX * 2):
        waiting.refused(f"b5ua{number}", shown("\n\u202e" * REASON_CHARACTERS_MAX))
    waiting.missing = {f"b5uc{number}": "\n" * 10_000 for number in range(500)}
    told = waiting.news(is_settled=True) or ""
    assert told.isprintable()
    assert len(told.encode()) <= VALUE_BYTES_MAX
    assert told.endswith(f"and {500 + REFUSALS_MAX - TOLD_MAX} more")


def test_each_log_has_one_state() -> None:
    """What is asked again after it refused is refused; what is out of reach is sought."""
    waiting = Waiting()
    waiting.refused("a", "rules")
    waiting.missing = {"b": "away"}
    asked = {"a": "asked", "b": "asked", "c": "open"}
    assert waiting.states(asked) == [("a", "refused", "rules"), ("b", "sought", "away"), ("c", "open", "")]


def test_the_end_of_a_wait_is_told_as_loudly_as_its_beginning(caplog: pytest.LogCaptureFixture) -> None:
    """A service's log shows warnings; one that shows `is waiting` alone tells of a wait that never ends."""
    with caplog.at_level(logging.WARNING):
        _tell_waiting("orders", "nobody is there")
        _tell_waiting("orders", "")

    assert caplog.messages == [
        "the subscription to orders is waiting: nobody is there",
        "the subscription to orders waits no longer",
    ]
