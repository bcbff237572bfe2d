"""What is different on a terminal: colours, tables, a sign of life; and nothing of it anywhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ESCAPE = "\x1b["


def shown(words: list[str], home: Path, **environment: str) -> str:
    """Returns what a Python program writes to a terminal."""
    own, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    known = {"MICRO_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, *words],
        env={**plain, **known, **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    ) as process:
        os.close(theirs)
        found = b""
        try:
            while part := os.read(own, 65_536):
                found += part
        except OSError:
            pass  # the terminal is closed where nobody writes to it any more
        process.wait()
    os.close(own)
    return found.decode()


def test_a_terminal_gets_colours_and_a_table(home: Path) -> None:
    """It is a person who reads."""
    text = shown(["-m", "micro", "doctor"], home)

    assert f"{ESCAPE}32mok" in text
    assert "\t" not in text


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(home: Path, environment: dict[str, str]) -> None:
    """By the usual variables."""
    text = shown(["-m", "micro", "doctor"], home, **environment)

    assert ESCAPE not in text
    assert "ok    python" in text


def test_an_error_has_colours_too(home: Path) -> None:
    """On the standard error."""
    assert f"{ESCAPE}31mmicro: no node" in shown(["-m", "micro", "services"], home)


SLOW = """
import asyncio
from micro.doors.cli.session import Session

session = Session()
session.run(lambda: asyncio.sleep({seconds}), waiting="waiting for it")
session.close()
print("done")
"""


def test_what_takes_long_shows_a_sign_of_life(home: Path) -> None:
    """Which is gone before the result comes."""
    text = shown(["-c", SLOW.format(seconds=1.3)], home)

    assert "waiting for it 1 s" in text
    assert text.endswith("s\r\x1b[Kdone\r\n")


def test_what_is_quick_shows_none(home: Path) -> None:
    """It would only flicker."""
    assert shown(["-c", SLOW.format(seconds=0)], home) == "done\r\n"


def test_outside_a_terminal_there_is_no_sign_of_life(home: Path) -> None:
    """A log is no place for it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SLOW.format(seconds=1.3)], env=environment, capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("done\n", "")


def test_bytes_that_are_no_text_stay_off_the_terminal(home: Path) -> None:
    """They would turn it upside down."""
    program = r"from micro.doors.cli.terminal import say_bytes; say_bytes(b'\x1b\xff'); say_bytes(b'text')"
    text = shown(["-c", program], home)

    assert "2 bytes that are no text" in text
    assert text.endswith("text\r\n")
