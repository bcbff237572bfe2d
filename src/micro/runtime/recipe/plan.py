"""The facts about a tree that pass from detection to building: what it holds, what it becomes, what it asks for.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from micro.runtime.manifest import Manifest, Serves
from micro.runtime.requirements import Requirements

__all__ = ["PYTHON", "SHOWN_MAX", "Component", "Fetched", "Files", "Plan"]

PYTHON = "python"
"""As a command's first word: the interpreter that the service's packages are installed for."""

SHOWN_MAX = 5
LOOKED_AT_MAX = 200
"""How many files of one kind are read to find out what a tree is."""

LOOKED_AT_BYTES_MAX = 200_000


class Files:
    """A tree's files, as detection may see them: names, and the beginning of each text."""

    def __init__(
        self, paths: Collection[str], read: Callable[[str], bytes], sizes: Mapping[str, int] | None = None
    ) -> None:
        """Takes every path from the tree's root, with slashes; how to read a file; and sizes in bytes, if known."""
        self.paths = frozenset(paths)
        self.read = read
        self._sizes = sizes or {}

    def size(self, path: str) -> int:
        """Returns how many bytes a file has, as far as that is known."""
        return self._sizes.get(path) or len(self.text(path))

    def text(self, path: str) -> str:
        """Returns a file's first `LOOKED_AT_BYTES_MAX` bytes as text; nothing where there is no such file."""
        return self.read(path)[:LOOKED_AT_BYTES_MAX].decode("utf-8", "replace") if path in self.paths else ""

    def first(self, *names: str) -> str:
        """Returns the first of these files that is there, or nothing."""
        return next((name for name in names if name in self.paths), "")

    def ending(self, *suffixes: str, depth_max: int = 8) -> list[str]:
        """Returns the files with one of these endings, those near the root first, at most `LOOKED_AT_MAX`."""
        found = [path for path in self.paths if path.endswith(suffixes) and path.count("/") <= depth_max]
        return sorted(found, key=lambda path: (path.count("/"), path))[:LOOKED_AT_MAX]


@dataclass(frozen=True)
class Plan:
    """How a tree becomes a service.

    Attributes:
        recipe: the name of the recipe that builds it.
        serves: what the command is.
        command: its words; the first is `PYTHON` for the interpreter of the service's own environment. Empty where
            only the build shows what there is to start.
        reason: one line that says what led to it.
        entry: what the build is of: a package's folder, a binary's name, a file, or a site's folder.
        build: a command of the author's that builds, empty for the recipe's own.
        name: the service's name, if its author said it.
        description: what it is good for, if its author said it.
        environment: variables that its author set.
        engine_reason: one line that says why that one.
        brought: compilers that the node fetches itself to build it.
        network: whether its author says that it needs the network.
        requirements: Python packages to install beside it; none is None.
        import_folder: a folder of the tree from which Python imports.
        endpoints: what can be asked of it, as far as its text tells.
        topics: what it publishes on by means of its own, as far as its text tells.
        notes: what a person should know, a line each.
        kind: which engine runs it.
    """

    recipe: str
    serves: Serves
    command: tuple[str, ...]
    reason: str
    entry: str = ""
    build: tuple[str, ...] = ()
    name: str = ""
    description: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    requirements: Requirements | None = None
    import_folder: str = ""
    endpoints: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind: str = "process"
    engine_reason: str = ""
    brought: tuple[Component, ...] = ()
    network: bool = False

    def told(self, manifest: Manifest) -> Plan:
        """Returns it with the author's last word."""
        return replace(
            self,
            name=manifest.name,
            description=manifest.description or self.description,
            environment=manifest.environment,
            network=manifest.network,
            serves=manifest.serves or self.serves,
            build=manifest.build or self.build,
        )


@dataclass(frozen=True)
class Component:
    """A package that was fetched.

    Attributes:
        kind: where such packages come from, as a package URL says it: `pypi`, `npm`, `golang` or `cargo`.
        name, version: what it is.
        hashes: of its archive, by algorithm (`sha256`, `sha512`) in hexadecimal digits.
    """

    kind: str
    name: str
    version: str
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """What a tree asked for, and is here.

    Attributes:
        name: of its folder in `packages/`; empty where nothing was asked for.
        lock: what exactly that is, in its package manager's words.
        components: the same as facts.
    """

    name: str = ""
    lock: bytes = b""
    components: tuple[Component, ...] = ()
