"""The frame reader: how bytes are cut into frames, whatever chunks they come in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from micro.mucp.frame import BLOCK_BYTES, FRAME_HEADER, LARGE_BYTES, Frame, FrameReader, Kind
from tests.unit.mucp import wire

LIMIT = 4_194_304
SIZES = [
    0,
    1,
    8,
    LARGE_BYTES - 1,
    LARGE_BYTES,
    LARGE_BYTES + 1,
    BLOCK_BYTES - 9,
    BLOCK_BYTES - 8,
    BLOCK_BYTES,
    1_000_000,
]

Feed = Callable[[FrameReader, bytes], list[Frame]]


def fill(reader: FrameReader, data: bytes) -> list[Frame]:
    """Hands bytes over as a socket does, which fills the reader's memory."""
    frames: list[Frame] = []
    view = memoryview(data)
    while view and not reader.fault:
        room = reader.buffer()
        count = min(len(room), len(view))
        room[:count] = view[:count]
        view = view[count:]
        frames += [(kind, exchange, bytes(payload)) for kind, exchange, payload in reader.received(count)]
    return frames


def take(reader: FrameReader, data: bytes) -> list[Frame]:
    """Hands bytes over as a pipe does that has memory of its own."""
    frames: list[Frame] = []
    while data:
        found, data = reader.take(data)
        frames += [(kind, exchange, bytes(payload)) for kind, exchange, payload in found]
    return frames


@pytest.fixture(params=[fill, take])
def feed(request: pytest.FixtureRequest) -> Feed:
    """Either way; it makes no difference."""
    found: Feed = request.param
    return found


def test_kinds_have_these_numbers() -> None:
    """The wire does not change by accident."""
    assert [kind.name for kind in sorted(Kind)] == (
        [
            "HELLO",
            "DEFINE",
            "OPEN",
            "DATA",
            "END",
            "ERROR",
            "REFUSED",
            "HEADERS",
            "CREDIT",
            "CANCEL",
            "EVENT",
            "ACK",
            "NACK",
            "PING",
            "PONG",
            "GOAWAY",
            "EVENTS",
        ]
    )
    assert sorted(Kind) == list(range(17))


def test_a_frame_begins_so() -> None:
    """The payload's length, the kind, the exchange, most significant byte first."""
    assert FRAME_HEADER.pack(258, Kind.DATA, 0x01020304) == bytes.fromhex("00000102 03 01020304")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [None, 65_536, 4_093])
def test_a_payload_of_any_size_arrives(size: int, step: int | None, feed: Feed) -> None:
    """Small, at the edge of the block, or with memory of its own."""
    reader = FrameReader(LIMIT)
    payload = bytes(index * 7 & 255 for index in range(1000)) * (size // 1000 + 1)
    data = wire.frame(3, 5, payload[:size]) + wire.frame(4, 5)
    frames = []
    for start in range(0, len(data), step or len(data)):
        frames += feed(reader, data[start : start + (step or len(data))])

    assert frames == [(3, 5, payload[:size]), (4, 5, b"")]


def test_bytes_may_come_one_by_one(feed: Feed) -> None:
    """Where a chunk ends means nothing."""
    reader = FrameReader(LIMIT)
    data = wire.frame(2, 1, b"abc") + wire.frame(9, 3) + wire.frame(3, 2**32 - 1, b"x" * 300)
    frames = [frame for index in range(len(data)) for frame in feed(reader, data[index : index + 1])]

    assert frames == wire.frames(data)


@pytest.mark.parametrize("first", [9, 10, 9 + LARGE_BYTES, 9 + BLOCK_BYTES - 9])
def test_a_large_frame_may_begin_with_any_chunk(first: int, feed: Feed) -> None:
    """Also where a chunk ends with the header of a large frame, and whatever was read before it."""
    reader = FrameReader(LIMIT)
    feed(reader, wire.frame(3, 1, b"old" * 50_000))
    data = wire.frame(3, 1, b"new" * 50_000)

    assert feed(reader, data[:first]) == []
    assert feed(reader, data[first:]) == [(3, 1, b"new" * 50_000)]


def test_memory_to_fill_is_never_empty() -> None:
    """A pipe always finds room for what comes, also after a frame that is too large."""
    reader = FrameReader(LIMIT)
    for data in (wire.frame(3, 1, b"x" * 40_000)[:-1], b"x", wire.frame(3, 1, b"y" * 30_000)[:-5], b"12345"):
        fill(reader, data)
        assert len(reader.buffer()) > 0
    fill(reader, wire.frame(3, 1, bytes(LIMIT + 1))[: 2 * BLOCK_BYTES])
    assert len(reader.buffer()) > 0


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_a_frame_that_is_too_large_ends_it(chunk: int, feed: Feed) -> None:
    """What came before counts, nothing comes after, and the reader says why."""
    reader = FrameReader(LIMIT)
    data = wire.frame(3, 1, b"a") + FRAME_HEADER.pack(LIMIT + 1, 3, 1) + wire.frame(3, 1, b"b")
    frames = [f for start in range(0, len(data), chunk) for f in feed(reader, data[start : start + chunk])]

    assert frames == [(3, 1, b"a")]
    assert reader.fault == f"a frame of {LIMIT + 1} bytes; this side takes {LIMIT}"


@pytest.mark.parametrize("chunk", [1, 4_000, 10_000])
def test_the_first_frame_has_a_limit_of_its_own(chunk: int, feed: Feed) -> None:
    """Before anybody has said who he is, he cannot have much memory."""
    reader = FrameReader(LIMIT, first_bytes_max=100)
    data = wire.frame(0, 0, bytes(101))
    frames = [f for start in range(0, len(data), chunk) for f in feed(reader, data[start : start + chunk])]

    assert frames == []
    assert reader.fault == "a frame of 101 bytes; this side takes 100"


@pytest.mark.parametrize("chunk", [1, 50, 200_000])
def test_the_limit_of_the_first_frame_is_not_that_of_the_second(chunk: int, feed: Feed) -> None:
    """What is said in the same breath as the HELLO may be long."""
    reader = FrameReader(LIMIT, first_bytes_max=100)
    data = wire.frame(0, 0, bytes(100)) + wire.frame(3, 1, bytes(50_000))
    frames = [f for start in range(0, len(data), chunk) for f in feed(reader, data[start : start + chunk])]

    assert [(kind, len(payload)) for kind, _, payload in frames] == [(0, 100), (3, 50_000)]


@pytest.mark.parametrize("limit", [0, 1_000, 100_000])
@pytest.mark.parametrize("chunk", [1_000, 1_000_000])
def test_a_small_limit_means_the_same_in_any_chunks(limit: int, chunk: int, feed: Feed) -> None:
    """A frame that would fit into the block is taken or refused whether it comes at once or not."""
    reader = FrameReader(limit)
    data = wire.frame(3, 1, bytes(limit)) + wire.frame(3, 1, bytes(limit + 1)) + wire.frame(3, 1)
    frames = [f for start in range(0, len(data), chunk) for f in feed(reader, data[start : start + chunk])]

    assert [len(payload) for _, _, payload in frames] == [limit]
    assert reader.fault == f"a frame of {limit + 1} bytes; this side takes {limit}"


def test_an_announcement_takes_no_memory(feed: Feed) -> None:
    """Memory grows with what arrives, not with what is announced."""
    reader = FrameReader(LIMIT)
    feed(reader, wire.frame(3, 1))
    tracemalloc.start()
    try:
        feed(reader, FRAME_HEADER.pack(LIMIT, 3, 1) + bytes(40_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8 * 40_000


def test_a_large_frame_leaves_nothing_behind(feed: Feed) -> None:
    """After a large frame the reader is as small as before."""
    reader = FrameReader(LIMIT)
    feed(reader, wire.frame(3, 1))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        feed(reader, wire.frame(3, 1, bytes(LIMIT)))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < LARGE_BYTES


def test_bytes_that_are_taken_need_no_block() -> None:
    """A link over a pipe with memory of its own costs little, before it hears anything and after."""
    tracemalloc.start()
    try:
        reader = FrameReader(LIMIT)
        for size in (0, 100, LARGE_BYTES):
            take(reader, wire.frame(3, 1, bytes(size)) + wire.frame(3, 1, bytes(100))[:50])
            take(reader, wire.frame(3, 1, bytes(100))[50:])
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used < 4_096
