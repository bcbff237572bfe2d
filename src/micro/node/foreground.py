"""A node in the foreground: started, told to stop by a signal, and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from micro.node.catalogue import run_catalogue
from micro.node.config import NodeConfig
from micro.node.engines import Ports, system_ports
from micro.node.node import Node

__all__ = ["serve"]

OPEN_FILES = 65_536
"""So many files and sockets a node may have open where the system lets it; a shell begins with 1,024 at most places."""

log = logging.getLogger("micro.node")


async def serve(
    config: NodeConfig,
    *,
    catalogue: Path | None = None,
    open_doors: Callable[[Node], Awaitable[object]] | None = None,
    on_ready: Callable[[Node], None] = lambda node: None,
    on_service: Callable[[str], None] = lambda name: None,
    ports: Ports | None = None,
) -> None:
    """Runs a node until it is told to stop, by a signal or by `Node.Stop`.

    Args:
        config: the settings.
        catalogue: a folder of services to run beside those that ran before.
        open_doors: opens the doors that people and programs come in by.
        on_ready: called when the node serves.
        on_service: called with the name of each service of the catalogue that runs, and "" after the last.
        ports: other ports than the real ones.

    Raises:
        ConfigError, EngineError: it cannot start.
    """
    logging.basicConfig(
        stream=sys.stderr, level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    _open_more()
    node = Node(config, ports or system_ports())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, node)
    await node.start()
    if open_doors is not None:
        await open_doors(node)
    on_ready(node)
    running = loop.create_task(_run_catalogue(node, catalogue, on_service)) if catalogue is not None else None
    try:
        await node.stopped.wait()
    finally:
        if running is not None:
            running.cancel()
        await node.stop()


def _open_more() -> None:
    """Raises the soft limit of open files as far as the hard one goes; what the node starts has limits of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:  # macOS has another limit besides, and says so
            log.debug("no more than %d files can be open: %s", soft, error)


def _stop(node: Node) -> None:
    if node.stopped.is_set():  # asked twice: he means it
        os._exit(130)
    node.stopped.set()


async def _run_catalogue(node: Node, folder: Path, on_service: Callable[[str], None]) -> None:
    try:
        async for name in run_catalogue(node.supervisor, folder):
            on_service(name)
        on_service("")
    except Exception as error:
        log.exception("the catalogue of %s does not run", folder, exc_info=error)
