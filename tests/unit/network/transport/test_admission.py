"""Connections are counted, and refused, before they cost anything."""

from __future__ import annotations

import pytest

from micro.network.prefix import Prefixes
from micro.network.transport.admission import Admission, Limits, Verdict, origin_of

ADMIT, REFUSE, RETRY = Verdict.ADMIT, Verdict.REFUSE, Verdict.RETRY
WIDE = Limits()


def knock(admission: Admission, origin: str, count: int, *, proved: bool = True) -> list[Verdict]:
    """Knocks some times."""
    return [admission.knock(origin, proved=proved) for _ in range(count)]


def enter(admission: Admission, origin: str, nid: str) -> bool:
    """Knocks and completes the handshake."""
    assert admission.knock(origin, proved=True) is ADMIT
    return admission.enter(origin, nid)


def test_one_origin_has_so_many_handshakes_at_once() -> None:
    """One address cannot use up the handshakes of all."""
    admission = Admission(Limits(handshakes_per_origin_max=2))
    assert knock(admission, "a", 3) == [ADMIT, ADMIT, REFUSE]
    assert knock(admission, "b", 1) == [ADMIT]


def test_a_handshake_that_failed_makes_room() -> None:
    """A failure is not counted for ever."""
    admission = Admission(Limits(handshakes_per_origin_max=1))
    knock(admission, "a", 1)
    admission.give_up("a")
    assert knock(admission, "a", 1) == [ADMIT]


def test_all_together_have_so_many_handshakes() -> None:
    """A crowd of addresses cannot have more either."""
    admission = Admission(Limits(handshakes_max=2))
    assert [admission.knock(origin, proved=True) for origin in "abc"] == [ADMIT, ADMIT, REFUSE]


def test_under_load_addresses_must_be_proved() -> None:
    """Forged addresses get a retry, which costs nothing; true ones go on."""
    admission = Admission(Limits(handshakes_unproved_max=1))
    assert [admission.knock(origin, proved=False) for origin in "ab"] == [ADMIT, RETRY]
    assert admission.knock("b", proved=True) is ADMIT


def test_a_forged_address_does_not_lock_out_its_owner() -> None:
    """Who did not prove the address of a crowd is asked to, and not refused on its account."""
    admission = Admission(Limits(handshakes_per_origin_max=1))
    assert knock(admission, "a", 2, proved=False) == [ADMIT, RETRY]


def test_one_origin_has_so_many_connections() -> None:
    """Established connections count too."""
    admission = Admission(Limits(connections_per_origin_max=2))
    assert [enter(admission, "a", nid) for nid in "xy"] == [True, True]
    assert admission.knock("a", proved=True) is REFUSE


def test_all_together_have_so_many_connections() -> None:
    """Established connections and handshakes share one bound."""
    admission = Admission(Limits(connections_max=2))
    enter(admission, "a", "x")
    assert [admission.knock(origin, proved=True) for origin in "bc"] == [ADMIT, REFUSE]


def test_one_node_has_so_many_connections() -> None:
    """However many addresses it has."""
    admission = Admission(Limits(connections_per_node_max=1))
    assert [enter(admission, origin, "x") for origin in "ab"] == [True, False]


def test_a_connection_that_left_makes_room() -> None:
    """Nothing stays counted when everybody is gone."""
    admission = Admission(WIDE)
    enter(admission, "a", "x")
    admission.leave("a", "x")
    assert (admission.handshakes, admission.connections, admission.nodes) == ({}, {}, {})


def test_a_node_that_was_turned_away_is_not_counted() -> None:
    """A refused `enter` needs no `leave`."""
    admission = Admission(Limits(connections_per_node_max=0))
    enter(admission, "a", "x")
    assert (admission.handshakes, admission.connections, admission.nodes) == ({}, {}, {})


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.7:4040", "192.0.2.7"),
        ("[2001:db8:1:2:3::7]:4040", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:ffff::]:1", "2001:db8:1:2::/64"),
        ("[::ffff:192.0.2.7]:4040", "192.0.2.7"),
        ("something else", "something else"),
    ],
)
def test_what_one_sender_can_have_counts_as_one(address: str, origin: str) -> None:
    """A port changes nothing, nor does an address within one's own IPv6 network."""
    assert origin_of(address) == origin


def test_one_prefix_has_so_many_connections_from_however_many_addresses() -> None:
    """And other prefixes, and what is counted under none, have theirs."""
    admission = Admission(Limits(connections_per_prefix_max=2))
    for origin in ("a", "b"):
        assert admission.knock(origin, "near", proved=True) is ADMIT
        assert admission.enter(origin, origin, "near")
    assert admission.knock("c", "near", proved=True) is REFUSE
    assert admission.knock("c", "far", proved=True) is ADMIT
    assert admission.knock("c", proved=True) is ADMIT


def test_one_prefix_has_so_many_handshakes() -> None:
    """A forged address of it is asked to prove itself, so that it locks nobody out."""
    admission = Admission(Limits(handshakes_per_prefix_max=2))
    assert [admission.knock(origin, "near", proved=False) for origin in "abc"] == [ADMIT, ADMIT, RETRY]
    assert admission.knock("c", "near", proved=True) is REFUSE


def test_those_behind_a_relay_have_a_bound_of_their_own() -> None:
    """It is not that of a prefix of addresses."""
    admission = Admission(Limits(connections_per_prefix_max=1, connections_per_relay_max=3))
    relay = Prefixes().of("https://relay.example node")
    for origin in ("a", "b", "c"):
        assert admission.knock(origin, relay, proved=True) is ADMIT
        assert admission.enter(origin, origin, relay)
    assert admission.knock("d", relay, proved=True) is REFUSE


def test_nothing_of_a_prefix_stays_counted() -> None:
    """Whether a handshake failed, was turned away or was a connection."""
    admission = Admission(Limits(connections_per_node_max=1))
    for _ in range(3):
        assert admission.knock("a", "near", proved=True) is ADMIT
    admission.give_up("a", "near")
    assert admission.enter("a", "x", "near")
    assert not admission.enter("a", "x", "near")
    assert admission.connections_by_prefix == {"near": 1}
    admission.leave("a", "x", "near")
    assert not admission.connections_by_prefix
    assert not admission.handshakes_by_prefix
