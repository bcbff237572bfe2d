"""What an adapter is told: the program that it speaks for, and what of its own environment that program may see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from micro.errors import ConfigError
from micro.service.schema.naming import PLATFORM_NAMES, RESERVED_NAMES

__all__ = ["VARIABLE", "Program", "child_environment", "free_name", "read_program"]

VARIABLE = "MICRO_PROGRAM"
OURS = ("MICRO_", "PYTHON")
"""Variables of the adapter's own: its badge at the node, and what its Python needs."""


@dataclass(frozen=True)
class Program:
    """A program, or what stands for one.

    Attributes:
        name: what the service is called unless its owner says otherwise.
        description: what it is good for.
        serves: `http`, `program`, `functions`, `site`, `go-micro` or `go-micro-grpc`.
        command: its words; of functions the interpreter and the file, of a site the folder.
        directory: where it stands.
        environment: variables of its recipe's and its author's.
        topics: what a go-micro program publishes on, as far as its text tells.
    """

    name: str
    serves: str
    command: tuple[str, ...]
    directory: Path
    description: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()


def read_program(environment: Mapping[str, str]) -> Program:
    """Reads the variable that the node set.

    Raises:
        ConfigError: it is not there, or is none of ours.
    """
    try:
        said = json.loads(environment[VARIABLE])
        return Program(
            name=free_name(str(said["name"])),
            serves=str(said["serves"]),
            command=tuple(map(str, said["command"])),
            directory=Path(said["directory"]),
            description=str(said["description"]),
            environment={str(key): str(value) for key, value in said["environment"].items()},
            topics=tuple(map(str, said.get("topics", ()))),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{VARIABLE} is not set as the node sets it ({error}): start programs with `micro run`"
        ) from error


def free_name(name: str) -> str:
    """Returns a name under which a service may register: the node's own are taken."""
    return f"my-{name}" if name in RESERVED_NAMES or name in PLATFORM_NAMES else name


def child_environment(program: Program, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of the program: those of its owner and its author, and nothing of the adapter's own."""
    given = {name: value for name, value in environment.items() if not name.startswith(OURS)}
    path = {"PATH": environment.get("PATH", "/usr/local/bin:/usr/bin:/bin")}
    return {**path, **given, **program.environment}
