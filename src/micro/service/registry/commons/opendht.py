"""The commons of the world: OpenDHT, a Kademlia table that many programs share.

OpenDHT runs in threads of its own and calls back there. Each callback does no more than count and hand over, so that
nothing of ours is touched from two threads, and what a place floods us with is cut before it reaches the loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import socket
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import opendht

from micro.errors import EngineError, Timeout, TooManyRequests
from micro.service.registry.commons.commons import (
    LISTENERS_MAX,
    PLACE_BYTES,
    PUTS_MAX,
    SCANNED_MAX,
    VALUE_BYTES_MAX,
    VALUES_MAX,
    Found,
    anything,
    check_value,
)

__all__ = ["OpenDhtCommons"]

FIND_SECONDS_MAX = 10.0
PUT_SECONDS_MAX = 30.0
"""A put that is not taken by then is said not to be; OpenDHT goes on trying."""
HEARD_MAX = 1_024
"""So many values a listener hands over of one place within its life; what comes after is junk."""
STOP_SECONDS_MAX = 2.0

ENDED_MAX = 4 * LISTENERS_MAX
"""The callbacks of so many ended listeners stay in memory: OpenDHT may be on its way into one while it is cancelled."""

Heard = Callable[[bytes], None]

_ended: deque[Any] = deque(maxlen=ENDED_MAX)
"""What the listeners called that ended last."""


class OpenDhtCommons:
    """One node of the table.

    Args:
        port: the UDP port, 0 for any free one.
        host: an IPv4 address of this machine, or `0.0.0.0` for all.
        bootstrap: nodes of the table that are known, as `ip:port`; with none, this one waits to be found.

    Raises:
        EngineError: the port cannot be bound.
    """

    def __init__(self, port: int = 0, host: str = "0.0.0.0", bootstrap: Iterable[str] = ()) -> None:  # noqa: S104
        known = list(bootstrap)
        self._loop = asyncio.get_running_loop()
        _check_free(host, port)
        self._runner: Any = opendht.DhtRunner()
        _keep_for_good(self._runner)
        self._runner.run(None, not known, port, host, "", opendht.DhtConfig())
        # Asked once, while no callback can be under way: OpenDHT answers under the lock that it also holds while its
        # callbacks wait for the interpreter's.
        self._port = int(self._runner.getBound().getPort())
        self.bootstrap(known)
        self._puts: dict[bytes, Any] = {}
        self._tokens: dict[int, tuple[Any, Any]] = {}
        self._numbers = itertools.count(1)

    @property
    def port(self) -> int:
        """The UDP port."""
        return self._port

    def bootstrap(self, addresses: Iterable[str]) -> None:
        """Takes note of nodes that may be asked; OpenDHT asks them again whenever it knows nobody else."""
        for address in addresses:
            where, _, at = address.rpartition(":")
            self._runner.bootstrap(where.strip("[]"), at)

    async def put(self, place: bytes, value: bytes, *, tag: str = "") -> bool:
        """Keeps a value at a place."""
        check_value(value)
        if place not in self._puts and len(self._puts) >= PUTS_MAX:
            raise TooManyRequests(f"this node keeps values at {PUTS_MAX} places already")
        await self.withdraw(place)
        found = self._puts[place] = opendht.Value(value)
        found.user_type = tag
        taken: asyncio.Future[bool] = self._loop.create_future()
        done = partial(self._hand_over, taken)
        self._runner.put(_key(place), found, lambda ok, nodes: done(bool(ok)), permanent=True)
        try:
            async with asyncio.timeout(PUT_SECONDS_MAX):
                return await taken
        except TimeoutError:
            return False

    async def withdraw(self, place: bytes) -> None:
        """Renews the value no longer."""
        before = self._puts.pop(place, None)
        if before is not None:
            self._runner.cancelPut(_key(place), before)

    async def find(self, place: bytes, *, fits: Callable[[bytes], bool] = anything, tag: str = "") -> Found:
        """Returns the values at a place; those of a part are chosen by whoever keeps them."""
        found: dict[bytes, None] = {}
        left = itertools.count(SCANNED_MAX, -1)
        cut: list[bool] = []
        done: asyncio.Future[bool] = self._loop.create_future()

        def take(value: Any) -> bool:  # in a thread of OpenDHT's
            data = value.data
            if len(data) <= VALUE_BYTES_MAX and fits(data := bytes(data)):
                found[data] = None
            if len(found) > VALUES_MAX or next(left) <= 0:
                cut.append(True)
            return not cut

        where = opendht.Where().userType(tag) if tag else None
        self._runner.get(_key(place), take, lambda ok, nodes: self._hand_over(done, bool(ok)), where=where)
        try:
            async with asyncio.timeout(FIND_SECONDS_MAX):
                await done
        except TimeoutError:
            raise Timeout(f"nobody of OpenDHT answered within {FIND_SECONDS_MAX:g} s") from None
        return Found(list(found)[:VALUES_MAX], bool(cut))

    def listen(self, place: bytes, heard: Heard, *, fits: Callable[[bytes], bool] = anything) -> Callable[[], None]:
        """Hears values at a place."""
        if len(self._tokens) >= LISTENERS_MAX:
            raise TooManyRequests(f"this node listens to {LISTENERS_MAX} places already")
        number = next(self._numbers)
        left = itertools.count(HEARD_MAX, -1)

        def take(value: Any, expired: bool) -> bool:  # in a thread of OpenDHT's
            data = value.data
            if not expired and len(data) <= VALUE_BYTES_MAX and fits(data := bytes(data)):
                if next(left) <= 0:
                    return False
                self._call(self._tell, number, heard, data)
            return True

        token = self._runner.listen(_key(place), take)
        self._tokens[number] = (token, token._cb["cb"])
        return lambda: self._unlisten(number)

    def _tell(self, number: int, heard: Heard, value: bytes) -> None:
        if number in self._tokens:
            heard(value)

    def _unlisten(self, number: int) -> None:
        """Cancels a listener, of which OpenDHT lets go of the right callback only if told which one that is.

        All its tokens share one table, in which the last listener stands, and whatever stands there is let go.
        """
        token, callback = self._tokens.pop(number, (None, None))
        if token is not None:
            _ended.append(callback)
            token._cb["cb"] = callback
            self._runner.cancelListen(token)

    async def stop(self) -> None:
        """Leaves the table. The port stays taken for as long as the process lives.

        Only OpenDHT's `join` frees it. It waits for OpenDHT's threads with the interpreter's lock in its hand, and one
        of them that is on its way into a callback waits for the lock: then the process stands still for ever.
        """
        for number in list(self._tokens):
            self._unlisten(number)
        gone: asyncio.Future[bool] = self._loop.create_future()
        self._runner.shutdown(lambda: self._hand_over(gone, True))  # noqa: FBT003 - that it is gone
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await gone
        except TimeoutError:
            pass  # its threads end with the process

    def _hand_over(self, future: asyncio.Future[bool], result: bool) -> None:
        def settle() -> None:
            if not future.done():
                future.set_result(result)

        self._call(settle)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed, so nobody waits any more
            pass


def _key(place: bytes) -> Any:
    assert len(place) == PLACE_BYTES
    return opendht.InfoHash(place.hex().encode())


def _keep_for_good(runner: Any) -> None:
    """Takes a reference that nobody gives back, not even the interpreter at its end.

    OpenDHT joins its threads where a runner is let go, with the interpreter's lock in its hand, while those threads may
    be waiting for the lock; and it calls its listeners once more, which the ending interpreter has taken apart by then.
    What is left of a runner that was shut down costs next to nothing.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(runner))


def _check_free(host: str, port: int) -> None:
    """Binds the port and lets it go again, because OpenDHT ends the process where it cannot."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((host, port))
        except OSError as error:
            reason = error.strerror
            raise EngineError(
                f"OpenDHT cannot bind UDP port {port} of {host}: {reason}; choose another port or address"
            ) from error
