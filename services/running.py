"""Runs services of the catalogue in a node of their own, for the tests of all of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import SOURCE

__all__ = ["NEEDED", "Running", "missing", "skip_without_tools", "started_node"]

NEEDED: Mapping[str, tuple[str, ...]] = {
    "csv": ("go",),
    "location": ("go",),
    "units": ("cargo", "rustc"),
    "jsontools": ("cargo", "rustc"),
    "ip": ("make", "cc"),
    "emoji": ("node", "npm"),
    "quote": ("node", "npm"),
    "markdown": ("node", "npm"),
}
"""Which programs build and run those services that are not in Python."""

START_SECONDS_MAX = 300.0
"""The first start installs the packages that services ask for, and compiles those that are to be."""

STOP_SECONDS_MAX = 30.0


def missing(name: str) -> list[str]:
    """Returns the programs that a service needs and this machine lacks."""
    return [program for program in NEEDED.get(name, ()) if not shutil.which(program)]


def skip_without_tools(name: str) -> None:
    """Skips a test of a service whose compiler is not here."""
    lacking = missing(name)
    if lacking:
        pytest.skip(f"{name} needs {', '.join(lacking)}, which this machine lacks")


@dataclass
class Running:
    """A node with services: its home, a folder with the command `micro`, where its API is, and what runs.

    Attributes:
        output: the file that takes what the node prints.
    """

    home: Path
    commands: Path
    api: str
    services: set[str]
    output: Path


@contextmanager
def started_node(services: Path, settings: Mapping[str, str]) -> Iterator[Running]:
    """Starts a node with the services of a folder in a home of its own, with these variables beside the usual."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        home, commands, output = Path(folder, "home"), Path(folder, "bin"), Path(folder, "output")
        commands.mkdir()
        micro = commands / "micro"
        micro.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m micro "$@"\n')
        micro.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MICRO_")}
        environment |= {"MICRO_HOME": str(home), "PYTHONPATH": str(SOURCE), **settings}
        with output.open("wb") as log:
            process = subprocess.Popen(
                [micro, "server", "--catalogue", services, "--api-port", "0"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            running = _started(output, process)
            status = subprocess.check_output([micro, "status", "--output", "json"], env=environment)
            yield Running(home, commands, json.loads(status)["api"], running, output)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS_MAX)


def _started(output: Path, node: subprocess.Popen[bytes]) -> set[str]:
    """Waits until the node says that it is done with the catalogue, and returns what runs."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and node.poll() is None:
        said = output.read_text()
        if re.search(r" services? runs?$", said, re.MULTILINE):
            return {line.split()[0] for line in said.splitlines() if line.endswith(" runs") and line.startswith("  ")}
        time.sleep(0.1)
    pytest.fail(f"the catalogue did not start:\n{output.read_text()}")
