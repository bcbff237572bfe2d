"""Sockets: their addresses, their files, who may connect, and what their errors say."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.errors import BadRequest, Conflict, EngineError, Unavailable
from micro.network.transport.memory import pair
from micro.network.transport.stream import UNIX_PATH_BYTES_MAX, Listener, _bind_unix, dial, listen, peer_uid
from tests.contract.pipes import LOOPS, Recorder, socket_pair

TIMEOUT_SECONDS = 20.0


class Goodbye(Recorder):
    """Whatever is said to it, it closes the pipe."""

    def data_received(self, data: bytes) -> None:
        self.pipe.close()


async def answers(listener: Listener) -> bool:
    """Says whether somebody is there who says goodbye."""
    transport, recorder = await dial(listener.address, Recorder, timeout_seconds=TIMEOUT_SECONDS)
    transport.write(b"?")
    await recorder.until_happened("lost")
    return recorder.error is None


@pytest.fixture
async def listener(home: Path) -> AsyncIterator[Listener]:
    """Somebody listens in an empty home."""
    found = await listen(f"unix:{home}/node.sock", Goodbye)
    yield found
    found.close()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "unix:",
        "unix:relative/path",
        "unix:/a\0b",
        "tcp:",
        "tcp:localhost",
        "tcp::80",
        "tcp:localhost:65536",
        "tcp:::1:80",
        "http://localhost",
    ],
)
async def test_what_is_no_address_is_refused(address: str) -> None:
    """The error shows both forms."""
    with pytest.raises(BadRequest, match=r"unix:/path/to/socket or tcp:host:port"):
        await dial(address, Recorder, timeout_seconds=TIMEOUT_SECONDS)


async def test_a_path_too_long_is_refused_before_the_system_cuts_it(home: Path) -> None:
    """The error names the limit."""
    path = f"{home}/" + "s" * UNIX_PATH_BYTES_MAX
    with pytest.raises(BadRequest, match="at most 100 bytes"):
        await listen(f"unix:{path}", Recorder)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_longest_path_works(loop: str, home: Path) -> None:
    """The limit is within that of the system."""
    path = str(home / "s")
    path += "s" * (UNIX_PATH_BYTES_MAX - len(path))

    async def play() -> None:
        async with socket_pair(f"unix:{path}") as (left, right):
            await right.until_happened("data")
            assert left.happened == ["made"]

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(play())


async def test_a_unix_socket_is_its_owners(listener: Listener) -> None:
    """Nobody else may connect."""
    mode = os.stat(listener.address.removeprefix("unix:")).st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_socket_in_use_is_left_alone(listener: Listener) -> None:
    """A second node does not push the first aside."""
    with pytest.raises(Conflict, match="already"):
        await listen(listener.address, Recorder)


async def test_a_socket_that_was_just_bound_is_not_taken_for_stale(home: Path) -> None:
    """Two nodes that start at the same moment do not remove each other's socket."""
    with _bind_unix(f"{home}/node.sock"), pytest.raises(Conflict):
        _bind_unix(f"{home}/node.sock")


async def test_the_owner_of_a_socket_still_answers_after_a_second_tried(listener: Listener) -> None:
    """The attempt left the first one's file where it was."""
    with pytest.raises(Conflict):
        await listen(listener.address, Recorder)
    assert await answers(listener)


async def test_a_socket_left_behind_is_replaced(home: Path) -> None:
    """A node that was killed does not keep the next one from starting."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(f"{home}/node.sock")
    found = await listen(f"unix:{home}/node.sock", Goodbye)
    assert await answers(found)
    found.close()


async def test_a_file_that_is_no_socket_is_not_touched(home: Path) -> None:
    """A mistyped path costs nobody his file."""
    (home / "notes").write_text("mine")
    with pytest.raises(EngineError, match="no socket"):
        await listen(f"unix:{home}/notes", Recorder)
    assert (home / "notes").read_text() == "mine"


async def test_a_folder_that_is_missing_is_named(home: Path) -> None:
    """The error says what the system said."""
    with pytest.raises(EngineError, match="No such file"):
        await listen(f"unix:{home}/missing/node.sock", Recorder)


async def test_close_removes_the_socket(home: Path) -> None:
    """Nothing is left behind in order."""
    found = await listen(f"unix:{home}/node.sock", Recorder)
    found.close()
    assert not (home / "node.sock").exists()


async def test_close_does_not_remove_the_socket_of_a_successor(home: Path) -> None:
    """An old listener that closes late leaves the new one alone."""
    old = await listen(f"unix:{home}/node.sock", Recorder)
    (home / "node.sock").unlink()
    new = await listen(f"unix:{home}/node.sock", Recorder)
    old.close()
    assert (home / "node.sock").exists()
    new.close()


async def test_close_may_come_twice(home: Path) -> None:
    """The second close does nothing."""
    found = await listen(f"unix:{home}/node.sock", Recorder)
    found.close()
    found.close()
    assert not (home / "node.sock").exists()


@pytest.mark.parametrize("address", ["unix:/nowhere/at/all", "tcp:127.0.0.1:1"])
async def test_where_nobody_listens_is_unavailable(address: str) -> None:
    """The error names the address."""
    with pytest.raises(Unavailable, match=address):
        await dial(address, Recorder, timeout_seconds=TIMEOUT_SECONDS)


async def test_a_dial_has_its_own_timeout() -> None:
    """A listener that accepts nobody does not hold the caller."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        address = f"tcp:{host}:{port}"
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex((host, port))
        with pytest.raises(Unavailable, match="within"):
            await dial(address, Recorder, timeout_seconds=0.05)
        for one in waiting:
            one.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_the_address_of_a_listener_can_be_dialled(host: str) -> None:
    """It names the port that was found free."""
    found = await listen(f"tcp:{host}:0", Goodbye)
    assert await answers(found)
    found.close()


async def test_a_port_in_use_is_named() -> None:
    """The error says which address is taken."""
    found = await listen("tcp:127.0.0.1:0", Recorder)
    with pytest.raises(EngineError, match=found.address):
        await listen(found.address, Recorder)
    found.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_small_messages_are_not_held_back(loop: str) -> None:
    """TCP_NODELAY is set at both ends."""

    async def play() -> list[int]:
        async with socket_pair("tcp:127.0.0.1:0") as ends:
            sockets = [end.pipe.get_extra_info("socket") for end in ends]
            return [found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for found in sockets]

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        assert runner.run(play()) == [1, 1]


@pytest.mark.parametrize("loop", LOOPS)
def test_both_ends_of_a_unix_socket_know_each_other(loop: str, home: Path) -> None:
    """The kernel tells each end the user of the other."""

    async def play() -> list[int | None]:
        async with socket_pair(f"unix:{home}/node.sock") as ends:
            return [peer_uid(end.pipe) for end in ends]  # type: ignore[arg-type]

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        assert runner.run(play()) == [os.getuid(), os.getuid()]


@pytest.mark.parametrize("loop", LOOPS)
def test_over_tcp_no_user_is_known(loop: str) -> None:
    """The kernel's answer for TCP, 0 and -1, is not taken for root."""

    async def play() -> list[int | None]:
        async with socket_pair("tcp:127.0.0.1:0") as ends:
            return [peer_uid(end.pipe) for end in ends]  # type: ignore[arg-type]

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        assert runner.run(play()) == [None, None]


async def test_in_memory_no_user_is_known() -> None:
    """A pipe without a socket has no user."""
    assert peer_uid(pair()[0]) is None


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_gives_listening_up_leaves_nobody_listening(home: Path, turns: int) -> None:
    """Wherever it stood: a node that stops while it opens the socket of a service closes it."""
    address = f"unix:{home}/given-up"
    listening = asyncio.ensure_future(listen(address, asyncio.Protocol))
    for _ in range(turns):
        await asyncio.sleep(0)
    if listening.done():
        (await listening).close()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    gc.collect()

    with pytest.raises(Unavailable):
        await dial(address, asyncio.Protocol, timeout_seconds=1)
