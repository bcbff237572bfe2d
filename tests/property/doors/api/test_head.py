"""Laws of the guard's reading: no bytes surprise it, and whatever it accepts, the parser behind it reads just so."""

from __future__ import annotations

import random
from typing import Any

import httptools

from micro.doors.api.head import Head, check_unfinished, read_head
from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.refusal import Refused
from tests.conftest import Fuzzing
from tests.fault.doors.api.test_vectors import ACCEPTED, REFUSED

HOSTS, LIMITS = Hosts(8080), Limits()
SEED = 20261123
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b";",
    b"\x0b",
    b"\x85",
    b"\xa0",
    b"0",
    b"chunked",
]
PIECES += [
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: evil\r\n",
    b"X: y\r\n",
    b"HTTP/1.1",
    b"/",
    b"%",
]
CORPUS = [data.replace(b"PORT", b"8080") for _, data in (*REFUSED.values(), *ACCEPTED.values()) if len(data) < 1000]


class Parsed:
    """What httptools reads of a head."""

    def __init__(self, data: bytes) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.messages = 0
        self.body = b""
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        self.method = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.rstrip(b" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


def mutated(chance: random.Random) -> bytes:
    """Returns a request of the corpus with a few changes, cut off behind its head."""
    data = bytearray(chance.choice(CORPUS))
    for _ in range(chance.randint(0, 3)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[place:place] = chance.choice(PIECES)
            case 1:
                del data[place : place + chance.randint(1, 4)]
            case 2:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case _:
                other = chance.choice(CORPUS)
                data[place:] = other[chance.randrange(len(other)) :]
    end = data.find(b"\r\n\r\n")
    return bytes(data[: end + 4]) if end >= 0 else bytes(data)


def accepted(block: bytes) -> Head | None:
    try:
        if not block.endswith(b"\r\n\r\n"):
            if block:
                check_unfinished(bytearray(block), LIMITS)
            return None
        return read_head(block, HOSTS, LIMITS)
    except Refused:
        return None


def as_read_by_us(head: Head) -> tuple[Any, ...]:
    fields = [(name.lower(), value.strip(b" \t")) for name, value in head.fields]
    return head.method, head.target, fields


def test_what_the_guard_accepts_the_parser_reads_just_so(fuzzing: Fuzzing) -> None:
    """Method, path, headers and the end of the request are the same for both, so nothing hides between them."""
    chance = random.Random(SEED)
    agreed = 0
    for _ in range(fuzzing("heads against a second parser", share=50_000)):
        block = mutated(chance)
        head = accepted(block)
        if head is None:
            continue
        body = bytes(head.body_bytes or 0)
        parsed = Parsed(block + body if head.plain else head.rewritten(len(body)) + body)
        if head.plain:
            assert (parsed.method, parsed.target, parsed.fields) == as_read_by_us(head), block
        assert (parsed.messages, parsed.body) == (1, body), block
        agreed += 1

    assert agreed > 1000


def test_a_head_that_is_refused_early_is_refused_whole(fuzzing: Fuzzing) -> None:
    """What is refused before its end would have been refused at its end: no good request is lost to haste."""
    chance = random.Random(SEED + 1)
    for _ in range(fuzzing("heads cut short", share=20_000)):
        block = mutated(chance)
        if accepted(block) is not None and len(block) > 1:
            check_unfinished(bytearray(block[: chance.randrange(1, len(block) - 1)]), LIMITS)
