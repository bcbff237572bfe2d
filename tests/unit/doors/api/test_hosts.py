"""Names of the door, and pages that may ask it."""

from __future__ import annotations

import pytest

from micro.doors.api.hosts import Hosts
from micro.doors.api.refusal import Refused

HOSTS = Hosts(8080, ("node.example", "other.example:99"))


def code(host: bytes) -> int:
    try:
        HOSTS.check_host(host)
    except Refused as refused:
        return refused.fault.code
    return 200


@pytest.mark.parametrize(
    "host",
    [b"127.0.0.1:8080", b"localhost:8080", b"LOCALHOST:8080", b"[::1]:8080", b"node.example", b"other.example:99"],
)
def test_our_names_are_good(host: bytes) -> None:
    """Loopback with the port, and what the owner allowed."""
    assert code(host) == 200


@pytest.mark.parametrize("host", [b"127.0.0.1", b"localhost:80", b"evil:8080", b"node.example.evil", b"[::2]:8080"])
def test_other_names_are_not_ours(host: bytes) -> None:
    """Anything else may be somebody's name that leads here."""
    assert code(host) == 403


@pytest.mark.parametrize("host", [b"", b"a b", b"a@b", b"[::1", b"a:123456", b"a:b", b"a/b", b"[:]:8080"])
def test_what_is_no_host_is_said_to_be_none(host: bytes) -> None:
    """A malformed host is a bad request."""
    assert code(host) == 400


def test_without_a_port_means_80() -> None:
    """On port 80 clients leave the port out."""
    assert Hosts(80).check_host(b"localhost") == b"localhost"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost:8080", b"http://localhost:8080"),
        (b"localhost:8080", b"HTTP://LOCALHOST:8080"),
        (b"node.example", b"https://node.example"),
        (b"node.example", b"http://node.example:80"),
        (b"node.example:443", b"https://node.example"),
    ],
)
def test_our_own_pages_may_ask(host: bytes, origin: bytes) -> None:
    """The same host and port, whatever spelling they have."""
    HOSTS.check_origin(host, origin, b"same-origin")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost:8080", b"http://127.0.0.1:8080"),
        (b"localhost:8080", b"http://localhost:8081"),
        (b"localhost:8080", b"localhost:8080"),
        (b"localhost:8080", b"null"),
        (b"localhost:8080", b""),
        (b"localhost:8080", b"chrome-extension://localhost:8080"),
        (b"node.example", b"http://node.example:443"),
    ],
)
def test_other_pages_may_not(host: bytes, origin: bytes) -> None:
    """Another host, port or kind of page is refused."""
    with pytest.raises(Refused):
        HOSTS.check_origin(host, origin, None)


def test_a_door_of_its_own_addresses_is_not_asked_by_loopback() -> None:
    """It listens there as little as it is called so."""
    door = Hosts(8443, ("192.168.1.5:8443",), loopback=False, schemes=(b"https",))

    assert door.check_host(b"192.168.1.5:8443") == b"192.168.1.5:8443"
    for host in (b"127.0.0.1:8443", b"localhost:8443", b"192.168.1.5", b"192.168.1.5:8444", b"192.168.1.6:8443"):
        with pytest.raises(Refused, match="by its address") as refused:
            door.check_host(host)
        assert refused.value.fault.code == 403


def test_a_door_with_tls_is_asked_by_no_page_without() -> None:
    """Whoever stands between a phone and its node can make such a page."""
    door = Hosts(8443, ("192.168.1.5:8443",), loopback=False, schemes=(b"https",))

    door.check_origin(b"192.168.1.5:8443", b"https://192.168.1.5:8443", b"same-origin")
    with pytest.raises(Refused, match="may not ask"):
        door.check_origin(b"192.168.1.5:8443", b"http://192.168.1.5:8443", None)
