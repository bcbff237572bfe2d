"""A node that serves the app, and who opens pages of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

SERVICES = Path(__file__).parent / "services"
READY_SECONDS = 60.0
WAIT_MILLISECONDS = 20_000
"""How long to wait for what should be there at once: a machine may be busy."""
FIRST_MILLISECONDS = 120_000
"""How long the first wish may take, for which the assistant loads what it understands with."""
COMMAND_SECONDS = 30.0


Open = Callable[..., Page]


@dataclass(frozen=True)
class Running:
    """A node that serves the app.

    Attributes:
        address: of its HTTP door.
        home: its home.
    """

    address: str
    home: Path

    def micro(self, *words: str, works: bool = True) -> str:
        """Types a command at this node, which works or does not, and returns what it prints."""
        command = [sys.executable, "-m", "micro", "--home", str(self.home), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
        assert (done.returncode == 0) is works, done.stderr
        return done.stdout.strip()

    def link(self) -> str:
        """Returns a link that signs a browser in, once."""
        return str(json.loads(self.micro("web", "--no-open", "--output", "json"))["link"])
