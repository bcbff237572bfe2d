"""Places at the door."""

from __future__ import annotations

import asyncio

import pytest

from micro.doors.api.limits import Limits
from micro.doors.api.places import Places, group_of
from micro.doors.api.refusal import Refused


class Visitor:
    """A connection that remembers what was done to it."""

    def __init__(self) -> None:
        self.gone = False
        self.checked = asyncio.Event()
        self.ended = False

    def check(self, now: float) -> None:
        self.checked.set()

    def end(self) -> None:
        self.ended = True


def full(places: Places, count: int, address: str = "192.0.2.1") -> list[Visitor]:
    visitors = [Visitor() for _ in range(count)]
    for visitor in visitors:
        places.take(visitor, address)
    return visitors


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "20010db800000000"),
        ("2001:db8::2:1", "20010db800000000"),
        ("fe80::1%eth0", "fe80000000000000"),
        ("", ""),
        ("127.0.0.1", "local"),
        ("127.8.8.8", "local"),
        ("::1", "local"),
        ("::ffff:127.0.0.1", "local"),
    ],
)
def test_a_client_is_its_address_or_its_network(address: str, group: str) -> None:
    """A customer has one IPv4 address, or 2^64 of IPv6."""
    assert group_of(address) == group


async def test_one_client_gets_so_many_places() -> None:
    """The next one is told to close some; another client is not concerned."""
    places = Places(Limits(connections_address_max=2))
    full(places, 2)

    with pytest.raises(Refused) as refused:
        places.take(Visitor(), "192.0.2.1")
    assert refused.value.fault.code == 429
    places.take(Visitor(), "192.0.2.2")


async def test_programs_of_this_machine_share_places_of_their_own() -> None:
    """All of them have one address, so there are more for it, and one too many is told how many there are."""
    places = Places(Limits(connections_address_max=1, connections_local_max=2))
    full(places, 1, "127.0.0.1")
    full(places, 1, "::1")

    with pytest.raises(Refused, match=r"2 connections of programs on this machine are open.*next: ") as refused:
        places.take(Visitor(), "127.0.0.1")
    assert refused.value.fault.code == 429
    places.take(Visitor(), "192.0.2.2")


async def test_all_clients_get_so_many_places() -> None:
    """When all are taken everybody is told to come again."""
    places = Places(Limits(connections_max=2))
    full(places, 2)

    with pytest.raises(Refused) as refused:
        places.take(Visitor(), "192.0.2.2")
    assert refused.value.fault.code == 503


async def test_a_place_of_somebody_who_left_unnoticed_is_free() -> None:
    """A connection that became a WebSocket does not say goodbye; it is found gone when its place is needed."""
    places = Places(Limits(connections_address_max=1))
    full(places, 1)[0].gone = True

    places.take(Visitor(), "192.0.2.1")

    assert len(places) == 1


async def test_everybody_is_looked_at_now_and_then() -> None:
    """Clocks of connections are checked without anything happening on them."""
    places = Places(Limits(sweep_seconds=0.001))
    visitor = full(places, 1)[0]

    await visitor.checked.wait()
    places.close()


async def test_the_end_ends_all() -> None:
    """Nobody has a place any more, and every connection is ended."""
    places = Places(Limits())
    visitors = full(places, 3)

    places.close()

    assert ([visitor.ended for visitor in visitors], len(places)) == ([True] * 3, 0)


async def test_leaving_twice_is_leaving_once() -> None:
    """A place is given back once."""
    places = Places(Limits(connections_address_max=1))
    visitor = full(places, 1)[0]
    places.leave(visitor)
    places.leave(visitor)

    full(places, 1)
    with pytest.raises(Refused):
        full(places, 1)
