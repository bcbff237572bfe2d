"""What servers say that a node asks, on inputs that are nearly right: gRPC's over HTTP/2, and nodes of go-micro v2."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import H2Error

from micro.doors.grpc.conversation import Conversation
from micro.doors.legacy.messages import Advert, Change, Message, Peer, Route, Sync
from micro.doors.legacy.tunnel import Tunnel
from micro.errors import BadRequest
from tests.conftest import Campaign
from tests.fuzz.driving import drive
from tests.fuzz.mutation import mutants

SHARE, FULL = 5_000, 200_000
"""Fewer than of other parsers: h2 takes long for each."""

PIECE_BYTES = 100
MESSAGE = b"\0\0\0\0\x05hello"
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "9"), ("grpc-message", "no %C3%A9"), ("grpc-status-details-bin", "CAkSAm5v")]
PEER = Peer("them", "there")
ROUTE = Route("greeter", "1", "there", "go.micro", "them", "network", 1)


def said(*, ends: bool) -> bytes:
    """Returns all that a server says on a connection with one call."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "a")])
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    server.send_headers(1, HEAD)
    server.send_data(1, MESSAGE * 3)
    server.ping(bytes(8))
    if ends:
        server.send_headers(1, TRAILERS, end_stream=True)
    else:
        server.reset_stream(1, 7)
        server.close_connection()
    return server.data_to_send()


def talk(data: bytes) -> None:
    """A connection takes it, or is over; the call under way ends either way, and no message is made up."""
    conversation = Conversation("here:1")
    course = conversation.open((("content-type", "application/grpc"),), "/a.B/C", lambda: None)
    conversation.say(course, b"hello", last=True)
    conversation.take()
    try:
        for start in range(0, len(data), PIECE_BYTES):
            conversation.receive(data[start : start + PIECE_BYTES])
    except H2Error:
        pass
    conversation.take()
    conversation.lost("it ended")
    assert sum(map(len, course.messages)) <= len(data)
    assert course.status is not None


def hear(data: bytes) -> None:
    """A message of a tunnel is read, or refused, and so is what nodes tell each other."""
    tunnel = Tunnel("us", "token", open_to=("network",), asked_at="here", chance=os.urandom)
    for read in (Message.read, Peer.read, Peer.read_named, Sync.read, Advert.read):
        try:
            found = read(data)
        except BadRequest:
            continue
        if isinstance(found, Message):
            tunnel.receive(found)


TUNNELLED = [
    Message({"Micro-Tunnel": "open", "Micro-Tunnel-Channel": "here", "Micro-Tunnel-Session": "s"}).write(),
    Message({"Micro-Tunnel": "session", "Micro-Tunnel-Channel": "network", "Micro-Error": "ABCD"}, bytes(40)).write(),
    Message({"Micro-Method": "link", "Micro-Link-Id": "them"}, bytes(4)).write(),
    PEER.write("go.micro", [PEER]),
    PEER.named("go.micro"),
    Sync(PEER, [ROUTE]).write("go.micro", [PEER]),
    Advert("them", [Change(is_there=True, route=ROUTE)]).write(1, 2),
]


@pytest.mark.parametrize(
    ("take", "seeds"),
    [(talk, [said(ends=True), said(ends=False)]), (hear, TUNNELLED)],
    ids=["answers of gRPC servers", "messages of a go-micro v2 network"],
)
def test_it_is_read_or_refused(
    take: Callable[[bytes], None], seeds: Sequence[bytes], campaign: Campaign, request: pytest.FixtureRequest
) -> None:
    """And nothing else happens."""
    name = request.node.callspec.id
    drive(mutants(seeds, campaign(f"mutated {name}", share=SHARE, full=FULL), 1), take)
