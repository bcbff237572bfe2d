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
from typing import Any, Protocol

from micro.errors import BadRequest, Fault, InternalError, NotFound, Timeout, Unavailable, is_callers
from micro.mucp import headers as names
from micro.mucp.event import Block, Opened
from micro.mucp.headers import Headers
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.context import Context
from micro.service.endpoint import Endpoint
from micro.service.schema.binding import Codec
from micro.service.spending import Spending
from micro.service.stream import RawStream
from micro.service.typed import TypedStream
from micro.trust.policy import Caller, may_call

__all__ = ["THREADS_MAX", "Server", "caller_from"]

THREADS_MAX = 32
"""How many plain functions of a service may run at once; more wait."""
SAMPLE = 64
"""One call in so many that went well is traced."""

Way = Callable[[Link, Opened], None]


class Traced(Protocol):
    """Told of an exchange: its endpoint, its caller, how long it took, what went wrong, and whether that was his."""

    def __call__(self, endpoint: str, caller: str, seconds: float, error: str, /, *, rejected: bool = False) -> None:
        """Takes note of it."""


log = logging.getLogger("micro.server")


def caller_from(headers: Mapping[str, str]) -> Caller:
    """Returns who calls, from the headers that a trusted node has written."""
    kind = headers.get(names.CALLER, "peer")
    service = headers.get(names.FROM_SERVICE, "")
    account = headers.get(names.ACCOUNT, "")
    token = headers.get(names.TOKEN, "") if kind in ("token", "user") else ""
    return Caller(
        nid=headers.get(names.FROM_NODE, ""),
        service=service,
        owner=kind == "owner",
        supervised=kind == "service" and bool(service),
        anonymous=kind == "anonymous",
        user=kind == "user" and bool(account),
        account=account,
        scopes=tuple(headers.get(names.SCOPES, "").split()),
        token=token,
    )


class Server:
    """Serves the endpoints of one service.

    Args:
        name: the service's name.
        endpoints: its endpoints by name.
        owner: the object that contexts call their service.
        identify: who calls over a link whose headers are these.
        traced: told of exchanges that were not answered, and of a part of the others.
        spending: makes what counts the processor time of one exchange.
    """

    def __init__(
        self,
        name: str,
        endpoints: Mapping[str, Endpoint],
        *,
        owner: Any,
        identify: Callable[[Link, Headers], Caller],
        traced: Traced,
        spending: Callable[[], Spending] = Spending,
    ) -> None:
        self.name = name
        self.endpoints = endpoints
        self._owner = owner
        self._identify = identify
        self._traced = traced
        self._spending = spending
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
        return self._serving(endpoint, endpoint.codec(declared), caller, block.headers)

    def _unknown(self, wanted: str) -> NotFound:
        offered = sorted(name for name, endpoint in self.endpoints.items() if not endpoint.hidden)
        near = get_close_matches(wanted, offered, n=3, cutoff=0.5) or offered[:8]
        return NotFound(f"{self.name} has no endpoint {wanted}; it has {', '.join(near)}", id=f"{self.name}.{wanted}")

    def _sniffing(self, endpoint: Endpoint, caller: Caller) -> Way:
        def serve(link: Link, event: Opened) -> None:
            try:
                way = self._serving(endpoint, endpoint.codec(None, event.body), caller, event.block.headers)
            except Fault as fault:
                way = _refusal(fault)
            way(link, event)

        return serve

    def _serving(self, endpoint: Endpoint, codec: Codec, caller: Caller, headers: Headers) -> Way:
        if endpoint.kind == "stream":
            return self._streaming(endpoint, codec, caller, headers)
        if endpoint.inline and not endpoint.wants_context and names.COST not in headers:
            return self._inline(endpoint, codec, caller)
        return self._tasked(endpoint, codec, caller, headers)

    # -- calls ------------------------------------------------------------------------------------------------------

    def _inline(self, endpoint: Endpoint, codec: Codec, caller: Caller) -> Way:
        invoke, encode, stats = codec.invoke, codec.encode, endpoint.stats

        def serve(link: Link, event: Opened) -> None:
            stats.requests += 1
            if event.exchange is not None:
                self._fail(link, event, endpoint, caller, _not_a_stream(endpoint))
                return
            try:
                invoke(event.body).send(None)
            except StopIteration as stop:
                try:
                    link.reply(event.number, encode(stop.value))
                except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes a fault
                    self._fail(link, event, endpoint, caller, error)
            except BaseException as error:  # noqa: BLE001 - nor may a handler that gives up end the link of its caller
                self._fail(link, event, endpoint, caller, error)
            if not stats.requests % SAMPLE:
                self._traced(endpoint.name, str(caller), 0.0, "")

        return serve

    def _tasked(self, endpoint: Endpoint, codec: Codec, caller: Caller, headers: Headers) -> Way:
        def serve(link: Link, event: Opened) -> None:
            endpoint.stats.requests += 1
            try:
                if event.exchange is not None:
                    raise _not_a_stream(endpoint)
                arguments = codec.decode(event.body)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes a fault
                self._fail(link, event, endpoint, caller, error)
                return
            self._start(link, event.number, self._work(link, event, endpoint, arguments, codec, caller, headers))

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
        codec: Codec,
        caller: Caller,
        headers: Headers,
    ) -> None:
        timeout = event.timeout_milliseconds / 1000 if event.timeout_milliseconds else None
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + timeout if timeout is not None else None
        context = Context(self._owner, caller, headers, event.extra, deadline, link) if endpoint.wants_context else None
        expiry = asyncio.timeout(timeout)
        spending = self._spending() if names.COST in headers else None
        try:
            async with expiry:
                result = await self._run(endpoint, arguments, context, spending)
            body = codec.encode(result)
            if spending is not None:
                told = context.cost if context is not None and context.cost is not None else spending.cost
                link.session.note(event.number, {names.COST: str(told)})
            link.reply(event.number, body)
        except asyncio.CancelledError:
            endpoint.stats.cancelled += 1
            link.fail(event.number, self._stopped(endpoint))
            raise
        except BaseException as error:  # noqa: BLE001 - nor may a handler that gives up end the loop
            if isinstance(error, TimeoutError) and expiry.expired():
                error = Timeout(f"{self.name} {endpoint.name} did not finish within {timeout:.3g} s")
            self._fail(link, event, endpoint, caller, error, loop.time() - began)
        else:
            if endpoint.stats.requests % SAMPLE == 1:
                self._traced(endpoint.name, str(caller), loop.time() - began, "")
        finally:
            endpoint.stats.seconds += loop.time() - began
            endpoint.stats.timed += 1

    async def _run(self, endpoint: Endpoint, arguments: Any, context: Context | None, spending: Spending | None) -> Any:
        if endpoint.is_async:
            work = endpoint.call(arguments, context)
            return await (work if spending is None else spending.of(work))
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix=self.name)
        call = endpoint.call if spending is None else spending.in_thread(endpoint.call)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, arguments, context)

    def _fail(
        self,
        link: Link,
        event: Opened,
        endpoint: Endpoint,
        caller: Caller,
        error: BaseException,
        seconds: float = 0.0,
    ) -> None:
        link.fail(event.number, self._counted(endpoint, caller, error, seconds))

    def _counted(self, endpoint: Endpoint, caller: Caller, error: BaseException, seconds: float) -> Fault:
        """Takes note of an exchange that was not answered, and returns the fault that its caller is told."""
        fault = self._fault(endpoint, error)
        # What another service refused this one is no mistake of the caller's, who asked that other one nothing.
        is_rejected = is_callers(fault.code) and fault.id.partition(".")[0] == self.name
        if is_rejected:
            endpoint.stats.rejected += 1
        else:
            endpoint.stats.errors += 1
        self._traced(endpoint.name, str(caller), seconds, f"{fault.code} {fault.detail}", rejected=is_rejected)
        return fault

    def _fault(self, endpoint: Endpoint, error: BaseException) -> Fault:
        id = f"{self.name}.{endpoint.name}"
        if isinstance(error, Fault):
            error.id = error.id or id
            return error
        log.error("%s failed", id, exc_info=error)
        return InternalError(f"{type(error).__name__} in {id}; its log tells more", id=id)

    def _stopped(self, endpoint: Endpoint) -> Unavailable:
        """Returns what a caller learns who still waits for a handler that was cancelled, or cancelled itself."""
        id = f"{self.name}.{endpoint.name}"
        return Unavailable(f"outcome unknown: {self.name} gave up the work on {endpoint.name}", id=id)

    # -- streams ----------------------------------------------------------------------------------------------------

    def _streaming(self, endpoint: Endpoint, codec: Codec, caller: Caller, headers: Headers) -> Way:
        def serve(link: Link, event: Opened) -> None:
            endpoint.stats.requests += 1
            if event.exchange is None or event.form != Form.STREAM:
                link.fail(event.number, BadRequest(f"{endpoint.name} is a stream; open it as one"))
                return
            try:
                arguments = codec.decode(event.body)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes a fault
                self._fail(link, event, endpoint, caller, error)
                return
            raw = RawStream(link)
            raw.exchange = event.exchange
            event.exchange.owner = raw
            context = Context(self._owner, caller, headers, event.extra, None, link, event.exchange)
            raw.on_cancel = self._start(link, event.number, self._flow(raw, endpoint, arguments, context, codec))

        return serve

    async def _flow(self, raw: RawStream, endpoint: Endpoint, arguments: Any, context: Context, codec: Codec) -> None:
        stream: TypedStream[Any] = TypedStream(raw, codec.encode, codec.decode_item)
        try:
            result = endpoint.call(arguments, context, stream)
            if endpoint.yields:
                await self._pour(raw, codec.encode, result if endpoint.is_async else _in_thread(result))
            else:
                value = await result
                if value is not None:  # one answer to a stream of requests
                    await stream.send(value)
            await raw.end()
        except asyncio.CancelledError:
            endpoint.stats.cancelled += 1
            raw.link.fail(raw.exchange.number, self._stopped(endpoint))
            raise
        except BaseException as error:  # noqa: BLE001 - nor may a handler that gives up end the loop
            raw.link.fail(raw.exchange.number, self._counted(endpoint, context.caller, error, 0.0))

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


def _not_a_stream(endpoint: Endpoint) -> BadRequest:
    return BadRequest(f"{endpoint.name} is a call, not a stream; call it")


def _refusal(fault: Fault) -> Way:
    fault.__traceback__ = None  # its frames hold the block that keeps this, and the collector does not look into blocks

    def refuse(link: Link, event: Opened) -> None:
        link.fail(event.number, fault, refused=True)

    return refuse
