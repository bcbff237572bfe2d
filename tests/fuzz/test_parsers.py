"""Every parser of the language, on inputs that are nearly right: it answers or refuses, and never takes much memory.

`make test` runs a share of each campaign, `make prove` a million inputs.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from micro.errors import BadRequest, Fault, RemoteProtocolError, TooLarge, Unauthorized
from micro.mucp import codec, envelope, headers
from micro.mucp.event import Broken
from micro.mucp.frame import BLOCK_BYTES, Frame, FrameReader
from micro.mucp.limits import WINDOW_BYTES, Limits
from micro.mucp.message import Form, open_prefix
from micro.mucp.session import Session
from micro.network.passage.greeting import GREETING_BYTES_MAX, Greeting, NoGreeting
from micro.service.registry import backbone, passage
from micro.service.registry.presence import read_presence
from micro.service.registry.record import read_record
from micro.service.registry.shardmap import read_map
from micro.trust.identity import nid_of
from micro.trust.keys import SIGNATURE_BYTES, NodeKey
from micro.trust.token import Claims, Use, issue_token, read_token
from micro.voice.sound import Sound, read_wav, write_wav
from tests.conftest import Fuzzing
from tests.fuzz.driving import drive
from tests.fuzz.mutation import mutants
from tests.unit.mucp import wire
from tests.unit.network.passage.hellos import body_of, extension, hello_of_openssl, message, named, records
from tests.unit.service.registry.makings import chain_of, key_of, map_of, presence_of, signed_of, withdrawn_of

SHARE = 20_000
MEMORY_FACTOR = 8
BUFFER_BYTES = 4 * BLOCK_BYTES
USES: tuple[Use, ...] = ("access", "refresh")
LEFT_BYTES = 6_000_000
"""What a link may remember at most of a peer: mostly its 1,024 header blocks with 64 headers each."""

SET = wire.block(("Micro-Service", "greeter"), ("Micro-Endpoint", "Say.Hello"), ("Content-Type", "application/json"))
HEADER_SEEDS = [
    b"",
    SET,
    wire.block(("Micro-Id", "x" * 300), ("A", "é€😀")),
    wire.block(*((f"A{number}", str(number)) for number in range(64))),
]
ENVELOPE_SEEDS = [
    envelope.encode({"Micro-Id": "7", "Content-Type": "application/json"}, b'{"a":[1,2,{"b":null}]}'),
    envelope.encode({"Micro-Id": "7", "Content-Type": "application/json"}, b'{"a":[1,2,{"b":null}]}', as_json=True),
    envelope.encode({"Micro-Topic": "t"}, bytes(range(256)), as_json=True),
    envelope.encode({f"A{number}": "x" * number for number in range(40)}, b"body"),
    b'{"header":{"a":"\\u00e9"},"body64":"AP8="}',
]
CONVERSATION = [
    wire.define(1, ("micro-topic", "t")),
    wire.opening(2, wire.CALL, b'{"name":"Ann"}', milliseconds=1000, extra=SET),
    wire.opening(4, wire.STREAM, b"{}"),
    wire.frame(wire.HEADERS, 4, SET),
    wire.frame(wire.DATA, 4, b"hello"),
    wire.opening(6, wire.SUBSCRIBE, known=1),
    wire.frame(wire.ACK, 6, bytes(16)),
    wire.frame(wire.NACK, 6, bytes(12)),
    wire.opening(0, wire.PUBLISH, b"event", known=1),
    wire.frame(wire.HEADERS, 1, SET),
    wire.frame(wire.END, 1, b"answer"),
    wire.frame(wire.ERROR, 3, wire.fault()),
    wire.event(7, 1, b"event", known=1, extra=SET),
    wire.events(7, b"one", b"", b"three", known=1),
    wire.events(0, b"one", b"two", known=1),
    wire.frame(wire.DATA, 5, b"x" * 500),
    wire.frame(wire.CREDIT, 5, b"\x00\x00\x00\x00"),
    wire.frame(wire.PING, 0, bytes(8)),
    wire.frame(wire.PONG, 0, bytes(8)),
    wire.frame(wire.END, 4),
    wire.frame(wire.CANCEL, 2),
    wire.frame(wire.REFUSED, 9, wire.fault(429)),
    wire.frame(wire.GOAWAY, 0, wire.fault(503)),
]
SPEECH_SEEDS = [
    b"".join(CONVERSATION),
    b"".join(CONVERSATION[6:]),
    *(b"".join(CONVERSATION[start : start + 5]) for start in range(0, len(CONVERSATION), 3)),
    wire.frame(wire.DATA, 5, b"y" * 40_000) + wire.frame(wire.END, 5),
]
FIRST_SEEDS = [
    wire.hello(),
    wire.hello(service="greeter", instance="1", token="t" * 50, ticket="micro1" + "x" * 200, later={"a": [1]}),
    wire.hello(versions=[1, 2, 3]) + wire.define(0) + wire.opening(1, wire.CALL, b"{}"),
    b"GET / HTTP/1.1\r\n\r\n",
]
FAULT_SEEDS = [wire.fault(), b'{"Id":"a","Code":404,"Detail":"b","Status":"c"}', b"plain", b'{"code":1e400}']
KEY = NodeKey(bytes(range(32)))
NID = nid_of(KEY.public)
NOW = 1_700_000_000
TOKEN_SEEDS = [
    issue_token(KEY, Claims(NID, account, 7, use, NOW, NOW + 900)).encode()
    for account in ("ann", "a.long.name@example.org")
    for use in USES
]
JSON_SEEDS = [b'{"a":[1,2.5e3,"\\u00e9",null,true],"b":{"c":"d"}}', b"[[[[]]]]", b"-1.5"]

RECORD_SEEDS = [signed_of(key_of(1)).sealed, signed_of(key_of(1), "a", terms=()).sealed, withdrawn_of(key_of(2)).sealed]
PRESENCE_SEEDS = [
    presence_of(key_of(1), chain_of(1, 2)).sealed,
    presence_of(key_of(1), chain_of(1, 2), addresses=("[2001:db8::1]:9",) * 3, relay="https://r.example").sealed,
]
MAP_SEEDS = [map_of(key_of(0), range(count)).sealed for count in (0, 1, 4)]

BEAT = {"key": key_of(1).public, "sequence": 1, "step": 3, "value": bytes(range(32))}
LIVING = {"sealed": PRESENCE_SEEDS[0], "step": 3, "value": bytes(range(32))}
MESSAGES = {
    layout.name: (layout, layout.encode(values))
    for layout, values in (
        (backbone.MAP_REQUEST, {"version": 7}),
        (backbone.MAP_ANSWER, {"current": MAP_SEEDS[1], "previous": MAP_SEEDS[0]}),
        (backbone.ANNOUNCE, {"presence": PRESENCE_SEEDS[0], "records": RECORD_SEEDS, "beat": BEAT}),
        (backbone.HEARD, {"now": 1, "map_version": 2, "again": True, "trouble": "none"}),
        (backbone.STORE, {"map_version": 2, "records": RECORD_SEEDS, "presences": [LIVING], "beats": [BEAT, BEAT]}),
        (backbone.STORED, {"map_version": 2, "unknown": [key_of(1).public]}),
        (backbone.FIND, {"name": "greeter", "limit": 9, "key": key_of(1).public}),
        (backbone.SEARCH, {"words": ["hello", "world"], "limit": 9}),
        (backbone.FOUND, {"map_version": 2, "records": RECORD_SEEDS, "total": 3}),
        (backbone.PRESENCE, {"keys": [key_of(1).public, key_of(2).public]}),
        (backbone.PRESENT, {"map_version": 2, "presences": [LIVING, LIVING]}),
        (backbone.WATCH, {"names": ["greeter"], "keys": [key_of(1).public]}),
        (backbone.NEWS, {"map_version": 2, "record": RECORD_SEEDS[0], "presence": LIVING}),
        (passage.PASSAGE, {"domain": "nodes.example", "port": 443}),
        (passage.CALLED, {"name": bytes(range(16)), "address": "2001:db8::1"}),
        (passage.TAKING, {"name": bytes(range(16))}),
        (backbone.JOIN, {"addresses": ["192.0.2.1:1"], "owner": "ann", "leaving": True}),
    )
}
MESSAGE_SEEDS = [data for _, data in MESSAGES.values()]


def read_frames(data: bytes) -> None:
    """Frames are cut as their lengths say, whoever owns the memory they come in."""
    filled, taken, found, rest = FrameReader(1_000_000), FrameReader(1_000_000), list[Frame](), data
    while rest:
        frames, rest = taken.take(rest)
        found += [(kind, exchange, bytes(payload)) for kind, exchange, payload in frames]
    assert data.startswith(b"".join(wire.frame(*frame) for frame in found))
    assert cut(filled, data) == found
    assert filled.fault == taken.fault
    assert len(filled.buffer()) > 0


def cut(reader: FrameReader, data: bytes) -> list[Frame]:
    """Returns the frames of bytes that a socket puts into the reader's own memory."""
    found: list[Frame] = []
    while data and not reader.fault:
        room = reader.buffer()
        count = min(len(room), len(data))
        room[:count], data = data[:count], data[count:]
        found += [(kind, exchange, bytes(payload)) for kind, exchange, payload in reader.received(count)]
    return found


def read_headers(data: bytes) -> None:
    """Headers are read or refused."""
    try:
        found = headers.decode(data)
    except RemoteProtocolError:
        return
    assert headers.decode(headers.encode(found)) == found


def read_envelope(data: bytes) -> None:
    """A blob is read or refused."""
    try:
        found, body = envelope.decode(data)
    except RemoteProtocolError:
        return
    assert envelope.decode(envelope.encode(found, body)) == (found, body)


def hear(session: Session, data: bytes) -> None:
    """A speech is heard; one mistake ends it, and nothing exceeds its bound."""
    heard = session.receive(data)
    broken = [index for index, event in enumerate(heard) if isinstance(event, Broken)]
    assert broken in ([], [len(heard) - 1])
    assert len(session.serving) + session._joined <= session.limits.exchanges
    assert all(each.send_window <= WINDOW_BYTES for each in session.exchanges.values())


def read_speech(data: bytes) -> None:
    """A session with exchanges of its own hears what comes."""
    session = wire.greeted(dialed=True, limits=Limits(exchanges=4), versions=wire.BOTH)
    for owner in ("one", "two"):
        session.call(owner, open_prefix(Form.CALL, 0, 0), b"")
    for form in (Form.STREAM, Form.SUBSCRIBE, Form.STREAM):
        session.open(form, open_prefix(form, 0, 0), b"", form.name)
    hear(session, data)


def read_first_words(data: bytes) -> None:
    """A session that knows nobody hears what comes."""
    hear(Session(dialed=False), data)


def read_fault(data: bytes) -> None:
    """Anything is a fault, and comes back as the same one."""
    found = Fault.parse(data.decode("utf-8", "replace"))
    again = Fault.parse(found.to_json())
    assert (again.code, again.detail) == (found.code, found.detail)


def read_json(data: bytes) -> None:
    """JSON is a value or a bad request."""
    try:
        value = codec.decode_json(data)
    except BadRequest:
        return
    assert codec.decode_json(codec.encode_json(value)) == value


def read_tokens(data: bytes) -> None:
    """Nothing but the very tokens that were issued is taken, whatever else was done to them."""
    text = data.decode("latin-1")
    try:
        claims = read_token(text, NID, NOW)
    except Unauthorized:
        return
    assert data in TOKEN_SEEDS
    assert issue_token(KEY, claims) == text


def read_sealed(read: Callable[[bytes], Any], body: Callable[[Any], bytes], data: bytes) -> None:
    """What is sealed is read in its one spelling or refused."""
    try:
        found = read(data)
    except (BadRequest, TooLarge):
        return
    assert body(found) == data[SIGNATURE_BYTES:]


def read_a_record(data: bytes) -> None:
    """A service record."""
    read_sealed(read_record, lambda found: found.record.encode(), data)


def read_a_presence(data: bytes) -> None:
    """A presence record."""
    read_sealed(read_presence, lambda found: found.record.encode(), data)


def read_a_map(data: bytes) -> None:
    """A shard map."""
    read_sealed(read_map, lambda found: found.map.encode(), data)


def read_messages(data: bytes) -> None:
    """Whatever comes is each message of the backbone in its one spelling, or none."""
    for layout, _ in MESSAGES.values():
        try:
            found = layout.decode(data)
        except (BadRequest, TooLarge):
            continue
        assert layout.encode(found) == data


def read_a_recording(data: bytes) -> None:
    """A WAV file; what is read is written as a file that says the same."""
    try:
        sound = read_wav(data)
    except (BadRequest, TooLarge):
        return
    assert read_wav(write_wav(sound)) == sound


HELLO = message(body_of(extension(10, b"\x00\x02\x00\x1d") + named(b"b5uazx6zabcd.nodes.example")))
HELLO_SEEDS = [hello_of_openssl("b5uazx6zabcd.nodes.example"), records(HELLO), records(HELLO, 20), HELLO, b"GET / HTTP"]


def read_a_greeting(data: bytes) -> None:
    """The first words of a TLS connection name one host, or nobody, and the same one in halves."""
    found: list[str | None] = []
    for parts in ((data,), (data[: len(data) // 2], data[len(data) // 2 :])):
        greeting = Greeting()
        try:
            found.append([greeting.hear(part) for part in parts][-1])
        except NoGreeting:
            found.append(None)
    assert found[0] == found[1] or len(data) > GREETING_BYTES_MAX
    assert found[0] is None or set(found[0].encode()) <= set(data.lower())


RECORDINGS = [write_wav(Sound(16_000, bytes(range(256)))), write_wav(Sound(48_000, b"")), b"RIFF\xff\xff\xff\x7fWAVE"]

PARSERS: list[tuple[str, Callable[[bytes], None], Sequence[bytes]]] = [
    ("frames", read_frames, SPEECH_SEEDS),
    ("headers", read_headers, HEADER_SEEDS),
    ("envelopes", read_envelope, ENVELOPE_SEEDS),
    ("speeches", read_speech, SPEECH_SEEDS),
    ("first words", read_first_words, FIRST_SEEDS),
    ("faults", read_fault, FAULT_SEEDS),
    ("JSON", read_json, JSON_SEEDS),
    ("tokens", read_tokens, TOKEN_SEEDS),
    ("service records", read_a_record, RECORD_SEEDS),
    ("presences", read_a_presence, PRESENCE_SEEDS),
    ("shard maps", read_a_map, MAP_SEEDS),
    ("messages of the backbone", read_messages, MESSAGE_SEEDS),
    ("recordings", read_a_recording, RECORDINGS),
    ("greetings", read_a_greeting, HELLO_SEEDS),
]
NAMED = pytest.mark.parametrize(("name", "parse", "seeds"), PARSERS, ids=[name for name, _, _ in PARSERS])


def inputs(name: str, seeds: Sequence[bytes], count: int) -> Iterator[bytes]:
    """Yields the seeds themselves and then so many mutants."""
    yield from seeds
    yield from mutants(seeds, count, len(name))


@NAMED
def test_nothing_but_refusals(
    name: str, parse: Callable[[bytes], None], seeds: Sequence[bytes], fuzzing: Fuzzing
) -> None:
    """No input makes a parser fail in a way that it does not declare, or is remembered."""
    drive(inputs(name, seeds, fuzzing(f"mutated {name}", share=SHARE)), parse)


@NAMED
def test_memory_follows_the_input(name: str, parse: Callable[[bytes], None], seeds: Sequence[bytes]) -> None:
    """No input takes more than eight times its size, and a fixed buffer."""
    for data in inputs(name, seeds, 300):
        tracemalloc.start()
        try:
            parse(data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= MEMORY_FACTOR * len(data) + BUFFER_BYTES, data[:200].hex()


LARGE = [
    ("pings", wire.frame(wire.PING, 0, bytes(8)) * 5_000),
    ("refused opens", b"".join(wire.opening(number, wire.CALL) for number in range(2, 10_000, 2))),
    ("told events", wire.opening(0, wire.PUBLISH, b"x") * 5_000),
    ("told events that come together", wire.events(0, *[b"xy"] * 1_024) * 50),
    ("blocks", b"".join(wire.frame(wire.DEFINE, number, HEADER_SEEDS[3]) for number in range(1024))),
    ("the same block", wire.frame(wire.DEFINE, 0, HEADER_SEEDS[3]) * 1024),
    ("headers of an answer", wire.frame(wire.HEADERS, 1, HEADER_SEEDS[3]) * 500),
    ("an announced frame", (4_000_000).to_bytes(4, "big") + b"\x03\x00\x00\x00\x05" + bytes(100_000)),
    ("a large frame", wire.frame(wire.DATA, 5, bytes(4_000_000))),
    ("acknowledgements", wire.opening(2, wire.SUBSCRIBE) + wire.frame(wire.ACK, 2, bytes(8 * 4096)) * 4),
    ("goodbyes", wire.frame(wire.GOAWAY, 0, wire.fault()) * 1_000),
    ("faults", wire.frame(wire.ERROR, 1, b'"' + b"x" * 2_000_000)),
]


@pytest.mark.parametrize("data", [data for _, data in LARGE], ids=[name for name, _ in LARGE])
def test_a_flood_is_kept_small(data: bytes) -> None:
    """What is remembered of a flood once its events are handled and the answers written is a fraction of it."""
    session = wire.greeted(dialed=True, limits=Limits(exchanges=4), versions=wire.BOTH)
    session.call("one", open_prefix(Form.CALL, 0, 0), b"")
    session.call("two", open_prefix(Form.CALL, 0, 0), b"")
    session.open(Form.STREAM, open_prefix(Form.STREAM, 0, 0), b"", "stream")
    tracemalloc.start()
    try:
        peak = 0
        for start in range(0, len(data), BLOCK_BYTES):
            session.receive(data[start : start + BLOCK_BYTES])
            peak = max(peak, tracemalloc.get_traced_memory()[0])
            session.output.clear()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak <= MEMORY_FACTOR * len(data) + BUFFER_BYTES
    assert left <= LEFT_BYTES
