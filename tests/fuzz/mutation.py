"""Inputs that are nearly right: seeds, bent a little, always the same ones for the same seed number."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence

INTERESTING = (0, 1, 2, 7, 8, 9, 15, 16, 63, 64, 65, 127, 128, 255)
LENGTHS = (0, 1, 8, 9, 12, 255, 256, 4096, 4097, 32_768, 65_535, 65_536, 2**20, 2**22, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (b"{", b"}", b'"', b"\x00", b"\xff", b"[" * 50, b"\xed\xa0\x80", b"Micro-Id", b"\x0a\x05", b"1e400", b"\\ud800")


def mutants(seeds: Sequence[bytes], count: int, number: int) -> Iterator[bytes]:
    """Yields `count` inputs made from `seeds`; the same `number` gives the same inputs."""
    chance = random.Random(number)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            _bend(data, chance, seeds)
        yield bytes(data)


def _bend(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    place = chance.randrange(len(data) + 1)
    match chance.randrange(9):
        case 0 if data:
            data[place % len(data)] ^= 1 << chance.randrange(8)
        case 1 if data:
            data[place % len(data)] = chance.choice(INTERESTING)
        case 2:
            del data[place : place + chance.choice((1, 2, 4, 9, 40))]
        case 3:
            data[place:place] = chance.choice(WORDS)
        case 4:
            data[place:place] = data[place : place + chance.choice((1, 9, 30, 100))]
        case 5:
            data[place : place + 4] = struct.pack(">I", chance.choice(LENGTHS))
        case 6:
            other = chance.choice(seeds)
            data[place:] = other[chance.randrange(len(other) + 1) :]
        case 7:
            del data[place:]
        case _:
            data[place:place] = chance.randbytes(chance.choice((1, 3, 9, 25)))
