"""The protobuf of a go-micro v2 network is read as go-micro wrote it, and written so that it reads the same."""

from __future__ import annotations

import pytest

from micro.doors.legacy import messages as spoken
from micro.doors.legacy.messages import Advert, Change, Message, Peer, Route, Sync
from micro.doors.legacy.sealing import Seal
from micro.errors import BadRequest
from tests.unit.doors.legacy.capture import TOKEN, messages

ROUTE = Route("greeter", "8337982826400037511", "127.0.0.1:8085", "go.micro", "node", "network", 1)


def said(*, by_client: bool, method: str) -> list[bytes]:
    found = []
    for message in messages(by_client=by_client):
        if message.headers.get("Micro-Tunnel") == "session":
            seal = Seal(TOKEN, message.headers["Micro-Tunnel-Channel"], message.headers["Micro-Tunnel-Session"])
            hidden = {k: v for k, v in message.headers.items() if not k.startswith("Micro-Tunnel")}
            headers, body = seal.read(hidden, message.body)
            found += [body] if headers["Micro-Method"] == method else []
    return found


def test_a_message_of_the_transport_comes_back() -> None:
    """Headers and body, also none."""
    for message in (Message({"A": "b", "C": ""}, b"body"), Message({})):
        assert Message.read(message.write()) == message


def test_what_go_micro_said_is_read() -> None:
    """Its connect, its sync and its peer, from the capture."""
    (connect, *_) = said(by_client=False, method="connect")
    (sync, *_) = said(by_client=True, method="sync")
    (peer, *_) = said(by_client=False, method="peer")
    dialled = Peer.read_named(connect)
    assert dialled.address == "127.0.0.1:8085"
    found = Sync.read(sync)
    assert found.peer.address == "127.0.0.1:8086"
    assert found.peer.id != dialled.id
    assert Peer.read(peer).id == dialled.id


def test_a_sync_and_an_advert_come_back() -> None:
    """With peers and routes."""
    sync = Sync(Peer("a", "1", frozenset({"b"})), [ROUTE])
    assert Sync.read(sync.write("go.micro", [Peer("b", "2")])) == sync
    advert = Advert("a", [Change(is_there=True, route=ROUTE), Change(is_there=False, route=ROUTE)])
    assert Advert.read(advert.write(1, 2)) == advert


@pytest.mark.parametrize("read", [Message.read, Sync.read, Advert.read, Peer.read, Peer.read_named])
@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xff"])
def test_what_is_no_protobuf_is_refused(read: object, data: bytes) -> None:
    """Cut short, too long, no text."""
    assert callable(read)
    with pytest.raises(BadRequest):
        read(data)


def test_a_node_without_a_name_is_refused() -> None:
    """Nothing is a valid message of protobuf."""
    for read in (Peer.read, Peer.read_named, Sync.read):
        with pytest.raises(BadRequest, match="has an id"):
            read(b"")


def test_everything_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers, names and routes; a metric below nothing counts as nothing."""
    with pytest.raises(BadRequest, match="64 headers"):
        Message.read(Message({str(number): "" for number in range(65)}).write())
    with pytest.raises(BadRequest, match="256 characters"):
        Peer.read(Peer("a" * 257, "1").write("go.micro"))
    monkeypatch.setattr(spoken, "ROUTES_MAX", 1)
    sync = Sync(Peer("a", "1"), [ROUTE._replace(metric=-5), ROUTE])
    assert Sync.read(sync.write("go.micro")).routes == [ROUTE._replace(metric=0)]
    assert len(Advert.read(Advert("a", [Change(is_there=True, route=ROUTE)] * 2).write(1, 2)).changes) == 1
