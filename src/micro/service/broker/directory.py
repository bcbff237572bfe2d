"""Where logs are: which nodes keep a topic and let others subscribe to it, and how a log is named.

Pure.

`orders` means the log of this node, those of its neighbours, and those of strangers that its owner named; `orders@nid`
means the log of that one node alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from micro.errors import BadRequest
from micro.service.broker.broker import check_name
from micro.trust.identity import is_nid

__all__ = ["LogDirectory", "LogPlace", "log_name", "split_log"]


@dataclass(frozen=True, slots=True, order=True)
class LogPlace:
    """Where a log can be had.

    Attributes:
        origin: the node whose log it is: rules judge that one, and it speaks for its own services in it.
        nid: the node that is asked for it; another one than `origin` where that one keeps a copy.
    """

    origin: str
    nid: str


class LogDirectory(Protocol):
    """Announces the logs that this node keeps for others, and finds those of other nodes.

    What is found is a hint: whoever keeps a log decides himself who may subscribe to it. Names are as in `split_log`.
    """

    def announce(self, topic: str) -> None:
        """This node keeps a log of the topic that others may ask for; saying so twice changes nothing."""

    def withdraw(self, topic: str) -> None:
        """It no longer does."""

    def want(self, name: str) -> None:
        """Somebody here subscribes under this name: its logs are looked for until it is released as often."""

    def release(self, name: str) -> None:
        """One who subscribed under this name does so no longer."""

    def find(self, name: str) -> Sequence[LogPlace]:
        """Returns where logs of other nodes are, as far as is known, in a steady order.

        Of an origin that is the log itself, or, where that is out of reach, its copies.
        """

    def missing(self, name: str) -> Mapping[str, str]:
        """Returns the nodes whose logs are meant and cannot be had anywhere: of each why, and what helps."""

    def refused(self, topic: str, place: LogPlace) -> None:
        """This node may not, or no longer, subscribe at this place; a copy is not asked for there for a while."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Has `changed` called on the loop whenever `find` may answer otherwise than before."""


def split_log(name: str) -> tuple[str, str]:
    """Returns the topic and the node id of the one node that is meant, "" for any.

    Raises:
        BadRequest: it is neither `topic` nor `topic@nid`.
    """
    topic, at, nid = name.partition("@")
    check_name("topic", topic)
    if at and not is_nid(nid):
        raise BadRequest(f"{name[:200]!r} names no node behind the @; the log of one node is topic@nid")
    return topic, nid


def log_name(topic: str, nid: str) -> str:
    """Returns the name of one node's log of a topic."""
    return f"{topic}@{nid}"
