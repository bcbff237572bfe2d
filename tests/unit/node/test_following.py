"""What another node says of its services, and what of that is taken."""

from __future__ import annotations

from typing import Any

import pytest

from micro.network.link import Link
from micro.node.following import HELD_MAX, Following
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


def test_nothing_of_a_service_is_in_the_catalog_before_it_was_checked() -> None:
    """Whatever is said of it; what was taken back meanwhile does not come in, and what is said later does at once."""
    catalog, nid = Catalog(), nid_of(key_of(1).public)
    link: Link = None  # type: ignore[assignment] # nothing is sent
    following = Following(catalog, StillClock(), nid, link, unchecked=["bank"])
    for service in ("greeter", "bank"):
        following._apply(added(service), ())
    assert [instance.service for instance in catalog.holding(nid)] == ["greeter"]
    assert [description.name for description in following.held("bank")] == ["bank"]
    following.admit("bank")
    assert sorted(instance.service for instance in catalog.holding(nid)) == BOTH

    following = Following(catalog := Catalog(), StillClock(), nid, link, unchecked=["bank"])
    following._apply(added("bank"), ())
    following._apply({**added("bank"), "kind": "removed"}, ())
    following.admit("bank")
    assert list(catalog.holding(nid)) == []
    following._apply(added("bank"), ())
    assert [instance.service for instance in catalog.holding(nid)] == ["bank"]


def test_what_waits_to_be_checked_is_bounded() -> None:
    """However many instances a stranger says it has."""
    catalog, nid = Catalog(), nid_of(key_of(1).public)
    link: Link = None  # type: ignore[assignment] # nothing is sent
    following = Following(catalog, StillClock(), nid, link, unchecked=["bank"])
    for number in range(2 * HELD_MAX):
        said = added("bank")
        following._apply({**said, "instance": {**said["instance"], "id": str(number)}}, ())
    assert len(following.held("bank")) == HELD_MAX


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
