"""Unix and TCP sockets as pipes, on asyncio or uvloop: one machine's programs, or one owner's machines.

Addresses are `unix:/path/to/socket` and `tcp:host:port` (`tcp:[2001:db8::7]:4040`); a program that was handed a socket
that listens already takes it as `open:7`, by its number. Bytes are not encrypted here:
a Unix socket is guarded by its mode and by the peer's user, TCP is for loopback and networks of one owner. TCP_NODELAY
is set, by asyncio and uvloop themselves; the contract test watches that.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from micro.errors import BadRequest, Conflict, EngineError, Unavailable

__all__ = ["UNIX_PATH_BYTES_MAX", "Listener", "dial", "listen", "peer_uid"]

UNIX_PATH_BYTES_MAX: Final = 100
"""Systems allow 104 to 108 bytes in the path of a Unix socket; a few are kept back."""

BACKLOG: Final = 128
"""So many connections may wait to be accepted."""

SOCKET_MODE: Final = 0o600
"""A Unix socket is its owner's alone."""

_TCP = re.compile(r"tcp:(?:\[(?P<v6>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_PEER_CREDENTIALS = {  # level and option of getsockopt, and where in its answer the user id is
    "linux": (socket.SOL_SOCKET, getattr(socket, "SO_PEERCRED", 0), struct.Struct("4xI4x")),
    "darwin": (0, 1, struct.Struct("4xI68x")),  # SOL_LOCAL, LOCAL_PEERCRED
}

Receiving = TypeVar("Receiving", bound=asyncio.BaseProtocol)


class Listener:
    """A socket that accepts.

    Attributes:
        address: where it listens, with the port it got.
    """

    def __init__(
        self, server: asyncio.Server, address: str, inode: int | None, handed: socket.socket | None = None
    ) -> None:
        """For `listen`; not to be called otherwise."""
        self.address: Final = address
        self._server = server
        self._inode = inode
        self._handed = handed

    async def start(self) -> None:
        """Begins to accept; whoever is cancelled in this, as the loop takes a turn for it, leaves nobody listening."""
        try:
            await self._server.start_serving()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Accepts no more, and removes the socket's file if it is still ours; pipes that are open stay."""
        if not self._server.is_serving():
            return
        if self._inode is not None:
            path = self.address.removeprefix("unix:")
            with contextlib.suppress(FileNotFoundError), _folder_lock(path):
                if os.lstat(path).st_ino == self._inode:
                    os.unlink(path)
        if self._handed is not None:  # others may have it open as well: nobody shall wait at it for ever
            with contextlib.suppress(OSError):
                self._handed.shutdown(socket.SHUT_RDWR)
        self._server.close()


async def dial(
    address: str, factory: Callable[[], Receiving], *, timeout_seconds: float
) -> tuple[asyncio.Transport, Receiving]:
    """Connects to an address; returns the pipe and the receiver that the factory made for it.

    Args:
        address: `unix:/path` or `tcp:host:port`.
        factory: makes the receiver, best an `asyncio.BufferedProtocol`.
        timeout_seconds: after this it is given up.

    Raises:
        BadRequest: the address has another form, or the path is too long.
        Unavailable: nobody answers there.
    """
    path, host, port = _parse(address)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_seconds):
            if path:
                return await loop.create_unix_connection(factory, path)
            return await loop.create_connection(factory, host, port)
    except TimeoutError as error:
        raise Unavailable(f"{address} did not answer within {timeout_seconds:g} s; is it busy?") from error
    except OSError as error:
        raise Unavailable(f"{address} cannot be reached ({_reason(error)}); is anybody listening there?") from error


async def listen(address: str, factory: Callable[[], asyncio.BaseProtocol]) -> Listener:
    """Accepts connections at an address.

    The socket of a `unix:` address belongs to its owner alone (mode 0600) from its first moment. If a file is in its
    place, it is removed only if it is a socket at which nobody listens.

    Args:
        address: `unix:/path` or `tcp:host:port`; port 0 takes any free one. `open:7` is a Unix socket that this process
            was handed, open as 7; whoever made its file removes it.
        factory: makes a receiver for each connection, best an `asyncio.BufferedProtocol`.

    Raises:
        BadRequest: the address has another form, or the path is too long.
        Conflict: somebody listens there already.
        EngineError: the system refuses the address.
    """
    if address.startswith("open:"):
        return await _listen_on(address.removeprefix("open:"), factory)
    path, host, port = _parse(address)
    loop = asyncio.get_running_loop()
    try:
        if path:
            accepting = _bind_unix(path)
            unix_server = await loop.create_unix_server(factory, sock=accepting, backlog=BACKLOG, start_serving=False)
            listener = Listener(unix_server, address, os.lstat(path).st_ino)
            await listener.start()
            return listener
        family, _, _, _, place = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
        accepting = _bind_tcp(family, place)
        server = await loop.create_server(factory, sock=accepting, backlog=BACKLOG, start_serving=False)
    except OSError as error:
        raise EngineError(f"cannot listen on {address}: {_reason(error)}; choose another address") from error
    bound, bound_port = server.sockets[0].getsockname()[:2]
    shown = f"tcp:[{bound}]:{bound_port}" if ":" in bound else f"tcp:{bound}:{bound_port}"
    listener = Listener(server, shown, None)
    await listener.start()
    return listener


async def _listen_on(number: str, factory: Callable[[], asyncio.BaseProtocol]) -> Listener:
    """Accepts connections at a Unix socket that listens already."""
    try:
        accepting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=int(number))
    except (OSError, ValueError) as error:
        raise EngineError(f"there is no open socket with the number {number!r}: {error}") from error
    server = await asyncio.get_running_loop().create_unix_server(factory, sock=accepting, start_serving=False)
    listener = Listener(server, f"unix:{accepting.getsockname()}", None, accepting)
    await listener.start()
    return listener


def peer_uid(transport: asyncio.BaseTransport) -> int | None:
    """Returns the user id of the process at the other end of a Unix socket.

    The kernel noted it when the other end connected (or began to listen). None where there is no such end: another kind
    of pipe, or a system that does not tell; whoever asks must then refuse.
    """
    found = transport.get_extra_info("socket")
    if found is None or found.family != socket.AF_UNIX:  # over TCP Linux answers too, with nonsense
        return None
    if sys.platform not in _PEER_CREDENTIALS:
        return None
    level, option, form = _PEER_CREDENTIALS[sys.platform]
    return int(form.unpack(found.getsockopt(level, option, form.size))[0])


def _parse(address: str) -> tuple[str, str, int]:
    """Returns the path of a Unix socket, or "" with host and port."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        count = len(os.fsencode(path))
        if count > UNIX_PATH_BYTES_MAX:
            raise BadRequest(
                f"a Unix socket's path has at most {UNIX_PATH_BYTES_MAX} bytes, {path} has {count}; use a shorter one"
            )
        if path.startswith("/") and "\0" not in path:
            return path, "", 0
    match = _TCP.fullmatch(address)
    if match is None or int(match["port"]) >= 2**16:
        raise BadRequest(f"{address!r} is no address: unix:/path/to/socket or tcp:host:port is expected")
    return "", match["v6"] or match["host"], int(match["port"])


def _bind_unix(path: str) -> socket.socket:
    """Returns a bound socket that does not listen yet: nobody can connect before its mode is right."""
    accepting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _folder_lock(path):
            _remove_stale(path)
            accepting.bind(path)
            if stat.S_IMODE(os.lstat(path).st_mode) != SOCKET_MODE:  # where modes cannot be set, a mask has done it
                os.chmod(path, SOCKET_MODE)
            accepting.listen(BACKLOG)  # within the lock, or the next starter would take this one for stale
    except BaseException:
        accepting.close()
        raise
    return accepting


def _bind_tcp(family: int, place: tuple[object, ...]) -> socket.socket:
    accepting = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio does not set TCP_NODELAY
    try:
        accepting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        accepting.bind(place)
    except BaseException:
        accepting.close()
        raise
    return accepting


@contextlib.contextmanager
def _folder_lock(path: str) -> Iterator[None]:
    """Lets one process at a time look at, remove and make sockets in a folder."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _remove_stale(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise EngineError(f"{path} exists and is no socket, so it is not touched; move it away or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:  # somebody listens, and its queue is full
            pass
    raise Conflict(f"somebody listens at {path} already; stop it first, or choose another path")


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
