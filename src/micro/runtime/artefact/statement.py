"""What a node states about a build, and how anybody checks that it did: in-toto, SLSA provenance and DSSE.

Pure.

The statement is in-toto's version 1 with a predicate of SLSA provenance version 1; the envelope is DSSE. The key's id
is the node's, and its signature is ed25519 over the envelope's encoding, so tools that know these forms need nothing of
ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from micro.errors import BadRequest
from micro.runtime.recipe.plan import Component
from micro.trust.identity import nid_of, public_key_of
from micro.trust.keys import NodeKey

__all__ = ["PAYLOAD_TYPE", "Built", "open_statement", "sign_statement", "statement_of"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "tag:micro-network,2026:build/v1"
ENVELOPE_BYTES_MAX = 20_000_000


@dataclass(frozen=True)
class Built:
    """A build, as its statement tells it.

    Attributes:
        key: the hash of all that went into it.
        service: what was built.
        source: as `micro run` takes it.
        revision: which revision of that.
        tree: the hash of its files.
        recipe: the recipe's name and version, as `go/1`.
        tools: the versions of the programs that built it.
        subjects: SHA-256 of what came of it, by name.
        components: the packages that went into it.
        began, ended: when, in seconds since 1970.
        differs: why another build of the same is not equal in every bit; empty where it is.
    """

    key: str
    service: str
    source: str
    revision: str
    tree: str
    recipe: str
    tools: Mapping[str, str]
    subjects: Mapping[str, str]
    components: tuple[Component, ...]
    began: float
    ended: float
    differs: str = ""


def statement_of(built: Built, nid: str) -> dict[str, Any]:
    """Returns the in-toto statement of the node `nid` about a build."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(built.subjects.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "service": built.service,
                    "source": built.source,
                    "revision": built.revision,
                },
                "internalParameters": {
                    "recipe": built.recipe,
                    "tools": dict(built.tools),
                    "differs": built.differs,
                },
                "resolvedDependencies": [
                    {"name": "tree", "uri": built.source, "digest": {"microTree": built.tree}},
                    *_dependencies(built.components),
                ],
            },
            "runDetails": {
                "builder": {"id": f"micro:{nid}"},
                "metadata": {
                    "invocationId": built.key,
                    "startedOn": _moment(built.began),
                    "finishedOn": _moment(built.ended),
                },
            },
        },
    }


def sign_statement(statement: Mapping[str, Any], key: NodeKey) -> bytes:
    """Returns a DSSE envelope, in JSON, that holds a statement under the node's signature."""
    from securesystemslib.dsse import Envelope  # a node that builds nothing does not pay for it
    from securesystemslib.signer import Signature  # type: ignore[attr-defined] # it is public, as its pages say

    envelope = Envelope(json.dumps(statement, sort_keys=True).encode(), PAYLOAD_TYPE, {})
    nid = nid_of(key.public)
    envelope.signatures[nid] = Signature(nid, key.sign_envelope(envelope.pae()).hex())
    return json.dumps(envelope.to_dict(), indent=1).encode()


def open_statement(data: bytes, nid: str) -> dict[str, Any]:
    """Returns the statement in an envelope, which must bear the signature of the node `nid`.

    Raises:
        BadRequest: it is no such envelope, or the signature is not that node's.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    if len(data) > ENVELOPE_BYTES_MAX:
        _refuse(f"has more than {ENVELOPE_BYTES_MAX} bytes")
    try:
        envelope = Envelope.from_dict(json.loads(data))
        key = SSlibKey(nid, "ed25519", "ed25519", {"public": public_key_of(nid).hex()})
        envelope.verify([key], 1)
        statement = json.loads(envelope.payload)
    except VerificationError:
        _refuse(f"was not signed by {nid}, or was changed since")
    except Exception as error:  # noqa: BLE001 - a stranger's text may break a parser in any way
        _refuse(f"is no DSSE envelope: {type(error).__name__}: {str(error)[:200]}")
    if envelope.payload_type != PAYLOAD_TYPE or not isinstance(statement, dict):
        _refuse("holds no in-toto statement")
    if statement.get("_type") != STATEMENT_TYPE or statement.get("predicateType") != PREDICATE_TYPE:
        _refuse("holds a statement of another kind")
    return statement


def _dependencies(components: Iterable[Component]) -> list[dict[str, Any]]:
    return [
        {"uri": f"pkg:{one.kind}/{one.name}@{one.version}", **({"digest": dict(one.hashes)} if one.hashes else {})}
        for one in components
    ]


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _refuse(what: str) -> NoReturn:
    raise BadRequest(f"the statement {what}: build it again with `micro build`")
