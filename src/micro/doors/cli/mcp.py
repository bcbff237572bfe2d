"""The command `micro mcp`: a node's services as tools for a program that starts it."""

from __future__ import annotations

import click

from micro.doors.cli.completion import complete_services
from micro.doors.cli.options import command
from micro.doors.cli.session import Session
from micro.errors import EngineError

__all__ = ["mcp"]


@command("mcp", example="micro mcp --pin greeter --pin notes", output=False)
@click.option(
    "--pin",
    "pins",
    multiple=True,
    metavar="SERVICE",
    shell_complete=complete_services,
    help="Show its endpoints as tools of their own.",
)
def mcp(session: Session, pins: tuple[str, ...]) -> None:
    """Speak MCP on the standard input and output.

    A program that knows MCP starts it, and finds, reads and calls the services of the node as tools; a person types it
    for such a program only. Without --pin each endpoint is a tool of its own as long as there are few.
    """
    try:
        from micro.doors.mcp.pipe import serve_pipe
    except ImportError as error:
        raise EngineError(f"MCP is not installed ({error}); pip install 'micro-network[mcp]'") from error

    async def work() -> None:
        await serve_pipe(await session.client(), pins or None)

    session.run(work)
