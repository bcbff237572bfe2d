"""Remembers what ran, so that a node starts it again.

The file `services.json` in the node's home is read when the node starts and replaced with every change. It may hold
secrets that an owner gave a service, and is readable for him alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from micro.errors import ConfigError, EngineError, SourceError
from micro.ports import Disk
from micro.runtime.grants import check_grants
from micro.runtime.manifest import Engine, check_engine, check_environment, is_service_name
from micro.runtime.source.spec import parse

__all__ = ["Memory", "Remembered"]

VERSION = 1


@dataclass(frozen=True)
class Remembered:
    """A service that shall run.

    Attributes:
        name: its name.
        source: its source, as `micro run` takes it.
        named: whether its owner or author chose the name, or the service itself when it registered.
        revision: the revision it ran.
        ref: where that came from.
        generation: its number.
        environment: variables that its owner gave it.
        allowed: what its owner allows it beyond its own, as `micro.runtime.grants` names it.
        evolve: whether it moves by itself when its source changes; None where nobody said so.
        engine: what its owner wants to run it; None where he did not say.
    """

    name: str
    source: str
    named: bool
    revision: str
    ref: str
    generation: int
    environment: dict[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    evolve: bool | None = None
    engine: Engine | None = None


class Memory:
    """The file."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path

    def read(self) -> list[Remembered]:
        """Returns what shall run.

        Raises:
            ConfigError: the file is none of ours; the message says what to do with it.
        """
        data = self._disk.read(self._path)
        if data is None:
            return []
        try:
            found = json.loads(data)
            return [_read(one) for one in found["services"]]
        except (ValueError, KeyError, TypeError, RecursionError, SourceError) as error:
            raise ConfigError(
                f"{self._path} cannot be read ({error}): move it away to start with no services, and run them again"
            ) from error

    def write(self, services: Iterable[Remembered]) -> None:
        """Replaces what shall run.

        Raises:
            EngineError: the disk does not take it; the file is as it was.
        """
        listed = [asdict(service) for service in sorted(services, key=lambda service: service.name)]
        text = json.dumps({"version": VERSION, "services": listed}, indent=1)
        try:
            self._disk.write(self._path, text.encode())
        except OSError as error:
            raise EngineError(f"{self._path} cannot be written: {error.strerror or error}") from error


def _read(one: dict[str, Any]) -> Remembered:
    service = Remembered(**one)
    parse(service.source)
    if not is_service_name(service.name) or not isinstance(service.generation, int) or service.generation < 1:
        raise ValueError(f"{service.name!r} is no service")
    if service.evolve not in {None, True, False}:
        raise ValueError(f"{service.name}: evolve is true or false")
    check_environment(service.environment, service.name)
    check_engine(service.engine, service.name)
    return replace(service, allowed=tuple(sorted(check_grants(service.allowed))))
