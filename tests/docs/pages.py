"""Runs the code blocks of a page, in order, as a reader would: in one folder, with one home, in one shell.

A fence's language says what happens to it:

* `python`: run as a program; `console`: each line after `$ ` is typed, the lines below it are what must come out;
* `json`, `toml`: must parse; `text` and every other known language: shown only.

A comment on the line above the fence changes that: `<!-- file: greeter.py -->` writes the block into the folder
instead, `<!-- skip: reason -->` leaves it alone (Python must still compile), `<!-- until: command -->` waits after the
block until the command succeeds, for what was started with `&`.

In expected output a line of `...` stands for any lines and `...` within a line for any text; `[exit 4]` at the end
says that the command fails so. Without expected output, the command has to succeed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).parents[2] / "src"
FENCE = re.compile(
    r"(?:^<!-- (?P<directive>file|skip|until): (?P<argument>.+?) -->\n)?^```(?P<language>[\w-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN_ONLY = frozenset(("text", "mermaid", "html", "protobuf", "go", "javascript", "make", "http"))
COMMAND_SECONDS_MAX = 180
END_SECONDS_MAX = 10
UNTIL_TRIES_MAX = 120
PAUSE_SECONDS = 0.5
"""Each try is a process, which takes from what it waits for."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the comment above it."""

    line: int
    language: str
    text: str
    directive: str = ""
    argument: str = ""


def blocks(page: str) -> list[Block]:
    """Returns the blocks of a page's text."""
    return [
        Block(
            page.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["text"],
            found["directive"] or "",
            found["argument"] or "",
        )
        for found in FENCE.finditer(page)
    ]


class PageError(AssertionError):
    """A page says what is not so."""


class Reader:
    """Somebody who does what a page says, in a folder of his own. Use it as a context; it ends what it started."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        self._home = home
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._environment = os.environ | {"MICRO_HOME": str(home), "PATH": path, "PYTHONPATH": str(SOURCE)}
        self._environment |= {"NO_COLOR": "1", "COLUMNS": "120"}
        self._started: list[subprocess.Popen[bytes]] = []
        self._output: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if (self._home / "testnet").exists():  # the page did not come to the end, where it takes its nodes down
            self._type(["micro", "testnet", "down"])
        for process in reversed(self._started):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(END_SECONDS_MAX)

    def read(self, block: Block) -> None:
        """Does what one block says, or raises a PageError."""
        if block.directive == "file":
            target = self._folder / block.argument
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.directive != "skip":
            self._run(block)
        if block.language == "python":
            compile(block.text, f"line {block.line}", "exec")
        if block.directive == "until":
            self._wait(block.argument)

    def _run(self, block: Block) -> None:
        if block.language == "python":
            self._expect([sys.executable, "-c", block.text], None)
        elif block.language == "console":
            for command, expected in commands(block.text):
                if command.endswith("&"):
                    self._start(command.removesuffix("&"))
                else:
                    self._expect(["bash", "-c", command], expected)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language not in SHOWN_ONLY:
            raise PageError(f"no one knows what to do with a block of `{block.language}`: see tests/docs/pages.py")

    def _start(self, command: str) -> None:
        self._output = self._folder / f"output-{len(self._started)}.log"
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)

    def _type(self, command: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        return done.returncode, done.stdout.replace(f"MICRO_HOME={self._home} ", "")  # whoever reads has the usual one

    def _expect(self, command: list[str], expected: str | None) -> None:
        code, said = self._type(command)
        wanted = 0
        ending = re.search(r"^\[exit (\d+)\]\n?\Z", expected or "", re.MULTILINE)
        if expected is not None and ending:
            wanted, expected = int(ending[1]), expected[: ending.start()]
        if code != wanted:
            raise PageError(f"{command[-1]}\nended with {code}, not {wanted}, and said:\n{said}")
        if expected and not matches(expected, said):
            raise PageError(f"{command[-1]}\nshould have said:\n{expected}\nand said:\n{said}")

    def _wait(self, command: str) -> None:
        for _ in range(UNTIL_TRIES_MAX):
            code, said = self._type(["bash", "-c", f"{command} || {{ code=$?; sleep {PAUSE_SECONDS}; exit $code; }}"])
            if code == 0:
                return
        started = self._output.read_text(errors="replace") if self._output else ""
        raise PageError(f"{command}\ndid not succeed in {UNTIL_TRIES_MAX} tries and said:\n{said}\n{started}")


def commands(text: str) -> list[tuple[str, str | None]]:
    """Returns what a console block types and what it expects: None where it shows no output.

    A command goes on over lines that end in a backslash, and until its quotes are closed.
    """
    found: list[tuple[str, str | None]] = []
    open_command = False
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), None))
        elif not found:
            raise PageError(f"a console block begins with a command after `$ `, not with {line!r}")
        elif open_command:
            found[-1] = (f"{found[-1][0]}\n{line.rstrip()}", None)
        else:
            found[-1] = (found[-1][0], (found[-1][1] or "") + line)
        command = found[-1][0]
        open_command = found[-1][1] is None and (command.endswith("\\") or command.count("'") % 2 == 1)
    return found


def matches(expected: str, said: str) -> bool:
    """Returns whether the output is what the page shows; `...` stands for anything, and ends of lines do not count."""
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part.rstrip()) for part in line.split("...")) + r"[ \t]*\n"
    return re.fullmatch(pattern, said.strip("\n") + "\n") is not None
