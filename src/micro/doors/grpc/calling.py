"""One gRPC call: a call or a stream of an endpoint, as the description says which.

Every call is taken as one that streams both ways; on the wire a single message looks the same.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from micro.doors.api.call import Asking
from micro.doors.api.content import Said, passed_on
from micro.doors.api.directory import Directory
from micro.doors.api.path import Wanted
from micro.doors.api.target import Target
from micro.doors.grpc.access import Access
from micro.doors.grpc.path import readings
from micro.doors.grpc.status import DETAILS_KEY, code_of, details_of, sentence_of
from micro.errors import (
    BadRequest,
    Cancelled,
    Fault,
    InternalError,
    MicroError,
    NotFound,
    Timeout,
    Unauthorized,
    Unavailable,
)
from micro.mucp.codec import BYTES, JSON, PROTOBUF
from micro.service.raw import RawClient
from micro.service.stream import RawStream
from micro.trust.policy import Caller

__all__ = ["CODEC_KEY", "Calling", "Context", "metadata_of"]

CODEC_KEY = "x-content-type"
"""What go-micro says of its codec; grpcio itself tells nobody."""

TIMEOUT_SECONDS_MAX = 300.0
OPENING_SECONDS = 30.0
"""How long the first message, which holds the parameters, may take."""

STALL_SECONDS = 60.0
"""How long a client may take to read on."""
UNIMPLEMENTED = 12


class Context(Protocol):
    """What grpcio knows of a call."""

    def invocation_metadata(self) -> Any: ...

    def peer(self) -> str: ...

    def time_remaining(self) -> float | None: ...

    async def write(self, message: bytes) -> None: ...

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None: ...


def metadata_of(context: Context) -> dict[str, str]:
    """Returns a call's metadata that is text; names are in lower case."""
    return {str(name): value for name, value in context.invocation_metadata() or () if isinstance(value, str)}


class Calling:
    """Answers calls.

    Args:
        asking: makes clients, and notes calls.
        access: tells who asks.
        directory: what there is.
        status: returns grpcio's status of a number.
    """

    def __init__(self, asking: Asking, access: Access, directory: Directory, status: Any) -> None:
        self._asking = asking
        self._access = access
        self._directory = directory
        self._status = status
        self._streams: set[RawStream] = set()

    async def answer(self, path: str, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answers one call to its end."""
        metadata = metadata_of(context)
        try:
            caller, seconds = self._access.caller(metadata, context.peer())
            try:
                target = await self._find(path)
            except NotFound as missing:
                await self.fail(missing, context, metadata, number=UNIMPLEMENTED)
                return
            await self._ask(target, caller, seconds, metadata, requests, context)
        except Fault as fault:
            await self.fail(fault, context, metadata)
        except MicroError as broken:
            await self.fail(Unavailable(f"the node cannot be reached: {broken}", id="grpc"), context, metadata)

    async def fail(
        self, fault: Fault, context: Context, metadata: Mapping[str, str], *, number: int | None = None
    ) -> None:
        """Ends a call with a fault; `number` is another code of gRPC than the fault's own."""
        sentence = sentence_of(fault, as_json=CODEC_KEY in metadata)
        number = code_of(fault) if number is None else number
        await context.abort(self._status(number), sentence, ((DETAILS_KEY, details_of(fault, number)),))

    async def _find(self, path: str) -> Target:
        found = self._directory.recall(path)
        if found is not None:
            return found
        names = [str(each["name"]) for each in self._directory.list_services()]
        wanted = readings(path, names)
        if not wanted:
            raise NotFound(f"no such method: {path[:80]}; call /SERVICE.STRUCT/METHOD, for instance /greeter.Say/Hello")
        await self._directory.met(wanted[0].service)
        found = self._first(wanted)
        self._directory.remember(path, found)
        return found

    def _first(self, wanted: Sequence[Wanted]) -> Target:
        for each in wanted[:-1]:
            try:
                return self._directory.find((each,))
            except NotFound:
                continue
        return self._directory.find(wanted[-1:])

    async def _ask(
        self,
        target: Target,
        caller: Caller,
        seconds: float,
        metadata: Mapping[str, str],
        requests: AsyncIterator[bytes],
        context: Context,
    ) -> None:
        client = self._asking.client(caller, target)
        passed = passed_on({name.encode(): value.encode() for name, value in metadata.items()})
        takes_all = target.stream and target.takes_stream and not target.wants_parameters
        first = b"" if takes_all else await _first(requests, target)
        said = Said(_type_of(first, target, metadata), first)
        with self._asking.noting(caller, target, said, door="grpc") as course:
            if not target.stream:
                left = context.time_remaining()
                limit = TIMEOUT_SECONDS_MAX if left is None else max(0.001, min(left, TIMEOUT_SECONDS_MAX))
                body = await client.call_raw(
                    target.service,
                    target.endpoint,
                    first,
                    content_type=said.content_type,
                    timeout_seconds=limit,
                    headers=passed,
                )
                course.answer_bytes = len(body)
                await _write(context, body)
                return
            await self._stream(target, client, said, passed, seconds, requests, context)

    async def _stream(
        self,
        target: Target,
        client: RawClient,
        said: Said,
        passed: Mapping[str, str] | None,
        seconds: float,
        requests: AsyncIterator[bytes],
        context: Context,
    ) -> None:
        stream = await client.stream_raw(
            target.service, target.endpoint, said.body, content_type=said.content_type, headers=passed
        )
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(seconds, _expire, stream) if math.isfinite(seconds) else None
        self._streams.add(stream)
        async with stream:
            feeding = loop.create_task(_feed(stream, requests, takes=target.takes_stream))
            try:
                async for message in stream.messages():
                    await _write(context, message)
            finally:
                feeding.cancel()
                self._streams.discard(stream)
                if expiry is not None:
                    expiry.cancel()

    def stop(self, fault: Fault) -> None:
        """Ends all streams with a fault."""
        for stream in list(self._streams):
            stream.failed(fault, refused=False)


async def _first(requests: AsyncIterator[bytes], target: Target) -> bytes:
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            return await anext(requests, b"")
    except TimeoutError as late:
        raise Timeout(f"no message came within {OPENING_SECONDS:g} s", id=target.id) from late


async def _write(context: Context, message: bytes) -> None:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            await context.write(message)
    except TimeoutError as stalled:
        raise Cancelled(f"the client read nothing for {STALL_SECONDS:g} s") from stalled


def _expire(stream: RawStream) -> None:
    stream.failed(Unauthorized("the token has expired; get a new one", id="grpc"), refused=False)


async def _feed(stream: RawStream, requests: AsyncIterator[bytes], *, takes: bool) -> None:
    """Sends what the client sends into a stream, as fast as that takes it, and says when no more comes."""
    try:
        if not takes:
            await stream.end()
        async for message in requests:
            if not takes:
                stream.failed(BadRequest("this endpoint takes one message; it only sends"), refused=False)
                return
            await stream.send(message)
        if takes:
            await stream.end()
    except MicroError:
        pass  # the stream is over, and whoever reads it learns why
    except Exception as error:  # noqa: BLE001 - grpcio's, for a client that has left
        stream.failed(InternalError(f"the call cannot be read: {type(error).__name__}"), refused=False)


def _type_of(first: bytes, target: Target, metadata: Mapping[str, str]) -> str:
    """Returns the type of the messages: what go-micro says, else JSON where one begins with `{`, as no message does."""
    if target.raw_request:
        return BYTES
    return JSON if "json" in metadata.get(CODEC_KEY, "") or first[:1] == b"{" else PROTOBUF
