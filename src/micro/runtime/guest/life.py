"""One instance of a guest service, from its artefact to its end: what a process's main would be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from micro.errors import EngineError, Fault, MicroError, NoNode
from micro.network.transport.transport import Sockets
from micro.ports import Clock, Entropy
from micro.runtime.guest.description import Declared, command_description, read_description
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Program
from micro.runtime.guest.host import Host
from micro.runtime.guest.hosting import DescribingHost, Log
from micro.runtime.guest.machine import Machine
from micro.runtime.guest.pool import Pool
from micro.runtime.guest.service import guest_service
from micro.service.dialed import Dialer
from micro.service.running import Running
from micro.service.service import Service

__all__ = ["EXIT_DONE", "Life", "Surroundings"]

EXIT_DONE, EXIT_FAULT, EXIT_NO_NODE, EXIT_DIED, EXIT_REFUSED = 0, 1, 3, 70, 71
LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)

DialerFor = Callable[[str, str, str], Dialer]
"""Makes what reaches a node, from its address, a token and the service's name."""


class Surroundings:
    """What all guests of a worker share.

    Attributes:
        machine: compiles and runs.
        dialer: reaches the node of an instance.
        grant: what each guest may use.
    """

    def __init__(
        self,
        machine: Machine,
        dialer: DialerFor,
        grant: Grant,
        *,
        clock: Clock,
        entropy: Entropy,
        sockets: Sockets,
        uid: int,
    ) -> None:
        self.machine = machine
        self.dialer = dialer
        self.grant = grant
        self.clock = clock
        self.entropy = entropy
        self.sockets = sockets
        self.uid = uid


class Life:
    """One instance.

    Args:
        surroundings: what it lives in.
        compiled: the file of what its artefact was compiled to.
        environment: what the node says to an instance, as it says it to a process.
        write: takes each line for the service's log, with its stream, `out` or `err`.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        compiled: Path,
        environment: Mapping[str, str],
        write: Callable[[str, str], None],
    ) -> None:
        self._around = surroundings
        self._compiled = compiled
        self._environment = environment
        self._write = write
        self._running: Running | None = None
        self._stopped = False
        self._code = EXIT_DONE

    async def run(self) -> int:
        """Lives, and returns the exit code."""
        try:
            await self._live()
        except (EngineError, ValueError) as error:
            return self._end(str(error), EXIT_REFUSED)
        except NoNode as error:
            return self._end(str(error), EXIT_NO_NODE)
        except (Fault, MicroError, OSError) as error:
            return self._end(str(error), EXIT_FAULT)
        return self._code

    def _end(self, reason: str, code: int) -> int:
        self._write("err", reason)
        return code

    def stop(self) -> None:
        """Has it end in order: nothing new, what is under way finishes."""
        self._stopped = True
        if self._running is not None:
            self._running.stop()

    def _died(self, reason: str) -> None:
        self._write("err", reason)
        self._code = EXIT_DIED
        self.stop()

    async def _live(self) -> None:
        around, environment = self._around, self._environment
        program = await around.machine.open(self._compiled, around.grant)
        declared = await self._describe(program)
        name = environment.get("MICRO_SERVICE") or declared.name
        if not name:
            raise EngineError("the guest has no name: its description gives none, and neither did its owner")
        log = self._log(name)
        pool = Pool(program, declared.instances, around.grant, self._died)
        try:
            await self._serve(guest_service(declared, name, pool, around.grant, log), name)
        finally:
            pool.close()

    async def _describe(self, program: Program) -> Declared:
        if getattr(program, "is_command", False):
            return read_description(command_description())
        host = DescribingHost(lambda level, line: self._write("err" if level > 1 else "out", line))
        return read_description(await program.describe(cast("Host", host)))

    async def _serve(self, service: Service, name: str) -> None:
        around, environment = self._around, self._environment
        socket = environment.get("MICRO_SOCKET", "")
        running = self._running = Running(
            service,
            dialer=around.dialer(environment["MICRO_ADDRESS"], environment["MICRO_TOKEN"], name),
            clock=around.clock,
            entropy=around.entropy,
            instance=environment["MICRO_INSTANCE"],
            socket=socket or None,
            uid=around.uid,
            sockets=around.sockets,
            stay=False,
        )
        if self._stopped:
            running.stop()
        try:
            await running.run()
        finally:
            logging.getLogger(name).removeHandler(running.debug.log_ring)

    def _log(self, name: str) -> Log:
        """Returns what takes a guest's lines: the service's log in the node, and what `Debug.Log` shows."""
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.DEBUG)

        def log(level: int, line: str) -> None:
            self._write("err" if level > 1 else "out", line)
            logger.log(LEVELS[min(level, len(LEVELS) - 1)], "%s", line)

        return log
