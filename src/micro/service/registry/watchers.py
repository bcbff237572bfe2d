"""Who wants to hear of changes at a super node.

Pure.

A watcher that does not keep up loses news and is told so: it asks again for what it watches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from micro.errors import TooManyRequests
from micro.service.registry.outbox import Living

__all__ = ["Watcher", "Watchers"]

NEWS_MAX: Final = 256
"""So much news waits for one watcher."""

WATCHERS_MAX: Final = 20_000
"""So many watch one super node."""

WATCHERS_PER_NAME_MAX: Final = 2_000
"""So many watch one name, or one node."""


class Watcher:
    """One that watches.

    Attributes:
        news: what waits to be told, as fields of the message `NEWS`.
        wake: called when there is some.
    """

    __slots__ = ("keys", "names", "news", "wake")

    def __init__(self, names: Sequence[str], keys: Sequence[bytes], wake: Callable[[], None]) -> None:
        self.names = names
        self.keys = keys
        self.wake = wake
        self.news: deque[dict[str, Any]] = deque()

    def tell(self, item: dict[str, Any]) -> None:
        """Has an item told, or that some were missed."""
        if len(self.news) >= NEWS_MAX:
            self.news.clear()
            item = {"missed": True}
        self.news.append(item)
        self.wake()


class Watchers:
    """All of them, by what they watch."""

    def __init__(self) -> None:
        self._names: dict[str, dict[Watcher, None]] = {}
        self._keys: dict[bytes, dict[Watcher, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Returns how many watch."""
        return self._count

    def add(self, names: Sequence[str], keys: Sequence[bytes], wake: Callable[[], None]) -> Watcher:
        """Lets somebody watch.

        Raises:
            TooManyRequests: there are enough, in all or for one of the names or nodes.
        """
        crowds: list[dict[Watcher, None]] = [self._names.get(name, {}) for name in names]
        crowds += [self._keys.get(key, {}) for key in keys]
        if self._count >= WATCHERS_MAX or any(len(crowd) >= WATCHERS_PER_NAME_MAX for crowd in crowds):
            raise TooManyRequests("too many watch this already; ask from time to time instead")
        watcher = Watcher(names, keys, wake)
        for name in names:
            self._names.setdefault(name, {})[watcher] = None
        for key in keys:
            self._keys.setdefault(key, {})[watcher] = None
        self._count += 1
        return watcher

    def remove(self, watcher: Watcher) -> None:
        """Lets somebody go."""
        self._count -= 1
        _leave(self._names, watcher.names, watcher)
        _leave(self._keys, watcher.keys, watcher)

    def tell_record(self, name: str, sealed: bytes) -> None:
        """Tells of a new record of a name, a withdrawal included."""
        for watcher in self._names.get(name, ()):
            watcher.tell({"record": sealed})

    def tell_presence(self, key: bytes, living: Living | None) -> None:
        """Tells where a node is now, or that it is gone."""
        for watcher in self._keys.get(key, ()):
            watcher.tell({"gone": key} if living is None else {"presence": living.fields()})

    def tell_version(self) -> None:
        """Tells everybody that there is another map."""
        told: dict[Watcher, None] = {}
        for crowd in (*self._names.values(), *self._keys.values()):
            told.update(crowd)
        for watcher in told:
            watcher.tell({})


def _leave(crowds: dict[Any, dict[Watcher, None]], marks: Sequence[Any], watcher: Watcher) -> None:
    for mark in marks:
        crowd = crowds.get(mark)
        if crowd is not None:
            crowd.pop(watcher, None)
            if not crowd:
                del crowds[mark]
