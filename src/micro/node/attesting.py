"""Attestations between nodes: says which artefact came of a build here, and asks linked nodes what they got."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from micro.errors import BadRequest, Fault, LinkClosed, MicroError, NotFound
from micro.network.link import Link
from micro.runtime.artefact.attestation import attest, open_attestation
from micro.runtime.source.source import Report
from micro.service.once import call_once
from micro.trust.keys import NodeKey

__all__ = ["Attesting"]

ASK_SECONDS = 10.0
"""How long a node may take to say what came of a build there."""

ASKED_MAX = 64
"""So many linked nodes are asked."""


class _Answer(msgspec.Struct):
    """What `Runtime.Attest` answers."""

    attestation: str


class Attesting:
    """One node's part.

    Args:
        key: signs.
        artefact: returns which artefact came of a build here, "" where there is no such build.
        links: returns the links to neighbours, by node.
    """

    def __init__(
        self, key: NodeKey, artefact: Callable[[str], str], links: Callable[[], Mapping[str, Link | None]]
    ) -> None:
        self._key = key
        self._artefact = artefact
        self._links = links

    def attest(self, build: str) -> str:
        """Returns this node's word about a build, in hexadecimal digits.

        Raises:
            NotFound: it has not built that.
        """
        artefact = self._artefact(build)
        if not artefact:
            raise NotFound("this node has not built that")
        return attest(self._key, build, artefact).hex()

    async def ask(self, build: str, report: Report) -> tuple[int, dict[str, str]]:
        """Asks the linked nodes about a build; returns how many were asked, and which artefact each got that has it."""
        links = {nid: link for nid, link in self._links().items() if link is not None and link.closed is None}
        asked = sorted(links)[:ASKED_MAX]
        answers = await asyncio.gather(*(self._asked(nid, links[nid], build) for nid in asked))
        found: dict[str, str] = {}
        for nid, answer in zip(asked, answers, strict=True):
            if isinstance(answer, str):
                found[nid] = answer
                report("verifying", f"{nid} built the same, and got {answer}")
            else:
                report("verifying", f"{nid} attests nothing: {answer}")
        return len(asked), found

    async def _asked(self, nid: str, link: Link, build: str) -> str | Exception:
        """Returns the artefact that a node got, or why it is not known."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                body = await call_once(link, "runtime", "Runtime.Attest", {"build": build})
            sealed = bytes.fromhex(msgspec.json.decode(body, type=_Answer).attestation)
            return open_attestation(sealed, nid, build).artefact
        except (ValueError, msgspec.MsgspecError):
            return BadRequest("it answered with something else")
        except TimeoutError:
            return LinkClosed(f"it did not answer within {ASK_SECONDS:g} s")
        except (Fault, MicroError) as error:
            return error
