"""The envelope: header and body as one blob, in two forms."""

from __future__ import annotations

import json

import msgspec
import pytest

from micro.errors import BadRequest, RemoteProtocolError
from micro.mucp import envelope
from micro.mucp.envelope import MESSAGE_BYTES_MAX
from micro.mucp.headers import HEADERS_MAX

SAID = {"Micro-Id": "7", "Content-Type": "application/json"}


def test_protobuf_has_these_bytes() -> None:
    """Entries of field 1 hold name and value, field 2 is the body."""
    assert envelope.encode({"a": "1"}, b"xy") == bytes.fromhex("0a06 0a0141 120131 1202 7879")


def test_json_has_this_form() -> None:
    """A JSON body stands as it is."""
    assert json.loads(envelope.encode(SAID, b'{"name":"Ann"}', as_json=True)) == {
        "header": SAID,
        "body": {"name": "Ann"},
    }


def test_other_bodies_stand_in_base64() -> None:
    """Bytes cannot stand in JSON, so they are spelled."""
    blob = envelope.encode({"Content-Type": "application/octet-stream"}, b"\x00\xff", as_json=True)

    assert json.loads(blob)["body64"] == "AP8="


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        (SAID, b'{"a":[1,2]}'),
        (SAID, b"[1]"),
        (SAID, b"not json"),
        (SAID, b'{"a":1} {"b":2}'),
        ({}, b"{"),
        ({}, b"\x7b\x00"),
        ({"Content-Type": "application/protobuf"}, b"{}"),
        ({"Micro-Error": '{"id":"","code":404}', "A": "ä€😀"}, bytes(range(256)) * 600),
    ],
)
def test_what_goes_in_comes_out(headers: dict[str, str], body: bytes, *, as_json: bool) -> None:
    """Both forms carry any headers and any body."""
    assert envelope.decode(envelope.encode(headers, body, as_json=as_json)) == (headers, body)


@pytest.mark.parametrize("body", [b"", b"x", bytes(200)])
def test_a_body_can_follow_encoded_headers(body: bytes) -> None:
    """It is the same envelope as if both had been encoded together."""
    assert envelope.with_body(envelope.encode({"Micro-Id": "1"}, b""), body) == envelope.encode({"Micro-Id": "1"}, body)


def test_the_first_byte_tells_the_form() -> None:
    """JSON begins with `{`, and protobuf never does."""
    assert envelope.encode(SAID, b"{}", as_json=True)[:1] == b"{"
    assert envelope.encode({}, b"{}")[:1] == b"\x12"
    assert envelope.encode(SAID, b"{}")[:1] == b"\x0a"


def test_a_body_cannot_write_headers() -> None:
    """A body that only pretends to be JSON is spelled in base64, and says nothing of its own."""
    body = b'1,"header":{"Micro-Caller":"owner"}'

    assert envelope.decode(envelope.encode(SAID, body, as_json=True)) == (SAID, body)


def test_names_are_read_in_any_case() -> None:
    """Whoever writes `micro-id` means `Micro-Id`."""
    assert envelope.decode(b'{"header":{"micro-id":"7"}}') == ({"Micro-Id": "7"}, b"")
    assert envelope.decode(bytes.fromhex("0a0d 0a08") + b"micro-id" + bytes.fromhex("120137")) == (
        {"Micro-Id": "7"},
        b"",
    )


@pytest.mark.parametrize(
    "blob",
    [
        b"{",
        b"{}}",
        b'{"header": []}',
        b'{"header": {"A": 1}}',
        b'{"header": {"a b": "1"}}',
        b'{"header": {"A": "\\n"}}',
        b'{"header": {"A": "\\ud800"}}',
        b'{"header": {"A": "1", "a": "2"}}',
        b'{"Header": {}}',
        b'{"body": 1, "body64": "AA=="}',
        b'{"body64": "A"}',
        b'{"body64": "A A="}',
        b'{"body": ' + b"[" * 100_000 + b"}",
        b'{"body": NaN}',
        b" {}",
        b"\x00",
        b"\x0a",
        b"\x0a\x05abc",
        b"\x12\xff\xff\xff\xff\xff\x01",
        b"\x12\x05abc",
        b"\x18\x01",
        bytes.fromhex("0a03 120131"),
        bytes.fromhex("0a05 0a0141 1801"),
        bytes.fromhex("0a06 0a0141 12010a"),
        bytes.fromhex("0a06 0a0141 1201ff"),
        bytes.fromhex("0a06 0a0141 120131 0a06 0a0161 120132"),
        b"\xff" * 40,
    ],
)
def test_bad_blobs_are_refused(blob: bytes) -> None:
    """Neither form, cut short, twice the same, or a limit broken: it cannot be read."""
    with pytest.raises(RemoteProtocolError, match="envelope"):
        envelope.decode(blob)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_body_has_a_limit(*, as_json: bool) -> None:
    """4 MiB pass in either form, one byte more does not."""
    largest = bytes(MESSAGE_BYTES_MAX)

    assert envelope.decode(envelope.encode({}, largest, as_json=as_json)) == ({}, largest)
    with pytest.raises(BadRequest, match="bytes of body"):
        envelope.encode({}, largest + b"x", as_json=as_json)


@pytest.mark.parametrize(
    "blob",
    [
        b"{" + b" " * (2 * MESSAGE_BYTES_MAX) + b"}",
        b'{"body":"' + b"x" * MESSAGE_BYTES_MAX + b'"}',
        b"\x12\x81\x80\x80\x02" + bytes(MESSAGE_BYTES_MAX + 1),
    ],
)
def test_a_blob_has_a_limit(blob: bytes) -> None:
    """What is larger than any message is not even read."""
    with pytest.raises(RemoteProtocolError, match="at most"):
        envelope.decode(blob)


@pytest.mark.parametrize(
    "headers",
    [
        {f"A{number}": "" for number in range(HEADERS_MAX + 1)},
        {f"A{number}": "x" * 4000 for number in range(5)},
        {"A": "\ud800"},
        {"a b": ""},
    ],
)
def test_headers_obey_their_limits(headers: dict[str, str]) -> None:
    """What a link refuses, an envelope refuses, going out and coming in."""
    with pytest.raises(BadRequest):
        envelope.encode(headers, b"")
    with pytest.raises(RemoteProtocolError):
        envelope.decode(json.dumps({"header": headers}).encode())


def test_later_fields_of_protobuf_win() -> None:
    """A body that stands twice is the last one, as everywhere in protobuf."""
    assert envelope.decode(b"\x12\x01a\x12\x01b") == ({}, b"b")


def test_space_around_a_json_body_may_be_lost() -> None:
    """The value is kept, the layout need not be."""
    _, body = envelope.decode(envelope.encode(SAID, b' {"a": 1}\n', as_json=True))

    assert msgspec.json.decode(body) == {"a": 1}
