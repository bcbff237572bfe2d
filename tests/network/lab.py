"""Machines of our own: network namespaces joined by a bridge, with real node processes in them.

A hidden host stands for one behind a strict NAT and firewall: it can open TCP to the hosts it is told, and nothing
else reaches it or leaves it, no UDP at all. Namespaces need the rights of root and iproute2; without them the tests are
skipped, and say so.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from micro.errors import NoNode
from micro.node.front import Client

__all__ = ["Host", "Lab", "reason_not_to"]

READY_SECONDS = 30.0
COMMAND_SECONDS = 60.0
_numbers = itertools.count(1)


def reason_not_to() -> str:
    """Returns why there can be no namespaces here, "" where there can."""
    if shutil.which("ip") is None:
        return "network namespaces need iproute2: install it, for instance with apt-get install iproute2"
    name = f"micro-try-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"network namespaces are not permitted here: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return ""


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Host:
    """A machine with one address, and at most one node on it."""

    def __init__(self, lab: Lab, name: str, number: int) -> None:
        self.lab = lab
        self.name = name
        self.space = f"{lab.prefix}{number}"
        self.address = f"10.77.0.{number}"
        self.home = Path(lab.folder) / name
        self.process: asyncio.subprocess.Process | None = None

    def link(self, state: str) -> None:
        """Pulls the plug (`down`), or puts it in again (`up`)."""
        _ip("-n", self.space, "link", "set", "e0", state)
        if state == "up" and self.lab.only.get(self.name):
            self._routes(self.lab.only[self.name])

    def renumber(self, address: str) -> None:
        """Gives the machine another address in place of the one it has."""
        _ip("-n", self.space, "addr", "del", f"{self.address}/24", "dev", "e0")
        _ip("-n", self.space, "addr", "add", f"{address}/24", "dev", "e0")
        self.address = address

    def _routes(self, only: Sequence[Host]) -> None:
        for host in only:
            _ip("-n", self.space, "route", "replace", host.address, "dev", "e0")

    async def start(self, *options: str, program: Sequence[str] = ("-m", "micro")) -> dict[str, Any]:
        """Starts a node and returns its status once it serves.

        Args:
            options: of `micro server`.
            program: what Python runs as the command `micro`.
        """
        self.home.mkdir(exist_ok=True, mode=0o700)
        command = [sys.executable, *program, "--home", str(self.home), "server", "--no-api"]
        with (self.home / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *("ip", "netns", "exec", self.space, *command, "--network-host", self.address, *options),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(READY_SECONDS):
            while True:
                try:
                    return dict(await self.ask("node", "Node.Status"))
                except NoNode:
                    assert self.process.returncode is None, (self.home / "log").read_text()[-2000:]
                    await asyncio.sleep(0.1)

    def client(self) -> Client:
        """Returns a client of this host's owner: a socket of the home is reached from every namespace."""
        return Client(home=str(self.home))

    async def ask(self, service: str, endpoint: str, request: Any = None, *, timeout_seconds: float = 30.0) -> Any:
        """Calls a service as this host's owner, over a link of its own; a node that has ended ends the test."""
        if self.process is not None and self.process.returncode is not None:
            log = (self.home / "log").read_text()[-2000:]
            pytest.fail(f"the node of {self.name} has ended with {self.process.returncode}:\n{log}")
        async with self.client() as client:
            return await client.call(service, endpoint, request, timeout_seconds=timeout_seconds)

    async def run(self, source: Path, name: str | None = None) -> None:
        """Runs a service on this host's node."""
        wish = {"source": str(source)} | ({"name": name} if name else {})
        async with self.client() as client, client.stream("runtime", "Runtime.Run", wish) as steps:
            async for step in steps:
                assert not step["failed"], step

    async def micro(self, *words: str, check: bool = True) -> str:
        """Types a command at this host's node, and returns what it prints."""
        command = [sys.executable, "-m", "micro", "--home", str(self.home), *words]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await process.communicate()
        if check:
            assert process.returncode == 0, (words, err.decode(), (self.home / "log").read_text()[-2000:])
        return out.decode().strip()

    async def json(self, *words: str) -> Any:
        """Types a command and returns what it prints as JSON."""
        return json.loads(await self.micro(*words, "--output", "json"))

    async def kill(self) -> None:
        """Ends the node and its services with -9."""
        if self.process is not None and self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()
        self.process = None


class Lab:
    """Hosts on one bridge, taken down at the end."""

    def __init__(self) -> None:
        self.prefix = f"m{os.getpid()}x{next(_numbers)}h"
        self.hosts: dict[str, Host] = {}
        self.only: dict[str, list[Host]] = {}
        self.folder = tempfile.mkdtemp(prefix="micro-")
        self._hub = f"{self.prefix}0"
        _ip("netns", "add", self._hub)
        _ip("-n", self._hub, "link", "add", "hub", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "hub", "up")

    def host(self, name: str) -> Host:
        """Adds a machine that reaches all others."""
        host = self._plug(name)
        _ip("-n", host.space, "addr", "add", f"{host.address}/24", "dev", "e0")
        return host

    def hidden(self, name: str, only: Sequence[Host]) -> Host:
        """Adds a machine that can open TCP to these hosts, and nothing else."""
        host = self._plug(name)
        self.only[name] = list(only)
        _ip("-n", host.space, "addr", "add", f"{host.address}/32", "dev", "e0")
        _ip("-n", host.space, "rule", "add", "ipproto", "udp", "blackhole", "pref", "10")
        host._routes(only)
        return host

    def _plug(self, name: str) -> Host:
        number = len(self.hosts) + 1
        host = self.hosts[name] = Host(self, name, number)
        _ip("netns", "add", host.space)
        _ip("-n", self._hub, "link", "add", f"p{number}", "type", "veth", "peer", "name", "e0", "netns", host.space)
        _ip("-n", self._hub, "link", "set", f"p{number}", "master", "hub", "up")
        _ip("-n", host.space, "link", "set", "e0", "up")
        _ip("-n", host.space, "link", "set", "lo", "up")
        return host

    async def close(self) -> None:
        """Takes everything down."""
        for host in self.hosts.values():
            await host.kill()
        for space in [*(host.space for host in self.hosts.values()), self._hub]:
            _ip("netns", "del", space)
        shutil.rmtree(self.folder, ignore_errors=True)
