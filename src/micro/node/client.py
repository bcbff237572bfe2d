"""The way to a node, and the client that takes it: every command loads it, so what only services need is elsewhere."""

from __future__ import annotations

import os
import sys

from micro.errors import ConfigError, Fault, LinkClosed, NoNode, Unavailable
from micro.mucp.event import Hello
from micro.mucp.limits import OWNER
from micro.network.link import Link, Serving
from micro.network.transport import stream
from micro.network.transport.transport import Sockets
from micro.network.vigil import CALL_TIMEOUT_SECONDS
from micro.node.place import NODE_SOCKET, run_folder
from micro.service import client as client_floor
from micro.service.once import call_once
from micro.system import SystemClock, SystemEntropy

__all__ = ["Client", "NodeDialer"]

DIAL_TIMEOUT_SECONDS = 5.0


class NodeDialer:
    """Reaches a node by its socket: the one the environment names, else the owner's in the home."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        home: str | None = None,
        service: str = "",
        sockets: Sockets = stream,
    ) -> None:
        environment = os.environ
        self.address = address or environment.get("MICRO_ADDRESS") or _owner_address(home)
        self.token = environment.get("MICRO_TOKEN", "") if token is None else token
        if token is None and not self.token and "MICRO_TOKEN" in environment:
            raise ConfigError("MICRO_TOKEN is set and empty; unset it, or give it a token: `micro auth token ID`")
        self.service = service
        self._sockets = sockets

    async def dial(self, address: str | None, serving: Serving, *, instance: str = "") -> Link:
        """Returns a greeted link to `address`, or to the node for None; see `Dialer`.

        Raises:
            Unauthorized: the node does not take the token.
        """
        hello = Hello(
            [],
            agent=f"micro python/{sys.version_info.major}.{sys.version_info.minor}",
            token=self.token if address is None else "",
            service=self.service,
            instance=instance,
        )
        where = address or self.address
        try:
            _, link = await self._sockets.dial(
                where,
                lambda: Link(serving, dialed=True, limits=OWNER, hello=hello),
                timeout_seconds=DIAL_TIMEOUT_SECONDS,
            )
            await link.greeted()
            if hello.token:
                await _taken(link, hello.token)
        except (Unavailable, LinkClosed, FileNotFoundError) as error:
            if address is not None:
                raise LinkClosed(str(error)) from error
            why = f" ({error})" if isinstance(error, LinkClosed) else ""
            raise NoNode(f"no node answers at {where}{why}; start one with `micro server`") from error
        return link


async def _taken(link: Link, token: str) -> None:
    """Waits until a node has looked at a token: its HELLO may cross ours, so that it refuses what it has greeted.

    Any answer to a first call says that the link is taken; a node refuses a link before it looks at a call on it.
    """
    try:
        await call_once(link, "auth", "Auth.Inspect", {"token": token})
    except (Fault, LinkClosed):
        if link.refusal is not None:
            raise link.refusal from None


def _owner_address(home: str | None) -> str:
    found = os.path.realpath(os.path.expanduser(home or os.environ.get("MICRO_HOME") or "~/.micro"))
    return f"unix:{os.path.join(run_folder(found), NODE_SOCKET)}"


class Client(client_floor.Client):
    """A client of the node on this machine.

    Args:
        address: the node's socket, `unix:/path` or `tcp:host:port`; by default the environment's or the owner's.
        token: proof of a right, where the socket alone does not prove it.
        home: another node's home.
        timeout_seconds: the deadline of calls that name none.
        direct: whether to talk to instances without the node in between, where it allows that.

    Raises:
        ConfigError: the token is empty, here or in the environment: whoever meant to show one would be the owner.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        home: str | None = None,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
        direct: bool = True,
    ) -> None:
        if token == "":
            raise ConfigError("token: it is empty; leave it out, or give a token: `micro auth token ID`")
        super().__init__(
            NodeDialer(address, token=token, home=home),
            clock=SystemClock(),
            entropy=SystemEntropy(),
            timeout_seconds=timeout_seconds,
            direct=direct,
        )
