"""The node's home: where its files are, and that nobody else can read them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from micro.errors import ConfigError
from micro.node.place import NODE_SOCKET, run_folder
from micro.ports import Disk, Entropy
from micro.trust.keys import KEY_BYTES, NodeKey

__all__ = ["Home"]

log = logging.getLogger(__name__)

TOKEN_BYTES = 24


class Home:
    """The folder of one node."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().resolve()
        self.run = Path(run_folder(str(self.path)))
        self._unlock: Callable[[], None] | None = None

    @property
    def node_socket(self) -> Path:
        """The owner's socket."""
        return self.run / NODE_SOCKET

    @property
    def sockets(self) -> Path:
        """The folder of the instances' sockets."""
        return self.run / "s"

    def prepare(self, disk: Disk) -> None:
        """Makes the folders, and refuses a home that others can read.

        Raises:
            ConfigError: the home or the folder of sockets cannot be made, or belongs to, or is open to, somebody else.
        """
        within = (self.path / name for name in ("kv", "sources", "builds", "logs"))
        for folder in (self.path, self.run, self.sockets, *within):
            try:
                disk.make_folder(folder)
            except OSError as error:
                why = error.strerror or error
                raise ConfigError(f"{folder} cannot be made: {why}; choose another home with MICRO_HOME") from error
            access = disk.access(folder)
            if access == "foreign":
                raise ConfigError(f"{folder} belongs to another user; choose another home with MICRO_HOME")
            if access == "open":
                if folder == self.path:
                    raise ConfigError(
                        f"{folder} can be read by others; run `chmod 700 {folder}`, or choose another home"
                    )
                disk.make_private(folder)

    def lock(self, disk: Disk) -> None:
        """Makes sure that this home has one node.

        Raises:
            ConfigError: another node runs there.
        """
        self._unlock = disk.lock(self.path / "lock")
        if self._unlock is None:
            raise ConfigError(
                f"a node already runs in {self.path}; use it, or start another one with its own MICRO_HOME"
            )

    @property
    def is_locked(self) -> bool:
        """Whether this process holds the home."""
        return self._unlock is not None

    def unlock(self) -> None:
        """Lets another node have this home."""
        if self._unlock is not None:
            self._unlock()
            self._unlock = None

    def key(self, disk: Disk, entropy: Entropy) -> NodeKey:
        """Returns the node's key, made at the first start.

        Raises:
            ConfigError: the file is there and is no key; it is never overwritten.
        """
        file = self.path / "key"
        text = disk.read(file)
        if text is None:
            seed = entropy.random_bytes(KEY_BYTES)
            disk.write(file, seed.hex().encode() + b"\n")
            return NodeKey(seed)
        _warn_if_open(disk, file)
        try:
            return NodeKey(bytes.fromhex(text.decode("ascii").strip()))
        except (ValueError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{file} is no node key; put the right one back from your backup, or move it away"
            ) from error

    def token(self, disk: Disk, entropy: Entropy) -> str:
        """Returns the owner's token for HTTP, made at the first start.

        Raises:
            ConfigError: the file is there and holds what no header can carry; it is never overwritten.
        """
        file = self.path / "token"
        found = (disk.read(file) or b"").strip()
        if not found:
            token = "mt_" + entropy.random_bytes(TOKEN_BYTES).hex()
            disk.write(file, token.encode() + b"\n")
            return token
        _warn_if_open(disk, file)
        text = found.decode("latin-1")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigError(f"{file} is no token; remove it, and the next start makes another one")
        return text


def _warn_if_open(disk: Disk, file: Path) -> None:
    """Tells of a secret that others could have; the home is closed, so that is no reason not to start."""
    access = disk.access(file)
    if access == "open":
        log.warning("%s can be read by others, and whoever has it has this node; run `chmod 600 %s`", file, file)
    elif access == "foreign":
        log.warning("%s belongs to another user, and whoever has it has this node; make it yours", file)
