"""Chooses what confines the guests of a node: the first sandbox that, when it was tried, held.

It is chosen once, right after the node has started, or when the first guest wants to start, which then waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from micro.errors import EngineError
from micro.ports import Entropy, Processes
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.groups import Groups
from micro.runtime.sandbox.probe import Isolation, Probe
from micro.runtime.sandbox.sandbox import Sandbox

__all__ = ["Isolator"]

REST_SECONDS = 1.0
"""How long after its start a node that runs nothing yet lets that be."""

ADVICE = (
    "install bubblewrap where user namespaces are allowed, or sandlock on Linux 6.12 and newer; "
    'or let services run with all your rights: sandbox = "none"'
)

log = logging.getLogger("micro.runtime")


class Isolator:
    """What confines, on one node.

    Args:
        candidates: returns the sandboxes to try, the best first; may block.
        probe: tries them.
        groups: counts what guests use.
        processes, entropy: the ports.
    """

    def __init__(
        self,
        candidates: Callable[[], Sequence[Sandbox]],
        probe: Probe,
        groups: Groups,
        *,
        processes: Processes,
        entropy: Entropy,
    ) -> None:
        self.isolation = Isolation("not tried yet")
        """How guests are kept."""
        self._candidates = candidates
        self._probe = probe
        self._groups = groups
        self._processes = processes
        self._entropy = entropy
        self._choosing: asyncio.Task[Confinement] | None = None
        self._wanted = asyncio.Event()

    def start(self) -> None:
        """Begins to choose, in a moment."""
        self._choosing = asyncio.ensure_future(self._choose())
        self._choosing.add_done_callback(_take_note)

    async def confinement(self) -> Confinement:
        """Returns what confines guests here.

        Raises:
            EngineError: nothing does that holds; the message says what was tried, and what to do.
        """
        if self._choosing is None:
            self.start()
        assert self._choosing is not None
        self._wanted.set()
        return await asyncio.shield(self._choosing)

    async def close(self) -> None:
        """Ends; no guest may be running."""
        if self._choosing is not None:
            self._choosing.cancel()
            await asyncio.wait([self._choosing])
        self._groups.close()

    async def _choose(self) -> Confinement:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                await self._wanted.wait()
        self._groups.clear()
        tried = []
        for sandbox in await asyncio.to_thread(self._candidates):
            confinement = Confinement(self._processes, sandbox, self._groups, self._entropy)
            if not sandbox.confines:
                self.isolation = Isolation(sandbox.name, counted=tuple(sorted(self._groups.counted)))
                return confinement
            try:
                found = await self._probe.try_out(confinement)
            except (EngineError, OSError) as error:
                tried.append(f"{sandbox.name} does not start ({error})")
                continue
            if not found.leaks:
                self.isolation = found
                return confinement
            tried.append(f"{sandbox.name} does not keep a guest from {', '.join(found.leaks)}")
        self.isolation = Isolation("refused")
        raise EngineError(f"nothing confines a service here: {'; '.join(tried) or 'no sandbox is installed'}. {ADVICE}")


def _take_note(choosing: asyncio.Task[Confinement]) -> None:
    if not choosing.cancelled() and choosing.exception() is not None:
        log.warning("no service can be started: %s", choosing.exception())
