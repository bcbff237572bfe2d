"""One end of a link that the kit holds: it says what a check wants, right or wrong, and shows what comes."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any

from micro.doors.conformance.carrier import Carrier, dial
from micro.doors.conformance.check import Differs
from micro.doors.conformance.wire import Form, Frame, Kind, frame, headers, opening, split, unpack

__all__ = ["JSON", "MESSAGE_BYTES", "WAIT_SECONDS", "Gone", "Open", "Peer", "called"]

WAIT_SECONDS = 10.0
"""How long what must come may take: an implementation may be busy, and a fault costs this once."""

MESSAGE_BYTES = 4_194_304
FRAME_BYTES_MAX = MESSAGE_BYTES + 16_448
HEARD_FRAMES_MAX = 65_536
JSON = "application/json"
BEAT = b"\0micro\0\x2a"

_NAMES = {int(kind): kind.name for kind in Kind}


class Gone(Differs):
    """The other side ended the link; `fault` is what its GOAWAY said."""

    def __init__(self, fault: dict[str, Any] | None) -> None:
        detail = f"it ended the link: {fault}" if fault else "it ended the link without a GOAWAY"
        super().__init__(detail)
        self.fault = fault


class Open:
    """An OPEN that came, taken apart."""

    def __init__(self, exchange: int, payload: bytes, known: Mapping[int, dict[str, str]]) -> None:
        if len(payload) < 9:
            raise Differs(f"an OPEN of {len(payload)} bytes; its fixed fields have 9")
        self.exchange = exchange
        self.form, block, self.milliseconds, size = struct.unpack_from(">BHIH", payload)
        if block not in known:
            raise Differs(f"an OPEN with header block {block}, which was never defined")
        self.headers = known[block] | _headers(payload[9 : 9 + size])
        self.body = payload[9 + size :]


def _headers(data: bytes) -> dict[str, str]:
    try:
        return unpack(data)
    except ValueError as error:
        raise Differs(str(error)) from error


def called(service: str, endpoint: str, **more: str) -> dict[str, str]:
    """Returns the headers of a call; `X_Test` says `X-Test`."""
    said = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Micro-Service": service, "Micro-Endpoint": endpoint, "Content-Type": JSON, **said}


class Peer:
    """One end of a link.

    Attributes:
        said: the other side's HELLO, once it came.
        credit: what came as CREDIT, by exchange.
    """

    def __init__(self, carrier: Carrier, *, dialed: bool = True) -> None:
        self._carrier = carrier
        self._data = bytearray()
        self._heard: list[Frame] = []
        self._known: dict[int, dict[str, str]] = {}
        self._defined: dict[bytes, int] = {}
        self._next = 1 if dialed else 2
        self._fault: dict[str, Any] | None = None
        self.said: dict[str, Any] = {}
        self.credit: Counter[int] = Counter()

    @classmethod
    async def dialed(cls, address: str) -> Peer:
        """Returns an end that has said nothing yet."""
        return cls(await dial(address))

    async def close(self) -> None:
        """Ends the link."""
        await self._carrier.close()

    # -- saying -----------------------------------------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Sends bytes, whatever they are."""
        await self._carrier.send(data)

    async def say(self, kind: int, exchange: int, payload: bytes = b"") -> None:
        """Sends a frame."""
        await self.send(frame(kind, exchange, payload))

    async def greet(self, token: str = "", **fields: Any) -> None:
        """Says HELLO, and waits for the other's."""
        hello = {"versions": [1, 2], "agent": "conformance/1", "message_bytes": MESSAGE_BYTES, "exchanges": 65_536}
        await self.say(Kind.HELLO, 0, json.dumps(hello | {"token": token} | fields).encode())
        await self.greeted()

    async def greeted(self) -> None:
        """Waits for the other side's HELLO."""
        said = json.loads((await self.take(Kind.HELLO, exchange=0)).payload)
        if not isinstance(said, dict):
            raise Differs(f"a HELLO that is no object: {said}")
        self.said = said

    async def define(self, said: Mapping[str, str]) -> int:
        """Has a header block of these, and returns its number."""
        block = headers(said)
        if block not in self._defined:
            self._defined[block] = len(self._defined)
            await self.say(Kind.DEFINE, self._defined[block], block)
        return self._defined[block]

    async def open(
        self,
        form: Form,
        said: Mapping[str, str],
        body: bytes = b"",
        *,
        milliseconds: int = 0,
        extra: Mapping[str, str] | None = None,
    ) -> int:
        """Opens an exchange, and returns its number."""
        block, number = await self.define(said), self._next
        self._next += 2
        more = headers(extra or {})
        await self.send(opening(number, form, block, body, milliseconds=milliseconds, extra=more))
        return number

    async def fail(self, kind: Kind, exchange: int, code: int, detail: str) -> None:
        """Ends an exchange with a fault."""
        fault = {"id": "conformance", "code": code, "detail": detail, "status": "Conformance"}
        await self.say(kind, exchange, json.dumps(fault).encode())

    # -- hearing ----------------------------------------------------------------------------------------------------

    async def take(self, *kinds: Kind, exchange: int | None = None) -> Frame:
        """Returns the next frame of one of these kinds; what else comes is kept, and a PING answered.

        Raises:
            Gone: the link ended.
            Differs: it did not come in time.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    for at, each in enumerate(self._heard):
                        if each.kind in kinds and exchange in (None, each.exchange):
                            return self._heard.pop(at)
                    await self._hear()
        except TimeoutError:
            wanted = " or ".join(kind.name for kind in kinds)
            came = ", ".join(f"{_NAMES.get(each.kind, each.kind)} {each.exchange}" for each in self._heard[:8])
            raise Differs(f"no {wanted} within {WAIT_SECONDS:g} s; there came {came or 'nothing'}") from None

    def waiting(self, exchange: int) -> list[Frame]:
        """Returns what came on an exchange and was not taken."""
        return [each for each in self._heard if each.exchange == exchange]

    async def opened(self) -> Open:
        """Returns the next exchange that the other side opens."""
        came = await self.take(Kind.OPEN)
        return Open(came.exchange, came.payload, self._known)

    async def alive(self) -> None:
        """Sees that the link lives, and that all said before was heard: a PING is answered."""
        await self.say(Kind.PING, 0, BEAT)
        pong = await self.take(Kind.PONG, exchange=0)
        if pong.payload != BEAT:
            raise Differs(f"a PONG with {pong.payload.hex()}, asked with {BEAT.hex()}")

    async def credited(self, exchange: int, count: int) -> None:
        """Waits until so much has come as CREDIT.

        Raises:
            Differs: it did not in time.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while self.credit[exchange] < count:
                    await self._hear()
        except TimeoutError:
            raise Differs(f"CREDIT of {self.credit[exchange]} within {WAIT_SECONDS:g} s, not of {count}") from None

    async def ended(self) -> dict[str, Any] | None:
        """Waits until the other side ends the link, and returns the fault of its GOAWAY, None where there was none.

        Raises:
            Differs: it lives on.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    await self._hear()
        except Gone as gone:
            return gone.fault
        except TimeoutError:
            raise Differs(f"the link lives on, {WAIT_SECONDS:g} s later") from None

    def event(self, payload: bytes) -> tuple[int, dict[str, str], bytes]:
        """Takes an EVENT apart: sequence, headers, body."""
        block, sequence, size = struct.unpack_from(">HQH", payload)
        if block not in self._known:
            raise Differs(f"an EVENT with header block {block}, which was never defined")
        return sequence, self._known[block] | _headers(payload[12 : 12 + size]), payload[12 + size :]

    def events(self, payload: bytes) -> list[tuple[int, dict[str, str], bytes]]:
        """Takes EVENTS apart."""
        block, count = struct.unpack_from(">HH", payload)
        lengths = struct.unpack_from(f">{count}H", payload, 4)
        found, at = [], 4 + 2 * count
        for size in lengths:
            found.append((0, self._known[block], payload[at : at + size]))
            at += size
        return found

    async def _hear(self) -> None:
        data = await self._carrier.receive()
        if not data:
            raise Gone(self._fault)
        self._data += data
        try:
            came = split(self._data, FRAME_BYTES_MAX)
        except ValueError as error:
            raise Differs(str(error)) from error
        for each in came:
            await self._heed(each)
        if len(self._heard) > HEARD_FRAMES_MAX:
            raise Differs(f"more than {HEARD_FRAMES_MAX} frames that nobody waited for")

    async def _heed(self, each: Frame) -> None:
        if each.kind == Kind.DEFINE:
            self._known[each.exchange] = _headers(each.payload)
        elif each.kind == Kind.PING:
            await self.say(Kind.PONG, 0, each.payload)
        elif each.kind == Kind.GOAWAY:
            self._fault = fault_of(each.payload)
        elif each.kind == Kind.CREDIT:
            self.credit[each.exchange] += struct.unpack(">I", each.payload)[0]
        else:
            self._heard.append(each)


def fault_of(payload: bytes) -> dict[str, Any]:
    """Returns a fault; one that is no such object differs from what is expected."""
    try:
        found = json.loads(payload)
        if not isinstance(found, dict):
            raise ValueError(found)
        lower = {str(name).lower(): value for name, value in found.items()}
        return {"code": int(lower["code"]), "detail": str(lower["detail"]), "id": str(lower.get("id", ""))}
    except (ValueError, KeyError, TypeError) as error:
        raise Differs(f"a fault that is no object with code and detail: {payload[:200]!r}") from error
