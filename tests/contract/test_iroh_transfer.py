"""Reads and writes without tasks lean on how the binding's library polls: this fails first when that changes."""

from __future__ import annotations

import os
import resource

import pytest

from micro.network.transport import iroh_bytes, iroh_transfer, iroh_wake
from micro.network.transport.iroh_pipe import IrohPipe
from micro.network.transport.iroh_transfer import _Awaited, _Polled
from tests.contract.pipes import Recorder, iroh_pair

BYTES_MANY = 3_000_000
EXCHANGES = 40


async def converse(left: Recorder, right: Recorder) -> None:
    """Messages back and forth, and then more than fits into any buffer."""
    await right.until(lambda: right.data == b"!")
    for number in range(EXCHANGES):
        for end, other in ((left, right), (right, left)):
            before = len(other.data)
            end.pipe.write(b"%d" % number)
            await other.until(lambda: len(other.data) > before)  # noqa: B023 - it is awaited here
    data = os.urandom(1000) * (BYTES_MANY // 1000)
    before = len(right.data)
    left.pipe.write(data)
    await right.until(lambda: len(right.data) == before + len(data))
    assert right.data[before:] == data


def pipe_of(recorder: Recorder) -> IrohPipe:
    """The pipe, with what is inside."""
    assert isinstance(recorder.pipe, IrohPipe)
    return recorder.pipe


async def test_the_known_binding_is_polled() -> None:
    """No task reads or writes."""
    async with iroh_pair() as (left, right):
        await converse(left, right)
        assert isinstance(pipe_of(left)._reads, _Polled)
        assert isinstance(pipe_of(right)._writes, _Polled)


async def test_another_binding_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a binding that is not known the same bytes come, by way of what it offers."""
    monkeypatch.setattr(iroh_bytes, "applied", lambda: False)
    async with iroh_pair() as (left, right):
        await converse(left, right)
        assert isinstance(pipe_of(left)._reads, _Awaited)
        assert isinstance(pipe_of(right)._writes, _Awaited)


async def test_a_system_without_eventfd_is_called_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without descriptors that Rust may write to, it calls Python from its own threads."""
    monkeypatch.setattr(iroh_wake, "available", lambda: False)
    async with iroh_pair() as (left, right):
        await converse(left, right)


@pytest.mark.skipif(not iroh_wake.available(), reason="this system has no eventfd")
async def test_rust_adds_nothing_but_its_code() -> None:
    """The counter of a descriptor grows by one for each wait at most: what stands beside the code is zero."""
    async with iroh_pair() as (left, right):
        await converse(left, right)
        reads = pipe_of(right)._reads
        descriptor = reads._descriptor  # type: ignore[attr-defined]
        assert 1 < os.eventfd_read(descriptor) < 1_000_000
        os.eventfd_write(descriptor, 1)


async def test_pipes_leave_no_transfer_behind() -> None:
    """After two nodes met and parted, Rust has nothing to call; descriptors are checked when an endpoint closes."""
    async with iroh_pair() as (left, right):
        left.pipe.write(b"bye")
        left.pipe.close()
        await right.until_happened("lost")
    assert iroh_transfer._transfers == {}


async def test_a_read_that_is_under_way_is_given_up() -> None:
    """A pipe that is aborted while both ends wait for bytes ends both."""
    async with iroh_pair() as (left, right):
        await right.until(lambda: right.data == b"!")
        left.pipe.abort()
        await right.until_happened("lost")
    assert iroh_transfer._transfers == {}


async def test_an_error_of_rust_is_raised_as_the_binding_would() -> None:
    """What a read came to after the connection was lost has its reason in words."""
    async with iroh_pair() as (left, right):
        await right.until(lambda: right.data == b"!")
        pipe_of(left)._connection.close(7, b"enough of this")
        await right.until_happened("lost")
        assert "the far end ended the connection: enough of this" in str(right.error)


async def test_buffers_of_reads_and_writes_are_freed() -> None:
    """Bytes that crossed do not stay in Rust's memory: more passes through than there is room for."""
    data = bytes(1_000_000)
    async with iroh_pair() as (left, right):
        await right.until(lambda: right.data == b"!")
        for count in range(80):
            right.data.clear()
            left.pipe.write(data)
            await right.until(lambda: len(right.data) == len(data))
            if count == 20:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
