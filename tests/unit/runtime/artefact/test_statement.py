"""What a node states about a build, checked as a stranger would."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from micro.errors import BadRequest, LocalProtocolError
from micro.runtime.artefact.bill import bill_of
from micro.runtime.artefact.statement import PAYLOAD_TYPE, Built, open_statement, sign_statement, statement_of
from micro.runtime.recipe.plan import Component
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

KEY = NodeKey(b"k" * 32)
NID = nid_of(KEY.public)
PARTS = (Component("npm", "@a/b", "1.0.0", {"sha512": "00" * 64}), Component("pypi", "c", "2", {}))
BUILT = Built("k" * 64, "it", "./it", "content-1", "t" * 64, "go/1", {"go": "1.26"}, {"out": "f" * 64}, PARTS, 1.0, 2.0)


def test_a_statement_comes_back() -> None:
    """As in-toto and SLSA have it: what was made, of what, by whom and when."""
    found = open_statement(sign_statement(statement_of(BUILT, NID), KEY), NID)
    definition = found["predicate"]["buildDefinition"]

    assert found["subject"] == [{"name": "out", "digest": {"sha256": "f" * 64}}]
    assert found["predicate"]["runDetails"]["builder"]["id"] == f"micro:{NID}"
    assert found["predicate"]["runDetails"]["metadata"]["startedOn"] == "1970-01-01T00:00:01Z"
    assert [one["uri"] for one in definition["resolvedDependencies"]] == ["./it", "pkg:npm/@a/b@1.0.0", "pkg:pypi/c@2"]


def test_anybody_can_check_the_signature() -> None:
    """By the envelope's own rules alone, with the key that the node's id holds."""
    envelope = json.loads(sign_statement(statement_of(BUILT, NID), KEY))
    payload = base64.b64decode(envelope["payload"])
    encoded = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    signature = base64.b64decode(envelope["signatures"][0]["sig"])

    assert envelope["signatures"][0]["keyid"] == NID
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(signature, encoded)


def test_a_changed_statement_is_refused() -> None:
    """One byte of the payload, another type, another signer, or no envelope at all."""
    good = json.loads(sign_statement(statement_of(BUILT, NID), KEY))
    payload = base64.b64decode(good["payload"]).replace(b"content-1", b"content-2")
    other = NodeKey(b"o" * 32)
    for bad in (
        json.dumps({**good, "payload": base64.b64encode(payload).decode()}).encode(),
        json.dumps({**good, "payloadType": "text/plain"}).encode(),
        json.dumps({**good, "signatures": []}).encode(),
        sign_statement(statement_of(BUILT, NID), other),
        b"",
        b"[]",
        b"{}",
        b"\xff" * 100,
    ):
        with pytest.raises(BadRequest, match="build it again"):
            open_statement(bad, NID)


def test_the_key_signs_nothing_else_so() -> None:
    """Bytes that are no envelope's encoding would be a way to have anything signed."""
    with pytest.raises(LocalProtocolError):
        KEY.sign_envelope(b"micro-record-v1\0anything")


def test_a_bill_names_every_package() -> None:
    """As CycloneDX, with package URLs and hashes, and twice the same."""
    bill = bill_of("it", "k" * 64, PARTS, 1.0)
    found = json.loads(bill)

    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert sorted(one["purl"] for one in found["components"]) == ["pkg:npm/%40a/b@1.0.0", "pkg:pypi/c@2"]
    assert bill_of("it", "k" * 64, PARTS, 1.0) == bill
