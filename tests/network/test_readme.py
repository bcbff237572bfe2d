"""The three terminals of the README, typed as they stand there, on three machines."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.network.lab import Host, Lab, reason_not_to

REASON = reason_not_to()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or "there are namespaces")

README = (Path(__file__).parents[2] / "README.md").read_text()
SECONDS = 60.0
TICKET = "micro1qqqq…"


def commands() -> list[tuple[str, str]]:
    """Returns the commands of the section on strangers: the home of each, and what is typed."""
    section = README.partition("## A network of strangers")[2].partition("\n## ")[0]
    found = re.findall(r"^\$ (MICRO_HOME=~/(\w+) micro .+)$", section, re.MULTILINE)
    return [(home, line) for line, home in found]


def greeter() -> str:
    """Returns the service of the README's own."""
    found = re.search(r"<!-- file: greeter.py -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


class Street:
    """Three machines, each with terminals at which somebody types."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.hosts: dict[str, Host] = {}
        self.running: list[asyncio.subprocess.Process] = []

    async def type(self, home: str, line: str, *, ends: bool) -> str:
        """Types a command at a machine's terminal; returns what it prints, "" where it goes on running.

        Whatever is asked is answered with yes.
        """
        if home not in self.hosts:
            self.hosts[home] = self.lab.host(home)
        ours, theirs = pty.openpty()
        bare = {name: value for name, value in os.environ.items() if not name.startswith("MICRO_")}
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", self.hosts[home].space, "bash", "-c", line),
            cwd=self.lab.folder,
            env={**bare, "HOME": self.lab.folder, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE if ends else asyncio.subprocess.DEVNULL,
            stderr=theirs if ends else asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self.running.append(process)
        os.close(theirs)
        if not ends:
            return ""
        os.write(ours, b"y\n")
        try:
            async with asyncio.timeout(SECONDS):
                out, _ = await process.communicate()
        finally:
            os.close(ours)
        return out.decode().strip() if process.returncode == 0 else ""

    async def until(self, home: str, line: str) -> str:
        """Types a command until it succeeds: whatever was started beside it may need a moment."""
        async with asyncio.timeout(SECONDS):
            while not (out := await self.type(home, line, ends=True)):  # noqa: ASYNC110 - only typing again tells
                await asyncio.sleep(0.5)
        return out

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.running:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    lab = Lab()
    found = Street(lab)
    yield found
    found.close()
    await asyncio.gather(*(process.wait() for process in found.running))
    await lab.close()


async def test_the_three_terminals_do_what_is_written(street: Street) -> None:
    """A super node, a provider and a consumer that know one ticket: the call answers with what stands below it."""
    (folder := Path(street.lab.folder) / "greeter").mkdir()
    (folder / "main.py").write_text(greeter())
    ticket = out = ""
    for home, line in commands():
        typed = line.replace(TICKET, ticket)
        if " micro server " in line:
            await street.type(home, typed, ends=False)
            continue
        out = await street.until(home, typed)
        if line.partition("#")[0].strip().endswith(" network ticket"):
            ticket = out

    assert len(street.hosts) == 3
    assert ticket.startswith("micro1")
    assert f"{commands()[-1][1]}\n{out}\n" in README
