"""What nodes say of builds of the same key: each signs which artefact came of it, and whoever asks compares.

Pure.

The key of a build is the hash of all that goes into it, see `Artefacts.key`. Who knows one knows the source, so a node
tells what came of it to any node that asks, and nothing else: neither where its source came from nor what it is called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from micro.errors import BadRequest, SourceError
from micro.trust.identity import nid_of, public_key_of
from micro.trust.keys import NodeKey
from micro.trust.seal import body_of, is_genuine, seal

__all__ = ["Attestation", "attest", "judge_attestations", "open_attestation"]

DOMAIN = b"micro-attestation-v1"
BYTES_MAX = 1_024
_HASH = re.compile(r"[0-9a-f]{64}")
SHOWN_CHARACTERS = 16


class Attestation(msgspec.Struct, frozen=True):
    """A node has built what has this key, and this came of it.

    Attributes:
        node: the node that says so.
        build: the key of the build.
        artefact: the SHA-256 of all its files.
    """

    node: str
    build: str
    artefact: str


def attest(key: NodeKey, build: str, artefact: str) -> bytes:
    """Returns a node's signed word."""
    return seal(key, DOMAIN, msgspec.json.encode(Attestation(nid_of(key.public), build, artefact)))


def open_attestation(sealed: bytes, nid: str, build: str) -> Attestation:
    """Returns what a node attested of a build.

    Raises:
        BadRequest, TooLarge: it is no attestation, is about another build, or was not signed by that node.
    """
    try:
        said = msgspec.json.decode(body_of(sealed, bytes_max=BYTES_MAX, what="an attestation"), type=Attestation)
    except msgspec.MsgspecError as error:
        raise BadRequest("the answer is no attestation") from error
    if (said.node, said.build) != (nid, build) or not _HASH.fullmatch(said.artefact):
        raise BadRequest("the attestation is another node's, of another build, or names no artefact")
    if not is_genuine(public_key_of(nid), DOMAIN, sealed):
        raise BadRequest(f"the attestation was not signed by {nid}")
    return said


def judge_attestations(ours: str, theirs: Mapping[str, str], asked: int, wanted: int, *, is_equal: bool) -> str:
    """Returns one line that says what attestations of other nodes come to.

    Args:
        ours: the artefact that came of the build here.
        theirs: what came of it elsewhere, by node.
        asked: how many nodes were asked.
        wanted: how many attestations there have to be.
        is_equal: whether the same build comes out equal in every bit.

    Raises:
        SourceError: too few nodes have built it, or something else came of it where it should not have.
    """
    others = {nid: artefact for nid, artefact in theirs.items() if artefact != ours}
    if is_equal and others:
        told = ", ".join(f"{nid} got {artefact[:SHOWN_CHARACTERS]}" for nid, artefact in sorted(others.items()))
        raise SourceError(
            f"nodes disagree about this build: here it came to {ours[:SHOWN_CHARACTERS]}, and {told}. One of them has "
            "other tools than it says, or lies: build it again on a machine that you trust"
        )
    if len(theirs) < wanted:
        raise SourceError(
            f"{wanted} attestations were asked for, and {len(theirs)} of {asked} linked nodes have built this: connect "
            "to nodes that have (micro network connect), or have them build it (micro build)"
        )
    if others:
        return f"{len(theirs)} other nodes built the same; what comes of it differs, as it does in this language"
    return f"{len(theirs)} other nodes built the same, and the same came of it"
