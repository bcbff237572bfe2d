"""The standard input, line by line."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from micro.doors.cli.body import BODY_BYTES_MAX, LINES_WAITING_MAX, lines_typed, read_named
from micro.doors.cli.ending import explain
from micro.errors import TooLarge


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """Returns where to write what comes from the standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "wb", buffering=0) as sink:
        monkeypatch.setattr("sys.stdin", source)
        yield sink


async def taken(count: int) -> list[bytes]:
    """Returns the first lines, at most so many."""
    found: list[bytes] = []
    async for line in lines_typed():
        found.append(line)
        if len(found) == count:
            break
    return found


def test_more_lines_than_fit_come_in_order(typing: BinaryIO) -> None:
    """Whoever reads them is slower than who types them, and waits for none in vain."""
    lines = [str(number).encode() for number in range(3 * LINES_WAITING_MAX)]
    typing.write(b"\n".join(lines))
    typing.close()

    assert asyncio.run(taken(len(lines) + 1)) == lines


def test_a_line_that_comes_too_late_is_left_without_a_word(typing: BinaryIO) -> None:
    """The reading thread outlives the loop; what it reads then goes nowhere."""
    typing.write(b"one\n")
    assert asyncio.run(taken(1)) == [b"one"]

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        typing.write(b"two\n")
        for thread in threading.enumerate():
            if thread.name == "standard input":
                thread.join(10)
                assert not thread.is_alive()

    assert [str(each.message) for each in warned] == []


def test_a_file_that_no_message_carries_is_refused_by_that_limit(tmp_path: Path) -> None:
    """With the code that a node would answer, before anything is sent."""
    file = tmp_path / "big"
    file.write_bytes(bytes(BODY_BYTES_MAX))
    assert len(read_named(str(file))) == BODY_BYTES_MAX == 4_194_304

    file.write_bytes(bytes(BODY_BYTES_MAX + 1))
    with pytest.raises(TooLarge) as refused:
        read_named(str(file))

    line = explain(refused.value)[0]
    assert "is larger than 4,194,304 bytes, which is the most that a message carries; send it in parts" in line
    assert line.endswith("(413 Content Too Large)")
