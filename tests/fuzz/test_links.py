"""A link on inputs that are nearly right: whoever serves it or owns its exchanges is told a sound story, once."""

from __future__ import annotations

import os
import random

from micro.errors import NotFound
from micro.mucp.event import Opened, Published
from micro.mucp.limits import Limits
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.transport.memory import pair
from tests.conftest import Campaign
from tests.fuzz.mutation import mutants
from tests.fuzz.test_parsers import CONVERSATION, SPEECH_SEEDS
from tests.unit.mucp import wire
from tests.unit.network.clockwork import Desk, Diary, Hand, run, settle

SHARE = 1_000
FULL = 50_000
ENDS = ("failed", "ended", "cancelled")


class Moody(Desk):
    """Answers, fails, refuses, owns, forgets to own, or closes the link, as chance will have it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.owners: list[Diary] = []

    def opened(self, link: Link, event: Opened) -> None:
        assert link.closed is None, "nothing is begun on a link that is gone"
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


async def _hear(data: bytes, chance: random.Random) -> None:
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


def test_everybody_is_told_once(campaign: Campaign) -> None:
    """However a peer talks, nothing fails here, calls end once, and the loss of the link is told once."""
    count = campaign("mutated speeches to a link", share=SHARE, full=FULL)
    if os.environ.get("MICRO_CAMPAIGN") == "full":
        count = FULL
    seeds = [*SPEECH_SEEDS[:-1], b"".join(reversed(CONVERSATION))]

    async def scenario() -> None:
        for number, data in enumerate((*seeds, *mutants(seeds, count, 1))):
            await _hear(data, random.Random(number))

    run(scenario())
