"""Requests that were once smuggled past some server: each is refused once, clearly, and nothing gets through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fault.doors.api.guarded import Guarded, guarded

HOST = b"Host: 127.0.0.1:PORT\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST
POST = b"POST /a HTTP/1.1\r\n" + HOST
PAGE = b"GET / HTTP/1.1\r\n" + HOST
FROM_ELSEWHERE = b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

REFUSED: dict[str, tuple[int, bytes]] = {
    # How long is the body?
    "length and chunks": (400, POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"),
    "chunks and length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX"),
    "two lengths that differ": (400, POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "two lengths that agree": (400, POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    "a list of lengths": (400, POST + b"Content-Length: 1, 1\r\n\r\na"),
    "a length with a plus": (400, POST + b"Content-Length: +1\r\n\r\na"),
    "a length with a minus": (400, POST + b"Content-Length: -1\r\n\r\na"),
    "a length with an underscore": (400, POST + b"Content-Length: 1_0\r\n\r\n0123456789"),
    "a length in hexadecimal": (400, POST + b"Content-Length: 0x1\r\n\r\na"),
    "a length with a blank in it": (400, POST + b"Content-Length: 1 0\r\n\r\n0123456789"),
    "an empty length": (400, POST + b"Content-Length:\r\n\r\na"),
    "a length in other digits": (400, POST + "Content-Length: ١\r\n\r\na".encode()),
    "a length of 64 bits": (400, POST + b"Content-Length: 18446744073709551617\r\n\r\na"),
    "a length above the limit": (413, POST + b"Content-Length: 99999999\r\n\r\na"),
    "an unknown coding": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked and identity": (400, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    "gzip and chunked": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "two codings": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    "a coding in quotes": (400, POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    "a coding with a vertical tab": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "a coding with a parameter": (400, POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    "an empty coding": (400, POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    "a coding in HTTP/1.0": (400, b"POST /a HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    # Where does a chunk end?
    "a chunk size of 17 digits": (400, CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n"),
    "a chunk size with 0x": (400, CHUNKED + b"0x1\r\na\r\n0\r\n\r\n"),
    "a chunk size with a plus": (400, CHUNKED + b"+1\r\na\r\n0\r\n\r\n"),
    "a chunk size with a blank": (400, CHUNKED + b"1 \r\na\r\n0\r\n\r\n"),
    "a chunk size with an extension": (400, CHUNKED + b"1;a=b\r\na\r\n0\r\n\r\n"),
    "a chunk extension with a bare LF": (400, CHUNKED + b"1;\nxx\r\na\r\n0\r\n\r\n"),
    "an empty chunk size": (400, CHUNKED + b"\r\na\r\n0\r\n\r\n"),
    "a chunk line that ends with LF": (400, CHUNKED + b"1\na\n0\n\n"),
    "a chunk line that ends with CR": (400, CHUNKED + b"1\ra\r0\r\r"),
    "a chunk longer than its size": (400, CHUNKED + b"1\r\nab\r\n0\r\n\r\n"),
    "chunk data that ends with LF": (400, CHUNKED + b"1\r\na\n0\r\n\r\n"),
    "a trailer": (400, CHUNKED + b"1\r\na\r\n0\r\nX: y\r\n\r\n"),
    "a trailer that says a length": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    "chunks above the limit": (413, CHUNKED + b"FFFFFF\r\n"),
    # Where does a line end, where a name?
    "lines that end with LF": (400, b"GET /a HTTP/1.1\nHost: 127.0.0.1:PORT\n\n"),
    "one header that ends with LF": (400, GET + b"X: a\nY: b\r\n\r\n"),
    "an empty line of LF alone": (400, GET + b"\n"),
    "a CR in a value": (400, GET + b"X: a\rb\r\n\r\n"),
    "a CR in the request line": (400, b"GET /a\r HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a NUL in a value": (400, GET + b"X: a\0b\r\n\r\n"),
    "a NUL in a name": (400, GET + b"X\0: a\r\n\r\n"),
    "an escape in a value": (400, GET + b"X: \x1b[2J\r\n\r\n"),
    "a value that is no text": (400, GET + b"X: \xff\xfe\r\n\r\n"),
    "a folded header": (400, GET + b"X: a\r\n b\r\n\r\n"),
    "a folded first header": (400, b"GET /a HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n"),
    "a folded coding": (400, POST + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n"),
    "a blank before the colon": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    "a tab before the colon": (400, GET + b"X\t: a\r\n\r\n"),
    "a name with an underscore": (400, POST + b"Content_Length: 5\r\n\r\n"),
    "a name of no letters": (400, GET + b": a\r\n\r\n"),
    "a name in other letters": (400, GET + "Ⅹ: a\r\n\r\n".encode()),
    "a line without a colon": (400, GET + b"nothing\r\n\r\n"),
    "a name of 65 letters": (400, GET + b"X" * 65 + b": a\r\n\r\n"),
    # Whom is it for, and from whom?
    "no Host": (400, b"GET /a HTTP/1.1\r\n\r\n"),
    "no Host in HTTP/1.0": (400, b"GET /a HTTP/1.0\r\n\r\n"),
    "two Hosts": (400, GET + b"Host: evil\r\n\r\n"),
    "two Hosts that agree": (400, GET + HOST + b"\r\n"),
    "another Host": (403, b"GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "our name on another port": (403, b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"),
    "our name with a dot": (403, b"GET /a HTTP/1.1\r\nHost: localhost.:PORT\r\n\r\n"),
    "our name as a part": (403, b"GET /a HTTP/1.1\r\nHost: 127.0.0.1.evil.example:PORT\r\n\r\n"),
    "our address as a number": (403, b"GET /a HTTP/1.1\r\nHost: 2130706433:PORT\r\n\r\n"),
    "a user in the Host": (400, b"GET /a HTTP/1.1\r\nHost: evil@127.0.0.1:PORT\r\n\r\n"),
    "an empty Host": (400, b"GET /a HTTP/1.1\r\nHost:\r\n\r\n"),
    "a list of Hosts": (400, b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:PORT, evil\r\n\r\n"),
    "an address for another host": (400, b"GET http://evil/a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address with a user": (400, b"GET http://evil@127.0.0.1:PORT/a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address of another kind": (400, b"GET ftp://127.0.0.1:PORT/a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a foreign Origin": (403, GET + b"Origin: http://evil.example\r\n\r\n"),
    "an Origin on another port": (403, GET + b"Origin: http://127.0.0.1:1\r\n\r\n"),
    "an Origin of null": (403, GET + b"Origin: null\r\n\r\n"),
    "an Origin of a file": (403, GET + b"Origin: file://\r\n\r\n"),
    "two Origins": (400, GET + b"Origin: http://127.0.0.1:PORT\r\nOrigin: http://evil\r\n\r\n"),
    "another site": (403, GET + b"Sec-Fetch-Site: cross-site\r\n\r\n"),
    "another site, into a service": (403, GET + FROM_ELSEWHERE),
    "another site, into a frame": (403, PAGE + FROM_ELSEWHERE.replace(b"document", b"iframe")),
    "another site, by a script": (403, PAGE + FROM_ELSEWHERE.replace(b"navigate", b"no-cors")),
    "another site, by a form": (403, PAGE.replace(b"GET", b"POST", 1) + FROM_ELSEWHERE),
    "another site, with an origin": (403, PAGE + b"Origin: http://evil.example\r\n" + FROM_ELSEWHERE),
    "two destinations": (400, PAGE + b"Sec-Fetch-Dest: iframe\r\n" + FROM_ELSEWHERE),
    "the same site, another origin": (403, GET + b"Sec-Fetch-Site: same-site\r\n\r\n"),
    "a WebSocket from another page": (403, GET + UPGRADE + b"Origin: http://evil.example\r\n\r\n"),
    # Is it HTTP/1.1 at all?
    "a TLS handshake": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /a\r\n\r\n"),
    "HTTP/1.2": (400, b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n"),
    "a version in lower case": (400, b"GET /a http/1.1\r\n" + HOST + b"\r\n"),
    "a method in lower case": (400, b"get /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an unknown method": (405, b"BREW /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a tunnel": (405, b"CONNECT 127.0.0.1:PORT HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a trace": (405, b"TRACE /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an asterisk": (400, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "two blanks in the request line": (400, b"GET  /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a blank in the path": (400, b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "letters beyond ASCII in the path": (400, "GET /ä HTTP/1.1\r\n".encode() + HOST + b"\r\n"),
    "an empty line first": (400, b"\r\n" + GET + b"\r\n"),
    # Does it become something else?
    "an upgrade to HTTP/2": (400, GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"),
    "an upgrade to anything": (400, GET + b"Connection: Upgrade\r\nUpgrade: smuggle\r\n\r\n"),
    "an upgrade to anything, with a key": (400, GET + UPGRADE.replace(b"websocket", b"smuggle") + b"\r\n"),
    "bytes behind an upgrade": (400, GET + UPGRADE + b"\r\n\x81\x80"),
    "two upgrades": (400, GET + UPGRADE + b"Upgrade: h2c\r\n\r\n"),
    "a WebSocket by POST": (400, POST + UPGRADE + b"\r\n"),
    "a WebSocket with a body": (400, GET + UPGRADE + b"Content-Length: 5\r\n\r\nhello"),
    "a WebSocket with chunks": (400, GET + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a WebSocket without a key": (400, GET + UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"") + b"\r\n"),
    "a WebSocket of version 8": (400, GET + UPGRADE.replace(b": 13", b": 8") + b"\r\n"),
    "a WebSocket that does not connect so": (400, GET + UPGRADE.replace(b": Upgrade", b": close") + b"\r\n"),
    "an unknown expectation": (400, POST + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\na"),
    # Is it too much?
    "a header of 200 KB": (431, GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n"),
    "a header of 5 KB": (431, GET + b"X: " + b"a" * 5_000 + b"\r\n\r\n"),
    "2,000 headers": (431, GET + b"".join(b"X%d: a\r\n" % i for i in range(2000)) + b"\r\n"),
    "65 headers": (431, GET + b"X: a\r\n" * 64 + b"\r\n"),
    "headers of 17 KB": (431, GET + b"".join(b"X: %s\r\n" % (b"a" * 1000) for i in range(17)) + b"\r\n"),
    "a path of 9 KB": (414, b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a request line without an end": (414, b"GET /" + b"a" * 20_000),
}  # fmt: skip

ACCEPTED: dict[str, tuple[tuple[str, str, bytes], bytes]] = {
    "a plain request": (("GET", "/a", b""), GET + b"\r\n"),
    "HTTP/1.0": (("GET", "/a", b""), b"GET /a HTTP/1.0\r\n" + HOST + b"\r\n"),
    "localhost": (("GET", "/a", b""), b"GET /a HTTP/1.1\r\nhost: LocalHost:PORT\r\n\r\n"),
    "IPv6": (("GET", "/a", b""), b"GET /a HTTP/1.1\r\nHost: [::1]:PORT\r\n\r\n"),
    "a full address": (("GET", "/a", b""), b"GET http://127.0.0.1:PORT/a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a full address without a path": (("GET", "/", b""), b"GET http://127.0.0.1:PORT HTTP/1.1\r\n" + HOST + b"\r\n"),
    "its own Origin": (("GET", "/a", b""), GET + b"Origin: http://127.0.0.1:PORT\r\n\r\n"),
    "a link from another site to the page": (("GET", "/", b""), PAGE + FROM_ELSEWHERE),
    "a typed address": (("GET", "/a", b""), GET + b"Sec-Fetch-Site: none\r\n\r\n"),
    "a body": (("POST", "/a", b"hello"), POST + b"Content-Length: 5\r\n\r\nhello"),
    "chunks": (("POST", "/a", b"hello"), CHUNKED + b"2\r\nhe\r\n03\r\nllo\r\n0\r\n\r\n"),
    "no chunk": (("POST", "/a", b""), CHUNKED + b"0\r\n\r\n"),
    "a body like a request": (("POST", "/a", b"GET /b\r\n\r\n"), POST + b"Content-Length: 10\r\n\r\nGET /b\r\n\r\n"),
    "a value beyond ASCII": (("GET", "/a", b""), GET + "X: grüße\r\n\r\n".encode()),
    "an empty value": (("GET", "/a", b""), GET + b"X:\r\n\r\n"),
    "64 headers": (("GET", "/a", b""), GET + b"X: a\r\n" * 62 + b"\r\n"),
    "a header of 4 KB": (("GET", "/a", b""), GET + b"X: " + b"a" * 4096 + b"\r\n\r\n"),
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Guarded]:
    with guarded() as door:
        yield door


@pytest.fixture
def door(running: Guarded) -> Guarded:
    running.seen.clear()
    return running


def for_port(data: bytes, door: Guarded) -> bytes:
    return data.replace(b"PORT", str(door.port).encode())


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_refused_and_nothing_behind_it_gets_through(door: Guarded, name: str) -> None:
    """One fault with the right status is answered, the connection ends, and the application saw nothing."""
    status, data = REFUSED[name]

    answer = door.tell(for_port(data + SMUGGLED, door))

    assert (answer.statuses, answer.ended, door.seen) == ([status], True, [])


@pytest.mark.parametrize("name", REFUSED)
def test_the_fault_is_an_error_object_that_says_which_part_is_wrong(door: Guarded, name: str) -> None:
    """Every refusal has the four fields, its own code, and a detail that begins with what it is about."""
    status, data = REFUSED[name]

    fault = door.tell(for_port(data, door)).fault

    assert list(fault) == ["id", "code", "detail", "status"]
    assert fault["code"] == status
    assert 10 < len(fault["detail"]) < 250


DRIPPING = [name for name, (_, data) in REFUSED.items() if len(data) < 1000 and name != "bytes behind an upgrade"]


@pytest.mark.parametrize("name", DRIPPING)
def test_a_bad_request_that_drips_in_is_refused_just_so(door: Guarded, name: str) -> None:
    """Where the bytes are cut makes no difference."""
    status, data = REFUSED[name]

    answer = door.tell(for_port(data, door), one_by_one=True)

    assert (answer.statuses, answer.ended, door.seen) == ([status], True, [])


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("name", ACCEPTED)
def test_a_good_request_arrives_once_and_as_it_was_meant(door: Guarded, name: str, one_by_one: bool) -> None:
    """The application sees it once, and the request after it too."""
    expected, data = ACCEPTED[name]
    last = b"GET /last HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"

    answer = door.tell(for_port(data + last, door), one_by_one=one_by_one)

    wanted = [expected] if name == "HTTP/1.0" else [expected, ("GET", "/last", b"")]
    assert (door.seen, answer.statuses) == (wanted, [200] * len(wanted))


def test_a_bad_request_behind_a_good_one_does_not_overtake_it(door: Guarded) -> None:
    """Answers come in the order of requests, and the connection ends with the refusal."""
    answer = door.tell(for_port(GET + b"\r\n" + GET + b"X: a\rb\r\n\r\n" + SMUGGLED, door))

    assert (answer.statuses, door.seen) == ([200, 400], [("GET", "/a", b"")])


def test_many_requests_at_once_are_answered_one_after_the_other(door: Guarded) -> None:
    """A client may send ahead: nothing is lost, doubled or out of order."""
    wanted = [f"/{number}" for number in range(2000)]
    data = b"".join(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n" for path in wanted[:-1])
    data += f"GET {wanted[-1]} HTTP/1.1\r\nConnection: close\r\n".encode() + HOST + b"\r\n"

    answer = door.tell(for_port(data, door))

    assert [path for _, path, _ in door.seen] == wanted
    assert answer.statuses == [200] * len(wanted)


def test_there_are_vectors_enough() -> None:
    """Enough kinds of bad requests are tried to trust the guard."""
    assert len(REFUSED) >= 100
