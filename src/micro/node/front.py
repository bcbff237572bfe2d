"""The front door for programs: a `Service` and a `Client` that know how to reach the node of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from micro.errors import Fault, LinkClosed, MicroError, NoNode, Unavailable
from micro.mucp.event import Hello
from micro.mucp.limits import OWNER
from micro.network.link import CALL_TIMEOUT_SECONDS, Link, Serving
from micro.network.transport.stream import dial
from micro.node.home import Home
from micro.service import client as client_floor
from micro.service import service as service_floor
from micro.service.running import Running
from micro.service.schema.naming import check_service_name
from micro.system import SystemClock, SystemEntropy

__all__ = ["Client", "NodeDialer", "Service", "run_loop"]

DIAL_TIMEOUT_SECONDS = 5.0
EXIT_FAULT, EXIT_NO_NODE = 1, 3
INSTANCE_BYTES = 8


class NodeDialer:
    """Reaches a node by its socket: the one the environment names, else the owner's in the home."""

    def __init__(
        self, address: str | None = None, *, token: str | None = None, home: str | None = None, service: str = ""
    ) -> None:
        environment = os.environ
        self.address = address or environment.get("MICRO_ADDRESS") or _owner_address(home)
        self.token = token if token is not None else environment.get("MICRO_TOKEN", "")
        self.service = service

    async def dial(self, address: str | None, serving: Serving, *, instance: str = "") -> Link:
        """Returns a greeted link to `address`, or to the node for None."""
        hello = Hello(
            [],
            agent=f"micro python/{sys.version_info.major}.{sys.version_info.minor}",
            token=self.token if address is None else "",
            service=self.service,
            instance=instance,
        )
        where = address or self.address
        try:
            _, link = await dial(
                where,
                lambda: Link(serving, dialed=True, limits=OWNER, hello=hello),
                timeout_seconds=DIAL_TIMEOUT_SECONDS,
            )
            await link.greeted()
        except (Unavailable, LinkClosed, FileNotFoundError) as error:
            if address is not None:
                raise LinkClosed(str(error)) from error
            raise NoNode(f"no node answers at {where} ({error}); start one with `micro server`") from error
        return link


def _owner_address(home: str | None) -> str:
    return f"unix:{Home(home or os.environ.get('MICRO_HOME') or '~/.micro').node_socket}"


class Client(client_floor.Client):
    """A client of the node on this machine.

    Args:
        address: the node's socket, `unix:/path` or `tcp:host:port`; by default the environment's or the owner's.
        token: proof of a right, where the socket alone does not prove it.
        home: another node's home.
        timeout_seconds: the deadline of calls that name none.
        direct: whether to talk to instances without the node in between, where it allows that.
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
        super().__init__(
            NodeDialer(address, token=token, home=home),
            clock=SystemClock(),
            entropy=SystemEntropy(),
            timeout_seconds=timeout_seconds,
            direct=direct,
        )


class Service(service_floor.Service):
    """A named set of typed endpoints and subscribers that can run on this machine's node."""

    def run(self) -> None:
        """Serves until it is told to stop.

        It goes on when the node restarts, and ends with code 3 where none runs at the start.
        """
        run_loop(self.serve())

    async def serve(self) -> None:
        """Does what `run` does, inside a loop that runs already.

        Raises:
            NoNode: no node runs.
            Fault: the node refuses the service.
        """
        entropy = SystemEntropy()
        environment = os.environ
        supervised = "MICRO_INSTANCE" in environment
        if supervised:  # its owner may have given it another name
            self.name = check_service_name(environment.get("MICRO_SERVICE") or self.name)
        dialer = NodeDialer(service=self.name)
        instance = environment.get("MICRO_INSTANCE") or entropy.random_bytes(INSTANCE_BYTES).hex()
        running = Running(
            self,
            dialer=dialer,
            clock=SystemClock(),
            entropy=entropy,
            instance=instance,
            socket=_direct_socket(environment, dialer.address, instance),
            uid=os.getuid(),
            stay=not supervised,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.stop)
        try:
            await running.run()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _direct_socket(environment: Mapping[str, str], node_address: str, instance: str) -> str | None:
    """Returns where direct callers reach this instance: where the node says, else beside the node's own socket."""
    given = environment.get("MICRO_SOCKET")
    if given:
        return f"unix:{given}"
    if not node_address.startswith("unix:"):
        return None
    folder = Path(node_address.removeprefix("unix:")).parent / "s"
    return f"unix:{folder / instance}.sock" if folder.is_dir() else None


def run_loop(work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` on the fastest loop there is; an error becomes a line on the standard error and an exit code."""
    try:
        import uvloop

        runner: Any = uvloop.run
    except ImportError:
        runner = asyncio.run
    try:
        runner(work)
    except NoNode as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_NO_NODE) from None
    except (Fault, MicroError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_FAULT) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
