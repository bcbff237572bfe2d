"""A small node for the runtime's tests: real processes, real sockets, real files, and services that need no library."""

from __future__ import annotations

import asyncio
import contextlib
import json
import textwrap
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from micro.errors import Unavailable
from micro.runtime.generation import Badge, Change, Progress
from micro.runtime.instance import Door
from micro.runtime.runtime import open_supervisor
from micro.runtime.supervisor import Supervisor
from micro.system import SystemClock, SystemDisk, SystemEntropy, SystemProcesses
from micro.trust.keys import NodeKey

SERVICE = """
import json, os, signal, socket, sys, time

VERSION = "1"
NAME = os.environ.get("MICRO_SERVICE", "greeter")

def stop(number, frame):
    print("asked to stop", flush=True)
    os._exit(0)

def main():
    signal.signal(signal.SIGTERM, stop)
    print("hello from", NAME, flush=True)
    link = socket.socket(socket.AF_UNIX)
    link.connect(os.environ["MICRO_ADDRESS"])
    lines = link.makefile("rw")
    print(json.dumps({"token": os.environ["MICRO_TOKEN"], "name": NAME}), file=lines, flush=True)
    for line in lines:
        call = json.loads(line)
        time.sleep(call.get("seconds", 0))
        print(json.dumps({"answer": VERSION, "pid": os.getpid()}), file=lines, flush=True)

main()
"""
"""What a service's `main.py` looks like here: it registers under its token, then answers calls one after the other."""

DEAF = "import time\ntime.sleep(60)\n"
"""A service that never registers."""


def service(*changes: tuple[str, str]) -> str:
    """Returns the service's text with some of it exchanged."""
    text = SERVICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


class Post:
    """One registered instance: calls go in, answers come out."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self.draining = False
        self.open = 0
        self._reader = reader
        self._writer = writer
        self._lock = asyncio.Lock()

    async def call(self, **request: object) -> dict[str, object]:
        self.open += 1
        try:
            async with self._lock:
                self._writer.write(json.dumps(request).encode() + b"\n")
                line = await self._reader.readline()
            if not line:
                raise ConnectionError(f"{self.name} hung up")
            return dict(json.loads(line))
        finally:
            self.open -= 1

    async def close(self) -> None:
        """Hangs up, and waits until that is done: the loop may end right after."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class Town:
    """`Reception` with a router: instances register over a Unix socket each, and calls go to the newest of a name."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.posts: dict[str, Post] = {}
        self.environments: dict[str, Mapping[str, str]] = {}
        self.changes: list[Change] = []
        self.supervisor: Supervisor
        self._arrived: dict[str, asyncio.Future[str]] = {}
        self._servers: dict[str, asyncio.AbstractServer] = {}

    async def open(self, badge: Badge) -> Door:
        self._arrived[badge.instance] = asyncio.get_running_loop().create_future()
        path = self.home / f"{len(self._arrived)}.sock"
        self._servers[badge.instance] = await asyncio.start_unix_server(self._greet, path)
        return Door(str(path))

    @property
    def doors(self) -> list[str]:
        """The instances whose doors are open."""
        return list(self._servers)

    async def registered(self, instance: str) -> str:
        return await asyncio.shield(self._arrived[instance])

    async def drain(self, instance: str) -> None:
        post = self.posts.get(instance)
        while post is not None and instance in self.posts:
            post.draining = True
            if not post.open:
                return
            await asyncio.sleep(0.005)

    async def close(self, instance: str) -> None:
        server = self._servers.pop(instance, None)
        if server is not None:
            server.close()
        post = self.posts.pop(instance, None)
        if post is not None:
            await post.close()

    def weigh(self, service: str, generation: int, weight: int | None) -> None:
        """Nothing is shared out here: `call` takes the newest."""

    def recall(self, service: str, generation: int) -> None:
        """Everybody calls through the town."""

    def activity(self, instance: str) -> int | None:
        post = self.posts.get(instance)
        return 0 if post is None or not post.open else None

    async def settled(self, instance: str) -> None:
        """Everybody calls through the town."""

    async def probe(self, instance: str) -> None:
        if instance not in self.posts:
            raise Unavailable("it is gone")

    async def call(self, name: str, **request: object) -> dict[str, object]:
        """Calls the newest instance of a service that takes something new."""
        posts = [post for post in self.posts.values() if post.name == name and not post.draining]
        return await posts[-1].call(**request)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = json.loads(await reader.readline())
        badge = self.supervisor.badge(said["token"])
        if badge is None:
            writer.close()
            return
        self.posts[badge.instance] = Post(said["name"], reader, writer)
        self._arrived[badge.instance].set_result(said["name"])


def found(home: Path, disk: SystemDisk | None = None, **options: Any) -> Town:
    """Returns a town whose supervisor works in `home`."""
    town = Town(home)
    town.supervisor = open_supervisor(
        home,
        town,
        processes=SystemProcesses(),
        disk=disk or SystemDisk(),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        signer=NodeKey(bytes(32)),
        changed=town.changes.append,
        **options,
    )
    return town


async def last(progress: AsyncIterator[Progress]) -> Progress:
    """Looks on to the end, and returns the last line."""
    seen = [line async for line in progress]
    assert [line.done for line in seen] == [False] * (len(seen) - 1) + [True]
    return seen[-1]


def write(folder: Path, **files: str) -> Path:
    """Writes files into a folder: `main_py="..."` is `main.py`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_py", ".py").replace("_toml", ".toml").replace("_txt", ".txt")).write_text(
            textwrap.dedent(text)
        )
    return folder
