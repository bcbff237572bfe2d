"""Laws of keys, nids and tickets, for any input."""

from __future__ import annotations

import contextlib
import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from micro.errors import BadRequest
from micro.trust.bech32 import bech32m_decode, bech32m_encode
from micro.trust.identity import NID_CHARACTERS, nid_of, public_key_of
from micro.trust.keys import NodeKey, is_weak, verify
from micro.trust.ticket import ADDRESSES_MAX, Ticket

NID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
TICKET_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

keys = st.binary(min_size=32, max_size=32).filter(lambda key: not is_weak(key))
ports = st.integers(1, 65535)
addresses = st.one_of(
    st.builds(lambda host, port: f"{ipaddress.IPv4Address(host)}:{port}", st.integers(0, 2**32 - 1), ports),
    st.builds(lambda host, port: f"[{ipaddress.IPv6Address(host)}]:{port}", st.integers(0, 2**128 - 1), ports),
)
tickets = st.builds(
    Ticket,
    nid=keys.map(nid_of),
    addresses=st.lists(addresses, max_size=ADDRESSES_MAX).map(tuple),
    relay=st.none() | st.from_regex(r"https?://[a-z0-9.-]{1,60}(:[0-9]{1,5})?(/[a-z]{0,9})?", fullmatch=True),
    genesis=st.none() | st.binary(min_size=32, max_size=32),
)


@given(keys)
def test_key_and_nid_are_one(key: bytes) -> None:
    """Every key has a nid, and the nid gives the key back."""
    assert public_key_of(nid_of(key)) == key


@given(st.text(NID_ALPHABET, min_size=NID_CHARACTERS, max_size=NID_CHARACTERS) | st.text())
def test_what_is_read_as_nid_is_written_the_same(text: str) -> None:
    """There is one nid for a key: whatever is read, is what would be written."""
    try:
        key = public_key_of(text)
    except BadRequest:
        return
    assert nid_of(key) == text


@given(keys, st.text(NID_ALPHABET, min_size=4, max_size=4))
def test_the_end_of_a_nid_has_one_spelling(key: bytes, end: str) -> None:
    """No other last characters lead to the same key."""
    text = nid_of(key)[:-4] + end
    try:
        found = public_key_of(text)
    except BadRequest:
        return
    assert (found == key) == (text == nid_of(key))


@given(tickets)
def test_every_ticket_comes_back(ticket: Ticket) -> None:
    """What is written is read, whatever it holds."""
    assert Ticket.decode(ticket.encode()) == ticket


@given(tickets, st.data())
def test_a_typing_error_is_noticed(ticket: Ticket, data: st.DataObject) -> None:
    """One to four wrong characters never make another ticket, as the standard promises for its length."""
    text = Ticket(ticket.nid, ticket.addresses[:1]).encode()
    places = data.draw(st.sets(st.integers(6, min(len(text), 90) - 1), min_size=1, max_size=4))
    letters = list(text)
    for place in places:
        letters[place] = data.draw(st.sampled_from([letter for letter in TICKET_ALPHABET if letter != text[place]]))
    try:
        Ticket.decode("".join(letters))
    except BadRequest:
        return
    raise AssertionError(f"{''.join(letters)} was read")


@given(st.binary(max_size=200))
def test_any_payload_is_a_ticket_or_a_clear_error(payload: bytes) -> None:
    """A well-spelled text with any content is read, or refused as a bad request: nothing else comes out."""
    try:
        ticket = Ticket.decode(bech32m_encode("micro", b"\x01" + payload))
    except BadRequest:
        return
    assert Ticket.decode(ticket.encode()) == ticket


@given(st.text())
def test_any_text_is_a_ticket_or_a_clear_error(text: str) -> None:
    """Whatever is pasted, the error is one for a person."""
    with contextlib.suppress(BadRequest):
        Ticket.decode(text)


@given(st.binary(max_size=300))
def test_bech32m_comes_back(payload: bytes) -> None:
    """Every payload of every length is read as it was written."""
    assert bech32m_decode("micro", bech32m_encode("micro", payload)) == payload


@given(st.text(TICKET_ALPHABET, max_size=80))
def test_bech32m_has_one_spelling(characters: str) -> None:
    """What is read is what would be written."""
    try:
        payload = bech32m_decode("micro", "micro1" + characters)
    except ValueError:
        return
    assert bech32m_encode("micro", payload) == "micro1" + characters


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.binary(max_size=80), st.binary(max_size=40))
def test_bytes_of_others_are_no_signature(seed: bytes, message: bytes, signature: bytes, key: bytes) -> None:
    """Key and signature may be anything: what the key did not sign is not verified, and nothing is raised."""
    assert not verify(NodeKey(seed).public, b"micro-record-v1", message, signature)
    assert not verify(key, b"micro-record-v1", message, signature)
