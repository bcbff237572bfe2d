"""The adapter as a process: reads what it speaks for, starts it, and serves until either ends."""

from __future__ import annotations

import asyncio
import os
import sys

from micro.doors.adapter.command import CommandProgram
from micro.doors.adapter.ending import told_end
from micro.doors.adapter.endpoints import add_command, add_functions, add_http, add_site
from micro.doors.adapter.http import HttpProgram
from micro.doors.adapter.program import Program, read_program
from micro.doors.adapter.site import Site
from micro.doors.adapter.speaking import serve_go_micro
from micro.errors import EngineError
from micro.node.front import Service, run_loop
from micro.runtime.recipe.gomicro import GO_MICRO
from micro.system import SystemProcesses

__all__ = ["main"]


async def serve(program: Program) -> None:
    """Serves a program until the node says stop, or the program ends.

    Raises:
        EngineError: it cannot be started, or has ended.
    """
    if program.serves in GO_MICRO:
        await serve_go_micro(program)
        return
    name = os.environ.get("MICRO_SERVICE") or program.name
    service = Service(name, description=program.description)
    if program.serves == "http":
        running = HttpProgram(program, SystemProcesses(), os.environ)
        await running.start()
        await add_http(service, running)
        await _until_either(service, running)
        return
    if program.serves == "program":
        add_command(service, CommandProgram(program, SystemProcesses(), os.environ))
    elif program.serves == "site":
        add_site(service, Site(program.directory / program.command[0]))
    else:
        add_functions(service, program)
    await service.serve()


async def _until_either(service: Service, running: HttpProgram) -> None:
    serving = asyncio.ensure_future(service.serve())
    ending = asyncio.ensure_future(running.wait())
    await asyncio.wait((serving, ending), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        ending.cancel()
        await serving
        return
    serving.cancel()
    await asyncio.wait((serving,))
    raise EngineError(f"the program {told_end(ending.result())}")


def main() -> None:
    """Runs the adapter."""
    if sys.path and sys.path[0] in ("", os.getcwd()):
        sys.path.pop(0)  # files of the tree are the program's, not ours
    run_loop(serve(read_program(os.environ)))


if __name__ == "__main__":
    main()
