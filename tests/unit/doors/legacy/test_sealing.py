"""What is hidden as go-micro hides it is read, and nothing else is."""

from __future__ import annotations

import pytest

from micro.doors.legacy.sealing import Seal, Unreadable
from tests.unit.doors.legacy.capture import TOKEN, messages


def chance(count: int) -> bytes:
    return bytes(range(count))


def test_the_key_is_that_of_go_micro() -> None:
    """A key that was taken from a running go-micro node."""
    found = Seal("micro", "network", "multicast").key
    assert found.hex() == "9fa6a10b02143f6b9d9d3d822facb63c056799ab7b019563983ff7990adf289c"


@pytest.mark.parametrize("by_client", [True, False])
def test_what_go_micro_hid_is_read(by_client: bool) -> None:
    """Every session message of the capture."""
    methods = []
    for message in messages(by_client=by_client):
        if message.headers.get("Micro-Tunnel") != "session":
            continue
        seal = Seal(TOKEN, message.headers["Micro-Tunnel-Channel"], message.headers["Micro-Tunnel-Session"])
        hidden = {name: text for name, text in message.headers.items() if not name.startswith("Micro-Tunnel")}
        headers, _ = seal.read(hidden, message.body)
        methods.append(headers["Micro-Method"])
    assert methods == (["sync", "sync", "peer", "close"] if by_client else ["connect", "connect", "peer", "peer"])


def test_what_is_hidden_comes_back() -> None:
    """Names stay, values and bodies do not show."""
    seal = Seal("secret", "there", "1")
    headers, body = seal.hide({"Micro-Method": "peer"}, b"body", chance)
    assert list(headers) == ["Micro-Method"]
    assert "peer" not in headers["Micro-Method"]
    assert b"body" not in body
    assert seal.read(headers, body) == ({"Micro-Method": "peer"}, b"body")


@pytest.mark.parametrize(
    ("token", "header", "body"),
    [
        ("another", None, None),
        ("secret", "peer", None),
        ("secret", "AAAA====", None),
        ("secret", None, b"short"),
        ("secret", None, bytes(40)),
        ("secret", "\N{SNOWMAN}", None),
    ],
)
def test_what_is_not_of_the_network_is_not_read(token: str, header: str | None, body: bytes | None) -> None:
    """Another token, no base32, too short, changed."""
    headers, data = Seal("secret", "there", "1").hide({"Name": "value"}, b"body", chance)
    changed = headers if header is None else {"Name": header}
    with pytest.raises(Unreadable):
        Seal(token, "there", "1").read(changed, data if body is None else body)
