"""The copies at a super node: whose they are, how much room they take, and what is to be known to serve them.

A node writes copies of its own logs and of no others: who speaks is proved by the link. What may be kept is bounded for
each node and for all together, and who finds no room is told so: it goes to another super node. What is known of a copy
beside its events, in `copies/<nid>.json`, is on disk before its first event is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from micro.errors import BadRequest, Conflict, Fault, NotFound, TooLarge
from micro.service.broker.broker import event_bytes
from micro.service.broker.copied import CopyBroker
from micro.service.copies.messages import (
    LISTED_MAX,
    MICROSECONDS,
    PIECE_BYTES,
    PIECE_EVENTS_MAX,
    cursor_fields,
    cursors_from,
    events_from,
    piece_of,
)
from micro.service.copies.naming import copy_name, parts_of
from micro.trust.identity import nid_of, short

if TYPE_CHECKING:
    from micro.ports import Clock, Disk

__all__ = ["Copies", "CopyLimits", "Kept"]

log = logging.getLogger("micro.copies")

KEPT_SECONDS_MAX: Final = 3_650 * 86_400
"""No copy is kept longer, whatever its node says."""


class CopyLimits(msgspec.Struct, frozen=True):
    """How much a super node keeps."""

    bytes: int = 4 * 1024 * 1024 * 1024
    """Of all nodes together."""
    node_bytes: int = 256 * 1024 * 1024
    """Of one node."""
    node_logs: int = 16
    """Logs of one node."""
    logs: int = 10_000
    """Logs of all nodes together."""
    pieces: int = 64
    """Pieces of one node that wait for the disk."""


class Kept(msgspec.Struct):
    """What is known of a copy.

    Attributes:
        topic, nid, log: the log; see `naming`.
        kept_seconds: for how long its node keeps an event.
        generation, copies: which super nodes have copies, the first is to serve; the number of that choice.
        everybody, others: whether nodes may subscribe to the log, and those of which the contrary holds.
        heard: when its node last opened it, in seconds since 1970.
        served: whether queues may have come further here than the node of the log knows.
    """

    topic: str
    nid: str
    log: str
    kept_seconds: float
    generation: int
    copies: tuple[str, ...]
    everybody: bool
    others: frozenset[str]
    heard: float
    served: bool = False

    @property
    def name(self) -> str:
        """What the copy is called."""
        return copy_name(self.topic, self.nid, self.log)

    def may_read(self, nid: str) -> bool:
        """Says whether a node may have the events, by the rules of the log's owner as he last told them."""
        return nid == self.nid or self.everybody != (nid in self.others)


class Copies:
    """What a super node keeps for others.

    Args:
        broker: where the events are, not started yet.
        disk, folder: where the rest is.
        clock: the time.
        limits: the bounds.
    """

    def __init__(
        self, broker: CopyBroker, disk: Disk, folder: Path, clock: Clock, limits: CopyLimits | None = None
    ) -> None:
        self.broker = broker
        self.limits = limits if limits is not None else CopyLimits()
        self._disk = disk
        self._folder = folder
        self._clock = clock
        self._kept: dict[str, dict[str, Kept]] = {}
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._pieces: dict[str, int] = {}
        self._learned: set[str] = set()
        """The copies whose nodes have asked how far queues came, since they were served last."""
        self.words: dict[str, float] = {}
        """When the node of each log last spoke of it, on the clock that never goes back; missing where it did not."""
        self.spoken: Callable[[Kept], None] = lambda kept: None
        """Told whenever the node of a log speaks of it: it is there."""

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes up what was kept; events of which nothing else is known are dropped.

        Raises:
            EngineError: the database cannot be opened.
        """
        await self.broker.start()
        self._disk.make_folder(self._folder)
        for entry in self._disk.entries(self._folder):
            if entry.name.endswith(".json"):
                self._load(self._folder / entry.name)
        known = {kept.name for kept in self.all()}
        for name in self.broker.names:
            if name not in known:
                self.broker.forget(name)
        for name in known:
            self._resize(name, self.broker.size(name))

    async def stop(self) -> None:
        """Saves and ends."""
        await self.broker.stop()

    def _load(self, path: Path) -> None:
        try:
            for kept in msgspec.json.decode(self._disk.read(path) or b"[]", type=list[Kept]):
                parts_of(kept.name)
                self._kept.setdefault(kept.nid, {})[kept.name] = kept
        except (msgspec.MsgspecError, BadRequest) as error:
            log.warning("%s cannot be read, so these copies are dropped: %s", path.name, error)

    # -- what nodes say of their own logs -----------------------------------------------------------------------------

    def open(self, nid: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Opens a copy of a node's log, a new one where there is none, and returns the fields of `OPENED`.

        Args:
            nid: the node, proved by its link.
            said: the fields of `OPEN`.

        Raises:
            TooLarge: there is no room for one more.
            BadRequest: the log has no possible name.
        """
        name = copy_name(said["topic"], nid, said["log"])
        parts_of(name)
        known = self._kept.get(nid, {}).get(name)
        if known is None:
            self._admit(nid)
        kept = Kept(
            said["topic"],
            nid,
            said["log"],
            min(said["kept_seconds"], KEPT_SECONDS_MAX),
            said["generation"],
            tuple(nid_of(key) for key in said["copies"]),
            said["everybody"],
            frozenset(nid_of(key) for key in said["others"]),
            self._clock.now(),
            served=known is not None and known.served,
        )
        first, last = self.broker.bounds(name)
        if known is not None and said["first"] > last + 1:  # what follows on it is nowhere any more
            self.broker.forget(name)
            first, last = 1, 0
        self._kept.setdefault(nid, {})[name] = kept
        self._save(nid)
        self._resize(name, self.broker.size(name))
        self._heard(kept)
        event = self.broker.tail(name) if last >= first else None
        found: dict[str, Any] = {"last": last, "served": kept.served}
        if event is not None:
            found |= {"id": event.id, "publisher": event.publisher, "time": round(event.time * MICROSECONDS)}
        return found

    def _admit(self, nid: str) -> None:
        limits = self.limits
        if len(self._kept.get(nid, {})) >= limits.node_logs:
            raise TooLarge(f"{limits.node_logs} logs of {short(nid)} have copies here, which is the limit")
        if len(self._sizes) >= limits.logs:
            raise TooLarge(f"{limits.logs:,} logs have copies here, which is the limit; ask another super node")
        self._make_sure_of_room(nid, 0)

    def _make_sure_of_room(self, nid: str, size: int) -> None:
        limits = self.limits
        own = sum(self._sizes.get(name, 0) for name in self._kept.get(nid, {}))
        if own + size > limits.node_bytes:
            raise TooLarge(
                f"the copies of {short(nid)} take {own:,} bytes here, and {limits.node_bytes:,} are the limit; "
                "ask another super node"
            )
        if self.bytes + size > limits.bytes:
            raise TooLarge(f"copies take {self.bytes:,} bytes here, and {limits.bytes:,} are the limit; ask another")

    def write(self, nid: str, said: Mapping[str, Any], done: Callable[[int, Fault | None], None]) -> None:
        """Takes a piece of a node's log.

        Args:
            nid: the node, proved by its link.
            said: the fields of `WRITE`.
            done: called with the newest event that is on disk here, once it is, or with the fault.

        Raises:
            NotFound: the copy was not opened.
            TooLarge: there is no room.
            BadRequest: events are missing in between, or cannot be events.
            Conflict: too many pieces wait; `done` is told it where events are missing after those that are here, or
                the copy has another event under the number of one.
        """
        kept = self._of(nid, said)
        name = kept.name
        self._heard(kept)
        events = events_from(name, said["events"], self._clock.now())
        size = sum(event_bytes(event.headers, event.body) for _, event in events)
        self._make_sure_of_room(nid, size)
        if self._pieces.get(nid, 0) >= self.limits.pieces:
            raise Conflict(f"{self.limits.pieces} pieces of {short(nid)} wait for the disk; wait for their receipts")
        self._pieces[nid] = self._pieces.get(nid, 0) + 1
        self._resize(name, self._sizes.get(name, 0) + size)

        def written(last: int, fault: Fault | None) -> None:
            self._pieces[nid] -= 1
            if not self._pieces[nid]:
                del self._pieces[nid]
            if name in self._sizes:
                self._resize(name, self.broker.size(name))
            done(last, fault)

        self.broker.copy(name, events, written)
        if said["first"] > 1:
            self.broker.shorten(name, said["first"], self._clock.now() - kept.kept_seconds)

    def cursors(self, nid: str, said: Mapping[str, Any]) -> None:
        """Takes note of how far the queues of a node's log have come; see `CURSORS`.

        Raises:
            NotFound: the copy was not opened; or queues came further here, and the node has not asked how far.
        """
        kept = self._of(nid, said)
        name = kept.name
        self._heard(kept)
        if kept.served and name not in self._learned:
            raise NotFound(f"queues of {kept.topic} came further here; open the copy and learn how far")
        for queue, cursor in cursors_from(said["cursors"], self.broker.bounds(name)[1]).items():
            self.broker.follow(name, queue, cursor)
        if kept.served:
            kept.served = False  # who has learned how far they came, and speaks of them, has it on its disk
            self._learned.discard(name)
            self._save(nid)

    def learned(self, nid: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Returns how far queues came here, the fields of `LEARNED`, for the node of the log.

        Raises:
            NotFound: the copy was not opened.
        """
        kept = self._of(nid, said)
        self._heard(kept)
        self._learned.add(kept.name)
        return {"cursors": cursor_fields(self.broker.cursors(kept.name))}

    def listed(self, nid: str, topic: str) -> dict[str, Any]:
        """Returns which copies of a node's logs of a topic are here, the fields of `LISTED`, for that node."""
        found = []
        for kept in self.of(nid):
            event = self.broker.tail(kept.name) if kept.topic == topic else None
            if event is not None:
                self._heard(kept)  # it is there, and may have lost what queues are to go on with
                first, last = self.broker.bounds(kept.name)
                about = {"log": kept.log, "first": first, "last": last, "generation": kept.generation}
                found.append({**about, "time": round(event.time * MICROSECONDS)})
        return {"copies": found[-LISTED_MAX:]}

    def read(self, nid: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Returns events of a copy, the fields of `READ_PIECE`, for the node of the log, which may have lost them.

        Raises:
            NotFound: the copy was not opened.
        """
        kept = self._of(nid, said)
        self._heard(kept)
        events = self.broker.read(kept.name, said["sequence"], count=PIECE_EVENTS_MAX, size=PIECE_BYTES)
        return {"events": piece_of(events) if events and events[0][0] == said["sequence"] else []}

    def drop(self, nid: str, said: Mapping[str, Any]) -> None:
        """Drops the copy of a node's log; where there is none that is well, too."""
        name = copy_name(said["topic"], nid, said["log"])
        kept = self._kept.get(nid, {}).get(name)
        if kept is not None:
            self._heard(kept)
            self._forget(nid, name)

    def _heard(self, kept: Kept) -> None:
        self.words[kept.name] = self._clock.monotonic()
        self.spoken(kept)

    def _of(self, nid: str, said: Mapping[str, Any]) -> Kept:
        name = copy_name(said["topic"], nid, said["log"])
        kept = self._kept.get(nid, {}).get(name)
        if kept is None:
            raise NotFound(f"there is no copy of {said['topic'][:48]} of {short(nid)} here; open it first")
        return kept

    # -- what is known ------------------------------------------------------------------------------------------------

    def all(self) -> list[Kept]:
        """Returns what is known of all copies."""
        return [kept for by_name in self._kept.values() for kept in by_name.values()]

    def of(self, nid: str) -> list[Kept]:
        """Returns what is known of the copies of a node's logs."""
        return list(self._kept.get(nid, {}).values())

    def get(self, name: str) -> Kept | None:
        """Returns what is known of a copy, or None."""
        return self._kept.get(parts_of(name)[1], {}).get(name)

    def serve(self, kept: Kept) -> None:
        """Takes note that queues come further here than the log's node knows."""
        self._learned.discard(kept.name)
        if not kept.served:
            kept.served = True
            self._save(kept.nid)

    @property
    def bytes(self) -> int:
        """How many bytes all copies are reckoned to take."""
        return self._total

    def sweep(self) -> None:
        """Lets go of what is too old, and of copies of which nothing is left and nobody speaks any more."""
        now = self._clock.now()
        for kept in self.all():
            name = kept.name
            self.broker.shorten(name, 1, now - kept.kept_seconds)
            self._resize(name, self.broker.size(name))
            first, last = self.broker.bounds(name)
            if first > last and now - kept.heard > kept.kept_seconds and not self.broker.members(name):
                self._forget(kept.nid, name)

    def _forget(self, nid: str, name: str) -> None:
        """The events go first: what is known of a copy without events is soon told anew."""
        self.broker.forget(name)
        self.words.pop(name, None)
        self._learned.discard(name)
        self._total -= self._sizes.pop(name, 0)
        del self._kept[nid][name]
        self._save(nid)

    def _resize(self, name: str, size: int) -> None:
        self._total += size - self._sizes.get(name, 0)
        self._sizes[name] = size

    def _save(self, nid: str) -> None:
        path = self._folder / f"{nid}.json"
        kept = list(self._kept.get(nid, {}).values())
        if kept:
            self._disk.write(path, msgspec.json.encode(kept))
        else:
            self._kept.pop(nid, None)
            self._disk.remove(path)
