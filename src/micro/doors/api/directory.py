"""Finds what a path is for, and remembers it for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from micro.doors.api.path import Wanted
from micro.doors.api.target import Target, target_of
from micro.errors import NotFound
from micro.service.registry.instance import bare_name
from micro.service.registry.unverified import refusal
from micro.trust.identity import is_nid

__all__ = ["Describe", "Directory", "ListServices", "Unverified", "nobody"]

Describe = Callable[[str], Mapping[str, Any] | None]
ListServices = Callable[[], Sequence[Mapping[str, Any]]]
Unverified = Callable[[str], Awaitable[tuple[str, ...]]]

REMEMBERED_SECONDS = 1.0
"""How long an answer may lag behind the registry; what was not found is looked up each time."""

REMEMBERED_MAX = 1024
NEAR_MAX = 3
LISTED_MAX = 8
SHOWN_CHARACTERS_MAX = 80


async def nobody(name: str) -> tuple[str, ...]:
    """Says of a name that nobody has to be asked about it."""
    return ()


class Directory:
    """Services and their endpoints, as the node knows them.

    Args:
        describe: returns a service's description, or None; raises `Unavailable` for one that will be there again.
        list_services: returns a summary of each service.
        unverified: looks for a service in the network too, and returns the strangers that offer it under a name which
            nobody vouches for yet.
    """

    def __init__(self, describe: Describe, list_services: ListServices, unverified: Unverified = nobody) -> None:
        self._describe = describe
        self._unverified = unverified
        self.list_services = list_services
        self._found: dict[str, Target] = {}
        self._until = 0.0

    def recall(self, path: str, now: float | None = None) -> Target | None:
        """Returns what this path was for a moment ago, if it was asked then; `now` is by the loop's clock."""
        if (asyncio.get_running_loop().time() if now is None else now) > self._until:
            self._found.clear()
        return self._found.get(path)

    def describe(self, service: str) -> Mapping[str, Any] | None:
        """Returns a service's description, or None; `service` may ask for a version or a generation."""
        return self._describe(bare_name(service))

    def described(self, service: str) -> Mapping[str, Any]:
        """Returns a service's description.

        Raises:
            NotFound: none is called so.
        """
        found = self.describe(service)
        if found is None:
            raise self.unknown(service)
        return found

    async def met(self, service: str) -> None:
        """Brings a service of strangers within reach, where there is one of that name.

        Raises:
            Forbidden: nobody vouches for the name yet; the fault says who offers it, and how it is confirmed.
        """
        name = _asked(service)
        nodes = await self._unverified(name)
        if nodes:
            raise refusal(name, nodes)

    async def look(self, service: str) -> None:
        """Does as `met` for whoever only looks."""
        await self._unverified(_asked(service))

    def find(self, readings: Sequence[Wanted]) -> Target:
        """Returns what a path is for.

        Args:
            readings: what it may mean.

        Raises:
            NotFound: no service, or no endpoint of it, is called so.
            Unavailable: it is not there now, and will be again.
        """
        for wanted in readings:
            description = self.describe(wanted.service)
            if description is not None:
                return target_of(wanted.service, wanted.endpoint, description)
        if not readings:
            raise NotFound(
                "no such path; call POST /api/SERVICE/ENDPOINT, for instance /api/greeter/Say.Hello, and see / for what"
                " runs",
                id="api",
            )
        raise self.unknown(readings[0].service)

    def remember(self, path: str, found: Target) -> None:
        """Takes note of what a path is for, for a moment."""
        if len(self._found) >= REMEMBERED_MAX:
            self._found.clear()
        if not self._found:
            self._until = asyncio.get_running_loop().time() + REMEMBERED_SECONDS
        self._found[path] = found

    def unknown(self, service: str) -> NotFound:
        """Returns the fault for a service that is not known; it names near ones."""
        names = [str(summary["name"]) for summary in self.list_services()]
        shown = service[:SHOWN_CHARACTERS_MAX]
        near = get_close_matches(shown, names, n=NEAR_MAX, cutoff=0.6)
        if near:
            more = f"did you mean {' or '.join(near)}?"
        elif names:
            more = f"there are {', '.join(names[:LISTED_MAX])}{' and more' if len(names) > LISTED_MAX else ''}"
        else:
            more = "none runs yet; start one with `micro run`"
        return NotFound(f"no service is called {shown}; {more}", id=shown)


def _asked(service: str) -> str:
    """Returns what is looked for: a name, or that of one node, which says itself whose it is."""
    return service if is_nid(service.partition("@")[2]) else bare_name(service)
