"""Which services of this node are offered to nodes that its owner did not connect to.

The owner's word counts most, then what a service says of itself, then the setting `offer`. What is not offered is not
announced, not shown and not there for strangers; the owner's programs see it, and so do neighbours that he asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from micro.errors import BadRequest, TooManyRequests
from micro.node.damaged import read_or_begin_anew
from micro.service.schema.naming import check_service_name

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["NAMES_MAX", "Offering"]

NAMES_MAX: Final = 4_096
"""So many names are kept with what was said of them."""

ALL_OTHERS: Final = "*"
"""Stands for all names without a word of their own, after the owner's words were lost with a damaged file."""


class Offering:
    """The file `offers.json` of a home, which has the owner's words, and what services say.

    Args:
        disk, path: where the file is.
        default: whether a service is offered of which nothing was said.
        changed: told when other services are hidden than before.

    Attributes:
        hidden: the names of services that are not offered.
    """

    def __init__(self, disk: Disk, path: Path, *, default: bool, changed: Callable[[], None]) -> None:
        self._disk = disk
        self._path = path
        self._default = default
        self._changed = changed
        self._said: dict[str, bool | None] = {}
        is_there = disk.read(path) is not None
        ruled = read_or_begin_anew(disk, path, dict[str, bool], anew="no service is offered but by a new word")
        if ruled is None and is_there:  # what was hidden must not come out because a file is damaged, now or later
            ruled = {ALL_OTHERS: False}
        self._ruled = ruled or {}
        self.hidden = self._found()

    def declare(self, service: str, *, export: bool | None) -> None:
        """Takes what a service that registers says of itself: True, False, or nothing.

        Raises:
            TooManyRequests: there are too many names.
        """
        if service not in self._said and len(self._said) >= NAMES_MAX:
            raise TooManyRequests(f"{NAMES_MAX} services have registered here, which is the limit; start the node anew")
        self._said[service] = export
        self._settle()

    def rule(self, service: str, *, offered: bool) -> dict[str, Any]:
        """Takes the owner's word, also for a service that does not run yet.

        Returns:
            The line of `all`, and whether one of that name has been here since the node started, as `known`.

        Raises:
            BadRequest: no service can be called so.
            TooManyRequests: there are too many words.
        """
        try:
            check_service_name(service)
        except ValueError as error:
            raise BadRequest(f"name: {error}") from None
        if service not in self._ruled and len(self._ruled) >= NAMES_MAX:
            raise TooManyRequests(f"{NAMES_MAX} services have a word of the owner, which is the limit")
        self._ruled[service] = offered
        self._disk.write(self._path, msgspec.json.encode(self._ruled))
        self._settle()
        return {**self._line(service), "known": service in self._said}

    def all(self) -> list[dict[str, Any]]:
        """Returns each known service, by name, with whether it is offered, and who says so."""
        return [self._line(service) for service in sorted({**self._said, **self._ruled}) if service != ALL_OTHERS]

    def _line(self, service: str) -> dict[str, Any]:
        if service in self._ruled:
            return {"service": service, "offered": self._ruled[service], "by": "owner"}
        if ALL_OTHERS in self._ruled:
            return {"service": service, "offered": self._ruled[ALL_OTHERS], "by": "owner"}
        said = self._said.get(service)
        if said is not None:
            return {"service": service, "offered": said, "by": "service"}
        return {"service": service, "offered": self._default, "by": "setting"}

    def _found(self) -> frozenset[str]:
        return frozenset(line["service"] for line in self.all() if not line["offered"])

    def _settle(self) -> None:
        hidden = self._found()
        if hidden != self.hidden:
            self.hidden = hidden
            self._changed()
