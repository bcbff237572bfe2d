"""How a running service handles events: its subscribers and functions at work for as long as its node is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import msgspec

from micro.errors import Conflict, Fault, MicroError
from micro.mucp import headers as names
from micro.network.link import Link
from micro.service.client import Client
from micro.service.context import Context
from micro.service.function import Function, publish_given
from micro.service.once import call_once
from micro.service.service import Subscriber
from micro.service.spending import Spending
from micro.service.subscription import Event, Subscription, place_of, settle

__all__ = ["Handling"]

AGAIN_SECONDS_MIN = 0.1
AGAIN_SECONDS_MAX = 5.0
"""A subscription that ended is made again after so long, and after so long where it was refused."""
HANDLERS_MAX = 64
"""How many events of one subscription are handled at once."""
THREADS_MAX = 32
"""How many plain functions run at once."""
INLINE_EVENTS_MAX = 16
"""How many events a handler that never waits is given before the loop may do something else."""
RETRY_SECONDS = 1.0
"""An event whose handler failed is wanted again after so long."""

Result = TypeVar("Result")

log = logging.getLogger("micro.service")


class Handling:
    """Handles the events of one service.

    Args:
        service: the service's name, as it is then.
        client: what subscribes.
        context: makes the context in which an event is handled.
        start: starts a task that ends with the service.
        spending: makes what counts the processor time of one event.
    """

    def __init__(
        self,
        service: Callable[[], str],
        client: Client,
        context: Callable[[Event], Context],
        start: Callable[[Coroutine[Any, Any, None]], object],
        spending: Callable[[], Spending],
    ) -> None:
        self._service = service
        self._client = client
        self._context = context
        self._start = start
        self._spending = spending
        self._pool: ThreadPoolExecutor | None = None

    async def subscribed(self, handler: Subscriber | Function, link: Link) -> None:
        """Handles the events of one subscription for as long as the link to the node lives."""
        queue = handler.queue_of(self._service()) if isinstance(handler, Function) else handler.queue
        room = asyncio.Semaphore(HANDLERS_MAX if queue else 1)
        while _is_open(link):
            try:
                async with self._client.subscribe(handler.topic, queue) as events:
                    events.on_waiting(partial(_tell_waiting, handler.topic))
                    if handler.inline:
                        await self._handle_inline(handler, events)
                    else:
                        await self._handle_apart(handler, events, room)
            except MicroError as error:
                if not _is_open(link):
                    return
                log.warning("the subscription to %s ended: %s; subscribing again", handler.topic, error)
                await asyncio.sleep(AGAIN_SECONDS_MAX if isinstance(error, Fault) else AGAIN_SECONDS_MIN)

    async def _handle_inline(self, handler: Subscriber | Function, events: Subscription) -> None:
        """Handles events where they come, for as long as the subscription is in force."""
        count = 0
        async for event in events:
            await self._handle(handler, event)
            count += 1
            if count % INLINE_EVENTS_MAX == 0:
                await asyncio.sleep(0)

    async def _handle_apart(
        self, handler: Subscriber | Function, events: Subscription, room: asyncio.Semaphore
    ) -> None:
        """Handles each event in a task, as many at once as there is room for."""

        async def handle(event: Event) -> None:
            try:
                await self._handle(handler, event)
            finally:
                room.release()

        async for event in events:
            await room.acquire()
            self._start(handle(event))

    async def _handle(self, handler: Subscriber | Function, event: Event) -> None:
        try:
            if isinstance(handler, Function):
                await self._run(handler, event)
            else:
                context = self._context(event) if handler.wants_context else None
                await self._compared(event, context, lambda _: handler.handle(event, context))
                await event.ack()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            name = handler.name if isinstance(handler, Function) else handler.function
            log.error("%s failed on an event of %s (attempt %s)", name, event.topic, event.attempt, exc_info=error)
            await event.nack(RETRY_SECONDS)

    async def _run(self, function: Function, event: Event) -> None:
        """Runs a function, and has its node publish what follows together with the acknowledgement."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix=self._service())
        context, pool = self._context(event), self._pool
        given = await self._compared(event, context, lambda counts: function.outputs(event, context, pool, counts))
        if event.settled:  # it was published for those who were there, and nobody keeps it
            await publish_given(self._client, given)
            return
        subscription, sequence = place_of(event)
        request = {
            "subscription": subscription.exchange.number,
            "sequence": sequence,
            "outputs": [msgspec.structs.asdict(each) for each in given],
        }
        try:
            await call_once(subscription.link, "events", "Events.Complete", request)
        except Conflict as conflict:
            log.info("%s: what it made of an event of %s does not count: %s", function.name, event.topic, conflict)
        settle(event)

    async def _compared(
        self, event: Event, context: Context | None, work: Callable[[Spending | None], Coroutine[Any, Any, Result]]
    ) -> Result:
        """Awaits what handles an event, and where its keeper compares it with another tells what that took."""
        if names.COST not in event.headers or event.settled:
            return await work(None)
        spending, clock = self._spending(), asyncio.get_running_loop().time
        began = clock()
        result: Result = await spending.of(work(spending))
        cost = context.cost if context is not None and context.cost is not None else spending.cost
        subscription, sequence = place_of(event)
        subscription.tell(sequence, clock() - began, cost)
        return result

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _tell_waiting(topic: str, why: str) -> None:
    """Tells the owner why events do not come, and that they do."""
    if why:
        log.warning("the subscription to %s is waiting: %s", topic, why)
    else:
        log.warning("the subscription to %s waits no longer", topic)  # whoever was shown the one is shown the other


def _is_open(link: Link) -> bool:
    return link.closed is None
