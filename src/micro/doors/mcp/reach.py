"""What somebody who speaks MCP can reach: services, through a client that has his rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from micro.doors.mcp.tool import Given, Tool
from micro.errors import Fault, Unavailable
from micro.mucp.codec import decode_json, encode_json
from micro.service.raw import RawClient

__all__ = ["Reach"]

SERVICES_MAX: Final = 1_000


async def _nobody(name: str) -> tuple[str, ...]:
    return ()


async def _nothing(name: str) -> None:
    return None


@dataclass(frozen=True)
class Reach:
    """One caller's view of a node.

    Attributes:
        client: calls with his rights.
        pins: services whose endpoints are tools of their own; None leaves it to how many there are.
        may: says whether he may use an endpoint; the node judges each call all the same.
        unverified: returns the strangers that offer a name which nobody vouches for yet.
        confirm: takes such a name for what it means now; None where that is not his to say.
        noting: has the call of a tool noted once the context is left.
    """

    client: RawClient
    pins: tuple[str, ...] | None = None
    may: Callable[[str, str], bool] = lambda service, endpoint: True
    unverified: Callable[[str], Awaitable[tuple[str, ...]]] = _nobody
    confirm: Callable[[str], Awaitable[None]] | None = _nothing
    noting: Callable[[Tool, Given], AbstractContextManager[object]] = lambda tool, given: nullcontext()

    async def services(self) -> list[Mapping[str, Any]]:
        """Returns a line of each service in reach."""
        found = await self.ask("registry", "Registry.List", {"limit": SERVICES_MAX})
        return list(found["services"])

    async def search(self, query: str, limit: int) -> list[Mapping[str, Any]]:
        """Returns lines of services that fit words, best first; of the network too where it answers."""
        wanted = {"query": query, "limit": limit}
        try:
            found = await self.ask("registry", "Registry.Search", {**wanted, "everywhere": True})
        except Unavailable:
            found = await self.ask("registry", "Registry.Search", wanted)
        return list(found["services"])

    async def describe(self, service: str) -> Mapping[str, Any]:
        """Returns a service's description.

        Raises:
            NotFound: nobody offers it.
        """
        found: Mapping[str, Any] = await self.ask("registry", "Registry.Get", {"name": service})
        return found

    async def described(self, service: str) -> Mapping[str, Any] | None:
        """Returns a service's description, None where it is not to be had now."""
        try:
            return await self.describe(service)
        except Fault:
            return None

    async def ask(self, service: str, endpoint: str, request: Mapping[str, Any]) -> Any:
        """Calls an endpoint that speaks JSON."""
        return decode_json(await self.client.call_raw(service, endpoint, encode_json(request)))
