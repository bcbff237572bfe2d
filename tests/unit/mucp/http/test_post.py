"""Events as go-micro's HTTP broker posts them are read in any spelling, and refused where they break a limit."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.mucp.http.acceptor import Acceptor, Broken, Called
from micro.mucp.http.post import VIA, read_post, target_of, write_post
from micro.mucp.message import Form

REAL = (
    b'{"Header":{"Authorization":"Bearer abc","Content-Type":"application/json",'
    b'"Micro-Id":"ffad1a8b-0000-4000-8000-000000000000","Micro-Topic":"events","X-Test":"1"},'
    b'"Body":"eyJuYW1lIjoiZnJvbWdvdjMifQo="}'
)
"""What a go-micro v3.7.1 program posted, but for its id."""

HEAD = (
    b"POST /?id=events-pysub HTTP/1.1\r\nHost: 127.0.0.1:1\r\nUser-Agent: Go-http-client/1.1\r\n"
    b"Content-Length: %d\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
)


def heard(body: bytes) -> tuple[Acceptor, list[object]]:
    acceptor = Acceptor()
    return acceptor, list(acceptor.receive(HEAD % len(body) + body))


def test_what_go_posts_is_a_publish() -> None:
    """With the headers of the message, and those of the request where the message cannot say them."""
    acceptor, (event,) = heard(REAL)
    assert isinstance(event, Called)
    head = event.exchange.head
    assert (head.form, head.topic, head.is_posted) == (Form.PUBLISH, "events", True)
    assert (head.authorization, head.host, head.content_type) == ("Bearer abc", "127.0.0.1:1", "application/json")
    assert head.passed == {"X-Test": "1"}
    assert event.exchange.id == "ffad1a8b-0000-4000-8000-000000000000"
    assert event.exchange.wrapped is not None
    assert event.exchange.wrapped.body == b'{"name":"fromgov3"}\n'
    acceptor.answer(event.exchange, b"")
    assert acceptor.output().startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")


def test_the_spelling_of_version_4_counts() -> None:
    """Which writes `Micro-ID` where no HTTP spells it as it should be."""
    headers, _ = read_post(b'{"Header":{"Micro-ID":"x","Micro-Topic":"t"},"Body":null}')
    assert headers["Micro-Id"] == "x"


def test_an_event_that_was_published_in_a_call_has_its_own_id() -> None:
    """Version 4 copies what it was called with, that call's `Micro-Id` too, beside its own `Micro-ID`."""
    headers, _ = read_post(b'{"Header":{"Micro-ID":"x","Micro-Id":"0","Micro-Topic":"t"},"Body":null}')
    assert headers["Micro-Id"] == "x"


def test_an_event_that_was_published_in_a_call_by_grpc_is_read() -> None:
    """Version 2 copies what HTTP/2 says of the call."""
    headers, _ = read_post(b'{"Header":{":Authority":"127.0.0.1:1","Micro-Topic":"t"},"Body":null}')
    assert dict(headers) == {"Micro-Topic": "t"}


@pytest.mark.parametrize(
    "name", ["Host", "Origin", "Micro-Stream", "Sec-Fetch-Site", "Transfer-Encoding", "Forwarded", "Cookie"]
)
def test_a_message_says_nothing_about_the_request(name: str) -> None:
    """Whoever writes it says neither whence it comes nor how it is carried."""
    _, (event,) = heard(b'{"Header":{"Micro-Topic":"t","%b":"evil"},"Body":""}' % name.encode())
    assert isinstance(event, Called)
    head = event.exchange.head
    assert (head.host, head.origin, head.site, head.stream) == ("127.0.0.1:1", None, None, "")
    assert name not in head.passed


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "expected an event"),
        (b"[]", "expected an event"),
        (b'{"Header":{"Micro-Topic":"t"},"Body":"not base64!"}', "expected an event"),
        (b'{"Header":{"Micro-Topic":3}}', "expected an event"),
        (b'{"Header":{"Micro-Topic":"t","A B":"x"}}', "expected an event"),
        (b'{"Header":{"Micro-Topic":"t","X":"a\\r\\nEvil: 1"}}', "expected an event"),
        (b'{"Header":{"Micro-Topic":"t","micro-topic":"u"}}', "stands twice"),
        (b'{"Header":{}}', "Topic not found"),
        (b"{}", "Topic not found"),
        (b'{"Header":{"Micro-Topic":"t",%b}}' % b",".join(b'"x-%d":"y"' % n for n in range(64)), "at most 64"),
        (
            b'{"Header":{"Micro-Topic":"t",%b}}' % b",".join(b'"x-%d":"%s"' % (n, b"y" * 4000) for n in range(9)),
            "16384",
        ),
        (b"[" * 100_000, "expected an event"),
    ],
)
def test_nonsense_is_answered(body: bytes, told: str) -> None:
    """As a fault of that request; the connection goes on."""
    with pytest.raises(BadRequest, match=told):
        read_post(body)
    acceptor, events = heard(body)
    assert events == []
    answer = acceptor.output()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'\r\nMicro-Error: {"id":"","code":400' in answer
    assert not acceptor.is_over


def test_a_call_to_such_a_target_is_a_call() -> None:
    """Its headers say what it is."""
    acceptor = Acceptor()
    request = HEAD.replace(b"\r\n\r\n", b"\r\nMicro-Service: greeter\r\nMicro-Endpoint: Say.Hello\r\n\r\n") % 2 + b"{}"
    (event,) = acceptor.receive(request)
    assert not isinstance(event, Broken)
    assert event.exchange.head.form is Form.CALL


def test_what_is_written_is_read() -> None:
    """With the headers of programs, and of ours only those that a program must know."""
    headers = {"X-Test": "1", "Micro-Caller": "secret", "Micro-Timestamp": "1", VIA: "node"}
    found, body = read_post(write_post("notes", "application/json", "7", headers, b"\x00\xff"))
    assert body == b"\x00\xff"
    assert dict(found) == {
        "X-Test": "1",
        "Content-Type": "application/json",
        "Micro-Topic": "notes",
        "Micro-Id": "7",
    }


def test_an_id_stays_one() -> None:
    """Whatever its characters are."""
    assert target_of("a b&c=/d?") == "/?id=a%20b%26c%3D%2Fd%3F"
