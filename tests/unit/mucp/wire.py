"""Frames written by hand, byte by byte, so that the tests do not believe the code they test."""

from __future__ import annotations

import json
import struct
from typing import Any

from micro.mucp.event import Event
from micro.mucp.exchange import Exchange
from micro.mucp.limits import Limits
from micro.mucp.session import Session

HELLO, DEFINE, OPEN, DATA, END, ERROR, REFUSED, HEADERS = range(8)
CREDIT, CANCEL, EVENT, ACK, NACK, PING, PONG, GOAWAY, EVENTS = range(8, 17)
CALL, STREAM, PUBLISH, SUBSCRIBE = range(1, 5)
LARGE = 1_048_576
BOTH = [1, 2]
"""All versions there are."""


def frame(kind: int, number: int = 0, payload: bytes = b"") -> bytes:
    """Returns one frame."""
    return struct.pack(">IBI", len(payload), kind, number) + payload


def block(*pairs: tuple[str, str]) -> bytes:
    """Returns headers as bytes, without any check."""
    found = b""
    for name, value in pairs:
        text = value.encode()
        found += bytes((len(name),)) + name.encode() + struct.pack(">H", len(text)) + text
    return found


def hello(**changes: Any) -> bytes:
    """Returns a HELLO of version 1."""
    said = {"versions": [1], "agent": "test", "message_bytes": LARGE, "exchanges": 64} | changes
    return frame(HELLO, 0, json.dumps(said).encode())


def define(number: int, *pairs: tuple[str, str]) -> bytes:
    """Returns a DEFINE."""
    return frame(DEFINE, number, block(*pairs))


def opening(
    number: int, form: int = CALL, body: bytes = b"", *, known: int = 0, milliseconds: int = 0, extra: bytes = b""
) -> bytes:
    """Returns an OPEN that refers to header block `known`."""
    return frame(OPEN, number, struct.pack(">BHIH", form, known, milliseconds, len(extra)) + extra + body)


def event(number: int, sequence: int = 1, body: bytes = b"", *, known: int = 0, extra: bytes = b"") -> bytes:
    """Returns an EVENT that refers to header block `known`."""
    return frame(EVENT, number, struct.pack(">HQH", known, sequence, len(extra)) + extra + body)


def events(number: int, *bodies: bytes, known: int = 0) -> bytes:
    """Returns an EVENTS that refers to header block `known`."""
    lengths = b"".join(len(body).to_bytes(2, "big") for body in bodies)
    return frame(EVENTS, number, struct.pack(">HH", known, len(bodies)) + lengths + b"".join(bodies))


def fault(code: int = 404, detail: str = "gone") -> bytes:
    """Returns a fault as it stands in ERROR, REFUSED and GOAWAY."""
    return json.dumps({"id": "", "code": code, "detail": detail, "status": "Not Found"}).encode()


def frames(data: bytes) -> list[tuple[int, int, bytes]]:
    """Cuts whole frames apart."""
    found = []
    while data:
        length, kind, number = struct.unpack_from(">IBI", data)
        found.append((kind, number, data[9 : 9 + length]))
        assert len(data) >= 9 + length, "a frame is cut short"
        data = data[9 + length :]
    return found


def said(session: Session) -> list[tuple[int, int, bytes]]:
    """Returns the frames a session wants to have written, and takes them away."""
    return frames(spoken(session))


def spoken(session: Session) -> bytes:
    """Returns the bytes a session wants to have written, and takes them away."""
    session.seal()
    output, session.output = session.output, []
    return b"".join(output)


def greeted(*, dialed: bool = False, limits: Limits | None = None, **changes: Any) -> Session:
    """Returns a session that has heard a HELLO and an empty header block 0, and whose own words are written."""
    session = Session(dialed=dialed, limits=limits)
    session.receive(hello(**changes) + define(0))
    session.output = []
    return session


def names(events: list[Event]) -> list[str]:
    """Returns what kinds of events these are."""
    return [type(each).__name__ for each in events]


def joined(session: Session, number: int = 1, form: int = STREAM) -> Exchange:
    """Has the peer open a stream or subscription, and returns it."""
    session.receive(opening(number, form))
    return session.exchanges[number]


def pair(*, left: Limits | None = None, right: Limits | None = None) -> tuple[Session, Session]:
    """Returns two sessions that have greeted one another; the first one dialled."""
    one, other = Session(dialed=True, limits=left), Session(dialed=False, limits=right)
    exchange(one, other)
    return one, other


def exchange(one: Session, other: Session) -> tuple[list[Event], list[Event]]:
    """Carries words to and fro until both are silent; returns what each has heard."""
    heard: tuple[list[Event], list[Event]] = ([], [])
    while one.output or other.output:
        for speaker, listener, events in ((one, other, heard[1]), (other, one, heard[0])):
            events += listener.receive(spoken(speaker))
    return heard
