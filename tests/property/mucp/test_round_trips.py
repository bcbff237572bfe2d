"""What is encoded can be decoded, and comes back as it was."""

from __future__ import annotations

import msgspec
from hypothesis import assume, example, given
from hypothesis import strategies as st

from micro.errors import BadRequest, Fault, RemoteProtocolError
from micro.mucp import envelope, headers
from micro.mucp.codec import JSON, content_type_of
from micro.mucp.headers import Headers, canonical
from tests.property.mucp.words import HEADERS, NAMES, VALUES

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
BLOBS = st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(b"{".__add__))


@given(HEADERS)
def test_headers_come_back(content: dict[str, str]) -> None:
    """Names in their one spelling, values as they were."""
    found = Headers(content)

    assert headers.decode(headers.encode(found)) == found
    assert set(found) == {canonical(name) for name in content}


@given(NAMES)
def test_spelling_is_settled(name: str) -> None:
    """A canonical name is its own, and case never matters."""
    assert canonical(canonical(name)) == canonical(name) == canonical(name.upper()) == canonical(name.lower())


@given(st.binary(max_size=300))
def test_header_bytes_mean_one_thing(data: bytes) -> None:
    """What can be read can be written, and means the same again."""
    try:
        found = headers.decode(data)
    except RemoteProtocolError:
        return
    assert headers.decode(headers.encode(found)) == found
    assert len(headers.encode(found)) == len(data)


@given(
    value=st.one_of(st.binary(max_size=40), TEXTS.map(str.encode), st.just(b"x" * 4097)),
    wrong=st.sampled_from((0, 0, 1, -1)),
    more=st.sampled_from((b"", b"", b"\x01A\x00\x01b")),
)
@example(value=b"", wrong=0, more=b"")
@example(value=b"\x7f", wrong=0, more=b"")
@example(value="é".encode(), wrong=0, more=b"")
def test_an_id_is_read_the_short_way_as_the_long_way(value: bytes, wrong: int, more: bytes) -> None:
    """A set that holds only an id in its one spelling is read by a short cut, any other spelling is not."""
    rest = max(0, len(value) + wrong).to_bytes(2, "big") + value + more

    assert _read(b"\x08Micro-Id" + rest) == _read(b"\x08MICRO-ID" + rest)


def _read(block: bytes) -> dict[str, str] | None:
    try:
        return headers.decode(block)
    except RemoteProtocolError:
        return None


@given(content=HEADERS, body=BLOBS, as_json=st.booleans())
def test_envelopes_come_back(content: dict[str, str], body: bytes, *, as_json: bool) -> None:
    """Any headers and any body, in either form."""
    blob = envelope.encode(content, body, as_json=as_json)
    found, came = envelope.decode(blob)

    assert found == Headers(content)
    assert came == body or (as_json and msgspec.json.decode(came) == msgspec.json.decode(body))
    assert (blob[:1] == b"{") == as_json


@given(value=JSON_VALUES, as_json=st.booleans())
def test_json_bodies_come_back(value: object, *, as_json: bool) -> None:
    """A JSON body has its value still, and its type is found without being told."""
    body = msgspec.json.encode(value)
    assume(body[:1] == b"{")
    found, came = envelope.decode(envelope.encode({}, body, as_json=as_json))

    assert msgspec.json.decode(came) == value
    assert content_type_of(found.get("content-type"), came) == JSON


@given(BLOBS)
def test_a_blob_means_something_or_is_refused(blob: bytes) -> None:
    """What can be read can be written, in both forms, and means the same."""
    try:
        found, body = envelope.decode(blob)
    except RemoteProtocolError:
        return
    for as_json in (True, False):
        again = envelope.decode(envelope.encode(found, body, as_json=as_json))
        assert again[0] == found
        assert again[1] == body or msgspec.json.decode(again[1]) == msgspec.json.decode(body)


@given(st.dictionaries(st.text(max_size=70), st.text(max_size=200), max_size=70))
def test_either_side_refuses_the_same(content: dict[str, str]) -> None:
    """Whatever is sent can be read by the other side; what it would refuse is a fault here."""
    try:
        data = headers.encode(content)
    except BadRequest:
        return
    assume(len({canonical(name) for name in content}) == len(content))
    assert headers.decode(data) == Headers(content)


@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 1000), VALUES)
def test_faults_come_back(detail: str, id: str, code: int, status: str) -> None:
    """A fault is the same fault on the other side."""
    there = Fault.make(code, detail, id=id, status=status or None)
    here = Fault.parse(there.to_json())

    assert here.detail == there.detail
    assert here.id == there.id
    assert here.code == (code if 400 <= code <= 599 else 500)
