"""Pairs of connected pipes of every kind, for tests of what they have in common."""

from __future__ import annotations

import asyncio
import functools
import gc
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from micro.network.transport import memory, stream
from micro.network.transport.iroh import IrohEndpoint
from micro.network.transport.transport import Pipe
from micro.testing.loop import VirtualLoop
from micro.testing.trace import Trace
from micro.testing.weather import Weather
from micro.testing.wire import Wire

WAIT_SECONDS_MAX = 30.0
LOOPS: dict[str, Callable[[], Any]] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
EVERY_LOOP = {**LOOPS, "virtual": VirtualLoop}


class Recorder(asyncio.BufferedProtocol):
    """A receiver that notes what happens to it, in order."""

    pipe: Pipe

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.data = bytearray()
        self.error: Exception | None = None
        self.changed = asyncio.Event()
        self.fault: Exception | None = None
        self.when: dict[str, Callable[[], None]] = {}
        self._buffer = bytearray(65536)

    def connection_made(self, transport: Any) -> None:
        self.pipe = transport
        self._note("made")

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.data += data
        self._note("data")

    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self._note("lost")

    def _note(self, what: str) -> None:
        self.happened.append(what)
        self.changed.set()
        if what in self.when:
            self.when[what]()

    def give_up(self) -> None:
        """Aborts the pipe, unless it is gone: a socket of asyncio fails when it is aborted after its end."""
        if "made" in self.happened and "lost" not in self.happened:
            self.pipe.abort()

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits until something holds."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def until_happened(self, what: str) -> None:
        """Waits until this happened at least once."""
        await self.until(lambda: what in self.happened)


@asynccontextmanager
async def memory_pair() -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Two ends in this process."""
    left, right = Recorder(), Recorder()
    for pipe, recorder in zip(memory.pair(), (left, right), strict=True):
        pipe.start(recorder)
    yield left, right


@asynccontextmanager
async def socket_pair(address: str) -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Two ends of a socket."""
    accepted: list[Recorder] = []
    came = asyncio.Event()

    def accept() -> Recorder:
        accepted.append(Recorder())
        came.set()
        return accepted[-1]

    listener = await stream.listen(address, accept)
    _, left = await stream.dial(listener.address, Recorder, timeout_seconds=WAIT_SECONDS_MAX)
    left.pipe.write(b"!")
    await came.wait()
    await accepted[0].until_happened("made")
    try:
        yield left, accepted[0]
    finally:
        for end in (left, accepted[0]):
            end.give_up()
            await end.until_happened("lost")
        listener.close()


@asynccontextmanager
async def tcp_pair() -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Two ends of a TCP connection."""
    async with socket_pair("tcp:127.0.0.1:0") as ends:
        yield ends


@asynccontextmanager
async def unix_pair() -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Two ends of a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:
        async with socket_pair(f"unix:{folder}/s") as ends:
            yield ends


@asynccontextmanager
async def iroh_pair() -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Two ends of an iroh stream, between two nodes."""
    left, right = Recorder(), Recorder()
    ours = await IrohEndpoint.bind(b"\x01" * 32, 0, "127.0.0.1")
    theirs = await IrohEndpoint.bind(b"\x02" * 32, 0, "127.0.0.1")
    theirs.listen(lambda pipe: pipe.start(right))
    try:
        pipe = await ours.dial(theirs.nid, theirs.addresses(), None, timeout_seconds=WAIT_SECONDS_MAX)
        pipe.start(left)
        pipe.write(b"!")
        yield left, right
    finally:
        left.give_up()
        right.give_up()
        await ours.close()
        await theirs.close()


@asynccontextmanager
async def world_pair() -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Two ends in a simulated world, where pieces are lost, and come late and in parts."""
    left, right = Recorder(), Recorder()
    weather = Weather(loss=0.1, split=0.3, breaks_per_second=0.0)
    wire = Wire(asyncio.get_running_loop(), random.Random(1), Trace(), weather)
    pipe = wire.pair(("a", None, {}), ("b", None, {}), lambda far: far.start(right))
    pipe.start(left)
    pipe.write(b"!")
    yield left, right


Scenario = Callable[[Recorder, Recorder], Awaitable[None]]
PAIRS = {"memory": memory_pair, "unix": unix_pair, "tcp": tcp_pair, "iroh": iroh_pair, "world": world_pair}


def over_every_pipe(scenario: Scenario) -> Callable[[str, str], None]:
    """Makes a test of a scenario: it is played over every kind of pipe, on every event loop."""
    return _over(scenario, list(PAIRS))


def over_our_pipes(scenario: Scenario) -> Callable[[str, str], None]:
    """The same for what asyncio's own sockets do not promise."""
    return _over(scenario, ["memory", "iroh", "world"])


def _over(scenario: Scenario, kinds: list[str]) -> Callable[[str, str], None]:
    @pytest.mark.parametrize(
        ("kind", "loop"), [(kind, loop) for kind in kinds for loop in EVERY_LOOP if _fits(kind, loop)]
    )
    @functools.wraps(scenario, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
    def test(kind: str, loop: str) -> None:
        async def meet() -> None:
            async with PAIRS[kind]() as (left, right):
                if kind == "memory":
                    left.pipe.write(b"!")
                await right.until(lambda: right.data == b"!")
                right.data.clear()
                await scenario(left, right)

        async def play() -> None:
            reported: list[object] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
            await meet()
            gc.collect(1)  # tasks that failed unseen tell when they are let go
            assert reported == []

        with asyncio.Runner(loop_factory=EVERY_LOOP[loop]) as runner:
            runner.run(play())

    del test.__wrapped__  # type: ignore[attr-defined]  # or pytest would read the scenario's arguments as fixtures
    return test


def _fits(kind: str, loop: str) -> bool:
    """A virtual clock is for simulated pipes, and these for it alone."""
    return (kind == "world") == (loop == "virtual")
