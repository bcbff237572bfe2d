"""What the bench counts, and the bare echo it compares with."""

from __future__ import annotations

import asyncio
import random

import pytest

from micro.doors.cli.bench import Figures, bare_echo, compare, measure
from micro.doors.cli.bench_command import parse_callers
from micro.doors.cli.echo import EchoClient, EchoServer
from micro.doors.cli.ending import Usage
from micro.errors import Unavailable
from micro.network.transport.memory import pair


async def test_every_call_is_counted() -> None:
    """And the figures belong to them."""
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)

    found = await measure(call, 4, 0.05)

    assert calls > 0
    assert 0 < found.p50_seconds <= found.p99_seconds
    assert found.calls_per_second > 0


async def test_so_many_call_at_once() -> None:
    """As many as were asked for."""
    now = most = 0

    async def call() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    await measure(call, 7, 0.02)

    assert most == 7


async def test_a_fault_ends_the_measurement() -> None:
    """A figure of failed calls would tell nothing."""

    async def call() -> None:
        raise Unavailable("gone")

    with pytest.raises(ExceptionGroup) as caught:
        await measure(call, 2, 10)

    assert caught.group_contains(Unavailable)


async def test_both_are_measured_in_each_round() -> None:
    """One row for each number of callers, and the echo beside it."""
    told: list[str] = []

    async def call() -> None:
        await asyncio.sleep(0)

    rows = await compare(call, call, callers=[1, 2], seconds=0.01, rounds=3, progress=told.append)

    assert [row.callers for row in rows] == [1, 2]
    assert len(told) == 6
    assert all(isinstance(row.echo, Figures) and row.share > 0 for row in rows)


async def test_the_bare_echo_gives_back() -> None:
    """From another process."""
    async with bare_echo(100) as ask:
        assert await ask() == (100).to_bytes(4, "big") + bytes(100)
        assert len(await asyncio.gather(*(ask() for _ in range(300)))) == 300


def test_an_echo_puts_messages_together() -> None:
    """However the stream was cut."""
    server = EchoServer()
    taken: list[bytes] = []
    server.message = taken.append  # type: ignore[method-assign]
    server.handled = lambda count: None  # type: ignore[method-assign]
    messages = [len(body).to_bytes(4, "big") + body for body in (b"", b"a", b"b" * 1000)]
    stream, cut = b"".join(messages), random.Random(1)
    while stream:
        count = cut.randrange(1, 9)
        server.data_received(stream[:count])
        stream = stream[count:]

    assert taken == messages


async def test_a_lone_question_is_written_at_once() -> None:
    """As on a link; those that belong together share a write."""
    near, far = pair()
    client, server = EchoClient(), EchoServer()
    writes: list[bytes] = []
    echo = server.data_received
    server.data_received = lambda data: (writes.append(data), echo(data))[1]  # type: ignore[method-assign]
    near.start(client)
    far.start(server)
    first, second = ((1).to_bytes(4, "big") + body for body in (b"a", b"b"))

    assert await asyncio.gather(*(client.ask(message) for message in (first, second, second))) == [
        first,
        second,
        second,
    ]
    assert writes == [first, second + second]
    assert await asyncio.gather(client.ask(first), client.ask(second)) == [first, second]
    assert writes[2:] == [first + second]

    client.close()


def test_numbers_of_callers_are_separated_by_commas() -> None:
    """And bounded."""
    assert parse_callers("1,16,256") == [1, 16, 256]
    for wrong in ("", "x", "0", "1,,2", "5000"):
        with pytest.raises(Usage):
            parse_callers(wrong)
