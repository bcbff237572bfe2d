"""Ids: UUIDs of version 7, of fresh chance each, in the order of time."""

from __future__ import annotations

import uuid

from micro.service.identifier import DRAWN_IDS, Identifiers


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.1239

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Chance:
    """Counts up, so that every byte drawn can be told from those around it."""

    def __init__(self, first: int = 0) -> None:
        self.byte = first
        self.drawn: list[int] = []

    def random_bytes(self, count: int) -> bytes:
        self.drawn.append(count)
        self.byte += count
        return bytes((self.byte + at) % 251 for at in range(count))


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Any other program reads it as one."""
    ids = Identifiers(Clock(), Chance())
    for _ in range(DRAWN_IDS + 1):
        id = ids.new()

        assert uuid.UUID(hex=id).hex == id
        assert uuid.UUID(hex=id).version == 7
        assert uuid.UUID(hex=id).variant == uuid.RFC_4122


def test_an_id_begins_with_the_milliseconds() -> None:
    """So ids of one publisher rise with time, and are neighbours in an index."""
    clock = Clock()
    ids = Identifiers(clock, Chance())
    first = ids.new()
    clock.time += 0.001

    assert int(first[:12], 16) == 1_700_000_000_123
    assert ids.new() > first


def test_no_two_ids_share_their_chance() -> None:
    """What is drawn for many at once is used for one each."""
    ids = Identifiers(Clock(), Chance())
    found = [ids.new() for _ in range(3 * DRAWN_IDS)]

    assert len(set(found)) == len(found)


def test_all_other_bits_are_chance() -> None:
    """74 bits: with all of them set an id has ones wherever version and variant leave room."""

    class Ones:
        def random_bytes(self, count: int) -> bytes:
            return b"\xff" * count

    assert Identifiers(Clock(), Ones()).new()[12:] == "7fffbfffffffffffffff"


def test_chance_is_drawn_for_many_ids_at_once() -> None:
    """Asking the system costs more than all the rest."""
    chance = Chance()
    ids = Identifiers(Clock(), chance)
    for _ in range(2 * DRAWN_IDS):
        ids.new()

    assert len(chance.drawn) == 2
