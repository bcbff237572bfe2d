"""A node starts every service of the catalogue, and each does what its README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.docs.pages import SOURCE, Reader, blocks

FOLDER = Path(__file__).parent
PAGES = sorted(FOLDER.glob("*/README.md"))
START_SECONDS_MAX = 180.0
"""The first start installs the packages that services ask for."""

STOP_SECONDS_MAX = 30.0
API = "http://127.0.0.1:8080"
"""What the READMEs show; here the node takes any free port."""


@dataclass
class Running:
    """A node with the catalogue: its home, a folder with the command `micro`, where its API is, and its services."""

    home: Path
    commands: Path
    api: str
    services: set[str]


def started(output: Path, node: subprocess.Popen[bytes]) -> set[str]:
    """Waits until the node says that it is done with the catalogue, and returns what runs."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and node.poll() is None:
        said = output.read_text()
        if " services run" in said:
            return {line.split()[0] for line in said.splitlines() if line.endswith(" runs")}
        time.sleep(0.1)
    pytest.fail(f"the catalogue did not start:\n{output.read_text()}")


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    """Starts a node with the catalogue in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        home, commands, output = Path(folder, "home"), Path(folder, "bin"), Path(folder, "output")
        commands.mkdir()
        micro = commands / "micro"
        micro.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m micro "$@"\n')
        micro.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MICRO_")}
        environment |= {"MICRO_HOME": str(home), "PYTHONPATH": str(SOURCE)}
        with output.open("wb") as log:
            process = subprocess.Popen(
                [micro, "server", "--catalogue", FOLDER], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            services = started(output, process)
            status = subprocess.check_output([micro, "status", "--output", "json"], env=environment)
            yield Running(home, commands, json.loads(status)["api"], services)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS_MAX)


def test_every_service_of_the_catalogue_runs(node: Running) -> None:
    """A folder with a main.py is a service, under the folder's name."""
    assert {path.parent.name for path in FOLDER.glob("*/main.py")} == node.services


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_service_does_what_its_readme_says(
    page: Path, node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command line, from Python and over HTTP, typed as it stands there."""
    monkeypatch.setenv("PATH", f"{node.commands}{os.pathsep}{os.environ['PATH']}")
    with Reader(tmp_path, node.home) as reader:
        for block in blocks(page.read_text()):
            reader.read(replace(block, directive="", argument="", text=block.text.replace(API, node.api)))
