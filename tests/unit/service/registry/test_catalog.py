"""The catalog: who runs where, for how long it is believed, and within which bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, Forbidden, NotFound, TooManyRequests
from micro.service.registry.catalog import (
    INSTANCES_PER_SERVICE_MAX,
    LEASE_SECONDS_MAX,
    LIST_MAX,
    PINS_MAX,
    VIEWS_MAX,
    Catalog,
)
from micro.service.registry.description import Description, check_description
from micro.service.registry.holding import BURIED_MAX, Allowance
from micro.service.registry.instance import Instance

HERE, THERE = "bhere", "bthere"
SMALL = Allowance(services_max=3, instances_max=2, description_bytes_max=1000)


def described(service: str = "greeter", version: str = "1.0.0", **fields: Any) -> Description:
    return check_description({"name": service, "version": version, **fields})


def instance(id: str = "1", service: str = "greeter", nid: str = HERE, **fields: Any) -> Instance:
    return Instance(service, "1.0.0", id, nid, **{"local": nid == HERE, **fields})


def put(catalog: Catalog, found: Instance, lease_seconds: float = 90, now: float = 0.0) -> bool:
    return catalog.register(found, described(found.service, found.version), lease_seconds, now)


def ids(catalog: Catalog, service: str = "greeter") -> list[str]:
    view = catalog.lookup(service)
    return [found.id for found in view.instances] if view else []


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


# ---------------------------------------------------------------------------------------------------- being registered


def test_what_was_registered_is_found(catalog: Catalog) -> None:
    """The simplest thing."""
    put(catalog, instance())

    assert ids(catalog) == ["1"]


def test_nothing_else_is_found(catalog: Catalog) -> None:
    """An unknown name is None, not an exception."""
    assert catalog.lookup("nobody") is None


def test_a_lookup_costs_nothing_until_something_changes(catalog: Catalog) -> None:
    """Callers share one view, and get another after a change."""
    put(catalog, instance())
    first, second = catalog.lookup("greeter"), catalog.lookup("greeter")
    put(catalog, instance("2"))

    assert first is second is not catalog.lookup("greeter")


def test_a_description_may_be_plain(catalog: Catalog) -> None:
    """Whoever has only the object passes the object."""
    assert catalog.register(instance(), {"name": "greeter", "version": "1.0.0"}, 90, 0.0)


def test_two_owners_of_a_name_are_both_kept(catalog: Catalog) -> None:
    """Apart by their nid, even with the same instance id."""
    put(catalog, instance("1", nid=HERE))
    put(catalog, instance("1", nid=THERE))

    assert [found.nid for found in catalog.lookup("greeter").instances] == [HERE, THERE]  # type: ignore[union-attr]


def test_registering_again_replaces_the_record(catalog: Catalog) -> None:
    """An instance that begins to drain says so by registering again."""
    put(catalog, instance())
    put(catalog, instance(state="draining"))

    assert [found.state for found in catalog.lookup("greeter").instances] == ["draining"]  # type: ignore[union-attr]


def test_registering_again_replaces_the_description(catalog: Catalog) -> None:
    """A service may learn something while it runs."""
    put(catalog, instance())
    catalog.register(instance(), described(description="Says hello in Welsh."), 90, 0.0)

    assert [match.name for match in catalog.search("welsh ")] == ["greeter"]


def test_the_record_and_the_description_are_of_one_service(catalog: Catalog) -> None:
    """Else one could speak for another."""
    with pytest.raises(BadRequest, match="must agree"):
        catalog.register(instance(), described("other"), 90, 0.0)


@pytest.mark.parametrize("lease_seconds", [0, -1, LEASE_SECONDS_MAX + 1, float("nan"), float("inf")])
def test_a_lease_is_bounded(catalog: Catalog, lease_seconds: float) -> None:
    """Nobody is believed for ever."""
    with pytest.raises(BadRequest, match="lease"):
        put(catalog, instance(), lease_seconds)


def test_the_roots_of_the_http_door_are_no_services(catalog: Catalog) -> None:
    """A service of such a name could not be reached there."""
    with pytest.raises(Conflict, match="reserved"):
        put(catalog, instance(service="metrics"))


def test_a_peer_cannot_offer_a_nodes_own_services(catalog: Catalog) -> None:
    """Whoever asks for the store means his own."""
    with pytest.raises(Forbidden):
        put(catalog, instance(service="store", nid=THERE))


def test_this_node_offers_its_own_services(catalog: Catalog) -> None:
    """They are registered like any other."""
    assert put(catalog, instance(service="store"))


# ------------------------------------------------------------------------------------------------------------- leaving


def test_what_was_withdrawn_is_gone(catalog: Catalog) -> None:
    """From the look-up, the list and the search."""
    put(catalog, instance())
    catalog.deregister(instance(), 1.0)

    assert (ids(catalog), catalog.list(), catalog.search("greeter"), len(catalog)) == ([], [], [], 0)


def test_withdrawing_what_is_not_there_is_no_error(catalog: Catalog) -> None:
    """It says so and changes nothing."""
    assert (catalog.deregister(instance(), 0.0), catalog.number) == (False, 0)


def test_a_dropped_node_takes_all_it_holds_along(catalog: Catalog) -> None:
    """And nothing of others."""
    put(catalog, instance("1", nid=THERE))
    put(catalog, instance("2", "other", nid=THERE))
    put(catalog, instance("3"))
    changes = catalog.drop_node(THERE)

    assert ([change.instance.id for change in changes], ids(catalog), ids(catalog, "other")) == (["1", "2"], ["3"], [])


def test_a_node_that_was_dropped_may_come_back(catalog: Catalog) -> None:
    """With the same records: a lost link withdraws nothing."""
    put(catalog, instance(nid=THERE, sequence=7))
    catalog.drop_node(THERE)

    assert put(catalog, instance(nid=THERE, sequence=7))


def test_dropping_an_unknown_node_changes_nothing(catalog: Catalog) -> None:
    """A link may end before it said anything."""
    assert catalog.drop_node("nobody") == ()


# -------------------------------------------------------------------------------------------------------------- leases


@pytest.mark.parametrize(("now", "expected"), [(99.999, ["1"]), (100.0, []), (100.001, [])])
def test_a_lease_ends_on_the_instant(catalog: Catalog, now: float, expected: list[str]) -> None:
    """Not before its time, and not after."""
    put(catalog, instance(), lease_seconds=90, now=10.0)
    catalog.expire(now)

    assert ids(catalog) == expected


def test_a_renewed_lease_lasts_from_the_renewal(catalog: Catalog) -> None:
    """The old end does not count any more."""
    put(catalog, instance(), lease_seconds=90, now=0.0)
    catalog.renew(instance().key, 90, now=60.0)

    assert [len(catalog.expire(now)) for now in (90.0, 149.9, 150.0)] == [0, 0, 1]


def test_registering_the_same_again_renews(catalog: Catalog) -> None:
    """And is no change that anybody needs to hear of."""
    put(catalog, instance(), now=0.0)
    put(catalog, instance(), now=60.0)

    assert (catalog.number, catalog.expire(149.9)) == (1, ())


def test_a_new_record_may_have_a_shorter_lease(catalog: Catalog) -> None:
    """An instance that drains says how long it needs."""
    put(catalog, instance(), lease_seconds=1000)
    put(catalog, instance(state="draining"), lease_seconds=10)

    assert [len(catalog.expire(now)) for now in (9.9, 10.0, 1000.0)] == [0, 1, 0]


def test_an_unknown_instance_cannot_be_renewed(catalog: Catalog) -> None:
    """It must register again, for nothing is known of it."""
    put(catalog, instance())
    catalog.expire(90.0)

    assert (catalog.renew(instance().key, 90, 91.0), catalog.renew(("a", "b", "c"), 90, 91.0)) == (False, False)


def test_a_sign_of_life_renews_a_whole_node(catalog: Catalog) -> None:
    """Presence is of nodes, not of services."""
    put(catalog, instance("1", nid=THERE))
    put(catalog, instance("2", nid=THERE))
    put(catalog, instance("3"))
    renewed = catalog.renew_node(THERE, 90, 60.0)
    catalog.expire(90.0)

    assert (renewed, ids(catalog), catalog.renew_node("nobody", 90, 0.0)) == (2, ["1", "2"], 0)


def test_the_next_end_of_a_lease_is_known(catalog: Catalog) -> None:
    """A timer can be set for it; it may be early, never late."""
    before = catalog.next_expiry()
    put(catalog, instance("1"), lease_seconds=90)
    put(catalog, instance("2"), lease_seconds=30)

    assert (before, catalog.next_expiry()) == (None, 30.0)


def test_a_million_renewals_take_no_memory(catalog: Catalog) -> None:
    """A record that is replaced again and again leaves nothing behind."""
    for number in range(5000):
        put(catalog, instance(weight=number % 100), lease_seconds=3600 - number % 3000)

    assert len(catalog._leases._queue) < 200


def test_a_million_short_lives_take_no_memory(catalog: Catalog) -> None:
    """What came and went leaves no lease behind, however long it was."""
    for number in range(5000):
        put(catalog, instance(str(number)), lease_seconds=3600)
        catalog.deregister(instance(str(number)), 0.0)

    assert len(catalog._leases._queue) < 200


# ------------------------------------------------------------------------------------------------------------ sequence


def test_an_older_record_changes_nothing(catalog: Catalog) -> None:
    """It took a longer way."""
    put(catalog, instance(sequence=5, weight=5))
    taken = put(catalog, instance(sequence=4, weight=4))

    assert (taken, catalog.lookup("greeter").instances[0].weight) == (False, 5)  # type: ignore[union-attr]


def test_a_withdrawn_record_does_not_come_back(catalog: Catalog) -> None:
    """Neither itself nor an older one; a newer one does."""
    put(catalog, instance(sequence=5))
    catalog.deregister(instance(sequence=5), 0.0)

    assert [put(catalog, instance(sequence=number)) for number in (4, 5, 6)] == [False, False, True]


def test_a_withdrawal_may_arrive_before_what_it_withdraws(catalog: Catalog) -> None:
    """Then the record is refused when it comes."""
    catalog.deregister(instance(nid=THERE, sequence=5), 0.0)

    assert put(catalog, instance(nid=THERE, sequence=5)) is False


def test_an_older_withdrawal_changes_nothing(catalog: Catalog) -> None:
    """The instance registered anew since."""
    put(catalog, instance(sequence=6))

    assert (catalog.deregister(instance(sequence=5), 0.0), ids(catalog)) == (False, ["1"])


def test_withdrawals_are_forgotten_after_a_day(catalog: Catalog) -> None:
    """No record lives longer, so none can come back."""
    catalog.deregister(instance(nid=THERE, sequence=5), 0.0)
    catalog.expire(LEASE_SECONDS_MAX)

    assert (put(catalog, instance(nid=THERE, sequence=5)), len(catalog._holdings)) == (True, 1)


def test_withdrawals_take_bounded_memory(catalog: Catalog) -> None:
    """A peer that withdraws what nobody knows pushes out only its own."""
    catalog.deregister(instance("mine", nid=HERE, sequence=1), 0.0)
    for number in range(2 * BURIED_MAX):
        catalog.deregister(instance(str(number), nid=THERE, sequence=1), 0.0)

    assert len(catalog._holdings[THERE]._buried) == BURIED_MAX
    assert put(catalog, instance("mine", nid=HERE, sequence=1)) is False


def test_without_a_sequence_the_last_word_counts(catalog: Catalog) -> None:
    """Records on one link arrive in order."""
    put(catalog, instance())
    catalog.deregister(instance(), 0.0)
    put(catalog, instance())

    assert ids(catalog) == ["1"]


# -------------------------------------------------------------------------------------------------------------- bounds


def test_a_peer_holds_few_services() -> None:
    """One more is refused, and those it has stay."""
    catalog = Catalog(peer=SMALL)
    for number in range(3):
        put(catalog, instance(service=f"s-{number}", nid=THERE))
    with pytest.raises(TooManyRequests, match="holds 3 services"):
        put(catalog, instance(service="s-3", nid=THERE))

    assert len(catalog) == 3


def test_a_peer_holds_few_instances_of_a_service() -> None:
    """A known one may still change."""
    catalog = Catalog(peer=SMALL)
    put(catalog, instance("1", nid=THERE))
    put(catalog, instance("2", nid=THERE))
    with pytest.raises(TooManyRequests, match="holds 2 instances"):
        put(catalog, instance("3", nid=THERE))

    assert put(catalog, instance("2", nid=THERE, weight=7))


def test_a_peer_holds_little_text() -> None:
    """Equal descriptions count once; one more, even by way of an update, is refused."""
    catalog = Catalog(peer=SMALL)
    long, other = described(description="x" * 600), described(description="y" * 600)
    catalog.register(instance("1", nid=THERE), long, 90, 0.0)
    catalog.register(instance("2", nid=THERE), long, 90, 0.0)
    with pytest.raises(TooManyRequests, match="1000 bytes"):
        catalog.register(instance("2", nid=THERE), other, 90, 0.0)

    with pytest.raises(TooManyRequests, match="1000 bytes"):
        catalog.register(instance(service="other", nid=THERE), described("other", description="z" * 600), 90, 0.0)

    assert catalog.lookup("greeter").description.hash == long.hash  # type: ignore[union-attr]


def test_what_a_peer_let_go_it_may_use_again() -> None:
    """Bounds are on what is held, not on what ever was."""
    catalog = Catalog(peer=SMALL)
    for number in range(20):
        service = f"s-{number}"
        catalog.register(instance(service=service, nid=THERE), described(service, description="x" * 800), 90, 0.0)
        catalog.deregister(instance(service=service, nid=THERE), 0.0)

    assert (len(catalog), catalog._shelf.bytes) == (0, 0)


def test_a_replaced_description_is_let_go(catalog: Catalog) -> None:
    """After the last instance has left nothing of it stays."""
    catalog.register(instance(), described(description="old"), 90, 0.0)
    catalog.register(instance(), described(description="new"), 90, 0.0)
    held = catalog._shelf.bytes
    catalog.deregister(instance(), 0.0)

    assert (held, catalog._shelf.bytes) == (len(described(description="new").body), 0)


def test_views_are_kept_for_so_many_services(catalog: Catalog) -> None:
    """The others are built when asked for."""
    for number in range(VIEWS_MAX + 5):
        put(catalog, instance(service=f"s-{number}"))
        catalog.lookup(f"s-{number}")

    assert (len(catalog._views), catalog.lookup("s-0") is None) == (VIEWS_MAX, False)


def test_pins_are_bounded(catalog: Catalog) -> None:
    """A known one may change, another may come when one has gone."""
    for number in range(PINS_MAX):
        catalog.pin(f"s-{number}", [HERE])
    catalog.pin("s-0", [THERE])
    with pytest.raises(TooManyRequests, match="unpin"):
        catalog.pin("more", [HERE])
    catalog.pin("s-0", [])
    catalog.pin("more", [HERE])

    assert len(catalog._pins) == PINS_MAX


def test_this_node_may_hold_many() -> None:
    """The bound of peers is not ours."""
    catalog = Catalog(peer=SMALL)
    for number in range(10):
        put(catalog, instance(service=f"s-{number}"))

    assert len(catalog) == 10


def test_the_number_of_nodes_is_bounded(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused until another has gone; this node always enters."""
    monkeypatch.setattr("micro.service.registry.catalog.NODES_MAX", 2)
    for nid in ("b1", "b2"):
        put(catalog, instance(nid=nid))
    with pytest.raises(TooManyRequests, match="2 nodes"):
        put(catalog, instance(nid="b3"))
    put(catalog, instance(nid=HERE))
    for nid in ("b1", "b2"):
        catalog.drop_node(nid)
    catalog.expire(1.0)

    assert put(catalog, instance(nid="b3"))


def test_strangers_cannot_fill_a_name(catalog: Catalog) -> None:
    """However many claim it, ours still enters."""
    for number in range(INSTANCES_PER_SERVICE_MAX):
        put(catalog, instance(nid=f"b{number}"))
    with pytest.raises(TooManyRequests):
        put(catalog, instance(nid="bmore"))

    assert put(catalog, instance(nid=HERE))


# ------------------------------------------------------------------------------------------------------------- reading


def test_the_list_is_in_the_order_of_names(catalog: Catalog) -> None:
    """A page after a page gives all, each once."""
    for name in ("d", "b", "a", "c"):
        put(catalog, instance(service=name))

    assert [[view.name for view in catalog.list(2, offset)] for offset in (0, 2, 4)] == [["a", "b"], ["c", "d"], []]


@pytest.mark.parametrize(("limit", "offset", "count"), [(10**9, 0, LIST_MAX), (-5, 0, 0), (5, -5, 5)])
def test_a_page_is_bounded(catalog: Catalog, limit: int, offset: int, count: int) -> None:
    """Whatever is asked for."""
    for number in range(LIST_MAX + 5):
        put(catalog, instance(service=f"s-{number}"))

    assert len(catalog.list(limit, offset)) == count


def test_the_description_names_the_nodes(catalog: Catalog) -> None:
    """With when each was last seen, as a date, and the socket only where there is one."""
    put(catalog, instance("1", address="/run/1.sock"), now=100.0)
    put(catalog, instance("2", nid=THERE), now=130.0)

    assert catalog.describe("greeter", now=140.0, unix_seconds=1_000_000.0)["nodes"] == [
        {
            "nid": HERE,
            "instance": "1",
            "address": "/run/1.sock",
            "version": "1.0.0",
            "state": "serving",
            "last_seen": 999_960.0,
        },
        {"nid": THERE, "instance": "2", "version": "1.0.0", "state": "serving", "last_seen": 999_990.0},
    ]


def test_a_sign_of_life_is_remembered(catalog: Catalog) -> None:
    """An instance was last seen when it last renewed."""
    put(catalog, instance("1"), now=100.0)
    put(catalog, instance("2"), now=100.0)
    catalog.renew(instance("1").key, 90, now=160.0)
    put(catalog, instance("2", weight=7), now=150.0)

    assert [node["last_seen"] for node in catalog.describe("greeter", now=170.0)["nodes"]] == [160.0, 150.0]


def test_an_unknown_service_has_no_description(catalog: Catalog) -> None:
    """The fault says what to do next."""
    with pytest.raises(NotFound, match="micro services"):
        catalog.describe("nobody", 0.0)


def test_search_speaks_with_our_words(catalog: Catalog) -> None:
    """While ours runs a stranger's description does not count; afterwards it does."""
    catalog.register(instance(nid=THERE), described(description="Alien."), 90, 0.0)
    catalog.register(instance(nid=HERE), described(description="Homely."), 90, 0.0)
    with_both = [[match.name for match in catalog.search(word)] for word in ("alien ", "homely ")]
    catalog.drop_node(HERE)
    with_alien = [[match.name for match in catalog.search(word)] for word in ("alien ", "homely ")]

    assert (with_both, with_alien) == ([[], ["greeter"]], [["greeter"], []])


def test_what_a_node_holds_can_be_asked(catalog: Catalog) -> None:
    """For a list of peers with their services."""
    put(catalog, instance("1", nid=THERE))

    assert ([found.id for found in catalog.holding(THERE)], catalog.holding("nobody")) == (["1"], ())


# ---------------------------------------------------------------------------------------------------------------- pins


def test_a_pinned_name_means_its_nodes(catalog: Catalog) -> None:
    """Whoever claims it later is not meant, and appears again when the pin is taken away."""
    put(catalog, instance("1", nid=THERE))
    catalog.pin("greeter", [THERE])
    put(catalog, instance("2", nid="bother"))
    pinned = ids(catalog)
    catalog.pin("greeter", [])

    assert (pinned, ids(catalog)) == (["1"], ["2", "1"])


def test_a_pinned_name_without_its_nodes_is_nobody(catalog: Catalog) -> None:
    """Better no answer than a stranger's."""
    put(catalog, instance(nid=THERE))
    catalog.pin("greeter", ["bother"])

    assert (catalog.lookup("greeter"), catalog.list(), catalog.search("greeter")) == (None, [], [])


# ------------------------------------------------------------------------------------------------------------- changes


def test_every_change_is_told_in_order(catalog: Catalog) -> None:
    """Added, changed, removed; a renewal is none."""
    put(catalog, instance())
    put(catalog, instance())
    put(catalog, instance(weight=5))
    catalog.renew(instance().key, 90, 1.0)
    catalog.deregister(instance(), 0.0)

    assert [change.kind for change in catalog.changes_since(0).changes] == ["added", "changed", "removed"]


def test_a_watcher_that_is_behind_must_resync() -> None:
    """The history is bounded."""
    catalog = Catalog(changes_max=2)
    for id in "abc":
        put(catalog, instance(id))

    assert (catalog.changes_since(0).resync, len(catalog.changes_since(1).changes)) == (True, 2)


def test_a_refused_registration_changes_nothing() -> None:
    """Half of one would be worse than none."""
    catalog = Catalog(peer=replace(SMALL, services_max=0))
    with pytest.raises(TooManyRequests):
        put(catalog, instance(nid=THERE))

    assert (catalog.number, len(catalog), catalog._shelf.bytes, catalog.next_expiry()) == (0, 0, 0, None)
