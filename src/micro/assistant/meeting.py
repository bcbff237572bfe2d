"""Names that nobody vouches for: asked about once before their first use, and pinned by a yes.

The node's service `network` knows them. It answers the owner alone: for anybody else a name is as the node's owner left
it, and the node itself refuses one that was never used.
"""

from __future__ import annotations

import json

from micro.assistant.calling import Caller
from micro.errors import Forbidden, NotFound, Unauthorized

__all__ = ["is_unverified", "pin"]


async def is_unverified(client: Caller, service: str) -> bool:
    """Says whether nobody vouches for a service's name, and it was never used here."""
    try:
        answer = await client.call_raw("network", "Network.Meet", _named(service))
    except (NotFound, Forbidden, Unauthorized):  # without a network, or for its owner alone
        return False
    return json.loads(answer).get("unverified") is True


async def pin(client: Caller, service: str) -> None:
    """Binds a name to those who offer it now.

    Raises:
        Fault: only the node's owner may.
    """
    await client.call_raw("network", "Network.Pin", _named(service))


def _named(service: str) -> bytes:
    return json.dumps({"name": service}).encode()
