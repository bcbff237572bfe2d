"""A link on inputs that are nearly right: whoever serves it or owns its exchanges is told a sound story, once."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from itertools import chain
from typing import Any

from micro.doors.api.access import Doorkeeper
from micro.doors.api.links import LinkDoor
from micro.doors.api.sockets import WebSocket
from micro.errors import NotFound, Unauthorized
from micro.mucp.event import Opened, Published
from micro.mucp.limits import Limits
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.transport.memory import pair
from micro.trust.policy import Caller
from tests.conftest import Fuzzing
from tests.fuzz.driving import Growth
from tests.fuzz.mutation import mutants
from tests.fuzz.test_parsers import CONVERSATION, SET, SPEECH_SEEDS
from tests.unit.mucp import wire
from tests.unit.network.clockwork import Desk, Diary, Hand, run, settle

SHARE = 1_000
SEEDS = [*SPEECH_SEEDS[:-1], b"".join(reversed(CONVERSATION))]
ASKED = [
    wire.opening(1, wire.CALL, b'{"name":"Ann"}', milliseconds=1000, extra=SET),
    wire.opening(3, wire.STREAM, b"{}", extra=SET),
    wire.frame(wire.DATA, 3, b"hello"),
    wire.frame(wire.END, 3, b""),
    wire.opening(5, wire.SUBSCRIBE, known=1),
    wire.frame(wire.ACK, 5, bytes(16)),
    wire.frame(wire.CREDIT, 5, b"\0\0\0\0"),
    wire.opening(0, wire.PUBLISH, b"event", known=1),
    wire.frame(wire.PING, 0, bytes(8)),
]
ASKING = [wire.define(1, ("micro-topic", "t")) + b"".join(said) for said in (ASKED, ASKED[:1], ASKED[::-1], ASKED[1:4])]
"""What a client says, whose exchanges have odd numbers."""

TEXT_SHARE = 0.01
ENDS = ("failed", "ended", "cancelled")


class Moody(Desk):
    """Answers, fails, refuses, owns, forgets to own, or closes the link, as chance will have it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.owners: list[Diary] = []
        self.asked = 0

    def opened(self, link: Link, event: Opened) -> None:
        assert link.closed is None, "nothing is begun on a link that is gone"
        self.asked += 1
        match self.chance.randrange(6):
            case 0 | 1 if event.exchange is None:
                link.reply(event.number, event.body)
            case 0 | 1 | 2 if event.exchange is not None:
                self.owners.append(Diary())
                event.exchange.owner = self.owners[-1]
            case 3 | 4:
                link.fail(event.number, NotFound("no"), refused=True)
            case 5 if self.chance.random() < 0.1:
                link.close("enough")

    def published(self, link: Link, event: Published) -> None:
        assert link.closed is None, "nothing is begun on a link that is gone"
        super().published(link, event)


async def hear(data: bytes, chance: random.Random) -> None:
    left, right = pair()
    desk, mine = Moody(chance), [Diary() for _ in range(4)]
    link = Link(desk, dialed=True, limits=Limits(exchanges=4))
    hand = Hand(right)
    left.start(link)
    right.start(hand)
    for owner in mine[:2]:
        link.call(owner, link.session.begin(Form.CALL, {}, 0), b"")
    for owner, form in zip(mine[2:], (Form.STREAM, Form.SUBSCRIBE), strict=True):
        link.open(form, link.session.begin(form, {}, 0), b"", owner)
    hand.say(wire.hello(versions=wire.BOTH) + wire.define(0))
    while data:
        size = chance.choice((1, 9, 50, 100_000))
        hand.say(data[:size])
        data = data[size:]
        if size == 9:
            await settle()
    await settle()
    link.close("the end")
    await settle()
    for owner in mine[:2]:
        assert [word for word, _ in owner.log].count("replied") + len(_ends(owner)) == 1, owner.log
    for owner in (*mine[2:], *desk.owners):
        assert len([word for word in _ends(owner) if word != "ended"]) <= 1, owner.log
    assert len(desk.told("lost")) == 1


def _ends(owner: Diary) -> list[str]:
    return [word for word, _ in owner.log if word in ENDS]


def test_everybody_is_told_once(fuzzing: Fuzzing) -> None:
    """However a peer talks, nothing fails here, calls end once, and the loss of the link is told once."""
    count, growth = fuzzing("mutated speeches to a link", share=SHARE), Growth()

    async def scenario() -> None:
        for number, data in enumerate(chain(SEEDS, mutants(SEEDS, count, 1))):
            await hear(data, random.Random(number))
            growth.took()

    run(scenario())
    growth.check()


async def carry(data: bytes, chance: random.Random) -> int:
    """Has the door take a speech in messages of a WebSocket, most of them binary, until the client leaves.

    Returns how much was understood as asked.
    """
    desk, messages = Moody(chance), deque[dict[str, Any]]()
    data = wire.hello(versions=wire.BOTH) + wire.define(0) + data
    while data:
        size = chance.choice((0, 1, 9, 50, 100_000))
        kind = "text" if chance.random() < TEXT_SHARE else "bytes"
        messages.append({"type": "websocket.receive", kind: data[:size].hex() if kind == "text" else data[:size]})
        data = data[size:]
    said: list[str] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        if not said:
            return {"type": "websocket.connect"}
        return messages.popleft() if messages else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Mapping[str, Any]) -> None:
        said.append(message["type"])

    door = LinkDoor(Doorkeeper("secret", unknown), lambda admit: Link(desk, dialed=False, limits=Limits(exchanges=4)))
    scope = {"type": "websocket", "raw_path": b"/mucp", "query_string": b"", "headers": [], "client": ("127.0.0.1", 1)}
    await door.carry(WebSocket(scope, receive, send))
    assert said[0] == "websocket.accept"
    assert said.count("websocket.close") <= 1
    assert len(desk.told("lost")) == 1
    return desk.asked


def unknown(token: str) -> Caller:
    raise Unauthorized("nobody has a token here")


def test_a_link_on_a_websocket_ends_once(fuzzing: Fuzzing) -> None:
    """Whatever stands in its messages, the door carries it to its end and nothing fails."""
    count, growth = fuzzing("mutated speeches on a WebSocket", share=SHARE), Growth()

    async def scenario() -> None:
        asked = 0
        for number, data in enumerate(chain(ASKING, mutants(ASKING, count, 2))):
            asked += await carry(data, random.Random(number))
            growth.took()
        assert asked > count // 2, "hardly anything was understood, so hardly anything was tried"

    run(scenario())
    growth.check()
