"""Takes a tree's files out of a bare repository, object by object, after every name has passed the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from micro.errors import SourceError
from micro.runtime.source.gitcommand import Git, error_text
from micro.runtime.source.rules import Bounds, TreeEntry, check_entries, check_sizes, link_target, read_listing
from micro.runtime.source.source import Report
from micro.runtime.source.trees import Draft

__all__ = ["write_tree"]

BATCH_BYTES = 8_000_000
"""How much of a tree is in memory at once; a larger file is a batch of its own."""

BATCH_OBJECTS_MAX = 2_000
HEADER_BYTES_MAX = 128
"""What `git cat-file --batch` prints around an object."""

POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_BYTES_MAX = 1024
NOTES_MAX = 10


async def write_tree(git: Git, tree: str, draft: Draft, bounds: Bounds, report: Report) -> tuple[str, ...]:
    """Writes the files of a tree object into `draft`, and returns what a person should know about them.

    Args:
        git: stands in the bare repository.
        tree: the object's name.

    Raises:
        SourceError: a name, mode, link or size breaks a rule; nothing was written then.
    """
    listed = await git.run("ls-tree", "-r", "-z", tree, output_bytes_max=bounds.listing_bytes)
    if listed.code:
        raise SourceError(f"refused: git cannot list the tree: {error_text(listed)}")
    entries = read_listing(listed.output, bounds)
    if not entries:
        raise SourceError("refused: there is no file in it")
    check_entries(entries, bounds)
    sizes = await _sizes(git, [entry.oid for entry in entries])
    check_sizes(entries, sizes, bounds)
    places = await _places(git, entries, sizes)
    check_sizes([target for target, _ in places], sizes, bounds)
    report(
        "fetching",
        f"{len(entries)} file{'s' if len(entries) > 1 else ''}, {sum(sizes[target.oid] for target, _ in places)} bytes",
    )
    notes: list[str] = []
    wanted = dict.fromkeys(target.oid for target, _ in places)
    paths: dict[str, list[tuple[TreeEntry, str]]] = {}
    for target, path in places:
        paths.setdefault(target.oid, []).append((target, path))
    for batch in _batches(list(wanted), sizes):
        contents = await _contents(git, batch, sizes)
        await asyncio.to_thread(_write, draft, contents, paths)
        notes += [
            f"{paths[oid][0][1]}: Git LFS is not supported, so only its pointer is here"
            for oid in batch
            if _is_pointer(contents[oid])
        ]
    return tuple(notes[:NOTES_MAX])


async def _places(git: Git, entries: Sequence[TreeEntry], sizes: dict[str, int]) -> list[tuple[TreeEntry, str]]:
    """Returns which object's content goes to which path; a link's place gets what it leads to."""
    links = [entry for entry in entries if entry.is_link]
    pointed: dict[str, bytes] = {}
    for batch in _batches(list(dict.fromkeys(link.oid for link in links)), sizes):
        pointed.update(await _contents(git, batch, sizes))
    by_path = {entry.path: entry for entry in entries}
    return [
        (link_target(entry.path, by_path, pointed) if entry.is_link else entry, entry.path.decode())
        for entry in entries
    ]


async def _sizes(git: Git, oids: Sequence[str]) -> dict[str, int]:
    """Returns the size of every object that is a file's content and that the other side handed over."""
    asked = list(dict.fromkeys(oids))
    listed = await git.run(
        "cat-file",
        "--batch-check",
        data="".join(f"{oid}\n" for oid in asked).encode(),
        output_bytes_max=len(asked) * HEADER_BYTES_MAX + HEADER_BYTES_MAX,
    )
    sizes: dict[str, int] = {}
    for line in listed.output.decode("ascii", "replace").splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[1] == "blob" and words[2].isdigit():
            sizes[words[0]] = int(words[2])
    return sizes


def _batches(oids: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for oid in oids:
        if batch and (total + sizes[oid] > BATCH_BYTES or len(batch) >= BATCH_OBJECTS_MAX):
            yield batch
            batch, total = [], 0
        batch.append(oid)
        total += sizes[oid]
    if batch:
        yield batch


async def _contents(git: Git, oids: Sequence[str], sizes: dict[str, int]) -> dict[str, bytes]:
    finished = await git.run(
        "cat-file",
        "--batch",
        data="".join(f"{oid}\n" for oid in oids).encode(),
        output_bytes_max=sum(sizes[oid] + HEADER_BYTES_MAX for oid in oids),
    )
    output, place = finished.output, 0
    contents: dict[str, bytes] = {}
    for oid in oids:
        head = f"{oid} blob {sizes[oid]}\n".encode()
        if not output.startswith(head, place):
            raise SourceError(f"refused: git cannot read object {oid}: {error_text(finished)}")
        place += len(head)
        contents[oid] = output[place : place + sizes[oid]]
        place += sizes[oid] + 1
    return contents


def _write(draft: Draft, contents: dict[str, bytes], paths: dict[str, list[tuple[TreeEntry, str]]]) -> None:
    for oid, content in contents.items():
        for target, path in paths[oid]:
            draft.add(path, content, executable=target.executable)


def _is_pointer(content: bytes) -> bool:
    return len(content) <= POINTER_BYTES_MAX and content.startswith(POINTER)
