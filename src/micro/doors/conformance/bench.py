"""Where a check is made: ends of links to the implementation, and a service of the kit's own behind it.

the kit asks ──link──> the implementation ──link──> the kit answers
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from micro.doors.conformance.check import Differs, Skipped
from micro.doors.conformance.peer import JSON, Open, Peer, called, fault_of
from micro.doors.conformance.wire import Form, Kind

__all__ = ["Bench", "Sides"]

ENDPOINTS = [
    {"name": "Kit.Call", "kind": "call", "request": {"type": "object"}, "response": {"type": "object"}},
    {"name": "Kit.Stream", "kind": "stream", "request": {"type": "object"}, "response": {"type": "object"}},
]


@dataclass
class Sides:
    """Both ends of what the implementation passes on.

    Attributes:
        asking: the end that opens exchanges.
        serving: the end that registered a service.
        service: its name.
    """

    asking: Peer
    serving: Peer
    service: str

    async def call(self, **more: Any) -> tuple[int, Open]:
        """Calls the service, and returns the number and what arrived."""
        number = await self.asking.open(Form.CALL, called(self.service, "Kit.Call"), b'{"n":1}', **more)
        return number, await self.serving.opened()

    async def stream(self) -> tuple[int, Open]:
        """Opens a stream to the service, and returns the number and what arrived."""
        number = await self.asking.open(Form.STREAM, called(self.service, "Kit.Stream"), b"{}")
        return number, await self.serving.opened()


class Bench:
    """Makes links for a check, and ends them after it.

    Args:
        address: of the implementation.
        token: shown in each HELLO.
        new_name: returns a name that was not used before.
    """

    def __init__(self, address: str, token: str, new_name: Callable[[], str]) -> None:
        self.address = address
        self.token = token
        self._new_name = new_name
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def new_name(self) -> str:
        """Returns a name that was not used before, good for a service, a topic or a queue."""
        return f"conformance-{self._new_name()}"

    async def silent(self) -> Peer:
        """Returns an end that has said nothing yet."""
        peer = await Peer.dialed(self.address)
        self._stack.push_async_callback(peer.close)
        return peer

    async def peer(self, **fields: Any) -> Peer:
        """Returns an end that has greeted."""
        peer = await self.silent()
        await peer.greet(self.token, **fields)
        return peer

    async def sides(self) -> Sides:
        """Returns a service of the kit's own, and an end to ask it.

        Raises:
            Skipped: the implementation lets nobody register here.
        """
        serving, name = await self.peer(), self.new_name()
        description = {"name": name, "version": "1.0.0", "description": "Tries MUCP.", "endpoints": ENDPOINTS}
        wish = {"instance": f"{name}-1", "description": description, "address": None}
        said = called("registry", "Registry.Register")
        number = await serving.open(Form.CALL, said, json.dumps(wish).encode(), milliseconds=10_000)
        came = await serving.take(Kind.END, Kind.ERROR, Kind.REFUSED, exchange=number)
        if came.kind != Kind.END:
            fault = fault_of(came.payload)
            if fault["code"] in (401, 403, 404):
                raise Skipped(f"no service can be registered here: {fault['detail']}; show a token of the owner")
            raise Differs(f"Registry.Register was answered with {fault}")
        return Sides(await self.peer(), serving, name)

    async def asked(self, peer: Peer, service: str, endpoint: str, wish: dict[str, Any]) -> Any:
        """Calls something of the implementation's own, and returns the answer, or the fault with `code`."""
        body = json.dumps(wish).encode()
        number = await peer.open(Form.CALL, called(service, endpoint), body, milliseconds=10_000)
        came = await peer.take(Kind.END, Kind.ERROR, Kind.REFUSED, exchange=number)
        if came.kind != Kind.END:
            return fault_of(came.payload) | {"refused": came.kind == Kind.REFUSED}
        try:
            return json.loads(came.payload)
        except ValueError as error:
            raise Differs(f"an answer in {JSON} that is none: {came.payload[:200]!r}") from error
