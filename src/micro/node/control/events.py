"""The service `events`: what functions made of their events."""

from __future__ import annotations

import asyncio
from typing import Any

from micro.errors import Fault
from micro.mucp import headers as names
from micro.service.broker.broker import Output
from micro.service.context import Context
from micro.service.events import EventDesk
from micro.service.function import Given
from micro.service.service import Service

__all__ = ["events_service"]


class EventsControl:
    """The endpoints."""

    def __init__(self, desk: EventDesk) -> None:
        self._desk = desk

    async def complete(
        self, subscription: int, sequence: int, context: Context, outputs: list[Given] | None = None
    ) -> dict[str, Any]:
        """Acknowledges an event of a queue and publishes what follows from it: both are on disk, or neither is.

        Args:
            subscription: the exchange, on this link, over which the event came.
            sequence: its sequence there.
            outputs: what follows from it.
        """
        told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

        def done(fault: Fault | None) -> None:
            if not told.done():
                told.set_result(fault)

        given = [
            Output(each.topic, each.id, {names.CONTENT_TYPE: each.content_type}, each.body) for each in outputs or []
        ]
        self._desk.complete(context.link, subscription, sequence, given, done)
        fault = await told
        if fault is not None:
            raise fault
        return {"completed": True}


def events_service(desk: EventDesk) -> Service:
    """Returns the service."""
    endpoints = EventsControl(desk)
    service = Service("events", description="The events that this node keeps.", platform=True)
    service.add("Events.Complete", endpoints.complete)
    return service
