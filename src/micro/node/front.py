"""The front door for programs: a `Service` and a `Client` that know how to reach the node of this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TextIO

from micro.errors import Fault, MicroError, NoNode
from micro.network.transport import stream
from micro.node.client import Client, NodeDialer
from micro.service import service as service_floor
from micro.service.running import Running
from micro.service.schema.naming import check_service_name
from micro.system import SystemClock, SystemEntropy

__all__ = ["Client", "Service", "run_loop"]

EXIT_FAULT, EXIT_NO_NODE = 1, 3
INSTANCE_BYTES = 8


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
        _heard_in_logs(self.name)
        instance = environment.get("MICRO_INSTANCE") or entropy.random_bytes(INSTANCE_BYTES).hex()
        running = Running(
            self,
            dialer=dialer,
            clock=SystemClock(),
            entropy=entropy,
            instance=instance,
            socket=_direct_socket(environment, dialer.address, instance),
            uid=os.getuid(),
            sockets=stream,
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


class Aside(logging.StreamHandler[TextIO]):
    """Writes what a service logs to standard error, which `micro logs` keeps, where its program sets up no handler."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            super().emit(record)


def _heard_in_logs(name: str) -> None:
    """Has lines of the service's logger in its log, from INFO on where its program does not say from where on."""
    log = logging.getLogger(name)
    if not any(isinstance(each, Aside) for each in log.handlers):
        aside = Aside()
        aside.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        log.addHandler(aside)
    if log.level == logging.NOTSET and not logging.getLogger().handlers:
        log.setLevel(logging.INFO)


def _direct_socket(environment: Mapping[str, str], node_address: str, instance: str) -> str | None:
    """Returns where direct callers reach this instance: where the node says, else beside the node's own socket."""
    given = environment.get("MICRO_SOCKET")
    if given:
        return f"open:{given}" if given.isdigit() else f"unix:{given}"
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
