"""What another node says of its services, and what of that is taken."""

from __future__ import annotations

from typing import Any

import pytest

from micro.network.link import Link
from micro.node.following import Following
from micro.service.registry.catalog import Catalog
from micro.trust.identity import nid_of
from tests.unit.service.registry.makings import key_of


class StillClock:
    """A clock that stands still."""

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


def added(service: str) -> dict[str, Any]:
    description = {"name": service, "version": "1.0.0"}
    instance = {"service": service, "version": "1.0.0", "id": "1"}
    return {"kind": "added", "instance": instance, "hash": service, "description": description}


BOTH = ["bank", "greeter"]


@pytest.mark.parametrize(("wanted", "taken"), [((), BOTH), (("greeter",), ["greeter"]), (("greeter", "bank"), BOTH)])
def test_only_what_was_asked_for_is_taken(wanted: tuple[str, ...], taken: list[str]) -> None:
    """A stranger that is asked for one service brings no other into the catalog."""
    catalog, nid = Catalog(), nid_of(key_of(1).public)
    link: Link = None  # type: ignore[assignment] # nothing is sent
    following = Following(catalog, StillClock(), nid, link)
    for service in ("greeter", "bank"):
        following._apply(added(service), wanted)

    assert sorted(instance.service for instance in catalog.holding(nid)) == taken
