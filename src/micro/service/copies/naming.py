"""How copies are called, and how many of a log there may be.

Pure.

A copy is called by its topic, the node whose log it is, and the log: `orders@bafy….1a2b3c4d`. A topic has no `@` in
its name, so no copy is taken for a topic, two nodes' topics of one name stay apart, and so do two logs of one topic,
which there are where a node was set back to an older state of its disk.
"""

from __future__ import annotations

from micro.errors import BadRequest
from micro.service.broker.broker import check_name
from micro.trust.identity import is_nid

__all__ = [
    "LOG_DIGITS",
    "REPLICAS_MAX",
    "TOPIC_CHARACTERS_MAX",
    "check_replicas",
    "copy_name",
    "parts_of",
]

REPLICAS_MAX = 3
"""So many super nodes keep a copy of one log."""

TOPIC_CHARACTERS_MAX = 48
"""A topic of which copies are kept has so long a name: with node, log and `.dead` it still is a name of 128."""

LOG_DIGITS = 8
"""A log's own name: so many hexadecimal digits."""


def check_replicas(topic: str, replicas: int, *, exported: bool) -> None:
    """Raises `BadRequest` unless so many copies of a topic's log can be kept."""
    if not 0 <= replicas <= REPLICAS_MAX:
        raise BadRequest(f"replicas: {replicas} copies of {topic}; 0 to {REPLICAS_MAX} super nodes keep one")
    if replicas and not exported:
        raise BadRequest(f"replicas: {topic} is not exported, so no other node keeps its events; export it")
    if replicas and len(topic) > TOPIC_CHARACTERS_MAX:
        raise BadRequest(
            f"replicas: {topic} has {len(topic)} characters; the name of a topic that is copied has at most "
            f"{TOPIC_CHARACTERS_MAX}"
        )


def copy_name(topic: str, nid: str, log: str) -> str:
    """Returns what the copy of a node's log of a topic is called."""
    return f"{topic}@{nid}.{log}"


def parts_of(name: str) -> tuple[str, str, str]:
    """Returns the topic, the node and the log of a copy.

    Raises:
        BadRequest: it is no name of a copy.
    """
    topic, _, rest = name.partition("@")
    nid, _, log = rest.partition(".")
    if len(topic) > TOPIC_CHARACTERS_MAX or not is_nid(nid):
        raise BadRequest(f"{name[:160]!r} is no copy of a node's log of a topic")
    if len(log) != LOG_DIGITS or log.strip("0123456789abcdef"):
        raise BadRequest(f"{name[:160]!r} names no log: {LOG_DIGITS} hexadecimal digits are expected")
    check_name("topic", topic)
    return topic, nid, log
