"""Ctrl-C at every moment of a command: it ends quietly, and claims nothing that is not so."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60.0

INTERRUPTED_AT = """
import runpy, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == {name!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.argv = ["micro", "version"]
runpy.run_module("micro", run_name="__main__")
"""


@pytest.mark.parametrize("name", ["micro.doors.cli.main", "micro.doors.cli.root", "micro.doors.cli.settings"])
def test_a_command_that_is_stopped_while_it_is_loaded_ends_quietly(name: str) -> None:
    """Whatever was being loaded: no traceback, and the exit code of a program that was stopped."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT.format(name=name)],
        env={**os.environ, "MICRO_OUTPUTT": "x"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_a_run_that_the_node_did_not_take_is_not_said_to_go_on(tmp_path: Path) -> None:
    """Here it has been asked nothing yet, since it does not even greet."""
    (tmp_path / "main.py").write_text("")
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as node:
        place = Path(folder) / "node.sock"
        node.bind(str(place))
        node.listen()
        node.settimeout(PATIENCE_SECONDS)
        process = subprocess.Popen(
            [sys.executable, "-m", "micro", "run", str(tmp_path), "--address", f"unix:{place}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with node.accept()[0]:
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=PATIENCE_SECONDS)

    assert (process.returncode, out) == (130, "")
    assert error.strip() == "stopped before the node said that it took the request; `micro status` shows what runs"
