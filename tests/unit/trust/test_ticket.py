"""A ticket is one word that says where a node is, and notices when it is copied badly."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.trust.bech32 import bech32m_encode
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import TICKET_CHARACTERS_MAX, Ticket, canonical_address, canonical_relay

KEY = NodeKey(bytes(range(32))).public
NID = nid_of(KEY)
FULL = Ticket(NID, ("192.0.2.7:4040", "[2001:db8::7]:4041"), "https://relay.example.org", bytes(range(32)), NID)


def payload(*fields: tuple[int, bytes], version: int = 1) -> str:
    """A ticket with these fields, well formed or not."""
    body = b"".join(bytes((kind, len(value))) + value for kind, value in fields)
    return bech32m_encode("micro", bytes((version,)) + body)


def test_ticket_comes_back() -> None:
    """What a ticket holds is what is read from it."""
    assert Ticket.decode(FULL.encode()) == FULL


def test_ticket_is_one_lower_case_word() -> None:
    """It can be copied by a double click and fits one kind of QR code."""
    text = FULL.encode()
    assert text.startswith("micro1")
    assert text.isalnum()
    assert text == text.lower()


def test_largest_ticket_is_within_the_limit() -> None:
    """Whatever can be written can be read."""
    addresses = tuple(f"[2001:db8:1:2:3:4:5:{count:x}]:65535" for count in range(8))
    largest = Ticket(NID, addresses, "https://" + "r" * 247, bytes(32), NID)
    assert len(largest.encode()) <= TICKET_CHARACTERS_MAX


def test_ticket_text_stays() -> None:
    """The text of a ticket is fixed: one that was printed last year is still read."""
    text = "micro1qyqsdsqqqgrsljqzyqp6zpal708pp0sawrw33e6tczvk0exkxzd62r2lrhwgveqj25cmsaceau6"
    assert Ticket(NID, ("192.0.2.7:4040",)).encode() == text


def test_white_space_around_is_ignored() -> None:
    """A copied line ends with a newline."""
    assert Ticket.decode(f"  {FULL.encode()}\n") == FULL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "micro1"),
        ("hello", "micro1"),
        (FULL.encode().upper(), "micro1"),
        (FULL.encode()[:-1], "typing error"),
        (FULL.encode().replace("q", "p", 1), "typing error"),
        (FULL.encode()[:20] + "\x00" + FULL.encode()[21:], "typing error"),
        ("micro1" + "q" * TICKET_CHARACTERS_MAX, "at most"),
        (payload((2, KEY), version=2), "version 2"),
        (bech32m_encode("micro", b""), "no version"),
        (payload((1, b"\xc0\x00\x02\x07\x0f\xc8")), "whose"),
        (payload((2, KEY), (2, KEY)), "twice"),
        (payload((2, KEY), (1, b"\xc0\x00\x02\x07\x0f\xc8")), "out of order"),
        (payload((2, KEY[:31])), "32 bytes"),
        (payload((2, bytes(32))), "anybody can sign"),
        (payload((1, b"\xc0\x00\x02\x07\x0f"), (2, KEY)), "5 bytes"),
        (payload((1, b"\xc0\x00\x02\x07\x00\x00"), (2, KEY)), "address"),
        (payload(*[(1, b"\xc0\x00\x02\x07\x0f\xc8")] * 9, (2, KEY)), "at most 8"),
        (payload((2, KEY), (3, b"ftp://x")), "relay"),
        (payload((2, KEY), (3, b"https://\xff")), "relay"),
        (payload((2, KEY), (5, b"short")), "genesis"),
        (payload((2, KEY), (4, b"must know")), "field 4"),
        (bech32m_encode("micro", b"\x01\x02\x20" + KEY[:31]), "middle"),
        (bech32m_encode("micro", b"\x01\x02"), "middle"),
    ],
)
def test_what_is_no_ticket_is_refused_with_the_reason(text: str, says: str) -> None:
    """The person who pasted it learns what to do."""
    with pytest.raises(BadRequest, match=says):
        Ticket.decode(text)


def test_an_optional_field_of_the_future_is_skipped() -> None:
    """A field of an odd type that is not known does not make a ticket useless."""
    assert Ticket.decode(payload((2, KEY), (9, b"news"))) == Ticket(NID)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "192.0.2.7",
        "192.0.2.7:0",
        "192.0.2.7:65536",
        "192.0.2.07:1",
        "256.0.0.1:1",
        "2001:db8::7:1",
        "[fe80::1%eth0]:1",
        "example.org:1",
        "192.0.2.7:-1",
        "192.0.2.7:1\n",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """Only IP addresses with a port are dialled; names are not looked up."""
    with pytest.raises(BadRequest, match="address"):
        canonical_address(address)


def test_an_address_has_one_spelling() -> None:
    """Two spellings of an address do not make two tickets."""
    assert canonical_address("[2001:0DB8:0:0::7]:04040") == "[2001:db8::7]:4040"


@pytest.mark.parametrize("relay", ["", "relay.example.org", "https://a b", "https://ü.org", "https://" + "r" * 256])
def test_what_is_no_relay_is_refused(relay: str) -> None:
    """Only plain URLs reach the engine."""
    with pytest.raises(BadRequest, match="relay"):
        canonical_relay(relay)


def test_a_ticket_of_a_wrong_nid_is_not_made() -> None:
    """A mistake shows where it is made, not where the ticket is read."""
    with pytest.raises(BadRequest, match="nid"):
        Ticket("nobody")
