"""What a child process finds open when it starts, and sockets that it is handed while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from micro.errors import EngineError
from micro.ports import Handed

__all__ = ["Channel", "Receiving", "listening", "opened"]

HAND_SECONDS_MAX = 5.0
"""How long a socket may be on its way."""

HANDED_MAX = 1_024
"""So many sockets may wait to be asked for."""

NAME_BYTES_MAX = 256

LISTENING_MAX = 128
"""So many connections may wait at a socket that a child is handed, before it takes them."""


class Channel:
    """Our end of what a child is handed sockets over: a message for each, its name beside the socket (unix(7)).

    It is closed with the last reference to it.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)  # noqa: FBT003 - a child that takes nothing must not hold us
        self._end = end

    def hand(self, name: str, path: Path) -> None:
        """Sends a socket that listens at `path`; see `micro.ports.Process.hand`."""
        with contextlib.ExitStack() as ours:
            try:
                socket.send_fds(self._end, [name.encode()], [listening(ours, path)])
            except OSError as error:
                raise EngineError(f"a process does not take the socket {path}: {error}") from error

    def close(self) -> None:
        """Hands over nothing any more."""
        self._end.close()

    def __del__(self) -> None:
        self.close()


class Receiving:
    """The child's end: the sockets that it was handed, by their names, until somebody asks for them.

    Args:
        channel: the number that it is open as, None where nothing is handed over.
    """

    def __init__(self, channel: int | None) -> None:
        self._found: dict[str, asyncio.Future[int]] = {}
        self._channel = None if channel is None else socket.socket(fileno=channel)
        if self._channel is not None:
            self._channel.setblocking(False)  # noqa: FBT003 - the loop waits for it
            asyncio.get_running_loop().add_reader(self._channel.fileno(), self._receive)

    async def __call__(self, name: str) -> str:
        """Waits for the socket with a name, and returns where to listen.

        Raises:
            EngineError: it does not come.
        """
        try:
            async with asyncio.timeout(HAND_SECONDS_MAX):
                return f"open:{await self._place(name)}"
        except TimeoutError:
            raise EngineError(f"the node did not hand over the socket {name}") from None
        finally:
            self._found.pop(name, None)

    def _place(self, name: str) -> asyncio.Future[int]:
        return self._found.setdefault(name, asyncio.get_running_loop().create_future())

    def _receive(self) -> None:
        assert self._channel is not None, "it was listened to"
        try:
            name, numbers, _, _ = socket.recv_fds(self._channel, NAME_BYTES_MAX, 1)
        except BlockingIOError:
            return
        if not numbers:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())  # nothing comes any more
            return
        place = self._place(name.decode())
        if place.done() or len(self._found) > HANDED_MAX:
            os.close(numbers[0])
        else:
            place.set_result(numbers[0])


def opened(stack: contextlib.ExitStack, what: Handed) -> tuple[int, Channel | None]:
    """Returns the number of something that is handed to a child, closed by `stack`, and our end of a channel."""
    if isinstance(what, bytes):
        return _file(stack, what), None
    if what is not None:
        return listening(stack, what), None
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stack.enter_context(far)
    return far.fileno(), Channel(near)


def listening(stack: contextlib.ExitStack, path: Path) -> int:
    """Returns the number of a new socket that listens at a path, closed by `stack`."""
    made = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    made.bind(str(path))
    path.chmod(0o600)
    made.listen(LISTENING_MAX)
    return made.fileno()


def _file(stack: contextlib.ExitStack, data: bytes) -> int:
    """Returns the number of a file with `data` in it: nobody has to write while the child runs."""
    import tempfile  # only who hands over data pays for it

    file = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it
    stack.callback(file.close)
    file.write(data)
    file.seek(0)
    return file.fileno()
