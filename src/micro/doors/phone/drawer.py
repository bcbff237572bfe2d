"""What the door for phones keeps in the node's home: its authority, and whether it is open."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Annotated

import msgspec

from micro.errors import ConfigError
from micro.ports import Clock, Disk, Entropy
from micro.trust.authority import CHANCE_BYTES, LEAF_SECONDS, Authority, Leaf

__all__ = ["Drawer", "Remembered", "Through"]

AUTHORITY = "phone-authority.pem"
LEAF = "phone-leaf.pem"
REMEMBERED = "phone.json"
OUTSIDE_AUTHORITY = "phone-outside.pem"
OUTSIDE = "phone-outside.json"

log = logging.getLogger("micro.phone")


Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Remembered(msgspec.Struct, frozen=True):
    """What is known after a new start.

    Attributes:
        open: whether the owner has the door open.
        port: where it is.
        wanted: where the settings wanted it then: the port stays while they want the same.
    """

    open: bool = False
    port: Port = 0
    wanted: Port = 0


class Through(msgspec.Struct, frozen=True):
    """What is known of the door outside after a new start.

    Attributes:
        open: whether the owner has it open.
        nid: the super node through which.
        domain, port: where that one lets browsers in.
    """

    open: bool = False
    nid: str = ""
    domain: str = ""
    port: Port = 0


class Drawer:
    """The files.

    Args:
        home: the node's home.
        disk, clock, entropy: the world.
        name: what phones call the certificate.
    """

    def __init__(self, home: Path, disk: Disk, clock: Clock, entropy: Entropy, name: str) -> None:
        self._home = home
        self._disk = disk
        self._clock = clock
        self._entropy = entropy
        self.name = name

    def remembered(self) -> Remembered:
        """Returns what was remembered last; nothing where the file is spoilt, so that the door stays closed."""
        try:
            return msgspec.json.decode(self._disk.read(self._home / REMEMBERED) or b"{}", type=Remembered)
        except (msgspec.MsgspecError, ValueError):
            log.warning("%s is spoilt, so the door for phones stays closed; pair one again", self._home / REMEMBERED)
            return Remembered()

    def remember(self, remembered: Remembered) -> None:
        """Keeps it."""
        self._disk.write(self._home / REMEMBERED, msgspec.json.encode(remembered))

    def through(self) -> Through:
        """Returns what was kept of the door outside; nothing where the file is spoilt, so that it stays closed."""
        try:
            return msgspec.json.decode(self._disk.read(self._home / OUTSIDE) or b"{}", type=Through)
        except (msgspec.MsgspecError, ValueError):
            log.warning("%s is spoilt, so no phone is let in from outside; pair one again", self._home / OUTSIDE)
            return Through()

    def keep_through(self, through: Through) -> None:
        """Keeps it."""
        self._disk.write(self._home / OUTSIDE, msgspec.json.encode(through))

    def authority(self, *, make: bool = True, host: str = "") -> Authority | None:
        """Returns the authority; without `make` None where there is none, else a new one where it ends soon, too.

        Args:
            make: whether it is made where it is not there.
            host: the name that it is for, a new one where it was for another; "" for the one of the house.

        Raises:
            ConfigError: the file is there and is none; it is never overwritten.
        """
        file = self._home / (OUTSIDE_AUTHORITY if host else AUTHORITY)
        kept = self._disk.read(file)
        try:
            found = None if kept is None else Authority(kept)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}; remove it, and pair phones again") from error
        now = self._clock.now()
        if not make or (found is not None and found.host == host and found.ends > now + LEAF_SECONDS):
            return found
        name = f"{self.name} outside" if host else self.name
        made = Authority.make(name, now, self._entropy.random_bytes(2 * CHANCE_BYTES), host=host)
        self._disk.write(file, made.pem)
        return made

    def leaf(self, authority: Authority, names: list[str]) -> tuple[Leaf, ssl.SSLContext]:
        """Returns a new certificate for these names, and what serves with it."""
        leaf = authority.leaf(names, self._clock.now(), self._entropy.random_bytes(CHANCE_BYTES))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        file = self._home / LEAF
        self._disk.write(file, leaf.pem)
        try:
            context.load_cert_chain(file)  # it takes files only
        finally:
            self._disk.remove(file)
        return leaf, context
