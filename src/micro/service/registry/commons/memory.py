"""A commons within one process: for nodes that share a square, in a world of tests or on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from micro.errors import TooManyRequests
from micro.service.registry.commons.commons import (
    LISTENERS_MAX,
    PUTS_MAX,
    SCANNED_MAX,
    VALUES_MAX,
    Found,
    anything,
    check_value,
)

__all__ = ["MemoryCommons", "Square"]

Heard = Callable[[bytes], None]


class Square:
    """What the nodes of a process have in common: values by place and who put them, and who listens."""

    def __init__(self) -> None:
        self.values: dict[bytes, dict[MemoryCommons, tuple[bytes, str]]] = {}
        self.listeners: dict[bytes, list[Heard]] = {}


class MemoryCommons:
    """One node's way to a square."""

    def __init__(self, square: Square) -> None:
        self._square = square
        self._places: dict[bytes, None] = {}
        self._listening: list[tuple[bytes, Heard]] = []

    @property
    def port(self) -> int:
        """No port: a square is not asked over the network."""
        return 0

    def bootstrap(self, addresses: Iterable[str]) -> None:
        """Needs nobody: a square has no others to be asked."""

    async def put(self, place: bytes, value: bytes, *, tag: str = "") -> bool:
        """Keeps a value at a place."""
        check_value(value)
        if place not in self._places and len(self._places) >= PUTS_MAX:
            raise TooManyRequests(f"this node keeps values at {PUTS_MAX} places already")
        self._places[place] = None
        self._square.values.setdefault(place, {})[self] = value, tag
        for heard in list(self._square.listeners.get(place, ())):
            heard(value)
        return True

    async def withdraw(self, place: bytes) -> None:
        """Takes this node's value away."""
        self._places.pop(place, None)
        kept = self._square.values.get(place, {})
        kept.pop(self, None)
        if not kept:
            self._square.values.pop(place, None)

    async def find(self, place: bytes, *, fits: Callable[[bytes], bool] = anything, tag: str = "") -> Found:
        """Returns the values at a place."""
        there = [value for value, its in self._square.values.get(place, {}).values() if tag in ("", its)]
        found = [value for value in dict.fromkeys(there[:SCANNED_MAX]) if fits(value)]
        return Found(found[:VALUES_MAX], len(found) > VALUES_MAX or len(there) > SCANNED_MAX)

    def listen(self, place: bytes, heard: Heard, *, fits: Callable[[bytes], bool] = anything) -> Callable[[], None]:
        """Hears values at a place."""
        if len(self._listening) >= LISTENERS_MAX:
            raise TooManyRequests(f"this node listens to {LISTENERS_MAX} places already")

        def hear(value: bytes) -> None:
            if fits(value):
                heard(value)

        entry = (place, hear)
        self._listening.append(entry)
        self._square.listeners.setdefault(place, []).append(hear)
        for value, _ in list(self._square.values.get(place, {}).values()):
            hear(value)
        return lambda: self._unlisten(entry)

    def _unlisten(self, entry: tuple[bytes, Heard]) -> None:
        if entry not in self._listening:
            return
        self._listening.remove(entry)
        place, heard = entry
        self._square.listeners[place].remove(heard)
        if not self._square.listeners[place]:
            del self._square.listeners[place]

    async def stop(self) -> None:
        """Takes everything of this node away."""
        for entry in list(self._listening):
            self._unlisten(entry)
        for place in list(self._places):
            await self.withdraw(place)
