"""What `micro events` shows of copies."""

from __future__ import annotations

import time

from micro.doors.cli.kept import copy_rows, older_lines


def test_programs_get_whole_node_ids() -> None:
    """With commas between them; people get as much as tells nodes apart."""
    one, other = "b5ua" + 52 * "a", "b5ua" + 52 * "b"
    topics = [{"topic": "orders", "copies": [one, other]}]
    assert copy_rows(topics, is_plain=True) == [{"topic": "orders", "copies": f"{one},{other}"}]
    assert copy_rows(topics, is_plain=False) == [{"topic": "orders", "copies": [one[:12], other[:12]]}]


def test_what_was_not_taken_back_is_said() -> None:
    """Which topic, where, which events, and since when."""
    older = {"log": "0123abcd", "first": 1, "last": 5, "time": time.time() - 120, "copies": ["b5ua" + 52 * "a"]}
    [line] = older_lines("orders", [older])
    assert line == (
        "an older log of orders, events 1 to 5, the newest 2m 0s ago, lies at b5uaaaaaaaaa and was not taken back"
    )
