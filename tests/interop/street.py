"""A network namespace of our own with nothing in it but loopback, and the node and programs that talk in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from micro.errors import NoNode, NotFound, Unavailable
from micro.node.front import Client

__all__ = ["Street", "open_street"]

FOLDER = Path(__file__).parent
READY_SECONDS = 150.0
ASK_SECONDS = 90.0


class Street:
    """One namespace."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.address = ""
        """Where the node is asked by go-micro programs."""
        self._processes: list[asyncio.subprocess.Process] = []

    def _command(self, *words: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name, *words)

    async def start(self, *words: str, environment: dict[str, str] | None = None) -> asyncio.subprocess.Process:
        """Starts a program in the namespace; it is ended with the namespace."""
        with (self.home / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command(*words),
                env={**os.environ, "MICRO_HOME": str(self.home / "node"), **(environment or {})},
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    async def node(self, *options: str) -> None:
        """Starts a node, as anybody does, and waits until it serves."""
        (self.home / "node").mkdir(mode=0o700)
        await self.start(
            *(sys.executable, "-m", "micro", "server", "--no-network", "--api-port", "0", "--mucp-port", "0", *options)
        )
        self.address = (await self.answer_of("node", "Node.Status"))["mucp"]

    async def service(self, name: str) -> None:
        """Starts a program of this folder as a service, and waits until it answers."""
        await self.start(sys.executable, str(FOLDER / f"{name}.py"))
        await self.answer_of(name, "Debug.Health")

    async def server(self, program: Path, **environment: str) -> asyncio.subprocess.Process:
        """Starts a go-micro program as a server of the greeter."""
        said = {"INTEROP_DO": "serve", "INTEROP_NAME": "greeter", "MICRO_SERVER_ADDRESS": "127.0.0.1:0"}
        return await self.start(str(program), environment={**said, **environment})

    def client(self) -> Client:
        """Returns a client of the node's owner."""
        return Client(home=str(self.home / "node"))

    async def answer_of(self, service: str, endpoint: str, request: Any = None) -> Any:
        """Calls until the service is there, and returns its answer."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                with contextlib.suppress(NoNode, NotFound, Unavailable):
                    async with self.client() as client:
                        return await client.call(service, endpoint, request)
                await asyncio.sleep(0.1)

    async def lines(self, *words: str, **environment: str) -> dict[str, Any]:
        """Runs a program to its end, and returns what it reports, by what it was about."""
        process = await self.start(*words, environment=environment)
        async with asyncio.timeout(ASK_SECONDS):
            out, _ = await process.communicate()
        found = [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]
        return {line.pop("what"): line for line in found}

    async def first_line(self, process: asyncio.subprocess.Process, what: str) -> Any:
        """Waits until a program reports something, and returns what."""
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while data := await process.stdout.readline():
                if data.startswith(b"{") and (line := json.loads(data))["what"] == what:
                    return line["found"]
        raise AssertionError(f"it ended before it reported {what}:\n{(self.home / 'log').read_text()[-2000:]}")

    async def heard(self, process: asyncio.subprocess.Process, into: list[str]) -> None:
        """Adds what a program reports to have heard to a list, as long as it runs."""
        assert process.stdout is not None
        while data := await process.stdout.readline():
            if data.startswith(b"{") and (line := json.loads(data))["what"] == "heard":
                into.append(line["found"])

    async def close(self) -> None:
        """Ends all that was started here."""
        for process in self._processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.communicate()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@asynccontextmanager
async def open_street() -> AsyncIterator[Street]:
    """Makes a namespace in which nothing leaves loopback, and takes it down again."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        street = Street(f"micro-go-{os.getpid()}-{Path(folder).name[-4:]}", Path(folder))
        for words in (
            ("netns", "add", street.name),
            ("-n", street.name, "link", "set", "lo", "up", "multicast", "on"),
            ("-n", street.name, "route", "add", "224.0.0.0/4", "dev", "lo"),
        ):
            _ip(*words)
        try:
            yield street
        finally:
            await street.close()
            _ip("netns", "del", street.name)
