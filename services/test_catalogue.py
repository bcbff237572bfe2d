"""A node starts every service of the catalogue, and each does what its README says."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from services.running import Running, missing, skip_without_tools, started_node
from tests.docs.pages import Reader, blocks

FOLDER = Path(__file__).parent
PAGES = sorted(FOLDER.glob("*/README.md"))
API = "http://127.0.0.1:8080"
"""What the READMEs show; here the node takes any free port."""


def test_every_service_of_the_catalogue_runs(node: Running) -> None:
    """A folder with a micro.toml is a service, under its name; those whose compiler is not here are told apart."""
    folders = {path.parent.name for path in FOLDER.glob("*/micro.toml")}
    assert node.services == {name for name in folders if not missing(name)}


def test_a_missing_compiler_is_named_and_the_rest_runs(tmp_path: Path) -> None:
    """In one line for each service, with the command that installs it, on a machine that has nothing but Python."""
    few = tmp_path / "few"
    for name in ("units", "csv", "ip", "emoji", "helloworld"):
        shutil.copytree(FOLDER / name, few / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "/usr/bin/git")

    with started_node(few, {"PATH": str(programs)}) as node:
        lines = node.output.read_text().splitlines()

    assert node.services == {"helloworld"}
    for name, tool in (("units", "cargo"), ("csv", "go"), ("ip", "make"), ("emoji", "npm")):
        (said,) = [line for line in lines if f"{name} did not start" in line]
        assert re.search(rf"needs `?{tool}`?\b.*install", said), said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_service_does_what_its_readme_says(
    page: Path, node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command line, from Python and over HTTP, typed as it stands there."""
    skip_without_tools(page.parent.name)
    monkeypatch.setenv("PATH", f"{node.commands}{os.pathsep}{os.environ['PATH']}")
    with Reader(tmp_path, node.home) as reader:
        for block in blocks(page.read_text()):
            reader.read(replace(block, directive="", argument="", text=block.text.replace(API, node.api)))
