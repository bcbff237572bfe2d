"""Calls that the node makes for somebody who said something: each is noted in the record of calls."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from micro.assistant.calling import Caller as Calls
from micro.errors import Fault
from micro.mucp.codec import JSON
from micro.node.record import Record
from micro.ports import Clock
from micro.service.stream import RawStream
from micro.trust.policy import Caller

__all__ = ["NotedCalls"]

DOOR = "conversation"
"""What stands in the record as the door of these calls."""


class NotedCalls:
    """Calls with somebody's rights, and has the record take note of it; what is asked is not kept, for it was said.

    Args:
        client: what calls.
        caller: whose rights those are.
        record: what takes note.
        clock: tells when it was.
    """

    def __init__(self, client: Calls, caller: Caller, record: Record, clock: Clock) -> None:
        self._client = client
        self._caller = caller
        self._record = record
        self._clock = clock

    async def call_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = JSON) -> bytes:
        """Calls an endpoint, and returns the bytes of its answer; raises the `Fault` that came instead."""
        with self._noting(service, endpoint):
            return await self._client.call_raw(service, endpoint, body, content_type=content_type)

    async def stream_raw(
        self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = JSON
    ) -> RawStream:
        """Opens a stream; it is noted when it opens, or raises the `Fault` that came instead."""
        with self._noting(service, endpoint):
            return await self._client.stream_raw(service, endpoint, body, content_type=content_type)

    @contextlib.contextmanager
    def _noting(self, service: str, endpoint: str) -> Iterator[None]:
        time, began = self._clock.now(), self._clock.monotonic()
        code, detail = 0, ""
        try:
            yield
        except Fault as fault:
            code, detail = fault.code, fault.detail
            raise
        finally:
            self._record.add(
                time,
                self._clock.monotonic() - began,
                door=DOOR,
                caller=self._caller,
                service=service,
                endpoint=endpoint,
                code=code,
                detail=detail,
            )
