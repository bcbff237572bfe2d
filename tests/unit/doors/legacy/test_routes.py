"""What a node of a go-micro v2 network learns of others, and what it tells them."""

from __future__ import annotations

import pytest

from micro.doors.legacy import routes as spoken
from micro.doors.legacy.messages import Advert, Change, Peer, Route, Sync
from micro.doors.legacy.routes import CONTROL, NETWORK, Routes, Told, fnv64
from micro.errors import BadRequest

US, THEM, FARTHER = Peer("us", "1"), Peer("them", "2"), Peer("farther", "3")


def route(service: str, *, gateway: str = "2", router: str = "them", metric: int = 5, address: str = "9") -> Route:
    return Route(service, address, gateway, "go.micro", router, "network", metric)


def synced(*found: Route, now: float = 0.0) -> Routes:
    """Returns what is known once a neighbour told all that it has."""
    routes = Routes(US, "go.micro")
    routes.hear("sync", "us", Sync(THEM, list(found)).write("go.micro"), now)
    return routes


def advert(*changes: tuple[bool, Route], id: str = "them") -> bytes:
    return Advert(id, [Change(is_there, each) for is_there, each in changes]).write(1, 2)


def test_the_address_of_a_service_is_go_micros_number() -> None:
    """As a running go-micro node made it."""
    assert fnv64("greeter127.0.0.1:8085") == 8337982826400037511


def test_it_connects_until_somebody_answers() -> None:
    """And again after some seconds."""
    routes = Routes(US, "go.micro")
    (said,) = routes.tick(0.0)
    assert said.channel == NETWORK
    assert said.headers == {"Micro-Method": "connect"}
    assert Peer.read_named(said.body) == US
    assert routes.tick(1.0) == []
    assert len(routes.tick(2.0)) == 1
    routes.hear("sync", "us", Sync(THEM, []).write("go.micro"), 3.0)
    assert [each.headers["Micro-Method"] for each in routes.tick(4.0)] == ["sync"]


def test_a_connect_is_answered_by_everything() -> None:
    """Us, who is next to us, and our routes."""
    routes = synced()
    assert routes.offer(["greeter"], 1.0)[0].channel == CONTROL
    (said,) = routes.hear("connect", "", FARTHER.named("go.micro"), 1.0)
    assert said.headers == {"Micro-Method": "sync", "Micro-Peer": "farther"}
    found = Sync.read(said.body)
    assert found.peer == Peer("us", "1", frozenset({"them", "farther"}))
    assert found.routes == [Route("greeter", str(fnv64("greeter1")), "1", "go.micro", "us", "network", 1)]


def test_a_sync_is_answered_by_peer_and_replaces_what_was_known() -> None:
    """A route that it does not tell any more is gone."""
    routes = Routes(US, "go.micro")
    (said,) = routes.hear("sync", "us", Sync(THEM, [route("a"), route("b")]).write("go.micro"), 0.0)
    assert said.headers == {"Micro-Method": "peer", "Micro-Peer": "them"}
    assert routes.gateways() == {"a": ["2"], "b": ["2"]}
    routes.hear("sync", "us", Sync(THEM, [route("b")]).write("go.micro"), 1.0)
    assert routes.gateways() == {"b": ["2"]}


def test_a_peer_that_is_unknown_is_told_everything() -> None:
    """And one that is known nothing."""
    routes = Routes(US, "go.micro")
    (said,) = routes.hear("peer", "us", THEM.write("go.micro"), 0.0)
    assert said.headers["Micro-Method"] == "sync"
    assert routes.hear("peer", "us", THEM.write("go.micro"), 1.0) == []


def test_adverts_come_and_go() -> None:
    """Of a known node only, and only its own routes."""
    routes = synced()
    assert routes.hear("advert", "us", advert((True, route("a"))), 1.0) == []
    assert routes.gateways() == {"a": ["2"]}
    routes.hear("advert", "us", advert((False, route("a", gateway="3"))), 1.0)
    assert routes.gateways() == {"a": ["2"]}
    routes.hear("advert", "us", advert((False, route("a"))), 1.0)
    assert routes.gateways() == {}
    routes.hear("advert", "us", advert((True, route("b")), id="nobody"), 1.0)
    assert routes.gateways() == {}


@pytest.mark.parametrize(
    "wrong", [route("a", router="us"), route("a", gateway="1"), route("a", gateway="3"), route(""), route("*")]
)
def test_a_route_that_leads_back_or_elsewhere_is_not_learned(wrong: Route) -> None:
    """Ours, through another, of nothing, of everything."""
    assert synced(wrong).gateways() == {}


def test_the_nearest_gateway_is_asked_first() -> None:
    """Each one once."""
    routes = synced(route("a", metric=7), route("a", address="8", metric=8))
    routes.hear("sync", "us", Sync(FARTHER, [route("a", gateway="3", router="farther")]).write("go.micro"), 0.0)
    assert routes.gateways() == {"a": ["3", "2"]}


def test_only_what_changed_is_advertised() -> None:
    """To every neighbour, and nothing where nothing changed."""
    routes = synced()
    (said,) = routes.offer(["a", "b"], 1.0)
    assert said.headers == {"Micro-Method": "advert", "Micro-Peer": "them"}
    assert [(each.is_there, each.route.service) for each in Advert.read(said.body).changes] == [
        (True, "a"),
        (True, "b"),
    ]
    assert routes.offer(["b", "a"], 2.0) == []
    (said,) = routes.offer(["b"], 3.0)
    (change,) = Advert.read(said.body).changes
    assert (change.is_there, change.route.service, change.route.router) == (False, "a", "us")


def test_who_is_silent_or_leaves_is_forgotten() -> None:
    """With its routes."""
    routes = synced(route("a"))
    routes.tick(90.0)
    assert routes.gateways() == {"a": ["2"]}
    (said,) = routes.tick(90.1)
    assert said.headers["Micro-Method"] == "connect"
    assert routes.gateways() == {}
    left = synced(route("a"))
    assert left.hear("close", "", THEM.named("go.micro"), 1.0) == []
    assert left.gateways() == {}


def test_peers_are_told_that_we_are_there() -> None:
    """Each half minute, and everything each minute."""
    routes = synced()
    methods = [[each.headers["Micro-Method"] for each in routes.tick(now)] for now in (1.0, 29.0, 30.0, 31.0, 61.0)]
    assert methods == [["sync"], [], ["peer"], [], ["sync"]]


def test_what_is_for_others_or_from_us_is_not_heard() -> None:
    """Nor one that takes our address, or a channel of the network for its own."""
    routes = Routes(US, "go.micro")
    assert routes.hear("connect", "them", THEM.named("go.micro"), 0.0) == []
    for peer in (US, Peer("them", "1"), Peer("them", ""), Peer("them", "control")):
        assert routes.hear("connect", "us", peer.named("go.micro"), 0.0) == []
        assert routes.hear("sync", "us", Sync(peer, [route("a", gateway=peer.address)]).write("go.micro"), 0.0) == []
    assert routes.gateways() == {}
    assert routes.hear("wrong", "us", b"", 0.0) == []
    with pytest.raises(BadRequest):
        routes.hear("sync", "us", b"", 0.0)


def test_peers_and_routes_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over the limits is not known."""
    monkeypatch.setattr(spoken, "PEERS_MAX", 1)
    monkeypatch.setattr(spoken, "ROUTES_MAX", 1)
    routes = synced(route("a"), route("b"))
    assert routes.gateways() == {"a": ["2"]}
    assert routes.hear("connect", "us", FARTHER.named("go.micro"), 1.0) == []


def test_it_says_that_it_leaves() -> None:
    """To all."""
    assert synced().leave() == Told(NETWORK, {"Micro-Method": "close"}, US.named("go.micro"))
