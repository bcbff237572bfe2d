"""Choosing what confines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from micro.errors import EngineError, Unavailable
from micro.network.transport import stream
from micro.network.transport.transport import Listening, Sockets
from micro.runtime.environments import Interpreter
from micro.runtime.sandbox.bubblewrap import Bubblewrap
from micro.runtime.sandbox.groups import Groups
from micro.runtime.sandbox.isolator import Isolator
from micro.runtime.sandbox.probe import Probe
from micro.runtime.sandbox.sandbox import Sandbox
from micro.runtime.sandbox.unconfined import Unconfined
from micro.system import SystemDisk, SystemEntropy, SystemProcesses


class Pretender(Unconfined):
    """Says that it confines."""

    name = "pretender"
    confines = True


def choosing(folder: Path, *sandboxes: Sandbox, sockets: Sockets = stream) -> Isolator:
    def candidates() -> Sequence[Sandbox]:
        return sandboxes

    interpreter = Interpreter.of_this_process()
    probe = Probe(
        interpreter.program,
        interpreter.folders(),
        folder / "trial",
        disk=SystemDisk(),
        entropy=SystemEntropy(),
        sockets=sockets,
    )
    return Isolator(candidates, probe, Groups("test", "", ""), processes=SystemProcesses(), entropy=SystemEntropy())


@pytest.mark.skipif(sys.platform != "linux", reason="nothing confines here, so nothing can pretend to")
async def test_what_leaks_is_not_used(tmp_path: Path) -> None:
    """However well it speaks of itself; the owner hears what it let through."""
    isolator = choosing(tmp_path, Pretender())

    with pytest.raises(EngineError, match="pretender does not keep a guest from files, source, processes, sockets"):
        await isolator.confinement()
    assert isolator.isolation.sandbox == "refused"
    await isolator.close()


async def test_what_does_not_start_is_not_used(tmp_path: Path) -> None:
    """And the reason is told."""
    isolator = choosing(tmp_path, Bubblewrap(Path("/nowhere/bwrap"), (), b""))

    with pytest.raises(EngineError, match=r"bubblewrap does not start .*/nowhere/bwrap"):
        await isolator.confinement()
    await isolator.close()


class Halting:
    """Opens one socket, and is stopped at the next."""

    def __init__(self) -> None:
        self.opened: list[Listening] = []
        self.stopped = asyncio.Event()

    async def listen(self, address: str, factory: Callable[[], asyncio.BaseProtocol]) -> Listening:
        if self.opened:
            self.stopped.set()
            await asyncio.Event().wait()
        self.opened.append(await stream.listen(address, factory))
        return self.opened[0]

    dial, peer_uid = staticmethod(stream.dial), staticmethod(stream.peer_uid)


async def test_a_node_that_stops_while_it_tries_leaves_no_socket(tmp_path: Path) -> None:
    """Nor what was to be kept from the guest."""
    sockets = Halting()
    isolator = choosing(tmp_path, Pretender(), sockets=sockets)
    isolator.start()
    await sockets.stopped.wait()
    await isolator.close()

    with pytest.raises(Unavailable):
        await stream.dial(sockets.opened[0].address, asyncio.Protocol, timeout_seconds=1)
    assert not (tmp_path / "trial").exists()


async def test_nothing_to_try(tmp_path: Path) -> None:
    """The owner is told how he gets something, or insists on nothing."""
    isolator = choosing(tmp_path)

    with pytest.raises(EngineError, match=r'no sandbox is installed.*sandbox = "none"'):
        await isolator.confinement()
    await isolator.close()


async def test_an_owner_who_insists(tmp_path: Path) -> None:
    """Has nothing tried, and it is told."""
    isolator = choosing(tmp_path, Unconfined())

    assert (await isolator.confinement()).sandbox.name == "none"
    assert isolator.isolation.to_dict() == {"sandbox": "none", "holds": [], "lacks": [], "counted": []}
    await isolator.close()


async def test_it_is_not_known_before(tmp_path: Path) -> None:
    """A node that just started says so."""
    isolator = choosing(tmp_path, Unconfined())
    isolator.start()

    assert isolator.isolation.sandbox == "not tried yet"
    await isolator.close()
