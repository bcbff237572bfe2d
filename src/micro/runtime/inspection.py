"""Looks at source and builds without running them: what a source is, what it builds to, what a build is worth."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from micro.errors import BadRequest, NotFound, SourceError
from micro.runtime.artefact.attestation import judge_attestations
from micro.runtime.feed import Feed
from micro.runtime.generation import Progress
from micro.runtime.manifest import Engine, check_engine
from micro.runtime.readme import Readme
from micro.runtime.roster import Roster
from micro.runtime.source.source import Report, silent
from micro.runtime.source.spec import SourceSpec, parse
from micro.runtime.works import Works
from micro.runtime.workshop import Workshop

__all__ = ["Inspection"]

Ask = Callable[[str, Report], Awaitable[tuple[int, dict[str, str]]]]
"""Asks other nodes which artefact came of a build there; returns how many were asked, and the answers by node."""


class Inspection:
    """What a node's owner may ask about source that is not run yet, and about what runs."""

    def __init__(self, workshop: Workshop, works: Works, roster: Roster) -> None:
        self._workshop = workshop
        self._works = works
        self._roster = roster

    async def detect(self, source: str, engine: str | None = None) -> dict[str, Any]:
        """Returns what a source is and how it would start; see `Understood.to_dict`. Nothing of it is run.

        Raises:
            BadRequest: the source cannot be understood, fetched or started; the message says why.
        """
        spec = _parse(source)
        try:
            asked = check_engine(engine, "engine")
            found = await self._workshop.understand(spec, await self._workshop.newest(spec), silent, asked)
        except SourceError as error:
            raise BadRequest(str(error)) from error
        return {"source": str(spec), "name": found.plan.name or spec.name, **found.to_dict()}

    async def build(self, source: str, engine: str | None = None) -> AsyncGenerator[Progress]:
        """Builds a source without running it, and yields how far it has come; the last line names the build.

        The build is given up when nobody looks on any more: unlike a service, nobody could find it and end it.

        Raises:
            BadRequest: the source cannot be understood.
        """
        spec = _parse(source)
        try:
            asked = check_engine(engine, "engine")
        except SourceError as error:
            raise BadRequest(str(error)) from error
        work = self._works.look_on(lambda feed: self._build(spec, feed, asked), spec.name, lasting=False)
        async with contextlib.aclosing(work):
            async for progress in work:
                yield progress

    async def verify(self, name: str, attestations: int = 0, ask: Ask | None = None) -> AsyncGenerator[Progress]:
        """Checks the build that a service runs, or whose name begins so, and yields what was found to hold.

        It is given up when nobody looks on any more.

        Args:
            attestations: how many other nodes have to have built the same.
            ask: asks them.

        Raises:
            NotFound: there is none.
        """
        keeper = self._roster.get(name)
        generation = keeper.generation if keeper else None
        try:
            key = generation.build if generation else self._workshop.artefacts.find(name)
        except SourceError as error:
            raise NotFound(f"no service {name!r} runs here, and {error}") from error
        work = self._works.look_on(lambda feed: self._verify(key, feed, attestations, ask), name, lasting=False)
        async with contextlib.aclosing(work):
            async for progress in work:
                yield progress

    async def readme(self, name: str) -> Readme:
        """Returns the readme of the source that a service runs from; an empty one where nothing runs here so.

        Raises:
            Unavailable: the disk does not give it.
        """
        keeper = self._roster.get(name)
        generation = keeper.generation if keeper else None
        return await self._workshop.readme(keeper.spec, generation) if keeper and generation else Readme()

    def artefact(self, build: str) -> str:
        """Returns the digest of what came of a build here, "" where there is no such build."""
        return self._workshop.artefacts.digest(build)

    async def _build(self, spec: SourceSpec, feed: Feed, engine: Engine | None) -> None:
        feed.put(Progress("fetching", f"looking for {spec}"))
        found = await self._workshop.understand(spec, await self._workshop.newest(spec), feed.report, engine)
        made = await self._workshop.build(spec, found, feed.report)
        feed.put(Progress("done", f"{spec.name} is built: {made.key}", done=True, service=spec.name, build=made.key))

    async def _verify(self, key: str, feed: Feed, attestations: int, ask: Ask | None) -> None:
        detail = await self._workshop.verify(key, feed.report)
        if ask is not None:
            asked, theirs = await ask(key, feed.report)
            ours, is_equal = self.artefact(key), self._workshop.is_equal(key)
            detail += "; " + judge_attestations(ours, theirs, asked, attestations, is_equal=is_equal)
        feed.put(Progress("done", detail, done=True, build=key))


def _parse(source: str) -> SourceSpec:
    try:
        return parse(source)
    except SourceError as error:
        raise BadRequest(str(error)) from error
