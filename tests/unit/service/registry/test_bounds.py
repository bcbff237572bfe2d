"""The small tables of the backbone keep their bounds: pins, rates, the keeper's rules, what waits for others."""

from __future__ import annotations

import pytest

from micro.errors import Conflict, Forbidden, TooManyRequests
from micro.service.registry import outbox as outbox_module
from micro.service.registry import pins as pins_module
from micro.service.registry import watchers as watchers_module
from micro.service.registry.backbone import STORE, STORE_ITEMS_MAX
from micro.service.registry.charter import (
    PER_OWNER_MAX,
    PER_PREFIX_MAX,
    Wish,
    with_member,
    with_wishes,
    without_members,
)
from micro.service.registry.outbox import Living, Outbox
from micro.service.registry.pins import NODES_MAX, Pins
from micro.service.registry.presence import Beat
from micro.service.registry.shardmap import ShardMap, SuperNode
from micro.service.registry.watchers import Watchers
from micro.trust.rates import Rates
from tests.unit.service.registry.makings import NOW, key_of, map_of

KEEPER = key_of(0)


def member(number: int, *, owner: str = "", prefix: int | None = None) -> SuperNode:
    place = number if prefix is None else prefix
    return SuperNode(key_of(number).public, (f"203.{place // 256}.{place % 256}.{1 + number % 250}:1",), owner=owner)


def map_with(members: list[SuperNode]) -> ShardMap:
    return ShardMap(KEEPER.public, 1, NOW, ()).next(members, NOW)


def test_a_super_node_is_added_once() -> None:
    """And again where it has moved; since when it is there stays."""
    found = map_of(KEEPER, [1]).map
    more = with_member(found, member(7), NOW + 5)
    assert more is not None
    assert (more.version, len(more.members)) == (2, 2)
    assert with_member(more, member(7), NOW + 9) is None
    moved = with_member(more, member(7, prefix=99), NOW + 9)
    assert moved is not None
    assert [m.joined for m in moved.members if m.key == key_of(7).public] == [NOW + 5]


def test_one_owner_does_not_become_many() -> None:
    """Nor does one place on the net."""
    owned = map_with([member(number, owner="eve") for number in range(PER_OWNER_MAX)])
    with pytest.raises(Forbidden, match="eve"):
        with_member(owned, member(900, owner="eve"), NOW)
    assert with_member(owned, member(900, owner="ann"), NOW) is not None

    placed = map_with([member(number, prefix=3) for number in range(PER_PREFIX_MAX)])
    with pytest.raises(Forbidden, match=r"203\.0\.3\.0/24"):
        with_member(placed, member(900, prefix=3), NOW)
    assert with_member(placed, member(0, prefix=3, owner="new-label"), NOW) is not None


def test_what_several_wish_costs_one_map() -> None:
    """Each is judged for itself, those before it counted in; where nothing changes there is no map."""
    found = map_with([member(1), *(member(number, owner="eve") for number in range(2, PER_OWNER_MAX + 1))])
    wishes = [Wish(member(number, owner="eve"), member(number).key) for number in (901, 902)]
    more, reasons = with_wishes(found, [*wishes, Wish(None, member(1).key), Wish(None, member(999).key)], NOW + 5)
    assert more is not None
    assert more.version == found.version + 1
    assert [type(reason) for reason in reasons] == [type(None), Forbidden, type(None), type(None)]
    keys = {each.key for each in more.members}
    assert member(901).key in keys
    assert not keys & {member(902).key, member(1).key}
    assert with_wishes(more, [*wishes, Wish(None, member(1).key)], NOW + 9)[0] is None


def test_a_super_node_leaves_but_not_the_last() -> None:
    """Whoever is not there cannot leave."""
    found = map_with([member(1), member(2)])
    less = without_members(found, [key_of(1).public], NOW)
    assert less is not None
    assert [m.key for m in less.members] == [key_of(2).public]
    assert without_members(less, [key_of(1).public], NOW) is None
    with pytest.raises(Conflict):
        without_members(less, [key_of(2).public], NOW)


def test_a_bucket_fills_again() -> None:
    """So much at once, and then so much a second; others have their own."""
    rates = Rates(2.0, 4.0)

    assert [rates.allow(b"ann", 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert rates.allow(b"bob", 0.0)
    assert [rates.allow(b"ann", 1.0) for _ in range(3)] == [True, True, False]
    assert not rates.allow(b"ann", 100.0, 5)
    assert rates.allow(b"ann", 100.0, 4)


def test_buckets_are_bounded() -> None:
    """A thousand senders do not make a thousand of them."""
    rates = Rates(1.0, 1.0, senders_max=10)
    for number in range(1000):
        rates.allow(str(number).encode(), 0.0)

    assert len(rates._buckets) == 10


def test_the_first_use_pins() -> None:
    """Whoever comes later is not meant, and whoever is pinned still is when it comes back."""
    pins = Pins({})

    assert pins.use("greeter", []) == ((), False)
    assert pins.use("greeter", ["ann", "bob"]) == (("ann", "bob"), True)
    assert pins.use("greeter", ["eve", "bob"]) == (("bob",), False)
    assert pins.use("greeter", ["eve"]) == ((), False)
    assert pins.unpin("greeter")
    assert not pins.unpin("greeter")
    assert pins.use("greeter", ["eve"]) == (("eve",), True)


def test_pins_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In names and in nodes."""
    monkeypatch.setattr(pins_module, "PINS_MAX", 2)
    pins = Pins({"one": ["a"], "two": ["b"], "three": ["c"]})

    assert list(pins.everything()) == ["one", "two"]
    with pytest.raises(TooManyRequests):
        pins.use("four", ["d"])
    pins.pin("one", [str(number) for number in range(100)])
    assert len(pins.get("one") or ()) == NODES_MAX


def test_of_everything_only_the_newest_waits() -> None:
    """A beat goes with its presence where that waits."""
    outbox, target, key = Outbox(), b"target", b"node"
    outbox.put_record(target, key, "greeter", b"old")
    outbox.put_record(target, key, "greeter", b"new")
    outbox.put_beat(target, key, 0, Beat(9, b"of another chain"))
    outbox.put_presence(target, key, Living(b"presence", 1, Beat(0, b"")))
    outbox.put_beat(target, key, 1, Beat(3, b"three"))
    outbox.put_beat(target, b"other", 1, Beat(4, b"four"))
    outbox.put_beat(target, b"other", 1, Beat(5, b"five"))

    parcel = STORE.decode(outbox.take(target, 7))

    assert parcel["map_version"] == 7
    assert parcel["records"] == (b"new",)
    assert parcel["presences"] == ({"sealed": b"presence", "step": 3, "value": b"three"},)
    assert [beat["step"] for beat in parcel["beats"]] == [5]
    assert outbox.targets() == []


def test_parcels_and_what_waits_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One parcel after the other, until nothing waits."""
    monkeypatch.setattr(outbox_module, "ITEMS_MAX", 1000)
    outbox = Outbox()
    for number in range(2000):
        outbox.put_record(b"target", str(number).encode(), "greeter", b"x" * 300)
    sizes = []
    while outbox.targets():
        sizes.append(len(STORE.decode(outbox.take(b"target", 1))["records"]))

    assert sum(sizes) == 1000
    assert max(sizes) <= STORE_ITEMS_MAX
    assert STORE.decode(outbox.take(b"nobody", 3))["map_version"] == 3


def test_watchers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one name, and in all."""
    monkeypatch.setattr(watchers_module, "WATCHERS_PER_NAME_MAX", 2)
    monkeypatch.setattr(watchers_module, "WATCHERS_MAX", 3)
    watchers = Watchers()
    for _ in range(2):
        watchers.add(["greeter"], [], lambda: None)
    with pytest.raises(TooManyRequests):
        watchers.add(["greeter"], [], lambda: None)
    watchers.add(["weather"], [b"ann"], lambda: None)
    with pytest.raises(TooManyRequests):
        watchers.add(["other"], [], lambda: None)
