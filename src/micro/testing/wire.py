"""The cables of a world: what is sent along them arrives in order, late, or not while they are cut.

A pipe between two nodes behaves as one over QUIC: a lost piece holds up those behind it and comes again, a piece that
meets a cut waits for its end, silence of thirty seconds ends the pipe, and a machine that knows nothing of a pipe any
more says so to whoever writes to it. A pipe within a machine is a socket: fast, and over when its program is.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context, copy_context
from enum import Enum, auto
from typing import Any

from micro.errors import LinkClosed
from micro.network.link import Link
from micro.network.transport.pipe import BufferedPipe
from micro.testing.loop import LIFE, Life, VirtualLoop
from micro.testing.trace import Trace
from micro.testing.weather import Weather

__all__ = ["LOCAL", "Wire", "WorldPipe"]

FLYING_BYTES_MAX = 16 * 1024
"""More than this is not sent before some of it has arrived."""

SILENCE_SECONDS_MAX = 30.0
"""A pipe whose other end cannot be heard for so long is over."""

LOSSES_MAX = 5
"""A piece is lost at most so many times in a row."""

LOCAL = Weather(delay_seconds=0.00002, jitter_seconds=0.00003, loss=0.0, split=0.02, breaks_per_second=0.0)
"""Within a machine."""


class _Sign(Enum):
    """What crosses beside bytes."""

    END = auto()
    RESET = auto()


_Item = bytes | _Sign


class Wire:
    """All pipes of a world, and what is cut.

    Attributes:
        weather: what chance does between machines.
        trace: what is told of everything that arrives.
    """

    def __init__(self, loop: VirtualLoop, chance: random.Random, trace: Trace, weather: Weather) -> None:
        self.loop = loop
        self.weather = weather
        self.trace = trace
        self.chance = chance
        self._cuts: dict[tuple[str, str], int] = {}
        self._cut_number = 0
        self._pipes: dict[WorldPipe, None] = {}
        self._every: list[WorldPipe] = []
        self._up: dict[str, None] = {}
        self._downs: dict[str, int] = {}

    # -- cuts ---------------------------------------------------------------------------------------------------------

    def is_cut(self, sender: str, receiver: str) -> bool:
        """Says whether nothing gets from one machine to the other."""
        return (sender, receiver) in self._cuts

    def cut(self, sender: str, receiver: str) -> None:
        """From now on nothing gets from one machine to the other; the way back is another matter."""
        if (sender, receiver) in self._cuts:
            return
        self._cut_number += 1
        number = self._cuts[sender, receiver] = self._cut_number
        way = sender, receiver
        for pipe in [pipe for pipe in self._pipes if way in pipe.ways]:
            self.loop.call_later(SILENCE_SECONDS_MAX, self._silent, pipe, way, number, context=copy_context())

    def _silent(self, pipe: WorldPipe, way: tuple[str, str], number: int) -> None:
        if self._cuts.get(way) == number:
            pipe.lose("nothing was heard from the other side for 30 s")
            pipe.far.lose("nothing was heard from the other side for 30 s")

    def heal(self, sender: str, receiver: str) -> None:
        """Mends a cut; what waited for that goes on."""
        if self._cuts.pop((sender, receiver), None) is not None:
            for pipe in [pipe for pipe in self._pipes if (sender, receiver) in pipe.ways]:
                pipe.resume_flight()

    def blocks(self, pipe: WorldPipe) -> bool:
        """Says whether nothing gets from this end of a pipe to the other: a way is cut, or its relay is down."""
        return any(way in self._cuts for way in pipe.ways) or bool(pipe.through and pipe.through not in self._up)

    @property
    def cuts(self) -> list[tuple[str, str]]:
        """Returns what is cut now, as (sender, receiver)."""
        return list(self._cuts)

    # -- pipes --------------------------------------------------------------------------------------------------------

    def pair(
        self,
        near: tuple[str, Life | None, Mapping[str, Any]],
        far: tuple[str, Life | None, Mapping[str, Any]],
        announce: Callable[[WorldPipe], None],
        *,
        through: str = "",
    ) -> WorldPipe:
        """Makes a pipe and returns the end of who dialled; `announce` gets the other one when something comes.

        Args:
            near, far: each end's machine, whose it is, and what `get_extra_info` knows.
            announce: see above.
            through: the machine whose relay is between them, "" for none.
        """
        ends = WorldPipe(self, near[0], far[0], near[1], near[2]), WorldPipe(self, far[0], near[0], far[1], far[2])
        ends[0].far, ends[1].far = ends[1], ends[0]
        ends[1].announce = announce
        for end in ends:
            end.go_through(through)
            self._pipes[end] = None
            self._every.append(end)
        rate = ends[0].weather.breaks_per_second
        if rate:
            when = self.chance.expovariate(rate)
            self.loop.call_later(when, ends[0].lose, "the network broke", context=ends[0].context)
            self.loop.call_later(when, ends[1].lose, "the network broke", context=ends[1].context)
        return ends[0]

    def receivers(self) -> Iterator[tuple[str, Any, Any]]:
        """Yields the name of each end of a pipe that is open, what stands on it, and what stands on the other end.

        The last is None where that end is not there, or while anything is on its way between the two.
        """
        for pipe in self._pipes:
            if pipe._receiver is not None and not pipe.is_over:
                is_still = pipe.far in self._pipes and pipe.is_still and pipe.far.is_still
                yield pipe._name, pipe._receiver, pipe.far._receiver if is_still else None

    def close(self) -> None:
        """Has every session let go of its exchanges: events hold them, and the collector does not look into those."""
        for pipe in self._every:
            if isinstance(pipe._receiver, Link):
                for exchange in pipe._receiver.session.exchanges.values():
                    exchange.owner = None
                pipe._receiver.session.lose()
        self._every.clear()
        self._pipes.clear()

    def forget(self, pipe: WorldPipe) -> None:
        """A pipe's end is over."""
        self._pipes.pop(pipe, None)

    def delay(self, weather: Weather) -> float:
        """Returns how long a piece takes."""
        chance = self.chance
        seconds = weather.delay_seconds + chance.expovariate(1.0) * weather.jitter_seconds
        if weather.loss:
            resend = weather.resend_seconds
            for _ in range(LOSSES_MAX):
                if chance.random() >= weather.loss:
                    break
                seconds += resend
                resend *= 2
        return seconds

    # -- machines -----------------------------------------------------------------------------------------------------

    def is_back(self, machine: str) -> bool:
        """Says whether a machine is there to turn something away."""
        return machine in self._up

    def down(self, machine: str) -> None:
        """A machine has no power, or no node."""
        self._up.pop(machine, None)
        number = self._downs[machine] = self._downs.get(machine, 0) + 1
        for pipe in [pipe for pipe in self._pipes if pipe.through == machine]:
            self.loop.call_later(SILENCE_SECONDS_MAX, self._relay_silent, pipe, machine, number, context=pipe.context)

    def _relay_silent(self, pipe: WorldPipe, machine: str, number: int) -> None:
        if machine not in self._up and self._downs[machine] == number:
            pipe.lose("nothing was heard from the other side for 30 s")

    def over(self, life: Life) -> None:
        """A program is over: on its own machine that is felt at once, elsewhere as silence."""
        for pipe in list(self._pipes):
            if pipe.life is life:
                self._pipes.pop(pipe)
                far = pipe.far
                if pipe.here == pipe.there:
                    self.loop.call_later(self.delay(LOCAL), far.lose, "the program is gone", context=far.context)
                else:
                    silent = "nothing was heard from the other side for 30 s"
                    self.loop.call_later(SILENCE_SECONDS_MAX, far.lose, silent, context=far.context)

    def back(self, machine: str) -> None:
        """A machine is there again, and knows nothing of its old pipes: what is sent to those is turned away."""
        self._up[machine] = None
        for pipe in [pipe for pipe in self._pipes if pipe.there == machine]:
            pipe.there_again()
        for pipe in [pipe for pipe in self._pipes if pipe.through == machine]:
            pipe.resume_flight()


class WorldPipe(BufferedPipe):
    """One end of a pipe.

    Attributes:
        here, there: the machines of this end and of the other.
        through: the machine whose relay is between them, "" for none.
        ways: from which machine to which all goes on its way to the other end.
        life: whose end it is, None for the observer's.
        context: what its receiver's code runs in.
        far: the other end.
    """

    far: WorldPipe

    def __init__(self, wire: Wire, here: str, there: str, life: Life | None, facts: Mapping[str, Any]) -> None:
        super().__init__(wire.loop, facts)
        self.here = here
        self.there = there
        self.through = ""
        self.ways: tuple[tuple[str, str], ...] = ((here, there),)
        self.life = life
        self.context: Context = copy_context()
        self.context.run(LIFE.set, life)
        self.announce: Callable[[WorldPipe], None] | None = None
        self._wire = wire
        self._name = f"{here}>{there}"
        self._flying = 0
        self._crossing = self._said_all = self._is_told = False
        self._sent = self._expected = 0
        self._early: dict[int, _Item] = {}
        self._arrived: deque[_Item] = deque()
        self._stalled: list[tuple[int, _Item]] = []

    def go_through(self, relay: str) -> None:
        """Has all that is sent go through the relay of a machine; one of the two machines' own is no detour."""
        if relay and relay not in (self.here, self.there):
            self.through = relay
            self.ways = (self.here, relay), (relay, self.there)

    @property
    def weather(self) -> Weather:
        """What chance does to it."""
        return LOCAL if self.here == self.there else self._wire.weather

    @property
    def is_over(self) -> bool:
        """Whether its program is."""
        return self.life is not None and not self.life.alive

    @property
    def is_still(self) -> bool:
        """Whether nothing is under way from this end, or has arrived at it and was not taken."""
        return not (self.is_over or self._closing or self._waiting or self._flying or self._arrived or self._early)

    # -- away from here -----------------------------------------------------------------------------------------------

    def _send_soon(self) -> None:
        if not self._crossing:
            self._crossing = True
            self._loop.call_soon(self._cross)

    def _cross(self) -> None:
        self._crossing = False
        if self._ended or self.is_over:
            return
        while self._waiting and self._flying < FLYING_BYTES_MAX:
            data = self._take()
            self._flying += len(data)
            cut = self._wire.chance.randrange(1, len(data)) if self._is_split(data) else len(data)
            self._launch(data[:cut])
            if cut < len(data):
                self._launch(data[cut:])
            self._taken(len(data))
        if self._closing and not self._waiting and not self._said_all:
            self._said_all = True
            self._launch(_Sign.END)

    def _is_split(self, data: bytes) -> bool:
        return len(data) > 1 and self._wire.chance.random() < self.weather.split

    def _launch(self, item: _Item) -> None:
        self._fly(self._sent, item)
        self._sent += 1

    def _fly(self, number: int, item: _Item) -> None:
        wire, loop = self._wire, self._loop
        when = loop.time() + sum(wire.delay(self.weather) for _ in self.ways)
        if self.far.is_over and wire.is_back(self.there):
            loop.call_at(when, self.lose, "the other side knows nothing of it", context=self.context)
        loop.call_at(when, self.far._land, number, item, context=self.far.context)

    def resume_flight(self) -> None:
        """The cut is mended: what waited for that sets off again."""
        stalled, self._stalled = self._stalled, []
        for number, item in stalled:
            self._fly(number, item)

    def there_again(self) -> None:
        """The other machine has started anew, and turns away what is still on its way there."""
        if self.far.is_over and self._flying:
            wire = self._wire
            again = wire.delay(self.weather) + self.weather.resend_seconds
            self._loop.call_later(again, self.lose, "the other side knows nothing of it", context=self.context)

    def _landed(self, count: int) -> None:
        """The other end has taken bytes."""
        self._flying -= count
        if self._waiting or self._closing:
            self._send_soon()

    # -- arriving here ------------------------------------------------------------------------------------------------

    def _land(self, number: int, item: _Item) -> None:
        wire, far = self._wire, self.far
        if self._ended:
            return
        if wire.blocks(far):
            far._stalled.append((number, item))
            return
        if item is _Sign.RESET:  # this one overtakes
            wire.trace.add(self._loop.time(), f"{far._name} {item.name}")
            self.lose("the other end of the pipe was aborted")
            return
        self._early[number] = item
        while self._expected in self._early:
            self._take_in(self._early.pop(self._expected))
            self._expected += 1
        self._feed()

    def _take_in(self, item: _Item) -> None:
        if isinstance(item, _Sign):
            self._wire.trace.add(self._loop.time(), f"{self.far._name} {item.name}")
        else:
            self._wire.trace.add(self._loop.time(), self.far._name, item)
        self._arrived.append(item)
        announce, self.announce = self.announce, None
        if announce is not None:
            announce(self)

    def _read_soon(self) -> None:
        if self._arrived:
            self._loop.call_soon(self._feed)

    def _feed(self) -> None:
        """Hands on what came; a closing end takes bytes to drop them, or its far end could never finish."""
        far = self.far
        while self._arrived and not self._ended and (self._closing or (self._reading and self._receiver is not None)):
            item = self._arrived.popleft()
            if isinstance(item, _Sign):
                self._is_told = far._is_told = True
                if not far.is_over:
                    far.context.run(far._end, None)
                self._end(None)
                return
            self._received(item)
            if not far.is_over:
                far.context.run(far._landed, len(item))

    # -- ends ---------------------------------------------------------------------------------------------------------

    def lose(self, reason: str) -> None:
        """Ends this end; the other one learns of it in another way."""
        self._is_told = True
        self._end(LinkClosed(reason))

    def _drop(self) -> None:
        self._wire.forget(self)
        self._arrived.clear()
        if not self._is_told and not self.is_over:
            self._is_told = True
            self._launch(_Sign.RESET)
