"""A git repository as a source: asked for one commit, read without ever being checked out.

The commit goes into a bare repository of its own, from which files are taken object by object (`git ls-tree`,
`git cat-file`) after `rules` has seen every name. So no hook, filter, attribute, link, submodule or lazy fetch of the
repository's author has a moment at which it would act.

The host's address is looked up once, checked, and given to git as the only one to connect to (`http.curloptResolve`),
so a second answer of the name server changes nothing. A git that ignores that setting is not used, unless its owner
lets sources come from the network around his machine anyway.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from micro.errors import SourceError
from micro.ports import Disk, Entropy, Processes
from micro.runtime.command import Finished
from micro.runtime.source.address import is_address
from micro.runtime.source.gitcommand import ASKING_BYTES_MAX, MEMORY_BYTES_MAX, Git, Protocol, error_text
from micro.runtime.source.host import Resolve, check_host, resolve_host
from micro.runtime.source.objects import write_tree
from micro.runtime.source.rules import Bounds
from micro.runtime.source.source import Report, Revision, Tree
from micro.runtime.source.spec import SourceSpec
from micro.runtime.source.trees import Draft, Trees

__all__ = ["GitSource"]

LOOK_SECONDS_MAX = 30.0
FETCH_SECONDS_MAX = 300.0
TAKE_SECONDS_MAX = 120.0
"""How long it may take to get a commit's files out of the repository that was fetched."""

FETCHES_MAX = 4
"""So many commits are fetched at the same time; more of them wait."""

PINNING_VERSION = (2, 37)
"""The first git that connects to the addresses it is given, and to no others (`http.curloptResolve`)."""

SHA256_DIGITS = 64
"""How long a commit's hash is in a repository that was made for SHA-256; elsewhere it is SHA-1."""

FETCHED = "refs/micro/fetched"

STAGES = re.compile(rb"(Receiving objects|Resolving deltas): +(\d{1,3})%")
LINE = re.compile(r"(?P<id>[0-9a-f]{40}|[0-9a-f]{64})\t(?P<ref>\S+)")


class GitSource:
    """`Source` for git repositories: over https anywhere, and by path on this machine where its owner names one."""

    def __init__(
        self,
        processes: Processes,
        disk: Disk,
        entropy: Entropy,
        folder: Path,
        *,
        bounds: Bounds | None = None,
        resolve: Resolve = resolve_host,
        allow_private: bool = False,
        authorities: Path | None = None,
        program: str = "git",
    ) -> None:
        """Keeps its trees in `folder`.

        Args:
            resolve: finds the addresses of a host.
            allow_private: whether a source may come from this machine's own network.
            authorities: certificates to trust instead of the system's.
            program: git's name or path.
        """
        self._bounds = bounds or Bounds()
        self._disk = disk
        self._resolve = resolve
        self._allow_private = allow_private
        self._git = Git(
            processes,
            folder,
            program=program,
            authorities=authorities,
            transfer_bytes_max=self._bounds.transfer_bytes,
        )
        self._fetches = asyncio.Semaphore(FETCHES_MAX)
        self._pins: bool | None = None
        self.trees = Trees(disk, entropy, folder)

    async def newest(self, spec: SourceSpec) -> Revision:
        """Returns the commit that the spec's branch or tag names now: one question to the repository."""
        if spec.is_commit:
            return Revision(spec.ref)
        self._disk.make_folder(self.trees.folder)
        wanted = [spec.ref] if spec.ref.startswith("refs/") else [f"refs/tags/{spec.ref}", f"refs/heads/{spec.ref}"]
        wanted = ["HEAD"] if spec.ref in {"", "HEAD"} else wanted
        patterns = [*wanted, *(f"{name}^{{}}" for name in wanted)]
        finished = await self._reach(
            self._git,
            spec,
            *("ls-remote", "--", spec.url, *patterns),
            seconds_max=LOOK_SECONDS_MAX,
            memory_bytes_max=ASKING_BYTES_MAX,
        )
        if finished.code:
            raise _unreached(spec, finished)
        found = {match["ref"]: match["id"] for match in LINE.finditer(finished.output.decode("utf-8", "replace"))}
        for name in wanted:
            if name in found:
                return Revision(found.get(f"{name}^{{}}", found[name]), name)
        what = "commit" if wanted == ["HEAD"] else f"branch or tag {spec.ref!r}"
        raise SourceError(f"{spec.url} has no {what}; a commit is named by all of its 40 characters")

    async def fetch(self, spec: SourceSpec, revision: Revision, report: Report) -> Tree:
        """Returns the files of a commit below the spec's sub-path, fetched unless they are here."""
        known = await asyncio.to_thread(self.trees.find, _key(spec, revision.id))
        if known:
            return Tree(self.trees.folder / known, revision, known)
        if self._fetches.locked():
            report("fetching", "others are being fetched, and come first")
        async with self._fetches:
            draft = await asyncio.to_thread(self.trees.draft)
            try:
                return await self._fetch(spec, revision, report, draft)
            finally:
                await asyncio.to_thread(draft.discard)

    async def _fetch(self, spec: SourceSpec, revision: Revision, report: Report, draft: Draft) -> Tree:
        git = replace(self._git, folder=draft.folder)
        report("fetching", f"{spec.url} at {revision.short}")
        hashes = "sha256" if len(revision.id) == SHA256_DIGITS else "sha1"
        started = await git.run("init", "--quiet", "--bare", f"--object-format={hashes}", "repository")
        if started.code:
            raise SourceError(f"git cannot make a repository in {draft.folder}: {error_text(started)}")
        git = replace(git, folder=draft.folder / "repository", bare=True)
        await self._bring(git, spec, revision, report)
        try:
            async with asyncio.timeout(TAKE_SECONDS_MAX):
                return await self._take(git, spec, revision, report, draft)
        except TimeoutError:
            raise SourceError(f"refused: taking its files took longer than {TAKE_SECONDS_MAX:g} seconds") from None

    async def _take(self, git: Git, spec: SourceSpec, revision: Revision, report: Report, draft: Draft) -> Tree:
        """Takes the files of the commit that was brought out of its repository."""
        commit = await _parse(git, f"{FETCHED}^{{commit}}")
        if not commit or (spec.is_commit and commit != revision.id):
            raise SourceError(f"{spec}: what the repository handed out is no commit, or not the one that was asked for")
        tree = await _parse(git, f"{commit}:{spec.subpath}" if spec.subpath else f"{commit}^{{tree}}")
        if not tree:
            raise SourceError(f"{spec.url} has no folder {spec.subpath!r} at {revision.short}")
        if (await git.run("cat-file", "-t", tree)).output.strip() != b"tree":
            raise SourceError(f"{spec.subpath!r} is no folder of {spec.url}: name the folder that holds the service")
        fetched = Revision(commit, revision.ref)
        notes = await write_tree(git, tree, draft, self._bounds, report)
        name = await asyncio.to_thread(draft.finish)
        await asyncio.to_thread(self.trees.remember, _key(spec, commit), name)
        return Tree(self.trees.folder / name, fetched, name, notes)

    async def _bring(self, git: Git, spec: SourceSpec, revision: Revision, report: Report) -> None:
        """Fetches one commit without its history, leaving out files that would be refused for their size."""
        arguments = ["fetch", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-auto-gc", "--progress"]
        settings = {"remote.origin.url": spec.url}
        if not spec.is_local:
            arguments.append(f"--filter=blob:limit={self._bounds.file_bytes + 1}")
        wanted = f"+{revision.ref or revision.id}:{FETCHED}"
        finished = await self._reach(
            git,
            spec,
            *arguments,
            "origin",
            wanted,
            settings=settings,
            seconds_max=FETCH_SECONDS_MAX,
            on_errors=_progress(report),
        )
        if finished.code:
            raise _unreached(spec, finished)

    async def _reach(
        self,
        git: Git,
        spec: SourceSpec,
        *arguments: str,
        seconds_max: float,
        settings: Mapping[str, str] | None = None,
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        on_errors: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Runs a git command that talks to the spec's repository, and to nothing else."""
        chosen = dict(settings or {})
        protocol: Protocol = "file" if spec.is_local else "https"
        if not spec.is_local:
            host, port = spec.host
            addresses = await check_host(host, port, self._resolve, allow_private=self._allow_private)
            if not is_address(host):  # that is what it is; a name is what a name server says
                await self._check_pinning()
                listed = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
                chosen["http.curloptResolve"] = f"{host}:{port}:{listed}"
        return await git.run(
            *arguments,
            protocol=protocol,
            settings=chosen,
            seconds_max=seconds_max,
            memory_bytes_max=memory_bytes_max,
            on_errors=on_errors,
        )

    async def _check_pinning(self) -> None:
        """Raises where git would ask the name server itself, and so connect to whatever that answers then."""
        if self._allow_private:
            return
        if self._pins is None:
            self._pins = await self._git.version() >= PINNING_VERSION
        if not self._pins:
            least = ".".join(map(str, PINNING_VERSION))
            raise SourceError(
                f"git on this machine is older than {least} and cannot be held to the address that was checked: "
                "install a newer one, or allow_private_sources if it may fetch from this machine's own network too"
            )


async def _parse(git: Git, expression: str) -> str:
    """Returns the object that an expression names, or an empty text."""
    finished = await git.run("rev-parse", "--verify", "--quiet", "--end-of-options", expression)
    return "" if finished.code else finished.output.decode("ascii", "replace").strip()


def _progress(report: Report) -> Callable[[bytes], None]:
    """Returns what tells `report` of git's own progress, once a quarter."""
    last: list[tuple[bytes, int]] = [(b"", -1)]

    def read(part: bytes) -> None:
        for stage, percent in STAGES.findall(part)[-1:]:
            now = (stage, int(percent) // 25)
            if now != last[0]:
                last[0] = now
                report("fetching", f"{stage.decode().lower()} {min(100, int(percent))} %")

    return read


def _key(spec: SourceSpec, commit: str) -> str:
    return f"{spec.url}\n{spec.subpath}\n{commit}"


def _unreached(spec: SourceSpec, finished: Finished) -> SourceError:
    text = error_text(finished)
    checked = re.search(r"object [0-9a-f]+: (\w+): ([^;]*)", text)
    if checked:
        return SourceError(f"refused: git's own check of {spec.url} says {checked[1]}: {checked[2]}")
    hint = "check the address and the network"
    if "certificate" in text or "SSL" in text:
        hint = "nobody whom this machine trusts vouches for its certificate: source_authorities names who may"
    elif "could not read Username" in text or "not found" in text or "Authentication failed" in text:
        hint = "only public repositories can be fetched; check the spelling"
    elif "unable to update url base from redirection" in text or "301" in text or "302" in text or "redirect" in text:
        hint = "it has moved, and redirects are not followed: write its new address, or add .git to this one"
    elif "ut of memory" in text:
        hint = "it tells more than is allowed"
    elif "dubious ownership" in text:
        hint = "the repository belongs to another user: run the node as its owner, or copy it"
    elif "not our ref" in text or "unadvertised object" in text:
        hint = "the repository does not hand out that commit: name a branch or a tag"
    return SourceError(f"cannot fetch {spec.url}: {text}; {hint}")
