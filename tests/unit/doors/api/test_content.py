"""What a request says."""

from __future__ import annotations

import pytest

from micro.doors.api.content import MESSAGE_BYTES_MAX, Said, passed_on, read_said, timeout_of
from micro.doors.api.refusal import Refused
from micro.doors.api.target import Target
from micro.errors import BadRequest

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
PLAIN = Target("a", "B.C", parameters=SCHEMA)
RAW = Target("a", "B.C", parameters={"format": "binary"}, raw_request=True)
ROOM = Target("a", "B.C", parameters=SCHEMA, stream=True, takes_stream=True)
JSON, BYTES, PROTOBUF = "application/json", "application/octet-stream", "application/protobuf"
FORM = "application/x-www-form-urlencoded"
FILE = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n\xff\r\n--x--'


@pytest.mark.parametrize(
    ("target", "query", "declared", "body", "said"),
    [
        (PLAIN, b"", JSON, b'{"n":1}', Said(JSON, b'{"n":1}')),
        (PLAIN, b"", "application/json; charset=utf-8", b'{"n":1}', Said(JSON, b'{"n":1}')),
        (PLAIN, b"", None, b' {"n":1}', Said(JSON, b' {"n":1}')),
        (PLAIN, b"", JSON, b"", Said(JSON, b"{}")),
        (PLAIN, b"n=1", None, b"", Said(JSON, b'{"n":1}')),
        (PLAIN, b"n=1", JSON, b"", Said(JSON, b'{"n":1}')),
        (PLAIN, b"", FORM, b"n=1", Said(JSON, b'{"n":1}')),
        (PLAIN, b"", FORM, b'{"n":1}', Said(JSON, b'{"n":1}')),
        (PLAIN, b"", PROTOBUF, b"\x08\x01", Said(PROTOBUF, b"\x08\x01")),
        (PLAIN, b"", "application/x-protobuf", b"", Said(PROTOBUF, b"")),
        (RAW, b"", BYTES, b"\xff", Said(BYTES, b"\xff")),
        (RAW, b"", "image/png", b"\xff", Said(BYTES, b"\xff")),
        (RAW, b"", None, b"", Said(BYTES, b"")),
        (RAW, b"", "multipart/form-data; boundary=x", FILE, Said(BYTES, b"\xff")),
        (
            ROOM,
            b"n=1",
            "application/x-ndjson",
            b'{"a":1}\n\n{"a":2}\n',
            Said(JSON, b'{"n":1}', (b'{"a":1}', b'{"a":2}')),
        ),
    ],
)
def test_a_request_is_read_as_it_was_meant(
    target: Target, query: bytes, declared: str | None, body: bytes, said: Said
) -> None:
    """By its content type, by its first byte, or by its fields."""
    assert read_said(target, query, declared, body) == said


@pytest.mark.parametrize(
    ("target", "query", "declared", "body", "code"),
    [
        (PLAIN, b"", "text/plain", b"n=1", 415),
        (PLAIN, b"", "application/x-ndjson", b"{}", 415),
        (PLAIN, b"", JSON, b" " * (MESSAGE_BYTES_MAX + 1), 413),
    ],
)
def test_what_nobody_speaks_is_refused(target: Target, query: bytes, declared: str, body: bytes, code: int) -> None:
    """Unknown types and bodies beyond what links carry have codes of HTTP."""
    with pytest.raises(Refused) as refused:
        read_said(target, query, declared, body)
    assert refused.value.fault.code == code


@pytest.mark.parametrize(
    ("target", "query", "declared", "body"),
    [(PLAIN, b"n=1", JSON, b"{}"), (RAW, b"n=1", None, b""), (RAW, b"", FORM, b"n=1"), (PLAIN, b"m=1", None, b"")],
)
def test_parameters_stand_in_one_place(target: Target, query: bytes, declared: str | None, body: bytes) -> None:
    """A query and a body, or fields where bytes are wanted, leave open what was meant."""
    with pytest.raises(BadRequest):
        read_said(target, query, declared, body)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({b"timeout": b"2.5"}, 2.5),
        ({b"micro-timeout": b"1", b"timeout": b"2"}, 1.0),
        ({b"timeout": b"300"}, 300),
    ],
)
def test_a_caller_says_how_long_it_waits(headers: dict[bytes, bytes], seconds: float | None) -> None:
    """In seconds, as go-micro's gateway had it."""
    assert timeout_of(headers) == seconds


@pytest.mark.parametrize("text", [b"0", b"-1", b"x", b"nan", b"inf", b"301", b"5000000000", b""])
def test_a_wait_that_is_none_is_refused(text: bytes) -> None:
    """Nanoseconds too, which go-micro sends on links."""
    with pytest.raises(BadRequest, match="Timeout: expected seconds, above 0 and up to 300, got '"):
        timeout_of({b"timeout": text})


def test_headers_that_say_who_calls_do_not_travel() -> None:
    """Only what identifies nobody passes."""
    headers = {
        b"micro-from-service": b"bank",
        b"micro-caller": b"owner",
        b"micro-service": b"x",
        b"micro-topic": b"x",
        b"micro-anything": b"x",
        b"authorization": b"Bearer x",
        b"cookie": b"x",
        b"traceparent": b"00-1-2-01",
        b"micro-meta-team": b"blue",
        b"micro-namespace": b"ns",
    }

    assert passed_on(headers) == {"Traceparent": "00-1-2-01", "Micro-Meta-Team": "blue", "Micro-Namespace": "ns"}


def test_bytes_are_taken_from_one_file() -> None:
    """Two files, or none, leave open which."""
    declared = "multipart/form-data; boundary=x"
    for body in (
        FILE.removesuffix(b"--x--") + FILE,
        b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\na\r\n--x--',
    ):
        with pytest.raises(BadRequest, match="takes one file"):
            read_said(RAW, b"", declared, body)
