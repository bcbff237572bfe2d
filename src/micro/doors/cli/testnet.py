"""A network of real nodes on this machine: processes of their own, each with a home of its own below one folder.

The folder alone tells what there is: `testnet.json` names the nodes, and in each home stands the number of the node's
process, written by that process itself before it becomes a node. So whatever crashes, nothing is left behind unfound.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from micro.doors.cli.testnet_member import Member, signal_all
from micro.errors import ConfigError, Conflict, EngineError
from micro.node.catalogue import services_below
from micro.node.client import Client
from micro.node.place import run_folder
from micro.system import SystemDisk

__all__ = ["Shape", "Testnet"]

STARTS_MAX: Final = 4
"""So many nodes start at the same time."""

READY_SECONDS: Final = 60.0
"""A node that is not ready after so long will not be; the machine may be slow, and all start at once."""

STOP_SECONDS: Final = 15.0
"""A node that has not stopped in order after so long is killed."""

EVERY_SECONDS: Final = 0.1
TAIL_LINES: Final = 12
FILE, LOCK = "testnet.json", "lock"


class Shape(msgspec.Struct, frozen=True):
    """What a test network consists of, as its folder remembers it."""

    nodes: int
    super_nodes: int


class Testnet:
    """The test network of one folder.

    Args:
        folder: where it is, or is to be.
        say: is told what goes on, a line each.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.folder = folder.expanduser().resolve()
        self._say = say
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    # -- what there is ----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape | None:
        """What the folder holds, None for nothing.

        Raises:
            ConfigError: its file cannot be read.
        """
        file = self.folder / FILE
        if not file.exists():
            return None
        try:
            return msgspec.json.decode(file.read_bytes(), type=Shape)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{file} cannot be read: {error}") from error

    def members(self) -> list[Member]:
        """Returns the nodes, super nodes first; the first of all keeps the network."""
        shape = self.shape
        if shape is None:
            return []
        roles = [(f"super-{number}", True) for number in range(1, shape.super_nodes + 1)]
        roles += [(f"node-{number}", False) for number in range(1, shape.nodes - shape.super_nodes + 1)]
        return [Member(name, is_super=is_super, home=self.folder / name) for name, is_super in roles]

    async def rows(self) -> list[dict[str, Any]]:
        """Returns what is to be said of each node."""
        return list(await asyncio.gather(*(member.row() for member in self.members())))

    # -- up and down ------------------------------------------------------------------------------------------------

    async def up(self, shape: Shape, catalogue: Path | None = None) -> int:
        """Starts whatever of the network does not run, and returns how many nodes were started.

        Whatever ends it early, what it started is taken down again.

        Args:
            shape: how many nodes.
            catalogue: a folder of services, which run on the nodes in turn.

        Raises:
            Conflict: the folder holds another network or something else, or is being worked on.
            ConfigError: the catalogue is no folder.
            EngineError: a node does not start, or does not find the others.
        """
        is_new = self.shape is None
        places = _services(catalogue) if catalogue is not None else []
        unlock = self._open(shape)
        try:
            members = [member for member in self.members() if member.pid() is None]
            try:
                await self._start_all(members)
                await self._run_services(places)
            except BaseException:
                self._say("taking down what was started")
                await self._stop_all(members)
                if is_new:
                    self._remove()
                raise
            return len(members)
        finally:
            unlock()

    async def down(self, *, keep: bool) -> int:
        """Stops all nodes, removes what they left, and returns how many were stopped.

        Args:
            keep: whether the homes stay, so that `up` starts the same nodes again.

        Raises:
            Conflict: the folder is being worked on.
            EngineError: a process does not end.
        """
        if self.shape is None:
            return 0
        unlock = self._lock()
        try:
            stopped = await self._stop_all(self.members())
            if not keep:
                self._remove()
            return stopped
        finally:
            unlock()

    def _open(self, shape: Shape) -> Callable[[], None]:
        known = self.shape
        if known is None:
            if self.folder.exists() and any(self.folder.iterdir()):
                raise Conflict(f"{self.folder} holds something else; choose an empty folder with --folder")
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif known != shape:
            raise Conflict(
                f"{self.folder} holds a network of {known.nodes} nodes, {known.super_nodes} of them super nodes; "
                "take it down, or choose another folder with --folder"
            )
        unlock = self._lock()
        SystemDisk().write(self.folder / FILE, msgspec.json.encode(shape))
        return unlock

    def _lock(self) -> Callable[[], None]:
        unlock = SystemDisk().lock(self.folder / LOCK)
        if unlock is None:
            raise Conflict(f"another `micro testnet` is at work in {self.folder}; wait for its end")
        return unlock

    def _remove(self) -> None:
        """Removes the homes and what belongs to them, and nothing else that may be in the folder."""
        for member in self.members():
            shutil.rmtree(run_folder(str(member.home)), ignore_errors=True)
            shutil.rmtree(member.home, ignore_errors=True)
        for name in (FILE, LOCK):
            (self.folder / name).unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    # -- starting ---------------------------------------------------------------------------------------------------

    async def _start_all(self, members: Sequence[Member]) -> None:
        """Starts the keeper, then the super nodes, then the others, each group once the one before is complete."""
        every = self.members()
        supers = [member for member in every if member.is_super]
        keeper = supers[0]
        if keeper in members:
            await self._start(keeper, "")
        ticket = str((await keeper.ask("network", "Network.Ticket"))["ticket"])
        await self._start_some([member for member in members if member.is_super and member != keeper], ticket)
        await self._until_seen(supers, len(supers))
        await self._start_some([member for member in members if not member.is_super], ticket)
        await self._until_seen(every, len(supers))

    async def _start_some(self, members: Iterable[Member], ticket: str) -> None:
        room = asyncio.Semaphore(STARTS_MAX)

        async def one(member: Member) -> None:
            async with room:
                await self._start(member, ticket)

        await _together(one(member) for member in members)

    async def _start(self, member: Member, ticket: str) -> None:
        self._started[member.name] = member.start(ticket)
        await self._until(member, lambda status: bool(status.get("network")), "does not answer")
        self._say(f"{member.name} runs")

    async def _until_seen(self, members: Sequence[Member], count: int) -> None:
        """Waits until each of these is at home in a network of so many super nodes."""

        def sees(status: Mapping[str, Any]) -> bool:
            found = status.get("backbone", {})
            return found.get("super_nodes") == count and bool(found.get("home"))

        await _together(self._until(member, sees, "does not find the others") for member in members)

    async def _until(self, member: Member, holds: Callable[[Mapping[str, Any]], bool], trouble: str) -> None:
        """Waits until a node's status is as wanted.

        Raises:
            EngineError: its process has ended, or it takes too long.
        """
        process = self._started.get(member.name)
        try:
            async with asyncio.timeout(READY_SECONDS):
                while True:
                    if process is not None and process.poll() is not None:
                        raise self._failure(member, f"has ended with {process.returncode}")
                    status = await member.status()
                    if status is not None and holds(status):
                        return
                    await asyncio.sleep(EVERY_SECONDS)
        except TimeoutError:
            raise self._failure(member, trouble) from None

    def _failure(self, member: Member, trouble: str) -> EngineError:
        for line in member.tail(TAIL_LINES):
            self._say(f"  {line}")
        return EngineError(f"{member.name} {trouble}")

    async def _run_services(self, places: Sequence[Path]) -> None:
        """Runs each service on one of the nodes, in turn."""
        every = self.members()
        hosts = [member for member in every if not member.is_super] or every

        async def one(host: Member, mine: Sequence[Path]) -> None:
            for place in mine:
                await self._run(host, place)

        await _together(one(host, places[number :: len(hosts)]) for number, host in enumerate(hosts))

    async def _run(self, host: Member, place: Path) -> None:
        last: Mapping[str, Any] = {}
        async with (
            Client(home=str(host.home)) as client,
            client.stream("runtime", "Runtime.Run", {"source": str(place)}) as steps,
        ):
            async for step in steps:
                last = step
        if not last.get("done"):
            raise EngineError(f"{place.name} does not run on {host.name}: {last.get('detail', 'no word of it')}")
        self._say(f"{last['service']} runs on {host.name}")

    # -- stopping ---------------------------------------------------------------------------------------------------

    async def _stop_all(self, members: Sequence[Member]) -> int:
        """Stops nodes while their super nodes are still there to hear of it, then these, then the keeper."""
        groups = (
            [member for member in members if not member.is_super],
            [member for member in members if member.is_super][1:],
            [member for member in members if member.is_super][:1],
        )
        return sum([await self._stop_some(group) for group in groups])

    async def _stop_some(self, members: Sequence[Member]) -> int:
        running = left = [member for member in members if member.pid() is not None]
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal_all(left, number)
            left = await self._ended(left)
        if left:
            raise EngineError(f"{', '.join(member.name for member in left)} cannot be ended")
        for member in members:
            member.forget()
        return len(running)

    async def _ended(self, members: Sequence[Member]) -> list[Member]:
        """Waits for the end of processes, at most `STOP_SECONDS`, and returns those that go on."""
        left = list(members)
        for _ in range(int(STOP_SECONDS / EVERY_SECONDS)):
            for process in self._started.values():
                process.poll()  # what we started ourselves is ours to bury
            left = [member for member in left if member.pid() is not None]
            if not left:
                return []
            await asyncio.sleep(EVERY_SECONDS)
        return left


def _services(catalogue: Path) -> list[Path]:
    found = services_below(catalogue)
    if not found:
        raise ConfigError(f"no folder in {catalogue} holds a service")
    return found


async def _together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Does everything at the same time; where one fails, the others end, and its error is told."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
