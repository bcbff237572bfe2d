"""Reads `micro.toml`, in which an author says how his service starts.

Pure.

    [service]
    command = "python serve.py --fast"     # or a list of words; no shell reads it
    name = "greeter"
    network = true                         # it needs the network; its owner has to allow that
    serves = "http"                        # what the command is: micro, http, program, functions or site
    recipe = "python"                      # who builds it, where files leave that open
    build = "npm run build"                # what is run, without network, before it starts
    engine = "wasm"                        # what runs it: wasm or process, where that is not plain

    [service.environment]
    GREETING = "Hello"
"""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, get_args

from micro.errors import SourceError

__all__ = [
    "MANIFEST",
    "MANIFEST_BYTES_MAX",
    "Engine",
    "Manifest",
    "Serves",
    "check_engine",
    "check_environment",
    "read_manifest",
]

Serves = Literal["micro", "http", "program", "functions", "site", "go-micro", "go-micro-grpc"]
"""What starts: a service that registers itself, a program that listens on `PORT`, one that reads its standard input
and answers on its standard output, a Python file whose functions are called, or a folder of files."""

Engine = Literal["process", "wasm"]
"""What runs a service: a process in a sandbox, or a worker for WebAssembly."""

MANIFEST = "micro.toml"
MANIFEST_BYTES_MAX = 65_536
WORDS_MAX = 64
VARIABLES_MAX = 64
VARIABLE_CHARACTERS_MAX = 4096
DESCRIPTION_CHARACTERS_MAX = 500
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_CHARACTERS_MAX = 63
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OURS = "MICRO_"
"""Variables that begin so are set by the node alone."""

SAID = {"command", "name", "network", "environment", "serves", "recipe", "build", "description", "engine"}


@dataclass(frozen=True)
class Manifest:
    """What the author said; empty where he said nothing.

    Attributes:
        command: the words of the command that starts the service.
        name: the service's name.
        environment: variables for the process.
        network: whether it needs the machine's network.
        serves: what the command is.
        recipe: the name of the recipe that builds it.
        build: the words of the command that builds it.
        description: what it is good for.
        engine: what runs it.
    """

    command: tuple[str, ...] = ()
    name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    serves: Serves | Literal[""] = ""
    recipe: str = ""
    build: tuple[str, ...] = ()
    description: str = ""
    engine: Engine | None = None


def read_manifest(data: bytes) -> Manifest:
    """Reads the file's content.

    Raises:
        SourceError: it is no TOML, or says something that nobody understands; the message names it.
    """
    if len(data) > MANIFEST_BYTES_MAX:
        _refuse(f"is larger than {MANIFEST_BYTES_MAX} bytes")
    try:
        found = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        _refuse(f"is no TOML: {error}")
    service = _table(found, {"service"}, "at the top").get("service", {})
    if not isinstance(service, dict):
        _refuse("`service` is a table: write [service]")
    known = _table(service, SAID, "in [service]")
    name = _text(known, "name")
    if name and not is_service_name(name):
        _refuse(f"`name` is {name!r}; a service's name is lower-case words joined by dashes, as say-hello")
    environment = known.get("environment", {})
    if not isinstance(environment, dict):
        _refuse("`environment` is a table: write [service.environment]")
    network = known.get("network", False)
    if not isinstance(network, bool):
        _refuse("`network` is true or false, without quotes")
    serves = _text(known, "serves")
    if serves not in {"", *get_args(Serves)}:
        _refuse(f"`serves` is {serves!r}; it is one of {', '.join(get_args(Serves))}")
    return Manifest(
        command=_words("command", known.get("command", "")),
        name=name,
        environment=check_environment(environment, MANIFEST),
        network=network,
        serves=serves,  # type: ignore[arg-type] # it is one of them
        recipe=_text(known, "recipe"),
        build=_words("build", known.get("build", "")),
        description=_text(known, "description"),
        engine=check_engine(known.get("engine"), f"{MANIFEST}: `engine`"),
    )


def check_engine(said: object, where: str) -> Engine | None:
    """Returns which engine somebody asks for, None where he does not.

    Raises:
        SourceError: there is none of that name; the message begins with `where`.
    """
    if said is None or (isinstance(said, str) and said in get_args(Engine)):
        return said  # type: ignore[return-value] # it is one of them
    raise SourceError(f"{where} is {str(said)[:40]!r}; it is one of {', '.join(get_args(Engine))}")


def is_service_name(text: str) -> bool:
    """Whether a service may be called so."""
    return len(text) <= NAME_CHARACTERS_MAX and NAME.fullmatch(text) is not None


def check_environment(environment: Mapping[str, Any], where: str) -> dict[str, str]:
    """Returns variables for a process.

    Raises:
        SourceError: a name or a value is none; the message begins with `where`.
    """
    if len(environment) > VARIABLES_MAX:
        raise SourceError(f"{where}: more than {VARIABLES_MAX} variables")
    for name, value in environment.items():
        if not VARIABLE.fullmatch(name) or name.startswith(OURS):
            raise SourceError(f"{where}: {name!r} is no name for a variable; those with {OURS} are the node's own")
        if not isinstance(value, str) or len(value) > VARIABLE_CHARACTERS_MAX or "\0" in value:
            raise SourceError(f"{where}: {name} is a text of at most {VARIABLE_CHARACTERS_MAX} characters, in quotes")
    return dict(environment)


def _text(known: Mapping[str, Any], key: str) -> str:
    said = known.get(key, "")
    if not isinstance(said, str) or len(said) > DESCRIPTION_CHARACTERS_MAX:
        _refuse(f"`{key}` is {str(said)[:40]!r}; it is a text of at most {DESCRIPTION_CHARACTERS_MAX} characters")
    return said


def _words(key: str, said: object) -> tuple[str, ...]:
    try:
        words = shlex.split(said) if isinstance(said, str) else said
    except ValueError as error:
        _refuse(f"`{key}` cannot be split into words: {error}")
    if not isinstance(words, list) or len(words) > WORDS_MAX or not all(isinstance(word, str) for word in words):
        _refuse(f'`{key}` is a text or a list of at most {WORDS_MAX} words, as ["python", "main.py"]')
    if any("\0" in word for word in words) or (words and not words[0]):
        _refuse(f"`{key}` begins with the program's name, and holds no zero characters")
    return tuple(words)


def _table(found: Mapping[str, Any], known: set[str], where: str) -> Mapping[str, Any]:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            _refuse(f"`{key}` {where} means nothing{f'; did you mean `{near[0]}`?' if near else ''}")
    return found


def _refuse(what: str) -> NoReturn:
    raise SourceError(f"{MANIFEST}: {what}")
