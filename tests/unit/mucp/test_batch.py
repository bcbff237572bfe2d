"""Many events in one frame: what is read, what is refused, and how a batch grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.errors import RemoteProtocolError
from micro.mucp.batch import SINGLE_BYTES_MAX, Gathering, pack, read
from micro.mucp.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX


def grown(*bodies: bytes) -> Gathering:
    """Returns a batch for exchange 5 and block 7 that has taken all of these."""
    found = Gathering(5, 7, bodies[0], mark=b"", place=0)
    for body in bodies[1:]:
        assert found.add(5, 7, body)
    return found


def test_a_batch_has_these_bytes() -> None:
    """The block, how many, how long each is, and then the bodies."""
    assert grown(b"abc", b"", b"d").payload() == bytes.fromhex("0007 0003 0003 0000 0001") + b"abcd"


def test_what_follows_the_block_is_kept_as_it_came() -> None:
    """Whoever passes a batch on writes the same bytes."""
    block, batch = read(bytes.fromhex("0007 0002 0001 0002") + b"abb")

    assert (block, batch.count, batch.packed) == (7, 2, bytes.fromhex("0002 0001 0002") + b"abb")
    assert batch == pack([b"a", b"bb"])


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=100))
def test_what_was_packed_is_read(bodies: list[bytes]) -> None:
    """Any events come out as they went in, in order."""
    gathered = grown(*bodies)
    block, batch = read(gathered.payload())

    assert (block, batch.bodies()) == (7, bodies)
    assert len(gathered.payload()) == gathered.size


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes.fromhex("0000 0000"),
        bytes.fromhex("0000 0000 00"),
        bytes.fromhex("0000 0001 00"),
        bytes.fromhex("0000 0002 0000"),
        bytes.fromhex("0000 0001 0002 78"),
        bytes.fromhex("0000 0001 0000 78"),
        bytes.fromhex("0000 0401") + bytes(2 * 1025),
        bytes.fromhex("0000 0001 7ffb") + bytes(32_763),
    ],
)
def test_what_does_not_fit_is_refused(payload: bytes) -> None:
    """No event, a short table, lengths that do not add up, too many events or bytes."""
    with pytest.raises(RemoteProtocolError):
        read(payload)


def test_the_largest_are_read() -> None:
    """As many events, and as many bytes, as are allowed."""
    assert read(grown(*[b""] * BATCH_EVENTS_MAX).payload())[1].count == BATCH_EVENTS_MAX
    assert len(grown(bytes(SINGLE_BYTES_MAX)).payload()) == BATCH_BYTES_MAX
    assert read(grown(bytes(SINGLE_BYTES_MAX)).payload())[1].bodies() == [bytes(SINGLE_BYTES_MAX)]


def test_a_full_batch_takes_no_more() -> None:
    """Neither more events nor more bytes than a hearer would take."""
    assert not grown(*[b""] * BATCH_EVENTS_MAX).add(5, 7, b"")
    assert not grown(bytes(SINGLE_BYTES_MAX - 5)).add(5, 7, bytes(4))
    assert grown(bytes(SINGLE_BYTES_MAX - 5)).add(5, 7, bytes(3))


@pytest.mark.parametrize(("number", "block"), [(6, 7), (5, 8)])
def test_a_batch_is_for_one_exchange_and_block(number: int, block: int) -> None:
    """An event for somebody else, or with other headers, begins another one."""
    assert not grown(b"a").add(number, block, b"b")
