"""What a home remembers of its network."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import ConfigError
from micro.node.membership import HOMES_MAX, Membership
from micro.node.pinned import Pinned
from micro.service.registry.catalog import Catalog
from micro.service.registry.description import check_description
from micro.service.registry.instance import Instance
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket


def membership(folder: Path) -> Membership:
    return Membership(SystemDisk(), folder / "backbone.json")


def test_a_network_is_remembered(tmp_path: Path) -> None:
    """With its maps, and where it was joined; and forgotten when it is left."""
    first = membership(tmp_path)
    first.enter("network", ["ticket"])
    first.keep([b"new", b"old"])

    again = membership(tmp_path)
    assert (again.network, again.maps, again.tickets) == ("network", [b"new", b"old"], ["ticket"])
    again.leave()
    assert membership(tmp_path).network == ""


def test_no_number_is_given_twice(tmp_path: Path) -> None:
    """Not after a kill either: what was given is behind what is on disk."""
    given: list[int] = []
    for _ in range(5):
        found = membership(tmp_path)
        given += [found.next_sequence() for _ in range(1500)]

    assert given == sorted(set(given))


def test_leaving_does_not_begin_the_numbers_anew(tmp_path: Path) -> None:
    """Records of before would beat those of after."""
    found = membership(tmp_path)
    before = found.next_sequence()
    found.leave()

    assert membership(tmp_path).next_sequence() > before


def test_a_broken_file_stops_the_node(tmp_path: Path) -> None:
    """To begin anew would bring the numbers back."""
    (tmp_path / "backbone.json").write_text("nonsense")

    with pytest.raises(ConfigError, match=r"backbone\.json"):
        membership(tmp_path)


def test_a_pin_holds_over_a_restart_and_in_the_catalog(tmp_path: Path) -> None:
    """Strangers that come later are not meant; what this node serves itself always is."""
    pinned = Pinned(SystemDisk(), tmp_path / "pins.json", Catalog())
    assert pinned.use("greeter", ["ann"]) == ("ann",)

    catalog = Catalog()
    again = Pinned(SystemDisk(), tmp_path / "pins.json", catalog)
    assert again.use("greeter", ["eve", "ann"]) == ("ann",)
    description = check_description({"name": "greeter", "version": "1", "description": "", "endpoints": []})
    for nid in ("ann", "eve"):
        catalog.register(Instance("greeter", "1", nid, nid), description, 90, 0.0)
    catalog.register(Instance("greeter", "1", "own", "own", local=True), description, 90, 0.0)
    view = catalog.lookup("greeter")
    assert view is not None
    assert sorted(view.nids) == ["ann", "own"]

    assert again.unpin("greeter")
    view = catalog.lookup("greeter")
    assert view is not None
    assert len(view.nids) == 3
    assert Pinned(SystemDisk(), tmp_path / "pins.json", Catalog()).everything() == {}


def test_broken_pins_begin_anew(tmp_path: Path) -> None:
    """A node without pins still works, and pins again."""
    (tmp_path / "pins.json").write_text("[]")

    assert Pinned(SystemDisk(), tmp_path / "pins.json", Catalog()).everything() == {}


def test_former_homes_are_remembered_and_bounded(tmp_path: Path) -> None:
    """The last one first, each once, where it was last; another network has other homes."""
    found = membership(tmp_path)
    for number in range(1, HOMES_MAX + 3):
        found.served(Ticket(nid_of(NodeKey(bytes([number]) * 32).public), ("203.0.113.7:1",)))
    last = found.homes[0]
    found.served(Ticket(found.homes[1].nid, ("203.0.113.8:1",)))

    again = membership(tmp_path).homes
    assert len(again) == HOMES_MAX
    assert again[0].addresses == ("203.0.113.8:1",)
    assert again[1] == last
    found.enter(last.nid, [])
    assert membership(tmp_path).homes == []
