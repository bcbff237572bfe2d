"""Dead letters: what is written to `<topic>.dead` when a queue could not handle an event, or did not get to it.

Pure.

A dead letter is the event itself, with its publisher, body and headers, and with these headers more:

    Micro-Dead-Topic     where it was published      Micro-Dead-Attempts   how often it was delivered
    Micro-Dead-Queue     which queue gave up on it   Micro-Dead-Error      why the last delivery failed
    Micro-Dead-Id        its id there                Micro-Dead-Sequence   its place in the topic's log

When events left the log before a queue had handled them, one notice without a body says so: `Micro-Dead-Topic`,
`Micro-Dead-Queue`, `Micro-Dead-Error`, and `Micro-Dead-Count`, how many.
"""

from __future__ import annotations

from hashlib import blake2b

from micro.service.broker.broker import ID_CHARACTERS_MAX, NAME_CHARACTERS_MAX, StoredEvent
from micro.service.broker.delivery import ERROR_CHARACTERS_MAX, Unfinished

__all__ = ["DEAD_CHARACTERS_MAX", "DEAD_HEADERS", "dead_letter", "dead_topic", "expiry_notice", "is_dead"]

DEAD = ".dead"

TOPIC = "Micro-Dead-Topic"
QUEUE = "Micro-Dead-Queue"
ID = "Micro-Dead-Id"
SEQUENCE = "Micro-Dead-Sequence"
ATTEMPTS = "Micro-Dead-Attempts"
ERROR = "Micro-Dead-Error"
COUNT = "Micro-Dead-Count"

DEAD_HEADERS = frozenset((TOPIC, QUEUE, ID, SEQUENCE, ATTEMPTS, ERROR, COUNT))

DEAD_CHARACTERS_MAX = 32 * len(DEAD_HEADERS) + 2 * NAME_CHARACTERS_MAX + ID_CHARACTERS_MAX + ERROR_CHARACTERS_MAX
"""So many characters these have together, with what they say: three numbers are among them."""


def dead_topic(topic: str) -> str:
    """Returns the name of a topic's dead-letter topic; a very long name is cut."""
    return topic[: NAME_CHARACTERS_MAX - len(DEAD)] + DEAD


def is_dead(topic: str) -> bool:
    """Whether a topic holds dead letters: what cannot be handled there is given up, and stays in its log."""
    return topic.endswith(DEAD)


def dead_letter(event: StoredEvent, queue: str, entry: Unfinished, time: float) -> StoredEvent:
    """Returns the dead letter of an event. Its id follows from what died, so that it is written only once."""
    headers = {
        **event.headers,
        TOPIC: event.topic,
        QUEUE: queue,
        ID: event.id,
        SEQUENCE: str(entry.sequence),
        ATTEMPTS: str(entry.attempts),
        ERROR: entry.error,
    }
    id = _id(event.topic, queue, f"{entry.sequence} {event.id}")
    return StoredEvent(id, dead_topic(event.topic), event.publisher, headers, event.body, time)


def expiry_notice(topic: str, queue: str, count: int, first: int, time: float) -> StoredEvent:
    """Returns the notice that `count` events expired, the log now beginning at sequence `first`."""
    error = "the log no longer keeps these events"
    headers = {TOPIC: topic, QUEUE: queue, COUNT: str(count), ERROR: error}
    return StoredEvent(_id(topic, queue, f"expired {first} {count}"), dead_topic(topic), "", headers, b"", time)


def _id(topic: str, queue: str, what: str) -> str:
    return blake2b(f"{topic} {queue} {what}".encode(), digest_size=16).hexdigest()
