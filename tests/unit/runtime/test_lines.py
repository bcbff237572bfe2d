"""Lines cut out of a stream of bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micro.runtime.lines import LineSplitter


def split(*parts: bytes, line_bytes_max: int = 100) -> list[str]:
    splitter = LineSplitter(line_bytes_max)
    return [line for part in parts for line in splitter.feed(part)] + splitter.end()


def test_a_line_may_come_in_pieces() -> None:
    """Where the stream was cut makes no difference."""
    assert split(b"he", b"llo\nwor", b"ld\n") == ["hello", "world"]


def test_the_last_line_needs_no_end() -> None:
    """What a process wrote last is not lost."""
    assert split(b"one\ntwo") == ["one", "two"]


def test_a_carriage_return_belongs_to_the_end() -> None:
    """Lines of other systems look the same."""
    assert split(b"one\r\ntwo\r\n") == ["one", "two"]


def test_a_long_line_is_cut_and_says_so() -> None:
    """Of a line over the limit the beginning is kept, with what was cut."""
    assert split(b"x" * 30, b"y" * 5, b"\nz\n", line_bytes_max=10) == ["x" * 10 + " […25 bytes cut]", "z"]


def test_a_torn_character_is_marked() -> None:
    """Bytes that are no text do no harm."""
    assert split(b"\xff\n") == ["\ufffd"]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_nothing_is_lost(parts: list[bytes]) -> None:
    """However a stream is chunked, its lines are the same."""
    assert split(*parts) == split(b"".join(parts))
