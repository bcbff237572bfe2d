"""Names of nodes and instances have one spelling each."""

from __future__ import annotations

import base64

import pytest

from micro.errors import BadRequest
from micro.trust.identity import instance_id, is_nid, nid_of, public_key_of, short
from micro.trust.keys import NodeKey

KEY = NodeKey(bytes(range(32))).public


def test_nid_is_multibase_of_multicodec() -> None:
    """A nid is `b` and base32 of 0xed01 and the key, so that other tools can read it."""
    assert nid_of(KEY) == "b" + base64.b32encode(b"\xed\x01" + KEY).decode().rstrip("=").lower()


def test_nid_leads_back_to_the_key() -> None:
    """The nid holds the whole key: nothing has to be looked up."""
    assert public_key_of(nid_of(KEY)) == KEY


def test_nid_is_a_dns_label() -> None:
    """56 characters of a-z and 2-7, the first a letter."""
    nid = nid_of(KEY)
    assert len(nid) == 56
    assert nid.isascii()
    assert nid.isalnum()
    assert nid == nid.lower()


NID_OF_KEY = nid_of(KEY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "56 characters"),
        (NID_OF_KEY[:-1], "56 characters"),
        (NID_OF_KEY + "a", "56 characters"),
        (NID_OF_KEY.upper(), "a-z and 2-7"),
        ("z" + NID_OF_KEY[1:], "a-z and 2-7"),
        (NID_OF_KEY[:-1] + "1", "a-z and 2-7"),
        (NID_OF_KEY[:-1] + "é", "a-z and 2-7"),
        (NID_OF_KEY[:1] + "6" + NID_OF_KEY[2:], "ed25519"),
        (NID_OF_KEY[:-1] + chr(ord(NID_OF_KEY[-1]) + 1), "last character"),
    ],
    ids=["empty", "short", "long", "upper case", "multibase", "digit", "letter", "multicodec", "spare bits"],
)
def test_other_spellings_are_refused_with_the_reason(text: str, says: str) -> None:
    """Two texts never mean one node, and the error says what is wrong."""
    with pytest.raises(BadRequest, match=says):
        public_key_of(text)


def test_a_weak_key_has_no_nid() -> None:
    """A key for which anybody can sign names nobody."""
    with pytest.raises(BadRequest, match="anybody can sign"):
        nid_of(bytes(32))


def test_a_nid_of_a_weak_key_is_refused() -> None:
    """Nor is such a nid read when somebody else wrote it."""
    weak = "b" + base64.b32encode(b"\xed\x01" + bytes(32)).decode().rstrip("=").lower()
    assert not is_nid(weak)


def test_a_key_of_another_length_is_refused() -> None:
    """A cut key is noticed."""
    with pytest.raises(BadRequest, match="32 bytes"):
        nid_of(KEY[:31])


def test_short_forms_of_two_nodes_differ() -> None:
    """The short form leaves out what all nids begin with."""
    assert short(nid_of(KEY)) != short(nid_of(NodeKey(bytes(32)).public))


def test_short_form_is_part_of_the_nid() -> None:
    """A person finds the short form in the long one."""
    assert short(NID_OF_KEY) in NID_OF_KEY


def test_instance_id_is_a_spiffe_id() -> None:
    """The nid is the trust domain, the path names service, version and instance."""
    found = instance_id(NID_OF_KEY, "image-resize", "1.2.0", 3)
    assert found == f"spiffe://{NID_OF_KEY}/svc/image-resize/v/1.2.0/i/3"


@pytest.mark.parametrize(
    ("service", "version", "instance", "says"),
    [
        ("Greeter", "1", 0, "service"),
        ("a/b", "1", 0, "service"),
        ("a" * 64, "1", 0, "service"),
        ("greeter", "", 0, "version"),
        ("greeter", "..", 0, "version"),
        ("greeter", "1/2", 0, "version"),
        ("greeter", "1.0+build", 0, "version"),
        ("greeter", "1", -1, "instance"),
        ("greeter", "1", 2**31, "instance"),
    ],
)
def test_a_part_of_another_form_is_refused(service: str, version: str, instance: int, says: str) -> None:
    """No part can reach into another, and the error names the part."""
    with pytest.raises(BadRequest, match=says):
        instance_id(NID_OF_KEY, service, version, instance)
