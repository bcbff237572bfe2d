"""One node of a test network: a process of its own with a home of its own, found again by its home alone.

The process writes its number into the home before it becomes a node; a number alone proves nothing, since it may be
another's by now, so the home has to stand in that process's command line too.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from micro.errors import MicroError
from micro.node.client import Client

__all__ = ["Member", "signal_all"]

ASK_SECONDS: Final = 5.0
LOG, PROCESS = "node.log", "process"

# There is no moment at which a process runs and nobody knows of it.
_BECOME: Final = 'echo $$ >"$0" && exec "$@"'


@dataclass(frozen=True)
class Member:
    """One node of it.

    Attributes:
        name: what it is called: `super-1`, `node-1`.
        is_super: whether it is a super node.
        home: its home.
    """

    name: str
    is_super: bool
    home: Path

    @property
    def role(self) -> str:
        """What it is, for people."""
        return "super node" if self.is_super else "node"

    @property
    def log(self) -> Path:
        """What its process wrote."""
        return self.home / LOG

    def pid(self) -> int | None:
        """Returns the number of its process, or None where none runs."""
        try:
            pid = int((self.home / PROCESS).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if f" --home {self.home} " in _words_of(pid) else None

    def start(self, ticket: str) -> subprocess.Popen[bytes]:
        """Starts its process, apart from this terminal.

        Args:
            ticket: of the network to join, "" to found one.
        """
        self.home.mkdir(mode=0o700, exist_ok=True)
        command = [sys.executable, "-m", "micro", "server", "--home", str(self.home)]
        command += ["--network-host", "127.0.0.1", "--api-port", "0"]
        command += ["--super", "--owner-label", self.name] if self.is_super else []
        command += ["--join", ticket] if ticket else []
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - it is this program itself
                ["/bin/sh", "-c", _BECOME, str(self.home / PROCESS), *command],
                cwd=self.home,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def forget(self) -> None:
        """Takes note that its process has ended."""
        (self.home / PROCESS).unlink(missing_ok=True)

    async def ask(self, service: str, endpoint: str, request: Mapping[str, Any] | None = None) -> Any:
        """Calls a service of the node itself.

        Raises:
            MicroError, TimeoutError: it does not answer.
        """
        async with asyncio.timeout(ASK_SECONDS), Client(home=str(self.home)) as client:
            return await client.call(service, endpoint, request)

    async def status(self) -> dict[str, Any] | None:
        """Returns what the node says of itself, or None where it does not answer."""
        try:
            return dict(await self.ask("node", "Node.Status"))
        except (MicroError, TimeoutError, OSError):
            return None

    async def row(self) -> dict[str, Any]:
        """Returns its name, role, state, how many super nodes its map names, pid, home and api."""
        status = await self.status()
        found = status or {}
        pid = self.pid()
        state = "serving" if status is not None else "silent" if pid is not None else "stopped"
        mapped = found.get("backbone", {}).get("super_nodes", 0)
        place = {"pid": pid, "home": str(self.home), "api": found.get("api") or ""}
        return {"name": self.name, "role": self.role, "state": state, "mapped": mapped, **place}

    def tail(self, lines: int) -> list[str]:
        """Returns the last lines that its process wrote."""
        if lines <= 0 or not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-lines:]


def signal_all(members: Iterable[Member], number: int) -> None:
    """Sends a signal to those whose process runs."""
    for member in members:
        pid = member.pid()
        try:
            if pid is not None:
                os.kill(pid, number)
        except ProcessLookupError:
            pass  # it ended by itself meanwhile


def _words_of(pid: int) -> str:
    """Returns the command line of a process, "" where there is no such process."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a number


def _environment() -> dict[str, str]:
    """Returns the environment of a node: ours, without the settings of another node."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MICRO_")}
    return kept | {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
