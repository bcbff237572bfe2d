"""The http spelling, on inputs that are nearly right: both sides answer or refuse, in one way however bytes are cut.

`make test` runs a share, `make prove` a million inputs a side.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from itertools import chain

import pytest

from micro.errors import NotFound
from micro.mucp.http.acceptor import CALLS_MAX, STREAMS_MAX, Acceptor, Broken, Called, Item, Opened
from micro.mucp.http.asker import Answered, Asker, Ended, Failed, Said, State
from micro.mucp.http.familiar import Familiar
from micro.mucp.http.reader import BODY_BYTES_MAX
from tests.conftest import Fuzzing
from tests.fuzz.driving import drive
from tests.fuzz.mutation import mutants
from tests.unit.mucp.http.captures import NAMES, said

SHARE = 3_000
MEMORY_FACTOR = 8
BUFFER_BYTES = 600_000
"""What a connection may remember of its peer besides: mostly answers of calls and heads of requests."""

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
RPC = POST + b"Micro-Service: s\r\nMicro-Endpoint: A.B\r\nContent-Type: application/"
EXTRA = [
    POST + b"Micro-Topic: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    RPC + b'json-rpc\r\nContent-Length: 44\r\n\r\n{"params":[{"a":1}],"id":9,"method":"A.Bcd"}',
    RPC + b"proto-rpc\r\nContent-Length: 36\r\n\r\n\0\0\0\x14\x0a\x09Say.Hello\x11" + bytes(11) + b"\x08\x0a\x04John",
    RPC + b"grpc+json\r\nTimeout: 5000000000\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n\0\0\0\0\x02{}",
    POST.replace(b"1.1", b"1.0") + b"X-Micro-Service: s\r\nX-Micro-Method: A.B\r\nContent-Length: 2\r\n\r\n{}",
]
ASKED = [*(said(name, by_client=True) for name in NAMES), *EXTRA]
KNOWN = [RPC + b"json\r\nMicro-Id: %d\r\nContent-Length: 2\r\n\r\n{}" % number for number in (1, 22)] + [
    POST + b"Micro-Topic: t\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
]
ANSWERED = [*(said(name, by_client=False) for name in NAMES), b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"]


def accept(pieces: list[bytes], familiar: Familiar | None = None) -> list[str]:
    """Returns the story that a server is told; it answers as chance of the bytes will have it."""
    acceptor, story = Acceptor(familiar=familiar), list[str]()
    for piece in pieces:
        for event in acceptor.receive(piece):
            assert not story or not story[-1].startswith("Broken"), "something was told after the end"
            match event:
                case Called(exchange):
                    acceptor.answer(exchange, b"{}")
                    story.append(f"Called {exchange.head.service} {exchange.endpoint} {exchange.id} {exchange.wrapped}")
                case Opened(exchange):
                    story.append(f"Opened {exchange.head.stream}")
                case Item(exchange, body):
                    acceptor.item(exchange, body)
                    story.append(f"Item {exchange.head.stream} {body!r}")
                case Broken():
                    story.append("Broken")
                case closed:
                    acceptor.fail(closed.exchange, NotFound("no"))
                    story.append(f"Closed {closed.exchange.head.stream}")
        output = acceptor.output()
        assert not output or output.startswith(b"HTTP/1.1 ")
        assert len(acceptor.exchanges()) <= CALLS_MAX + STREAMS_MAX
    return story


def ask(pieces: list[bytes]) -> list[str]:
    """Returns the story that a client is told, which asks again as soon as it can."""
    asker, story = Asker("a:1"), list[str]()
    for piece in (b"", *pieces):
        for event in asker.receive(piece):
            assert isinstance(event, Answered | Said | Failed | Ended)
            story.append(type(event).__name__)
        if asker.state is State.IDLE:
            if len(story) % 2:
                asker.open("s", "A.B", b"{}")
            else:
                asker.call("s", "A.B", b"{}")
    return story


def cut(data: bytes, chance: random.Random) -> list[bytes]:
    """Returns the bytes in pieces of chance."""
    pieces = []
    while data:
        size = chance.choice((1, 2, 7, 40, 200, 5_000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


SIDES = pytest.mark.parametrize(("hear", "seeds"), [(accept, ASKED), (ask, ANSWERED)], ids=["requests", "answers"])


@SIDES
def test_one_story_or_a_refusal(hear: Callable[[list[bytes]], list[str]], seeds: list[bytes], fuzzing: Fuzzing) -> None:
    """No input makes a side fail, and a server understands the same however the bytes come."""
    count = fuzzing(f"mutated {'requests' if hear is accept else 'answers'} in HTTP", share=SHARE)
    chance = random.Random(7)

    def take(data: bytes) -> None:
        whole, pieces = hear([data]), hear(cut(data, chance))
        assert hear is ask or whole == pieces

    drive(chain(seeds, mutants(seeds, count, 7)), take)


def test_what_is_known_again_means_the_same(fuzzing: Fuzzing) -> None:
    """Heads that were read before, whole or nearly, change nothing of the story."""
    count = fuzzing("mutated requests in HTTP, of which many were read before", share=SHARE)
    seeds = [*KNOWN, *ASKED]
    chance = random.Random(8)

    def take(data: bytes) -> None:
        familiar = Familiar()
        several = [data, chance.choice(seeds), chance.choice(KNOWN), data]
        chance.shuffle(several)
        joined = b"".join(several)
        for each in (data, *KNOWN):
            accept([each], familiar)
        assert familiar.find(KNOWN[0], 0) is not None
        assert accept([joined]) == accept([joined], familiar) == accept(cut(joined, chance), familiar)

    drive(chain(seeds, mutants(seeds, count, 8)), take)


LARGE = [
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES_MAX + bytes(BODY_BYTES_MAX // 2),
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000,
    b"POST / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200_000,
    b"POST /" + b"a" * 1_000_000,
    b"POST / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 1_000_000,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 1_000_000,
    b"".join(b"POST / HTTP/1.1\r\nHost: a\r\nMicro-Stream: %d\r\nContent-Length: 0\r\n\r\n" % n for n in range(9_000)),
    b"".join(b"POST / HTTP/1.1\r\nHost: a\r\nX-A: %d\r\nContent-Length: 0\r\n\r\n" % number for number in range(9_000)),
]


@pytest.mark.parametrize("size", [1_000, 65_536])
@pytest.mark.parametrize("number", range(len(LARGE)))
def test_memory_follows_the_input(number: int, size: int) -> None:
    """Neither does a flood of heads, chunks or streams fill more than eight times what was sent, and a fixed buffer."""
    data = LARGE[number]
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    tracemalloc.start()
    try:
        acceptor = Acceptor()
        for piece in pieces:
            acceptor.receive(piece)
            acceptor.output()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= min(MEMORY_FACTOR * len(data), 3 * BODY_BYTES_MAX) + BUFFER_BYTES
