"""Runs git so that neither this machine's settings nor a stranger's repository decide what it does.

Every invocation has a clean environment, no configuration but ours, no hooks, no credentials, no redirects, no lazy
fetching, and one protocol at most. What it may print, take and write is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from micro.errors import EngineError, SourceError
from micro.ports import Limits, Processes
from micro.runtime.command import CommandOverran, Finished, run_command

__all__ = ["ASKING_BYTES_MAX", "MEMORY_BYTES_MAX", "Git", "Protocol", "error_text"]

Protocol = Literal["https", "file", "none"]

MEMORY_BYTES_MAX = 2_000_000_000
"""What a git that fetches may use: it checks what it is brought."""

ASKING_BYTES_MAX = 500_000_000
"""What a git that only asks for a ref may use, whatever the other side goes on to tell it."""

PROCESSOR_SECONDS_MAX = 120
ERROR_CHARACTERS_MAX = 400

LEFT_TO_RULES = (
    *("hasDot", "hasDotdot", "hasDotgit", "fullPathname", "duplicateEntries", "gitmodulesSymlink"),
    *("zeroPaddedFilemode", "badTimezone"),  # old tools' blunders that harm nobody
)

SETTINGS = {
    "protocol.allow": "never",
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "credential.helper": "",
    "init.templateDir": "",
    "init.defaultBranch": "none",
    "transfer.fsckObjects": "true",
    # Names are refused by `rules`, with their path; a fetch that fails cannot tell it.
    **{f"fetch.fsck.{rule}": "ignore" for rule in LEFT_TO_RULES},
    "fetch.unpackLimit": "1",  # one pack file, so that the kernel's limit on a file is the limit on a transfer
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "pack.threads": "1",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.bareRepository": "explicit",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "advice.detachedHead": "false",
}
"""What git is told on every command line; it reads no file of settings."""

PROGRESS = re.compile(r"\(\d+/\d+\)|objects: \d+|^remote: Total")


@dataclass(frozen=True)
class Git:
    """A git on this machine.

    Attributes:
        processes: starts it.
        folder: a private folder for it to stand and write in.
        bare: whether that folder is a bare repository; else it is in none.
        program: its name or path.
        search_path: where it and its own helpers are found.
        authorities: a file of certificates to trust instead of the system's, for a host inside a company.
        transfer_bytes_max: how much one fetch may bring.
    """

    processes: Processes
    folder: Path
    bare: bool = False
    program: str = "git"
    search_path: str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
    authorities: Path | None = None
    transfer_bytes_max: int = 200_000_000

    async def run(
        self,
        *arguments: str,
        protocol: Protocol = "none",
        settings: dict[str, str] | None = None,
        data: bytes = b"",
        seconds_max: float = 60.0,
        output_bytes_max: int = 1_000_000,
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        on_errors: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Runs one git command to its end, whatever its exit code.

        Args:
            protocol: the only one it may speak; `none` keeps it from reaching anything.
            settings: more of them, beside `SETTINGS`.

        Raises:
            SourceError: git is missing, or the command exceeded a bound.
        """
        extra = {} if protocol == "none" else {f"protocol.{protocol}.allow": "always"}
        if self.authorities:
            extra["http.sslCAInfo"] = str(self.authorities)
        chosen = {**SETTINGS, **extra, **(settings or {})}.items()
        options = [word for name, value in chosen for word in ("-c", f"{name}={value}")]
        place = ["--git-dir=."] if self.bare else []
        try:
            return await run_command(
                self.processes,
                [self.program, "--no-replace-objects", *options, *place, *arguments],
                directory=self.folder,
                environment=self._environment(protocol),
                seconds_max=seconds_max,
                output_bytes_max=output_bytes_max,
                data=data,
                limits=Limits(memory_bytes_max, self.transfer_bytes_max, PROCESSOR_SECONDS_MAX),
                on_errors=on_errors,
            )
        except CommandOverran as error:
            raise SourceError(f"refused: {error}") from error
        except EngineError as error:
            raise SourceError(
                f"{error}; sources other than a folder need git, which your system's packages hold"
            ) from error

    async def version(self) -> tuple[int, int]:
        """Returns which git it is: the first two numbers of its version, zeros where it tells none."""
        told = re.search(rb"(\d{1,4})\.(\d{1,4})", (await self.run("version")).output)
        return (int(told[1]), int(told[2])) if told else (0, 0)

    def _environment(self, protocol: Protocol) -> dict[str, str]:
        return {
            "PATH": self.search_path,
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
            "LC_ALL": "C",
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),  # a home inside a repository is not of it
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ALLOW_PROTOCOL": "" if protocol == "none" else protocol,
        }


def error_text(finished: Finished) -> str:
    """Returns why git failed, in one line fit for a person: the other side may have written any of it."""
    text = finished.errors.decode("utf-8", "replace").replace("\r", "\n")
    lines = [re.sub(r"[^\x20-\x7e]+", " ", line).strip() for line in text.split("\n")]
    lines = [line for line in lines if line and not PROGRESS.search(line)]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    if len(told) == 1 and "invalid index-pack output" in told[0]:  # it was killed, by the limit on what it may write
        return "it brings more than is allowed"
    if not told:
        return f"git ended with {finished.code}"
    words = "; ".join(dict.fromkeys(line.removeprefix("fatal: ").removeprefix("error: ") for line in told[:3]))
    return words[:ERROR_CHARACTERS_MAX]
