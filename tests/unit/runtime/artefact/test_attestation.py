"""What nodes say of builds of the same key."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest, Fault, SourceError
from micro.runtime.artefact.attestation import DOMAIN, attest, judge_attestations, open_attestation
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.seal import seal

KEY, OTHER = NodeKey(b"k" * 32), NodeKey(b"o" * 32)
NID = nid_of(KEY.public)
BUILD, ARTEFACT = "b" * 64, "a" * 64


def test_an_attestation_says_what_its_node_said() -> None:
    """And is known to be that node's, about that build."""
    said = open_attestation(attest(KEY, BUILD, ARTEFACT), NID, BUILD)
    assert (said.node, said.build, said.artefact) == (NID, BUILD, ARTEFACT)


@pytest.mark.parametrize(
    "lie",
    [
        attest(OTHER, BUILD, ARTEFACT),
        attest(KEY, "c" * 64, ARTEFACT),
        attest(KEY, BUILD, "short"),
        seal(OTHER, DOMAIN, attest(KEY, BUILD, ARTEFACT)[64:]),
        seal(KEY, b"micro-record-v1", attest(KEY, BUILD, ARTEFACT)[64:]),
        seal(KEY, DOMAIN, b"{}"),
        attest(KEY, BUILD, ARTEFACT)[:-1],
        attest(KEY, BUILD, ARTEFACT) + b" " * 2_000,
        b"",
    ],
)
def test_a_lie_is_refused(lie: bytes) -> None:
    """Another node's word, another build's, another signature, too much, too little."""
    with pytest.raises((BadRequest, Fault)):
        open_attestation(lie, NID, BUILD)


def test_attestations_are_judged() -> None:
    """They have to be as many as were wanted, and agree where builds are equal."""
    same, other = {"one": ARTEFACT, "two": ARTEFACT}, {"one": ARTEFACT, "two": "d" * 64}
    assert "the same came of it" in judge_attestations(ARTEFACT, same, 3, 2, is_equal=True)
    assert "differs, as it does in this language" in judge_attestations(ARTEFACT, other, 3, 2, is_equal=False)
    with pytest.raises(SourceError, match="two got dddddddddddddddd"):
        judge_attestations(ARTEFACT, other, 3, 1, is_equal=True)
    with pytest.raises(SourceError, match="3 attestations were asked for, and 2 of 5 linked nodes"):
        judge_attestations(ARTEFACT, same, 5, 3, is_equal=True)
