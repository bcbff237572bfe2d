"""Whom a node asks: the holders by the newest map first, and those of the map before, who still have what is moving."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from micro.errors import Unavailable
from micro.service.registry.asker import Asker
from micro.service.registry.atlas import Atlas
from micro.service.registry.backbone import FOUND, PRESENT
from micro.service.registry.charting import Charting
from micro.service.registry.finding import genuine_records
from micro.service.registry.shardmap import shard_of_name, shard_of_node
from micro.service.stream import RawStream
from micro.system import SystemEntropy
from micro.trust.identity import nid_of
from micro.trust.ticket import Ticket
from tests.unit.service.registry.makings import NOW, chain_of, key_of, map_of, presence_of, signed_of

KEEPER, ANN = key_of(0), key_of(11)
BEFORE, AFTER = range(1, 4), range(4, 7)
SHARD = shard_of_name("greeter")


class StillClock:
    """A clock that stands still."""

    def now(self) -> float:
        return float(NOW)

    def monotonic(self) -> float:
        return 100.0


class Answers:
    """Super nodes that answer what they were told to; all others are away."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def call(self, ticket: Ticket, endpoint: str, body: bytes, *, timeout_seconds: float) -> bytes:
        self.asked.append(ticket.nid)
        if ticket.nid not in self.answers:
            raise Unavailable("away")
        return self.answers[ticket.nid]

    async def open(self, ticket: Ticket, endpoint: str, body: bytes) -> RawStream:
        raise Unavailable("away")


def atlas_of(*maps: range) -> Atlas:
    atlas = Atlas(nid_of(KEEPER.public))
    for version, numbers in enumerate(maps, 1):
        atlas.take(map_of(KEEPER, numbers, version).sealed)
    return atlas


def asker_of(atlas: Atlas, answers: dict[str, bytes]) -> Asker:
    reach = Answers(answers)
    return Asker(Charting(atlas, reach, on_change=lambda before: None), reach, StillClock(), SystemEntropy())


async def records(asker: Asker) -> list[str]:
    def believe(sealed: Any, now: float) -> Any:
        return genuine_records(sealed, now, name="greeter", key=b"", checked={})

    found = await asker.records(SHARD, "Backbone.Find", b"", believe)
    return [record.record.name for answer in found for record in answer]


def test_what_is_still_at_the_holders_of_the_map_before_is_found() -> None:
    """While shards move those who have them now have nothing yet."""
    empty = FOUND.encode({"map_version": 2, "records": [], "total": 0})
    full = FOUND.encode({"map_version": 2, "records": [signed_of(ANN).sealed], "total": 1})
    answers = {nid_of(key_of(number).public): full if number in BEFORE else empty for number in (*BEFORE, *AFTER)}

    assert "greeter" in asyncio.run(records(asker_of(atlas_of(BEFORE, AFTER), answers)))
    with pytest.raises(Unavailable):
        asyncio.run(records(asker_of(atlas_of(AFTER), {})))


def test_the_newest_map_comes_first() -> None:
    """Those of the map before follow, each super node once."""
    ordered = asker_of(atlas_of(range(1, 4), range(2, 5)), {}).ordered(SHARD)
    now, before = ({key_of(number).public for number in numbers} for numbers in ((2, 3, 4), (1,)))

    assert {member.key for member in ordered[:3]} == now
    assert [member.key for member in ordered[3:]] == list(before)


@pytest.mark.parametrize("newer_first", [True, False])
def test_the_newest_of_two_presences_counts(newer_first: bool) -> None:
    """A super node that has not heard of a move yet does not outweigh the one that has, whoever answers first."""
    atlas = atlas_of(range(1, 3))
    answers: dict[str, bytes] = {}
    members = [member.nid for member in atlas.holders(shard_of_node(nid_of(ANN.public)))]
    for sequence, nid in enumerate(reversed(members) if newer_first else members, 1):
        address = f"192.0.2.{sequence}:4040"
        chain = chain_of(sequence)
        signed = presence_of(ANN, chain, sequence=sequence, addresses=(address,))
        living = {"sealed": signed.sealed, "step": 1, "value": chain.beat(1).value}
        answers[nid] = PRESENT.encode({"map_version": 1, "presences": [living]})

    async def located() -> tuple[str, ...]:
        locating = asker_of(atlas, answers).locating(2)
        locating.begin([ANN.public])
        return (await locating.found())[ANN.public].record.addresses

    assert asyncio.run(located()) == ("192.0.2.2:4040",)
