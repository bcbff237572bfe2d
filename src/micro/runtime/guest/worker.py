"""The service inside a worker process: hosts instances of guests, each for as long as the node keeps a stream open."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from micro.runtime.guest.hosted import ENDPOINT, SERVICE, Asked, Told
from micro.runtime.guest.life import Life, Surroundings
from micro.service.service import Service
from micro.service.typed import Stream

__all__ = ["worker_service"]

LINES_MAX = 1_000
"""So many lines of an instance may wait for the node; those beyond are lost, and counted."""


Handed = Callable[[str], Awaitable[str]]
"""Waits for a socket that the node hands over by a name, and returns where to listen."""


def worker_service(surroundings: Surroundings, handed: Handed) -> Service:
    """Returns the service by which the engine in the node has instances hosted."""
    service = Service(SERVICE, description="Hosts WebAssembly guests.")

    async def host(
        compiled: str, environment: dict[str, str], asked: Stream[Asked], socket: str = ""
    ) -> AsyncIterator[Told]:
        """Hosts an instance until it ends, or until whoever asked withdraws: then it is gone at once."""
        outbox = _Outbox()
        place = {"MICRO_SOCKET": await handed(socket)} if socket else {}
        life = Life(surroundings, Path(compiled), {**environment, **place}, outbox.put)
        living = asyncio.ensure_future(life.run())
        listening = asyncio.ensure_future(_listen(asked, life))
        living.add_done_callback(lambda _: outbox.filled.set())
        try:
            while not living.done() or outbox.lines:
                for line in outbox.take():
                    yield line
                if not living.done():
                    await outbox.filled.wait()
            yield Told(exit_code=living.result())
        finally:
            listening.cancel()
            living.cancel()
            await asyncio.gather(living, listening, return_exceptions=True)

    service.add(ENDPOINT, host)
    return service


async def _listen(asked: Stream[Asked], life: Life) -> None:
    async for request in asked:
        if request.stop:
            life.stop()


class _Outbox:
    """Lines on their way to the node."""

    def __init__(self) -> None:
        self.lines: deque[Told] = deque()
        self.filled = asyncio.Event()
        self._missed = 0

    def put(self, stream: str, line: str) -> None:
        if len(self.lines) >= LINES_MAX:
            self._missed += 1
        else:
            self.lines.append(Told(stream, line))
        self.filled.set()

    def take(self) -> list[Told]:
        self.filled.clear()
        lines = list(self.lines)
        self.lines.clear()
        if self._missed:
            lines.append(Told("err", f"{self._missed} lines were too many to pass on"))
            self._missed = 0
        return lines
