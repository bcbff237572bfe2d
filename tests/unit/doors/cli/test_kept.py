"""What `micro events` shows of copies."""

from __future__ import annotations

from micro.doors.cli.kept import copy_rows


def test_programs_get_whole_node_ids() -> None:
    """With commas between them; people get as much as tells nodes apart."""
    one, other = "b5ua" + 52 * "a", "b5ua" + 52 * "b"
    topics = [{"topic": "orders", "copies": [one, other]}]
    assert copy_rows(topics, is_plain=True) == [{"topic": "orders", "copies": f"{one},{other}"}]
    assert copy_rows(topics, is_plain=False) == [{"topic": "orders", "copies": [one[:12], other[:12]]}]
