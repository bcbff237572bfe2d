"""The node of a service under test: takes its links, answers what every service asks of a node, and keeps the rest."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, NamedTuple

from micro.doors.conformance.carrier import Carrier
from micro.doors.conformance.check import Differs, expect
from micro.doors.conformance.peer import Open, Peer, called
from micro.doors.conformance.wire import Form, Frame, Kind, headers

__all__ = ["MESSAGE_BYTES", "SERVICE", "Host", "Line", "Registration"]

SERVICE: Final = "kit"
MESSAGE_BYTES: Final = 262_144
"""What the kit announces as the largest body that it takes."""

NODE: Final = "b5ua" + "a" * 52
LEASE_SECONDS: Final = 30.0
ANSWERS: Final = (Kind.END, Kind.ERROR, Kind.REFUSED)


class Registration(NamedTuple):
    """A `Registry.Register` that came.

    Attributes:
        line: over which link.
        asked: the call.
    """

    line: Line
    asked: Open


class Line(Peer):
    """One link of the service; what it opens is heard of at once, whatever a check waits for."""

    def __init__(self, carrier: Carrier, host: Host) -> None:
        super().__init__(carrier, dialed=False)
        self.first: int | None = None
        self._host = host
        self._came = asyncio.Event()
        self._over: Differs | None = None
        self.hearing = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        try:
            while True:
                await super()._hear()
                for each in [each for each in self._heard if each.kind == Kind.OPEN]:
                    self._heard.remove(each)
                    await self._host.opened(self, Open(each.exchange, each.payload, self._known))
                self._came.set()
        except Differs as differs:
            self._over = differs
            self._came.set()

    async def _hear(self) -> None:
        if self._over is not None:
            raise self._over
        self._came.clear()
        await self._came.wait()

    async def _heed(self, each: Frame) -> None:
        self.first = int(each.kind) if self.first is None else self.first
        await super()._heed(each)

    def number(self) -> int:
        """Takes the number of an exchange that is opened by hand."""
        self._next += 2
        return self._next - 2

    # -- what a node does -------------------------------------------------------------------------------------------

    async def ask(self, endpoint: str, value: Any, *, form: Form = Form.CALL, **more: Any) -> int:
        """Opens a call or a stream of the service, and returns its number."""
        said = called(SERVICE, endpoint, Micro_Caller="owner", Micro_From_Node=NODE)
        return await self.open(form, said, json.dumps(value).encode(), **more)

    async def answer(self, number: int) -> Frame:
        """Returns how a call was answered."""
        return await self.take(*ANSWERS, exchange=number)

    async def result(self, endpoint: str, value: Any) -> Any:
        """Calls, and returns the answer's value.

        Raises:
            Differs: it was a fault.
        """
        came = await self.answer(await self.ask(endpoint, value))
        expect(came.kind == Kind.END, f"{endpoint}: {Kind(came.kind).name} {came.payload[:200]!r}")
        return json.loads(came.payload)


class Host:
    """The node.

    Args:
        token: what each HELLO is to show, "" where anything will do.

    Attributes:
        lines: the links that came, the first one first.
        arrived: set once there is one.
        registered: what was registered first.
        subscriptions, published: what the service opened of these, and over which link; a publish waits for its END.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.lines: list[Line] = []
        self.arrived = asyncio.Event()
        self.registered: asyncio.Future[Registration] = asyncio.get_running_loop().create_future()
        self.subscriptions: asyncio.Queue[tuple[Line, Open]] = asyncio.Queue()
        self.published: asyncio.Queue[tuple[Line, Open]] = asyncio.Queue()

    @property
    def line(self) -> Line:
        """The link over which the service is called.

        Raises:
            Differs: nothing was registered.
        """
        expect(self.registered.done(), "nothing was registered over any link")
        return self.registered.result().line

    async def take(self, carrier: Carrier) -> Line:
        """Takes a link, and greets at once."""
        line = Line(carrier, self)
        self.lines.append(line)
        hello = {"versions": [1, 2], "agent": "conformance/1", "message_bytes": MESSAGE_BYTES, "exchanges": 256}
        await line.say(Kind.HELLO, 0, json.dumps(hello).encode())
        self.arrived.set()
        return line

    async def opened(self, line: Line, came: Open) -> None:
        """Answers as a node does, or keeps it for a check."""
        named = came.headers.get("micro-service"), came.headers.get("micro-endpoint")
        if came.form == Form.PUBLISH:
            self.published.put_nowait((line, came))
        elif came.form == Form.SUBSCRIBE:
            await line.say(Kind.HEADERS, came.exchange, headers({"Micro-Topic": came.headers.get("micro-topic", "")}))
            self.subscriptions.put_nowait((line, came))
        elif named == ("registry", "Registry.Register"):
            answer = {"nid": NODE, "lease_seconds": LEASE_SECONDS}
            await line.say(Kind.END, came.exchange, json.dumps(answer).encode())
            if not self.registered.done():
                self.registered.set_result(Registration(line, came))
        elif named == ("registry", "Registry.Route"):
            await line.say(Kind.END, came.exchange, b'{"addresses":[],"description":{}}')
        elif came.exchange:
            await line.fail(Kind.REFUSED, came.exchange, 404, "the kit has no such service")

    async def close(self) -> None:
        """Ends all links."""
        for line in self.lines:
            line.hearing.cancel()
            await line.close()
