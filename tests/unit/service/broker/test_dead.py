"""Dead letters: which topic, which name, what they say."""

from __future__ import annotations

from micro.service.broker.broker import StoredEvent, check_name
from micro.service.broker.dead import dead_letter, dead_topic, expiry_notice, is_dead
from micro.service.broker.delivery import Unfinished

EVENT = StoredEvent("1", "news", "me", {"a": "b"}, b"body", 5.0)


def test_a_dead_topic_is_a_topic() -> None:
    """Also of the longest name."""
    for topic in ("news", "x" * 128):
        check_name("topic", dead_topic(topic))
        assert is_dead(dead_topic(topic))
    assert not is_dead("news")


def test_the_same_death_has_the_same_id() -> None:
    """Written twice it is kept once; another queue's is another."""
    letter = dead_letter(EVENT, "queue", Unfinished(7, 16, "no"), 9.0)

    assert letter.id == dead_letter(EVENT, "queue", Unfinished(7, 16, "still no"), 10.0).id
    assert letter.id != dead_letter(EVENT, "other", Unfinished(7, 16, "no"), 9.0).id
    assert letter.id != dead_letter(EVENT, "queue", Unfinished(8, 16, "no"), 9.0).id


def test_a_notice_counts() -> None:
    """It has no body and no publisher but the broker."""
    notice = expiry_notice("news", "queue", 12, 30, 9.0)

    assert (notice.topic, notice.publisher, notice.body) == ("news.dead", "", b"")
    assert notice.headers["Micro-Dead-Count"] == "12"
    assert notice.id != expiry_notice("news", "queue", 12, 42, 9.0).id
