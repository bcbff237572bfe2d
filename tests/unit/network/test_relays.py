"""Which relays others are dialled through."""

from __future__ import annotations

from micro.network.peer import renewed
from micro.network.relays import VOUCHED_MAX, Relays
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket

ANN = nid_of(NodeKey(bytes([1]) * 32).public)
INSIDE = "http://169.254.169.254"
RELAY = "https://relay.example:3340"


def test_a_stranger_names_no_url_that_this_node_opens() -> None:
    """The rest of its ticket is good."""
    assert Relays().of(Ticket(ANN, ("203.0.113.7:1",), INSIDE)) is None


def test_relays_of_settings_map_and_tickets_are_dialled_through() -> None:
    """Each of the three, in any spelling of its end."""
    for teach in (
        lambda relays: relays.use([f"{RELAY}/"]),
        lambda relays: relays.learn([RELAY]),
        lambda relays: relays.vouch(Ticket(ANN, (), RELAY)),
    ):
        relays = Relays()
        teach(relays)
        assert relays.of(Ticket(ANN, (), RELAY)) == RELAY
        assert not relays.permits(INSIDE)


def test_a_relay_that_left_the_map_is_not_dialled_through_any_more() -> None:
    """The newest map counts."""
    relays = Relays()
    relays.learn([RELAY, "no url"])
    relays.learn(["https://other.example"])
    assert not relays.permits(RELAY)


def test_how_many_tickets_are_remembered_is_bounded() -> None:
    """The one given longest ago is forgotten."""
    relays = Relays()
    for number in range(VOUCHED_MAX + 1):
        relays.vouch(Ticket(ANN, (), f"http://relay-{number}.example"))
    assert not relays.permits("http://relay-0.example")
    assert relays.permits("http://relay-1.example")


def test_what_a_neighbour_says_takes_no_good_relay_away() -> None:
    """One that may not be dialled through does not replace the one in the owner's ticket; one of the map does."""
    relays = Relays()
    known = Ticket(ANN, ("203.0.113.7:1",), RELAY)
    relays.vouch(known)
    assert renewed(known, Ticket(ANN, ("203.0.113.8:1",), INSIDE), relays) == Ticket(
        ANN, ("203.0.113.8:1", "203.0.113.7:1"), RELAY
    )
    relays.learn(["https://nearer.example"])
    assert renewed(known, Ticket(ANN, (), "https://nearer.example"), relays).relay == "https://nearer.example"
