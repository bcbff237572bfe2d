"""A loop whose time passes at once where everybody only waits, and links on it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

from micro.errors import Fault
from micro.mucp.event import Delivered, Hello, Opened, Published, Spread
from micro.mucp.headers import Headers
from micro.mucp.limits import LOCAL, Limits, Liveness
from micro.mucp.message import Form
from micro.network.link import Link, Owner
from micro.network.transport.memory import MemoryPipe, pair
from tests.unit.mucp import wire


class Clockwork(selectors.DefaultSelector):
    """A selector that moves its clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is None:
            raise AssertionError("everybody waits for somebody else")
        if not found and timeout is not None and timeout > 0:
            self.now += timeout
        return found


class ClockworkLoop(asyncio.SelectorEventLoop):
    """An event loop on a `Clockwork`."""

    def __init__(self) -> None:
        self.clockwork = Clockwork()
        super().__init__(self.clockwork)
        self.complaints: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.complaints.append(context))

    def time(self) -> float:
        return self.clockwork.now

    def stall(self, seconds: float) -> None:
        """Lets time pass without anybody getting a turn, as a long computation would."""
        self.clockwork.now += seconds


def run(scenario: Coroutine[Any, Any, None], *, complaints: int = 0) -> None:
    """Runs a scenario on a clockwork loop, and checks how many errors the loop was told of."""
    loop = ClockworkLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scenario)
    assert len(loop.complaints) == complaints, loop.complaints


def loop() -> ClockworkLoop:
    """Returns the running clockwork loop."""
    found = asyncio.get_running_loop()
    assert isinstance(found, ClockworkLoop)
    return found


class Desk:
    """Whoever serves a link: writes down what happens, and answers calls with their own body unless told to wait."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self.heard: list[Opened] = []
        self.log: list[tuple[str, Any]] = []
        self.refusal: Fault | None = None
        self.owner: Owner | None = None

    def greeted(self, link: Link, hello: Hello) -> None:
        self.log.append(("greeted", hello.agent))
        if self.refusal is not None:
            raise self.refusal

    def opened(self, link: Link, event: Opened) -> None:
        self.heard.append(event)
        if event.exchange is not None:
            event.exchange.owner = self.owner
        elif self.answers and event.number:
            link.reply(event.number, event.body)

    def published(self, link: Link, event: Published) -> None:
        self.log.append(("published", event.batch.bodies()))

    def withdrawn(self, link: Link, number: int) -> None:
        self.log.append(("withdrawn", number))

    def going(self, link: Link, reason: str) -> None:
        self.log.append(("going", reason))

    def lost(self, link: Link, reason: str) -> None:
        self.log.append(("lost", reason))

    def told(self, what: str) -> list[Any]:
        """Returns what was written down under a word."""
        return [value for word, value in self.log if word == what]


class Diary(Owner):
    """An owner that writes down what it is told."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []

    def replied(self, body: bytes, headers: Headers | None) -> None:
        self.log.append(("replied", body))

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.log.append(("failed", (fault.code, refused)))

    def noted(self, headers: Headers) -> None:
        self.log.append(("noted", dict(headers)))

    def received(self, body: bytes) -> None:
        self.log.append(("received", body))

    def delivered(self, event: Delivered) -> None:
        self.log.append(("delivered", event.body))

    def spread(self, event: Spread) -> None:
        self.log.append(("spread", event.batch.bodies()))

    def acknowledged(self, sequences: list[int], delay_milliseconds: int | None) -> None:
        self.log.append(("acknowledged", (sequences, delay_milliseconds)))

    def credited(self, count: int) -> None:
        self.log.append(("credited", count))

    def ended(self) -> None:
        self.log.append(("ended", None))

    def cancelled(self) -> None:
        self.log.append(("cancelled", None))


class Hand(asyncio.Protocol):
    """The far end of a link, moved by hand: keeps the bytes that come and says only what it is told to say."""

    def __init__(self, pipe: MemoryPipe) -> None:
        self.pipe = pipe
        self.data = b""
        self.writes: list[bytes] = []
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.writes.append(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = True

    def say(self, data: bytes) -> None:
        self.pipe.write(data)

    def heard(self) -> list[tuple[int, int, bytes]]:
        """Returns the frames that came, and forgets them."""
        data, self.data = self.data, b""
        return wire.frames(data)

    def kinds(self) -> list[int]:
        """Returns the kinds of the frames that came, and forgets them."""
        return [kind for kind, _, _ in self.heard()]


async def settle() -> None:
    """Lets everybody who has something to do now do it, without letting time pass."""
    for _ in range(50):
        await asyncio.sleep(0)


async def linked(
    *, limits: Limits | None = None, liveness: Liveness = LOCAL, answers: bool = True
) -> tuple[Link, Link, Desk, Desk]:
    """Returns two links on one pipe that have greeted each other, and who serves them; the first one dialled."""
    left, right = pair()
    desks = Desk(answers=answers), Desk(answers=answers)
    links = (
        Link(desks[0], dialed=True, limits=limits, liveness=liveness),
        Link(desks[1], dialed=False, limits=limits, liveness=liveness),
    )
    left.start(links[0])
    right.start(links[1])
    await links[0].greeted()
    await links[1].greeted()
    return *links, *desks


async def handled(
    *, limits: Limits | None = None, liveness: Liveness = LOCAL, dialed: bool = False, answers: bool = True
) -> tuple[Link, Hand, Desk]:
    """Returns a link whose far end is moved by hand and has greeted it, with header block 0 defined as empty."""
    left, right = pair()
    desk = Desk(answers=answers)
    link = Link(desk, dialed=dialed, limits=limits, liveness=liveness)
    hand = Hand(right)
    left.start(link)
    right.start(hand)
    hand.say(wire.hello() + wire.define(0))
    await link.greeted()
    await settle()
    hand.data = b""
    hand.writes.clear()
    return link, hand, desk


def called(link: Link, body: bytes = b"", *, owner: Any = None) -> tuple[int, Any]:
    """Opens a call; returns its number and its owner, a future unless one is given."""
    found = link.future() if owner is None else owner
    return link.call(found, link.session.begin(Form.CALL, {"Micro-Service": "x"}, 0), body), found
