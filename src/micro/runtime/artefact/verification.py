"""Checks a build: that this node stated it, that nothing was changed since, and that it comes out the same again."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from micro.errors import BadRequest, SourceError
from micro.ports import Disk
from micro.runtime.artefact.artefacts import BILL, CHECK, LOCK, OUT, STATEMENT, Artefacts
from micro.runtime.artefact.statement import open_statement
from micro.runtime.recipe.plan import Files, Plan
from micro.runtime.recipe.recipe import Recipe
from micro.runtime.source.source import Report, Tree
from micro.runtime.source.trees import tree_hash
from micro.runtime.workbench import BuildFailed

__all__ = ["Rebuildable", "verify"]

SHOWN_MAX = 5
KEY_CHARACTERS = 16
"""So much of a build's name is typed to mean it."""

Rebuildable = Callable[[str, str, str], Awaitable[tuple[Tree, Files, Plan, Recipe]]]
"""Finds a source's revision again, by the words of a statement and the recipe that built it, and what it is."""


async def verify(artefacts: Artefacts, disk: Disk, key: str, again: Rebuildable, report: Report) -> str:
    """Returns one line that says what was found to hold.

    Raises:
        SourceError: the build is not what the node stated; the message says what differs.
    """
    try:
        statement = open_statement(artefacts.read(key, STATEMENT), artefacts.nid)
    except BadRequest as error:
        raise SourceError(f"build {key[:10]}: {error}") from error
    report("verifying", f"the statement bears the signature of {artefacts.nid}")
    said = {str(one["name"]): str(one["digest"]["sha256"]) for one in statement["subject"]}
    if statement["predicate"]["runDetails"]["metadata"]["invocationId"] != key:
        raise SourceError(f"build {key[:10]}: the statement beside it is about another build: build it again")
    contents = await asyncio.to_thread(artefacts.contents, artefacts.folder / key)
    found = {
        OUT: tree_hash(contents),
        BILL: hashlib.sha256(artefacts.read(key, BILL)).hexdigest(),
        LOCK: hashlib.sha256(artefacts.read(key, LOCK)).hexdigest(),
    }
    changed = [name for name, digest in found.items() if said.get(name) != digest]
    if changed:
        raise SourceError(f"build {key[:10]}: {', '.join(changed)} was changed after it was built: build it again")
    report("verifying", f"{len(contents)} files, the bill and the lock are as it states")
    definition = statement["predicate"]["buildDefinition"]
    compared = await _compare(artefacts, disk, key, definition, dict(_by_path(contents)), again, report)
    return f"build {key[:10]} is what this node stated; {compared}"


async def _compare(
    artefacts: Artefacts,
    disk: Disk,
    key: str,
    definition: Mapping[str, Any],
    before: Mapping[str, tuple[bool, str]],
    again: Rebuildable,
    report: Report,
) -> str:
    """Builds once more, where that can say something, and returns what that showed."""
    outer = definition["externalParameters"]
    inner = definition["internalParameters"]
    tree, files, plan, recipe = await again(str(outer["source"]), str(outer["revision"]), str(inner["recipe"]))
    stated = definition["resolvedDependencies"][0]["digest"]["microTree"]
    if tree.hash != stated:
        return "its source has changed since, so it was not built again"
    if not before:
        return "nothing of it is built: its source runs as it is"
    if why := recipe.differs(plan):
        asks = f"`micro verify {key[:KEY_CHARACTERS]} --attestations 1` asks who else has built it"
        return f"{why}, so it was not built again: {asks}"
    tools = {**await artefacts.tools(recipe, plan), "recipe": f"{recipe.name}/{recipe.version}"}
    moved = sorted(
        name for name, one in {**inner["tools"], "recipe": inner["recipe"]}.items() if tools.get(name) != one
    )
    if moved:
        return f"it was built by another version of {', '.join(moved)} than is here, so it was not built again"
    fetched = await artefacts.fetched(recipe, plan, files, tree, report)
    place = artefacts.folder / f"{CHECK}{key}"
    report("verifying", "building it again, to compare")
    try:
        await artefacts.build(recipe, plan, files, tree.folder, fetched, place, report)
        after = dict(_by_path(await asyncio.to_thread(artefacts.contents, place)))
    except BuildFailed as error:
        raise BuildFailed(str(error), error.tail) from error  # its log goes with the rest of it
    finally:
        await asyncio.to_thread(disk.remove, place)
    different = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    if different:
        shown = ", ".join(different[:SHOWN_MAX])
        raise SourceError(f"build {key[:10]}: built again, {len(different)} files differ: {shown}")
    return f"built again, all {len(after)} files are equal in every bit"


def _by_path(contents: list[tuple[str, bool, str]]) -> list[tuple[str, tuple[bool, str]]]:
    return [(path, (executable, digest)) for path, executable, digest in contents]
