"""The pins of a home: kept in a file, and in force in the catalog."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from micro.errors import Unavailable
from micro.node.damaged import read_or_begin_anew
from micro.ports import Disk
from micro.service.registry.catalog import Catalog
from micro.service.registry.finding import Offer
from micro.service.registry.pins import Pins

__all__ = ["TOPIC", "Pinned"]

TOPIC: Final = "topic:"
"""What stands before a topic where a pin names it; no service has a colon in its name."""

log = logging.getLogger("micro.backbone")


class Pinned:
    """The file `pins.json` of a home.

    Attributes:
        on_change: told after each change.
    """

    def __init__(self, disk: Disk, path: Path, catalog: Catalog) -> None:
        self._disk = disk
        self._path = path
        self._catalog = catalog
        self.on_change: Callable[[], None] = lambda: None
        anew = "names that nobody owns are pinned anew, to whoever offers them at their next use"
        self._pins = Pins(read_or_begin_anew(disk, path, dict[str, list[str]], anew=anew) or {})
        for name, nids in self._pins.everything().items():
            catalog.pin(name, nids)

    def use(self, name: str, nids: Iterable[str]) -> tuple[str, ...]:
        """Returns those of the nodes that offer a name which it means; the first use pins it, on disk.

        Raises:
            TooManyRequests: too many names are pinned.
        """
        meant, is_new = self._pins.use(name, nids)
        if is_new:
            log.info("%s is pinned to %d nodes", name, len(meant))
            self._keep(name, meant)
        return meant

    def add(self, name: str, nid: str) -> tuple[str, ...]:
        """Pins a name to one more node, or to it alone where it was not pinned; returns all of them.

        Raises:
            TooManyRequests: too many names are pinned, or this one to too many nodes.
        """
        meant = self._pins.add(name, nid)
        self._keep(name, meant)
        return meant

    def get(self, name: str) -> tuple[str, ...] | None:
        """Returns the nodes that a name is pinned to, or None where it is not pinned."""
        return self._pins.get(name)

    def among(self, name: str, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
        """Returns those of the offers of a name that it means: all of them where it is not pinned.

        Raises:
            Unavailable: there are offers, and none of a node that it is pinned to.
        """
        meant = self._pins.get(name)
        if meant is None:
            return offers
        if offers and not any(offer.nid in meant for offer in offers):
            raise Unavailable(
                f"{name} was offered by other nodes when it was first used here, and none of those is there now; "
                f"`micro network unpin {name}` lets the next use take what is there"
            )
        return tuple(offer for offer in offers if offer.nid in meant)

    def unpin(self, name: str) -> bool:
        """Takes a pin away, so that the next use pins the name anew; False where there was none."""
        found = self._pins.unpin(name)
        if found:
            self._keep(name, ())
        return found

    def everything(self) -> dict[str, tuple[str, ...]]:
        """Returns all pins, by name."""
        return self._pins.everything()

    def _keep(self, name: str, nids: tuple[str, ...]) -> None:
        self._catalog.pin(name, nids)
        self._disk.write(self._path, msgspec.json.encode(self.everything()))
        self.on_change()
