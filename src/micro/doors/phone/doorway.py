"""One listener at all private addresses of a machine, on one port, which follows them as they change."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence

from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.listener import Application, Listener
from micro.doors.api.vestibule import Context, Vestibule
from micro.errors import EngineError

__all__ = ["Doorway", "spelled"]

log = logging.getLogger("micro.phone")


def spelled(address: str) -> str:
    """Returns an address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


class Doorway:
    """Listens.

    Args:
        application: what answers.
        limits: how much a client may take of it.
        ports: which to try, in this order; the first that is free is taken. 0 is any.
        context: what TLS is spoken with, None for none.

    Attributes:
        port: where it listens, 0 before it does.
        addresses: at which addresses.
    """

    def __init__(
        self, application: Application, limits: Limits, ports: Sequence[int], context: Context | None = None
    ) -> None:
        self._listener = Listener(application, limits)
        self._ports = ports
        self._context = context
        self._open: dict[str, Vestibule | asyncio.Server] = {}
        self._started = False
        self.port = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(self._open)

    async def settle(self, addresses: Sequence[str], names: Sequence[str]) -> None:
        """Listens at these addresses and no other; `names` are more hosts under which it may be asked.

        An address that cannot be listened at, such as one that is not ready yet, is left out until the next time.

        Raises:
            EngineError: it can be listened at none of them.
        """
        if not self._started:
            await self._listener.begin(Hosts(0, loopback=False))
            self._started = True
        for address in [each for each in self._open if each not in addresses]:
            self._open.pop(address).close()
        failed: OSError | None = None
        for address in addresses:
            if address not in self._open:
                try:
                    await self._listen(address)
                except OSError as error:
                    log.debug("%s cannot be listened at: %s", address, error)
                    failed = error
        hosts = [f"{host}:{self.port}" for host in (*map(spelled, self._open), *names)]
        schemes = (b"http",) if self._context is None else (b"https",)
        self._listener.rules.hosts = Hosts(self.port, hosts, loopback=False, schemes=schemes)
        if failed is not None and not self._open:
            raise EngineError(f"no private address of this machine can be listened at: {failed}") from failed

    async def _listen(self, address: str) -> None:
        found = self._bound(address)
        self.port = found.getsockname()[1]
        if self._context is None:
            self._open[address] = await self._listener.listen(found)
        else:
            self._open[address] = self._listener.secure(found, self._context)

    def _bound(self, address: str) -> socket.socket:
        ports = (self.port,) if self.port else self._ports
        for left, port in zip(reversed(range(len(ports))), ports, strict=True):
            try:
                return _socket(address, port)
            except OSError as error:
                if not left or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
        raise AssertionError("the last port returns or raises")

    def close(self) -> None:
        """Lets nobody in any more, at once."""
        for each in self._open.values():
            each.close()
        self._open.clear()

    async def stop(self) -> None:
        """Closes; requests under way have a moment to finish."""
        self.close()
        if self._started:
            await self._listener.stop()


def _socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((address, port))
        found.setblocking(False)  # noqa: FBT003 - the standard library takes it so
    except OSError:
        found.close()
        raise
    return found
