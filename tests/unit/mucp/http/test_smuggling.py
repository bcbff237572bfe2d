"""Bytes that two parsers could understand differently are no message at all."""

from __future__ import annotations

import pytest

from micro.mucp.http.acceptor import Acceptor, Broken
from micro.mucp.http.asker import Asker, Failed
from micro.mucp.http.reader import BODY_BYTES_MAX, CHUNKS_MAX, HEAD_BYTES_MAX

HIDDEN = b"POST / HTTP/1.1\r\nHost: a\r\nMicro-Service: s\r\nMicro-Endpoint: A.B\r\nContent-Length: 0\r\n\r\n"
ONE = b"Host: a\r\nMicro-Service: s\r\nMicro-Endpoint: Say.Hello\r\nContent-Type: application/json\r\n"


def post(*lines: bytes, body: bytes = b"", first: bytes = b"POST / HTTP/1.1") -> bytes:
    """Returns a request with these lines besides the usual ones."""
    return first + b"\r\n" + ONE + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


SMUGGLED = {
    "two lengths, one of chunks": post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    "the same the other way round": post(
        b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + HIDDEN
    ),
    "two different lengths": post(b"Content-Length: 2", b"Content-Length: 3", body=b"{}" + HIDDEN),
    "two equal lengths": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "lengths with a comma": post(b"Content-Length: 2, 2", body=b"{}"),
    "a signed length": post(b"Content-Length: +2", body=b"{}"),
    "a negative length": post(b"Content-Length: -2", body=b"{}"),
    "a length in hex": post(b"Content-Length: 0x2", body=b"{}"),
    "a length with a blank": post(b"Content-Length: 1 0", body=b"{}"),
    "an empty length": post(b"Content-Length:", body=b"{}"),
    "a length beyond 64 bits": post(b"Content-Length: 18446744073709551618", body=b"{}"),
    "a length with many noughts": post(b"Content-Length: " + b"0" * 30 + b"2", body=b"{}"),
    "gzip before chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunked before gzip": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n" + HIDDEN),
    "chunked with a letter before": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + HIDDEN),
    "chunked twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    "identity": post(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"{}"),
    "chunked with a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + HIDDEN),
    "a blank before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
    "a tab before the colon": post(b"Content-Length\t: 2", body=b"{}"),
    "a folded header": post(b"X-A: b", b" Transfer-Encoding: chunked", b"Content-Length: 2", body=b"{}"),
    "a bare line feed": post(b"X-A: b\nTransfer-Encoding: chunked", b"Content-Length: 2", body=b"{}"),
    "a bare carriage return": post(b"X-A: b\rTransfer-Encoding: chunked", b"Content-Length: 2", body=b"{}"),
    "a nought byte in a value": post(b"X-A: b\0c", b"Content-Length: 2", body=b"{}"),
    "line feeds alone": post(b"Content-Length: 2", body=b"{}").replace(b"\r\n", b"\n"),
    "a blank before the first header": b"POST / HTTP/1.1\r\n " + ONE + b"\r\n",
    "an underscore for a dash": post(b"Content_Length: 2", b"Content-Length: 2", body=b"{}"),
    "no name": post(b": 2", b"Content-Length: 2", body=b"{}"),
    "no colon": post(b"Content-Length 2", body=b"{}"),
    "a chunk size in another notation": post(b"Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk size with a sign": post(b"Transfer-Encoding: chunked", body=b"+2\r\n{}\r\n0\r\n\r\n"),
    "a chunk size with a blank": post(b"Transfer-Encoding: chunked", body=b"2 \r\n{}\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": post(b"Transfer-Encoding: chunked", body=b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than it says": post(b"Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n"),
    "a line feed behind a chunk size": post(b"Transfer-Encoding: chunked", body=b"2\n{}\r\n0\r\n\r\n"),
    "a line feed in a chunk extension": post(b"Transfer-Encoding: chunked", body=b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    "a length in a trailer": post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\nContent-Length: 90\r\n\r\n"),
    "chunks in HTTP/1.0": post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", first=b"POST / HTTP/1.0"),
    "no host": b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": post(b"Host: b", b"Content-Length: 2", body=b"{}"),
    "two services": post(b"Micro-Service: admin", b"Content-Length: 2", body=b"{}"),
    "two ids": post(b"Micro-Id: 1", b"Micro-Id: 2", b"Content-Length: 2", body=b"{}"),
    "two proofs": post(b"Authorization: Bearer a", b"Authorization: Bearer b", b"Content-Length: 2", body=b"{}"),
    "two types": post(b"Content-Type: application/protobuf", b"Content-Length: 2", body=b"{}"),
    "an upgrade": post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"Content-Length: 0", body=HIDDEN),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": post(b"Content-Length: 2", body=b"{}", first=b"POST / HTTP/1.2"),
    "no version": b"POST /\r\n\r\n",
    "a method in small letters": post(b"Content-Length: 2", body=b"{}", first=b"post / HTTP/1.1"),
    "a tunnel": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + HIDDEN,
    "a browser's GET": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "bytes that are no text": post(b"Micro-Meta-A: \xff\xfe", b"Content-Length: 2", body=b"{}"),
    "a body that is too long": post(b"Content-Length: %d" % (BODY_BYTES_MAX + 1)),
    "a chunk that is too long": post(
        b"Transfer-Encoding: chunked", body=b"%x\r\n" % (BODY_BYTES_MAX + 1) + bytes(BODY_BYTES_MAX + 1)
    ),
    "too many chunks": post(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n" * (CHUNKS_MAX + 1)),
    "too many headers": post(*(b"A%d: b" % number for number in range(70)), b"Content-Length: 0"),
    "a header that is too long": post(b"Micro-Meta-A: " + b"a" * 5_000, b"Content-Length: 0"),
    "a target that is too long": post(b"Content-Length: 0", first=b"POST /?" + b"a" * 9_000 + b" HTTP/1.1"),
}


def heard(data: bytes, size: int) -> tuple[int, bytes]:
    """Returns how many requests were understood before the break, and what was answered."""
    acceptor, events, output = Acceptor(), [], b""
    for start in range(0, len(data), size):
        events += acceptor.receive(data[start : start + size])
        output += acceptor.output()
    assert events, "it was swallowed"
    assert isinstance(events[-1], Broken)
    assert acceptor.is_over
    return len(events) - 1, output


@pytest.mark.parametrize("name", SMUGGLED)
@pytest.mark.parametrize("size", [100_000_000, 1_000])
def test_it_is_refused(name: str, size: int) -> None:
    """Nothing of it is served, it is answered by a refusal once, and what follows is not read."""
    understood, output = heard(SMUGGLED[name], size)
    assert understood == 0
    assert output.count(b"\r\nConnection: close\r\n") == 1
    too_large = b'HTTP/1.1 200 OK\r\nMicro-Error: {"id":"","code":413,'
    assert output.startswith((b"HTTP/1.1 400", b"HTTP/1.1 405", too_large))


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_came_before_is_served(name: str) -> None:
    """A whole call before the broken bytes is heard, so that its caller gets an answer."""
    acceptor = Acceptor()
    events = acceptor.receive(post(b"Content-Length: 2", body=b"{}") + SMUGGLED[name])
    assert len(events) == 2
    assert isinstance(events[1], Broken)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nMicro-Error: a\r\nMicro-Error: b\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_with_two_meanings_is_none(head: bytes) -> None:
    """A caller is told that the outcome is unknown, and the connection is used for nothing more."""
    asker = Asker("a:1")
    asker.call("s", "A.B", b"{}")
    (failed,) = asker.receive(head)
    assert isinstance(failed, Failed)
    assert failed.fault.code == 503
    assert failed.fault.detail.startswith("outcome unknown")
    assert asker.state.name == "OVER"


def test_a_head_without_end_is_bounded() -> None:
    """Whoever sends headers for ever is refused before they fill the memory."""
    acceptor = Acceptor()
    acceptor.receive(b"POST / HTTP/1.1\r\nHost: a\r\nA: ")
    sent = 0
    while not acceptor.is_over:
        acceptor.receive(b"a" * 1_000)
        sent += 1_000
        assert sent <= HEAD_BYTES_MAX + 2_000
