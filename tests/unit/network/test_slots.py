"""Who gets a place among the neighbours, and who gives way."""

from __future__ import annotations

from typing import Any

import pytest

from micro.errors import TooManyRequests
from micro.network.peer import Peer
from micro.network.slots import ANCHOR_FAILURES_MAX, ANCHOR_SECONDS, ANCHORS_MAX, OUTBOUND_SLOTS, Slots
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket

LINK: Any = object()
SLOTS = Slots(64)
NIDS = [nid_of(NodeKey(number.to_bytes(32)).public) for number in range(1, 80)]


def crowd(count: int, *, start: int = 0, prefix: str = "", **facts: Any) -> dict[str, Peer]:
    """Returns neighbours, guests with a link unless said otherwise."""
    facts = {"wanted": False, "link": LINK, **facts}
    found = {}
    for number, nid in enumerate(NIDS[start : start + count]):
        where = prefix or f"203.0.{number}.0/24"
        found[nid] = Peer(Ticket(nid), prefix=where, **facts)
    return found


def test_guests_never_take_the_reserved_places() -> None:
    """However many come, from wherever."""
    known = crowd(64 - OUTBOUND_SLOTS)
    with pytest.raises(TooManyRequests, match="asks for"):
        SLOTS.make_room(known, wanted=False, prefix="198.51.100.0/24")
    assert SLOTS.make_room(known, wanted=True) is None


@pytest.mark.parametrize("total", [1, 2, 3, 10, 31, 32, 33, 64, 10_000])
def test_some_places_are_reserved_of_any_number(total: int) -> None:
    """Of few the half, of many `OUTBOUND_SLOTS`."""
    reserved = total - Slots(total).inbound
    assert 1 <= reserved <= OUTBOUND_SLOTS
    assert reserved == OUTBOUND_SLOTS or reserved in (total // 2, total // 2 + 1)


def test_a_prefix_has_a_share_of_the_guests() -> None:
    """Its next one is refused while others are taken in, and so is nobody whose place is not counted."""
    known = crowd(SLOTS.inbound // 4, prefix="198.51.100.0/24")
    with pytest.raises(TooManyRequests, match=r"198\.51\.100"):
        SLOTS.make_room(known, wanted=False, prefix="198.51.100.0/24")
    assert SLOTS.make_room(known, wanted=False, prefix="198.51.101.0/24") is None
    assert SLOTS.make_room(known, wanted=False) is None
    assert SLOTS.make_room(known, wanted=True, prefix="198.51.100.0/24") is None


def test_a_relay_has_a_larger_share() -> None:
    """People who share one have nothing else in common."""
    relay = "relayed by https://relay.example"
    known = crowd(SLOTS.inbound // 4 + 1, prefix=relay)
    assert SLOTS.make_room(known, wanted=False, prefix=relay) is None
    with pytest.raises(TooManyRequests):
        SLOTS.make_room(crowd(SLOTS.inbound // 2, prefix=relay), wanted=False, prefix=relay)


def test_a_guest_that_is_away_gives_way_to_the_next() -> None:
    """One of its own prefix where that has its share."""
    known = crowd(47) | crowd(1, start=47, link=None, prefix="198.51.100.0/24")
    assert SLOTS.make_room(known, wanted=False, prefix="192.0.2.0/24") == NIDS[47]


def test_a_wanted_neighbour_takes_a_guests_place_where_all_are_taken() -> None:
    """First of one that is away, then of the one that came last; never of one that is wanted."""
    known = crowd(63, wanted=True) | crowd(1, start=63, since=5.0)
    assert SLOTS.make_room(known, wanted=True) == NIDS[63]
    with pytest.raises(TooManyRequests, match="peers_max"):
        SLOTS.make_room(crowd(64, wanted=True), wanted=True)
    away = crowd(62, wanted=True) | crowd(1, start=62, link=None, since=1.0) | crowd(1, start=63, since=9.0)
    assert SLOTS.make_room(away, wanted=True) == NIDS[62]


def test_an_anchor_gives_way_to_no_guest() -> None:
    """Also while it is away, as just after a restart."""
    known = crowd(47) | crowd(ANCHORS_MAX, start=47, is_anchor=True, link=None)
    assert SLOTS.make_room(known, wanted=False, prefix="192.0.2.0/24") is None
    known |= crowd(1, start=60)
    with pytest.raises(TooManyRequests):
        SLOTS.make_room(known, wanted=False, prefix="192.0.2.0/24")


def test_anchors_are_the_oldest_of_different_places() -> None:
    """A link that lasted makes one; of one prefix two at most, and eight of all."""
    now = 10 * ANCHOR_SECONDS
    young = crowd(3, since=now - ANCHOR_SECONDS + 1)
    assert SLOTS.anchors(young, now) == []
    near = crowd(5, prefix="198.51.100.0/24")
    assert SLOTS.anchors(near, now) == NIDS[:2]
    old = crowd(20)
    for number, peer in enumerate(old.values()):
        peer.since = float(100 - number)
    assert SLOTS.anchors(old, now) == NIDS[19:11:-1]


def test_an_anchor_stays_one_while_it_answers() -> None:
    """Over a restart it has no link at first; one that is away for long is one no more."""
    known = crowd(1, is_anchor=True, link=None)
    assert SLOTS.anchors(known, 0.0) == NIDS[:1]
    known[NIDS[0]].failures = ANCHOR_FAILURES_MAX
    assert SLOTS.anchors(known, 0.0) == []
