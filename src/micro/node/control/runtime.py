"""The service `runtime`: running, updating and stopping services from their source."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from micro.errors import BadRequest
from micro.node.attesting import Attesting
from micro.runtime.supervisor import Supervisor
from micro.service.service import Service

__all__ = ["runtime_service"]


class Runtime:
    """The endpoints."""

    def __init__(self, supervisor: Supervisor, is_platform: Callable[[str], bool], attesting: Attesting) -> None:
        self._attesting = attesting
        self._supervisor = supervisor
        self._is_platform = is_platform

    async def run(
        self,
        source: str,
        name: str | None = None,
        environment: dict[str, str] | None = None,
        evolve: bool | None = None,
        allow: list[str] | None = None,
        engine: str | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Runs a service from its source and yields how far it has come; the last item has `done`.

        Args:
            source: a git URL, `github.com/owner/repository/path@ref`, or an absolute path.
            name: what to call it.
            environment: variables for its process.
            evolve: whether it moves by itself when its source changes; where nobody says, a repository without a
                pinned commit does.
            allow: what it may beyond its own: `network`.
            engine: what shall run it, `process` or `wasm`; by default what it is made for. `micro.toml` has the last
                word.
        """
        if name is not None and self._is_platform(name):
            raise BadRequest(f"{name} is a service of the node itself; choose another name")
        async for progress in self._supervisor.run(source, name, environment, evolve, allow or [], engine):
            yield dict(progress.to_dict())

    async def update(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """Moves a service to the newest revision of its source, without a failed call.

        Args:
            name: the service.
        """
        async for progress in self._supervisor.update(name):
            yield dict(progress.to_dict())

    async def detect(self, source: str, engine: str | None = None) -> dict[str, Any]:
        """Says what a source is and how it would start; nothing of it is run.

        Args:
            source: a git URL, `github.com/owner/repository/path@ref`, or an absolute path.
            engine: what shall run it, as for `Runtime.Run`.
        """
        return await self._supervisor.inspection.detect(source, engine)

    async def readme(self, name: str) -> dict[str, Any]:
        """Returns the readme of the source that a service runs from; empty where there is none here.

        Args:
            name: the service.
        """
        return (await self._supervisor.inspection.readme(name)).to_dict()

    async def build(self, source: str, engine: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """Builds a source without running it, and yields how far it has come; the last item names the build.

        The build is given up when the caller leaves.

        Args:
            source: a git URL, `github.com/owner/repository/path@ref`, or an absolute path.
            engine: what shall run it, as for `Runtime.Run`.
        """
        async with contextlib.aclosing(self._supervisor.inspection.build(source, engine)) as work:
            async for progress in work:
                yield dict(progress.to_dict())

    async def verify(self, name: str, attestations: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Checks what a service was built from, and yields what was found to hold; the last item has `done`.

        The check is given up when the caller leaves.

        Args:
            name: a service, or the beginning of a build's name.
            attestations: how many linked nodes have to say that the same came of it there.
        """
        ask = self._attesting.ask if attestations > 0 else None
        async with contextlib.aclosing(self._supervisor.inspection.verify(name, attestations, ask)) as work:
            async for progress in work:
                yield dict(progress.to_dict())

    async def attest(self, build: str) -> dict[str, Any]:
        """Says, signed, which artefact came of a build on this node; for other nodes.

        Args:
            build: the build's whole name, the hash of all that goes into it.
        """
        return {"attestation": self._attesting.attest(build)}

    async def offer(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """Tries the newest revision of a service's source beside what runs: it gets a small part of the calls.

        Args:
            name: the service.
        """
        async for progress in self._supervisor.offers.offer(name):
            yield dict(progress.to_dict())

    async def evolution(self, name: str) -> dict[str, Any]:
        """Lists the generations of a service: what each gets, how it did beside its parent, and why it is so.

        Args:
            name: the service.
        """
        return self._supervisor.offers.status(name)

    async def rollback(self, name: str, generation: int | None = None) -> dict[str, Any]:
        """Gives all the traffic of a service to another generation that lives.

        Args:
            name: the service.
            generation: which one; without it the newcomer's parent, or else the one before the active.
        """
        return {"detail": await self._supervisor.offers.rollback(name, generation)}

    async def kill(self, name: str) -> dict[str, Any]:
        """Stops a service and forgets it.

        Args:
            name: the service.
        """
        await self._supervisor.kill(name)
        return {"killed": name}

    async def status(self) -> dict[str, Any]:
        """Lists the services that this node runs."""
        return {"services": self._supervisor.status()}

    async def works(self, limit: int = 10) -> dict[str, Any]:
        """Lists the last runs and updates of services, newest first, with each step, and why one failed.

        Args:
            limit: at most so many; the node remembers twenty.
        """
        return {"works": [deed.to_dict() for deed in self._supervisor.works.history.last(limit)]}

    async def logs(self, name: str, follow: bool = False, lines: int = 100) -> AsyncIterator[dict[str, Any]]:
        """Yields what a service wrote.

        Args:
            name: the service.
            follow: go on with new lines as they come.
            lines: how many of the last lines come first.
        """
        if follow:
            async for line in self._supervisor.follow(name, lines):
                yield {"time": line.time, "stream": line.stream, "line": line.line, "instance": line.instance}
            return
        for line in await self._supervisor.tail(name, lines):
            yield {"time": line.time, "stream": line.stream, "line": line.line, "instance": line.instance}


def runtime_service(supervisor: Supervisor, is_platform: Callable[[str], bool], attesting: Attesting) -> Service:
    """Returns the service; `is_platform` tells whether a name is that of a service of the node itself."""
    endpoints = Runtime(supervisor, is_platform, attesting)
    service = Service("runtime", description="Runs services from their source.", platform=True)
    service.add("Runtime.Run", endpoints.run)
    service.add("Runtime.Update", endpoints.update)
    service.add("Runtime.Detect", endpoints.detect, idempotent=True)
    service.add("Runtime.Readme", endpoints.readme, idempotent=True)
    service.add("Runtime.Build", endpoints.build, idempotent=True)
    service.add("Runtime.Verify", endpoints.verify, idempotent=True)
    service.add("Runtime.Attest", endpoints.attest, idempotent=True)
    service.add("Runtime.Offer", endpoints.offer)
    service.add("Runtime.Evolution", endpoints.evolution, idempotent=True)
    service.add("Runtime.Rollback", endpoints.rollback)
    service.add("Runtime.Kill", endpoints.kill)
    service.add("Runtime.Status", endpoints.status, idempotent=True)
    service.add("Runtime.Works", endpoints.works, idempotent=True)
    service.add("Runtime.Logs", endpoints.logs, idempotent=True)
    return service
