"""Git hosts that a stranger runs to do harm: real git asks them over https, and comes to no harm and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.source import git as git_module
from micro.runtime.source.git import GitSource
from micro.runtime.source.source import Tree, silent
from micro.runtime.source.spec import parse
from micro.system import SystemDisk, SystemEntropy, SystemProcesses
from tests.unit.runtime.source.forge import Forge, Repository

REFS = "info/refs?service=git-upload-pack"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "forge" / "greeter.git")
    made.files(main_py="print(1)\n")
    return made


@pytest.fixture
def forge(tmp_path: Path, repository: Repository) -> Iterator[Forge]:
    with Forge(tmp_path / "forge").open() as opened:
        yield opened


@pytest.fixture
def inside(tmp_path: Path, forge: Forge) -> Iterator[Forge]:
    """A host of the network around the node that strangers must not reach through it; it has what they look for."""
    Repository(tmp_path / "inside" / "greeter.git").files(main_py="print('secret')\n")
    with Forge(tmp_path / "inside").open() as opened:
        trusted = forge.authorities.read_bytes() + opened.authorities.read_bytes()
        forge.authorities.write_bytes(trusted)  # no certificate stands in the way
        yield opened


async def get(folder: Path, forge: Forge, name: str = "greeter.git", **options: object) -> Tree:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    chosen = {"resolve": resolve, "allow_private": True, "authorities": forge.authorities, **options}
    source = GitSource(SystemProcesses(), SystemDisk(), SystemEntropy(), folder / "sources", **chosen)  # type: ignore[arg-type]
    spec = parse(f"https://forge.test:{forge.port}/{name}@main")
    return await source.fetch(spec, await source.newest(spec), silent)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["info/refs", "git-upload-pack"])
async def test_a_redirect_leads_nowhere(tmp_path: Path, forge: Forge, inside: Forge, place: str, status: int) -> None:
    """Whatever is redirected, when it is asked first or when it hands over: the other host is never asked."""
    query = f"/{REFS}" if place == "info/refs" else f"/{place}"
    target = f"https://localhost:{inside.port}/greeter.git{query}"
    forge.answers[f"/greeter.git/{place}"] = (status, {"Location": target}, b"")

    with pytest.raises(SourceError, match="cannot fetch"):
        await get(tmp_path, forge)
    assert forge.requests
    assert not inside.requests


async def test_alternates_of_a_dumb_host_lead_nowhere(tmp_path: Path, forge: Forge, inside: Forge) -> None:
    """A host that only hands out files may name others from which objects come: they are not asked."""
    commit = "1" * 40
    forge.answers["/greeter.git/info/refs"] = (
        200,
        {"Content-Type": "text/plain"},
        f"{commit}\trefs/heads/main\n".encode(),
    )
    forge.answers["/greeter.git/HEAD"] = (200, {}, b"ref: refs/heads/main\n")
    other = f"https://localhost:{inside.port}/greeter.git/objects\n".encode()
    for name in ("http-alternates", "alternates"):
        forge.answers[f"/greeter.git/objects/info/{name}"] = (200, {}, other)

    with pytest.raises(SourceError, match="cannot fetch"):
        await get(tmp_path, forge)
    assert not inside.requests


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback is one address alone")
async def test_a_name_that_changes_its_mind_leads_nowhere(tmp_path: Path, forge: Forge, inside: Forge) -> None:
    """Git connects to the address that was checked, though the system knows another one for the name by now."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"]  # nobody is there

    source = GitSource(
        SystemProcesses(),
        SystemDisk(),
        SystemEntropy(),
        tmp_path / "sources",
        resolve=resolve,
        allow_private=True,
        authorities=inside.authorities,
    )
    with pytest.raises(SourceError, match="cannot fetch"):
        await source.newest(parse(f"https://localhost:{inside.port}/greeter.git@main"))
    assert asked == ["localhost"]
    assert not inside.requests


async def test_a_git_that_cannot_be_held_is_not_used(tmp_path: Path, forge: Forge) -> None:
    """One too old to be given an address asks the name server itself, so it is told nothing."""
    program = tmp_path / "git.sh"
    program.write_text('#!/bin/sh\ncase "$*" in *version) echo git version 2.34.1;; *) exec git "$@";; esac\n')
    program.chmod(0o755)

    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14"]

    with pytest.raises(SourceError, match=r"older than 2\.37"):
        await get(tmp_path, forge, resolve=resolve, allow_private=False, program=str(program))
    assert (await get(tmp_path, forge, program=str(program))).hash


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("text/html", b"<html>Sign in</html>", "has no branch"),
        ("application/x-git-upload-pack-advertisement", b"", "cannot fetch"),
        ("application/x-git-upload-pack-advertisement", b"ffff" + b"x" * 100_000, "cannot fetch"),
        ("application/x-git-upload-pack-advertisement", b"zzzz", "cannot fetch"),
        ("application/x-git-upload-pack-advertisement", b"001e# service=git-upload-pack\n0000" * 9, "cannot fetch"),
        ("application/x-git-upload-pack-advertisement", b"\x00" * 1_000_000, "cannot fetch"),
    ],
    ids=["a page", "nothing", "a long line", "no length", "the same again", "zeros"],
)
async def test_an_answer_that_is_none(tmp_path: Path, forge: Forge, kind: str, body: bytes, reason: str) -> None:
    """A host that does not speak as a repository does is refused in words."""
    forge.answers["/greeter.git/info/refs"] = (200, {"Content-Type": kind}, body)

    with pytest.raises(SourceError, match=reason):
        await get(tmp_path, forge)


def line(text: bytes) -> bytes:
    return b"%04x" % (len(text) + 4) + text


async def test_refs_without_end_are_not_kept(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes that unfold into a flood of refs cost so much memory and no more."""
    monkeypatch.setattr(git_module, "ASKING_BYTES_MAX", 150_000_000)
    refs = b"".join(line(b"%040x refs/heads/%0400d\n" % (number + 1, number)) for number in range(2_000))
    flood = gzip.compress(line(b"# service=git-upload-pack\n") + b"0000" + refs * 150 + b"0000", 1)
    headers = {"Content-Type": "application/x-git-upload-pack-advertisement", "Content-Encoding": "gzip"}
    forge.answers["/greeter.git/info/refs"] = (200, headers, flood)

    with pytest.raises(SourceError, match="more than is allowed"):
        await get(tmp_path, forge)


@contextlib.asynccontextmanager
async def host(
    forge: Forge, speak: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[tuple[Forge, list[int]]]:
    """A host with the forge's certificate that says what `speak` says, to everybody who connects."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(forge.authorities, forge.folder / "key.pem")
    visits: list[int] = []
    hosting: set[asyncio.Task[None] | None] = set()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        hosting.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await reader.readuntil(b"\r\n\r\n")
                await speak(writer)
        finally:
            writer.transport.abort()  # whoever was asked to close would wait for the visitor, who may be gone

    server = await asyncio.start_server(visited, "127.0.0.1", 0, ssl=context)
    forge.port = server.sockets[0].getsockname()[1]
    try:
        yield forge, visits
    finally:
        server.close()
        for task in hosting:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in hosting if task is not None), return_exceptions=True)


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Drip: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("speak", [silence, drip])
async def test_a_host_that_holds_the_line_is_left(
    tmp_path: Path,
    forge: Forge,
    monkeypatch: pytest.MonkeyPatch,
    speak: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> None:
    """Whether it says nothing or a little for ever, its time is up at some point."""
    monkeypatch.setattr(git_module, "LOOK_SECONDS_MAX", 1.0)
    async with host(forge, speak) as (slow, visits):
        with pytest.raises(SourceError, match="took longer than 1 seconds"):
            await get(tmp_path, slow)
        assert visits


async def test_files_are_taken_in_time_or_not_at_all(
    tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for taking the files out ends, too, and leaves nothing."""
    monkeypatch.setattr(git_module, "TAKE_SECONDS_MAX", 0.0)
    with pytest.raises(SourceError, match="taking its files took longer"):
        await get(tmp_path, forge)
    assert not [path for path in (tmp_path / "sources").rglob("*") if path.is_file()]


async def test_only_so_many_are_fetched_at_once(
    tmp_path: Path, forge: Forge, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes when there is no room waits, is told so, and has his turn."""
    monkeypatch.setattr(git_module, "FETCHES_MAX", 1)
    source = GitSource(SystemProcesses(), SystemDisk(), SystemEntropy(), tmp_path / "sources")
    told: list[str] = []
    specs = [parse(f"{repository.folder}@{branch}") for branch in ("main", "other")]
    repository.files(branch="other", main_py="print(2)\n")
    revisions = [await source.newest(spec) for spec in specs]
    trees = await asyncio.gather(
        *(
            source.fetch(spec, revision, lambda step, detail: told.append(detail))
            for spec, revision in zip(specs, revisions, strict=True)
        )
    )

    assert len({tree.hash for tree in trees}) == 2
    assert told.count("others are being fetched, and come first") == 1
