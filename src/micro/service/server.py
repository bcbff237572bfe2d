"""The server: hands what comes over a link to the handlers of one service.

An async handler that never awaits is run where it stands, without a task; one that awaits gets a task, which ends with
the caller's deadline or withdrawal; a plain function runs in a bounded pool of threads, because it may block.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from typing import Any

from micro.errors import BadRequest, Fault, InternalError, NotFound, Timeout
from micro.mucp import headers as names
from micro.mucp.codec import content_type_of
from micro.mucp.event import Block, Opened
from micro.mucp.headers import Headers
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.context import Context
from micro.service.endpoint import Endpoint
from micro.service.stream import RawStream
from micro.service.typed import TypedStream
from micro.trust.policy import Caller, may_call

__all__ = ["THREADS_MAX", "Server", "caller_from"]

THREADS_MAX = 32
"""How many plain functions of a service may run at once; more wait."""
SAMPLE = 16
"""One call in so many is timed."""

Way = Callable[[Link, Opened], None]
log = logging.getLogger("micro.server")


def caller_from(headers: Mapping[str, str]) -> Caller:
    """Returns who calls, from the headers that a trusted node has written."""
    kind = headers.get(names.CALLER, "peer")
    service = headers.get(names.FROM_SERVICE, "")
    return Caller(
        nid=headers.get(names.FROM_NODE, ""),
        service=service,
        owner=kind == "owner",
        supervised=kind == "service" and bool(service),
        anonymous=kind == "anonymous",
    )


class Server:
    """Serves the endpoints of one service.

    Args:
        name: the service's name.
        endpoints: its endpoints by name.
        owner: the object that contexts call their service.
        identify: who calls over a link whose headers are these.
    """

    def __init__(
        self, name: str, endpoints: Mapping[str, Endpoint], *, owner: Any, identify: Callable[[Link, Headers], Caller]
    ) -> None:
        self.name = name
        self.endpoints = endpoints
        self._owner = owner
        self._identify = identify
        self._running: dict[tuple[Link, int], asyncio.Task[None]] = {}
        self._pool: ThreadPoolExecutor | None = None

    # -- ways -------------------------------------------------------------------------------------------------------

    def opened(self, link: Link, event: Opened) -> None:
        """Serves an exchange of a link whose every exchange is for this service."""
        way = event.block.route
        if way is None:
            way = event.block.route = self.way(link, event.block)
        way(link, event)

    def way(self, link: Link, block: Block) -> Way:
        """Returns what serves exchanges with these headers."""
        try:
            return self._find(link, block)
        except Fault as fault:
            return _refusal(fault)

    def _find(self, link: Link, block: Block) -> Way:
        wanted = str(block.headers.get(names.ENDPOINT, ""))
        caller = self._identify(link, block.headers)
        refused = may_call(caller, self.name, wanted)
        if refused is not None:
            raise refused
        endpoint = self.endpoints.get(wanted)
        if endpoint is None:
            raise self._unknown(wanted)
        declared = block.headers.get(names.CONTENT_TYPE)
        if declared is None:
            return self._sniffing(endpoint, caller)
        return self._serving(endpoint, content_type_of(declared, b""), caller, block.headers)

    def _unknown(self, wanted: str) -> NotFound:
        near = get_close_matches(wanted, self.endpoints, n=3, cutoff=0.5) or sorted(self.endpoints)[:8]
        return NotFound(f"{self.name} has no endpoint {wanted}; it has {', '.join(near)}", id=f"{self.name}.{wanted}")

    def _sniffing(self, endpoint: Endpoint, caller: Caller) -> Way:
        def serve(link: Link, event: Opened) -> None:
            content_type = content_type_of(None, event.body)
            try:
                way = self._serving(endpoint, content_type, caller, event.block.headers)
            except Fault as fault:
                way = _refusal(fault)
            way(link, event)

        return serve

    def _serving(self, endpoint: Endpoint, content_type: str, caller: Caller, headers: Headers) -> Way:
        decode, encode = endpoint.decoder(content_type), endpoint.encoder(content_type)
        if endpoint.kind == "stream":
            return self._streaming(endpoint, content_type, caller, headers)
        if endpoint.inline and not endpoint.wants_context:
            return self._inline(endpoint, decode, encode)
        return self._tasked(endpoint, decode, encode, caller, headers)

    # -- calls ------------------------------------------------------------------------------------------------------

    def _inline(self, endpoint: Endpoint, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]) -> Way:
        start, stats = endpoint.starter, endpoint.stats

        def serve(link: Link, event: Opened) -> None:
            stats.requests += 1
            try:
                start(decode(event.body)).send(None)
            except StopIteration as stop:
                try:
                    link.reply(event.number, encode(stop.value))
                except Exception as error:  # noqa: BLE001 - whatever a handler returns must not end the link
                    self._fail(link, event, endpoint, error)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes a fault
                self._fail(link, event, endpoint, error)

        return serve

    def _tasked(
        self,
        endpoint: Endpoint,
        decode: Callable[[bytes], Any],
        encode: Callable[[Any], bytes],
        caller: Caller,
        headers: Headers,
    ) -> Way:
        def serve(link: Link, event: Opened) -> None:
            endpoint.stats.requests += 1
            try:
                arguments = decode(event.body)
            except Exception as error:  # noqa: BLE001
                self._fail(link, event, endpoint, error)
                return
            work = self._work(link, event, endpoint, arguments, encode, caller, headers)
            self._start(link, event.number, work)

        return serve

    def _start(self, link: Link, number: int, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        key = (link, number)
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _work(
        self,
        link: Link,
        event: Opened,
        endpoint: Endpoint,
        arguments: Any,
        encode: Callable[[Any], bytes],
        caller: Caller,
        headers: Headers,
    ) -> None:
        timeout = event.timeout_milliseconds / 1000 if event.timeout_milliseconds else None
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + timeout if timeout is not None else None
        context = Context(self._owner, caller, headers, event.extra, deadline, link) if endpoint.wants_context else None
        try:
            async with asyncio.timeout(timeout) as expiry:
                result = await self._run(endpoint, arguments, context)
            link.reply(event.number, encode(result))
        except asyncio.CancelledError:
            endpoint.stats.cancelled += 1
            raise
        except Exception as error:  # noqa: BLE001
            if isinstance(error, TimeoutError) and expiry.expired():
                error = Timeout(f"{self.name} {endpoint.name} did not finish within {timeout:g} s")
            self._fail(link, event, endpoint, error)
        finally:
            endpoint.stats.seconds += loop.time() - began
            endpoint.stats.timed += 1

    async def _run(self, endpoint: Endpoint, arguments: Any, context: Context | None) -> Any:
        if endpoint.is_async:
            return await endpoint.start(arguments, context)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix=self.name)
        return await asyncio.get_running_loop().run_in_executor(self._pool, endpoint.start, arguments, context)

    def _fail(self, link: Link, event: Opened, endpoint: Endpoint, error: BaseException) -> None:
        endpoint.stats.errors += 1
        link.fail(event.number, self._fault(endpoint, error))

    def _fault(self, endpoint: Endpoint, error: BaseException) -> Fault:
        id = f"{self.name}.{endpoint.name}"
        if isinstance(error, Fault):
            error.id = error.id or id
            return error
        log.error("%s failed", id, exc_info=error)
        return InternalError(f"{type(error).__name__} in {id}; its log tells more", id=id)

    # -- streams ----------------------------------------------------------------------------------------------------

    def _streaming(self, endpoint: Endpoint, content_type: str, caller: Caller, headers: Headers) -> Way:
        decode = endpoint.decoder(content_type)

        def serve(link: Link, event: Opened) -> None:
            endpoint.stats.requests += 1
            if event.exchange is None or event.form != Form.STREAM:
                link.fail(event.number, BadRequest(f"{endpoint.name} is a stream; open it as one"))
                return
            try:
                arguments = decode(event.body)
            except Exception as error:  # noqa: BLE001
                self._fail(link, event, endpoint, error)
                return
            raw = RawStream(link)
            raw.exchange = event.exchange
            event.exchange.owner = raw
            context = Context(self._owner, caller, headers, event.extra, None, link)
            raw.on_cancel = self._start(link, event.number, self._flow(raw, endpoint, arguments, context, content_type))

        return serve

    async def _flow(
        self, raw: RawStream, endpoint: Endpoint, arguments: Any, context: Context, content_type: str
    ) -> None:
        encode = endpoint.item_encoder(content_type)
        stream = TypedStream(raw, encode, endpoint.item_decoder(content_type))
        link, number = raw.link, raw.exchange.number
        try:
            result = endpoint.start(arguments, context, stream)
            if endpoint.yields:
                await self._pour(raw, encode, result if endpoint.is_async else _in_thread(result))
            else:
                await result
            await raw.end()
        except asyncio.CancelledError:
            endpoint.stats.cancelled += 1
            raise
        except Exception as error:  # noqa: BLE001
            endpoint.stats.errors += 1
            link.fail(number, self._fault(endpoint, error))

    @staticmethod
    async def _pour(raw: RawStream, encode: Callable[[Any], bytes], items: AsyncIterator[Any]) -> None:
        try:
            async for item in items:
                body = encode(item)
                while not raw.send_now(body):
                    await raw.writable()
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    # -- ends -------------------------------------------------------------------------------------------------------

    def withdrawn(self, link: Link, number: int) -> None:
        """Stops the work on a call that nobody waits for."""
        task = self._running.get((link, number))
        if task is not None:
            task.cancel()

    def lost(self, link: Link) -> None:
        """Stops the work on everything that came over a link that is gone."""
        for (known, _), task in list(self._running.items()):
            if known is link:
                task.cancel()

    @property
    def under_way(self) -> int:
        """How many exchanges are being served by tasks."""
        return len(self._running)

    async def finish(self, seconds: float) -> None:
        """Waits for what is under way, at most so long, then stops it."""
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


async def _in_thread(items: Any) -> AsyncIterator[Any]:
    """Draws from a plain generator without stopping the loop."""
    done = object()
    while (item := await asyncio.to_thread(next, items, done)) is not done:
        yield item


def _refusal(fault: Fault) -> Way:
    def refuse(link: Link, event: Opened) -> None:
        link.fail(event.number, fault, refused=True)

    return refuse
