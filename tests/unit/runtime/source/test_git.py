"""Git as a source, with a real git: over https from a forge on loopback, and from repositories by path."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.source.git import GitSource
from micro.runtime.source.host import resolve_host
from micro.runtime.source.rules import Bounds
from micro.runtime.source.source import Tree, silent
from micro.runtime.source.spec import SourceSpec, parse
from micro.system import SystemDisk, SystemEntropy, SystemProcesses
from tests.unit.runtime.source.forge import Forge, Repository


async def to_loopback(host: str, port: int) -> list[str]:
    """Every name is this machine; no name server knows `forge.test`."""
    return ["127.0.0.1"]


def git_source(folder: Path, forge: Forge | None = None, **options: object) -> GitSource:
    authorities = forge.authorities if forge else None
    chosen = {"resolve": to_loopback, "allow_private": True, "authorities": authorities, **options}
    return GitSource(SystemProcesses(), SystemDisk(), SystemEntropy(), folder / "sources", **chosen)  # type: ignore[arg-type]


async def get(source: GitSource, text: str) -> Tree:
    spec = parse(text)
    return await source.fetch(spec, await source.newest(spec), silent)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "forge" / "ann" / "greeter.git")


@pytest.fixture
def forge(tmp_path: Path, repository: Repository) -> Iterator[Forge]:
    with Forge(tmp_path / "forge").open() as opened:
        yield opened


async def test_a_branch_over_https(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """A branch of an https repository becomes its files."""
    repository.files(branch="feature/x", main_py="print(1)\n")
    tree = await get(git_source(tmp_path, forge), f"https://forge.test:{forge.port}/ann/greeter.git@feature/x")

    assert listing(tree.folder) == {"main.py": b"print(1)\n"}


async def test_a_commit_over_https(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """A full hash fetches that commit, though its branch has moved on."""
    commit = repository.files(main_py="print(1)\n")
    repository.files(main_py="print(2)\n")
    tree = await get(git_source(tmp_path, forge), f"https://forge.test:{forge.port}/ann/greeter.git@{commit}")

    assert (tree.revision.id, listing(tree.folder)) == (commit, {"main.py": b"print(1)\n"})


async def test_a_large_file_is_not_even_transferred(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """What the bounds would refuse for its size is left out by the forge, and refused by name."""
    noise = ("100644", repository.blob(os.urandom(1_000_000)), b"noise")
    repository.commit(repository.tree(noise))
    source = git_source(tmp_path, forge, bounds=Bounds(file_bytes=1000, transfer_bytes=100_000))

    with pytest.raises(SourceError, match=r"'noise': the file is larger"):
        await get(source, f"https://forge.test:{forge.port}/ann/greeter.git")


async def test_a_redirect_is_not_followed(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """A forge cannot send git elsewhere after the address was checked."""
    repository.files(main_py="")
    place = f"https://127.0.0.1:{forge.port}/ann/greeter.git/info/refs?service=git-upload-pack"
    forge.answers["/moved"] = (302, {"Location": place}, b"")

    with pytest.raises(SourceError, match="redirects are not followed"):
        await get(git_source(tmp_path, forge), f"https://forge.test:{forge.port}/moved.git@main")


async def test_a_private_repository_does_not_ask(tmp_path: Path, forge: Forge) -> None:
    """A forge that wants a password gets none, and nobody waits for one."""
    forge.answers["/secret"] = (401, {"WWW-Authenticate": 'Basic realm="forge"'}, b"")

    with pytest.raises(SourceError, match="only public repositories"):
        await get(git_source(tmp_path, forge), f"https://forge.test:{forge.port}/secret.git@main")


async def test_a_certificate_nobody_vouches_for(tmp_path: Path, forge: Forge) -> None:
    """A forge must prove that it is the host that was named."""
    with pytest.raises(SourceError, match=r"certificate|SSL"):
        await get(git_source(tmp_path), f"https://forge.test:{forge.port}/ann/greeter.git@main")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "metadata.test"])
async def test_this_machine_is_not_the_internet(tmp_path: Path, forge: Forge, host: str) -> None:
    """A source that leads into the network around the node is refused before anything is sent."""

    async def resolve(name: str, port: int) -> list[str]:
        return [{"metadata.test": "169.254.169.254"}.get(name, name.strip("[]"))]

    source = git_source(tmp_path, forge, allow_private=False, resolve=resolve)
    with pytest.raises(SourceError, match="no host of the open internet"):
        await get(source, f"https://{host}:{forge.port}/ann/greeter.git@main")
    assert not forge.requests


async def test_one_private_address_among_others_is_enough(tmp_path: Path, forge: Forge) -> None:
    """A name that also leads to this machine is refused, whatever else it leads to."""

    async def resolve(name: str, port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    source = git_source(tmp_path, forge, allow_private=False, resolve=resolve)
    with pytest.raises(SourceError, match=r"127\.0\.0\.1 is an address of this machine"):
        await get(source, f"https://forge.test:{forge.port}/ann/greeter.git@main")


async def test_every_address_that_was_checked_is_tried(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """Where nobody is at the first of them, the next one is asked; they may be of both kinds."""

    async def resolve(name: str, port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    repository.files(main_py="print(1)\n")
    tree = await get(git_source(tmp_path, forge, resolve=resolve), f"https://forge.test:{forge.port}/ann/greeter.git")

    assert listing(tree.folder) == {"main.py": b"print(1)\n"}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_in_place_of_a_name(tmp_path: Path, address: str) -> None:
    """Of either kind: it is connected to as it is."""
    visits: list[int] = []

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        writer.close()

    try:
        server = await asyncio.start_server(visited, address, 0)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    async with server:
        port = server.sockets[0].getsockname()[1]
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(SourceError, match="cannot fetch"):
            await git_source(tmp_path, resolve=resolve_host).newest(parse(f"https://{host}:{port}/ann/greeter.git"))

    assert visits


async def test_a_tag_of_a_local_repository(tmp_path: Path, repository: Repository) -> None:
    """An annotated tag leads to its commit."""
    commit = repository.files(main_py="print(1)\n")
    repository.git("tag", "-a", "-m", "first", "v1", commit)
    spec = parse(f"{repository.folder}@v1")

    assert (await git_source(tmp_path).newest(spec)).id == commit


async def test_a_tag_wins_over_a_branch(tmp_path: Path, repository: Repository) -> None:
    """Where a tag and a branch have one name, the tag is meant, as git itself reads it."""
    tagged = repository.files(main_py="print(1)\n")
    repository.git("tag", "v1", tagged)
    repository.files(branch="v1", main_py="print(2)\n")

    assert (await git_source(tmp_path).newest(parse(f"{repository.folder}@v1"))).id == tagged


async def test_a_sub_path_alone_is_taken(tmp_path: Path, repository: Repository) -> None:
    """Of a sub-path's source only what lies below it is looked at, so a submodule elsewhere does no harm."""
    blob = repository.blob(b"print(1)\n")
    service = repository.tree(("100755", blob, b"main.py"))
    module = ("160000", "1" * 40, b"vendor")
    commit = repository.commit(repository.tree(("40000", service, b"greeter"), module))
    tree = await get(git_source(tmp_path), f"{repository.folder}//greeter@{commit}")

    assert listing(tree.folder) == {"main.py": b"print(1)\n"}


async def test_an_executable_stays_one(tmp_path: Path, repository: Repository) -> None:
    """Of a file's mode, whether it may be run is kept."""
    repository.commit(repository.tree(("100755", repository.blob(b"#!/bin/sh\n"), b"serve")))
    tree = await get(git_source(tmp_path), f"{repository.folder}@main")

    assert (tree.folder / "serve").stat().st_mode & 0o777 == 0o500


async def test_a_link_inside_becomes_a_copy(tmp_path: Path, repository: Repository) -> None:
    """A link that leads to a file of the tree is that file's content; no link reaches the disk."""
    content, link = repository.blob(b"rules\n"), repository.blob(b"../AGENTS.md")
    folder = repository.tree(("120000", link, b"CLAUDE.md"))
    repository.commit(repository.tree(("100644", content, b"AGENTS.md"), ("40000", folder, b"docs")))
    tree = await get(git_source(tmp_path), f"{repository.folder}@main")

    assert (tree.folder / "docs/CLAUDE.md").is_symlink() is False
    assert (tree.folder / "docs/CLAUDE.md").read_bytes() == b"rules\n"


async def test_harmless_git_files_are_files(tmp_path: Path, repository: Repository) -> None:
    """Ignore and attribute files are taken as they are, and no attribute has an effect."""
    attributes = "* export-ignore export-subst filter=evil text eol=crlf\n"
    entries = {b".gitattributes": attributes.encode(), b".gitignore": b"*\n", b"main.py": b"# $Format:%H$\n"}
    repository.commit(repository.tree(*(("100644", repository.blob(text), name) for name, text in entries.items())))
    tree = await get(git_source(tmp_path), f"{repository.folder}@main")

    assert listing(tree.folder) == {name.decode(): text for name, text in entries.items()}


async def test_a_pointer_of_lfs_is_told(tmp_path: Path, repository: Repository) -> None:
    """Who uses Git LFS learns that its files are not here."""
    repository.files(model="version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", main_py="")
    tree = await get(git_source(tmp_path), f"{repository.folder}@main")

    assert tree.notes == ("model: Git LFS is not supported, so only its pointer is here",)


async def test_a_revision_is_fetched_once(tmp_path: Path, repository: Repository) -> None:
    """A revision that is here is taken from here, even when its repository is gone."""
    repository.files(main_py="print(1)\n")
    source, spec = git_source(tmp_path), parse(f"{repository.folder}@main")
    revision = await source.newest(spec)
    first = await source.fetch(spec, revision, silent)
    repository.folder.rename(tmp_path / "gone")

    assert await source.fetch(spec, revision, silent) == first


async def test_a_damaged_tree_is_fetched_again(tmp_path: Path, repository: Repository) -> None:
    """A tree that somebody wrote into is not the revision any more."""
    repository.files(main_py="print(1)\n")
    source = git_source(tmp_path)
    tree = await get(source, f"{repository.folder}@main")
    (tree.folder / "main.py").chmod(0o600)
    (tree.folder / "main.py").write_text("print(666)\n")
    (tree.folder / "main.py").chmod(0o400)
    tree = await get(source, f"{repository.folder}@main")

    assert listing(tree.folder) == {"main.py": b"print(1)\n"}


async def test_equal_trees_are_kept_once(tmp_path: Path, repository: Repository) -> None:
    """Two commits with the same files are one tree."""
    repository.files(main_py="print(1)\n")
    source = git_source(tmp_path)
    first = await get(source, f"{repository.folder}@main")
    repository.files(branch="other", main_py="print(1)\n")
    second = await get(source, f"{repository.folder}@other")

    assert first.folder == second.folder


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@nope", "has no branch or tag 'nope'"),
        ("@" + "0" * 40, "does not hand out that commit|not our ref"),
        ("//nope@main", "has no folder 'nope'"),
        ("//main.py@main", "'main.py' is no folder"),
    ],
)
async def test_what_is_not_there_is_named(tmp_path: Path, repository: Repository, text: str, reason: str) -> None:
    """A version or a folder that does not exist is said by name."""
    repository.files(main_py="print(1)\n")
    with pytest.raises(SourceError, match=reason):
        await get(git_source(tmp_path), f"{repository.folder}{text}")


async def test_a_repository_without_commits(tmp_path: Path, repository: Repository) -> None:
    """An empty repository is told from a missing one."""
    with pytest.raises(SourceError, match="has no commit"):
        await get(git_source(tmp_path), f"{repository.folder}@HEAD")


async def test_nothing_is_left_of_a_failure(tmp_path: Path, repository: Repository) -> None:
    """A fetch that is refused leaves no file behind."""
    repository.files(aux_py="print(1)\n")
    with pytest.raises(SourceError):
        await get(git_source(tmp_path), f"{repository.folder}@main")

    assert not [path for path in (tmp_path / "sources").rglob("*") if path.is_file()]


async def test_progress_is_told(tmp_path: Path, repository: Repository) -> None:
    """Who waits sees what comes."""
    repository.files(main_py="print(1)\n")
    told: list[tuple[str, str]] = []
    spec = SourceSpec("git", str(repository.folder), ref="main")
    source = git_source(tmp_path)
    await source.fetch(spec, await source.newest(spec), lambda step, detail: told.append((step, detail)))

    assert told[-1] == ("fetching", "1 file, 9 bytes")


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("", "main"),
        ("@HEAD", "main"),
        ("@refs/heads/other", "other"),
        ("@v1", "tagged"),
        ("//sub/folder@deep", "deep"),
    ],
)
async def test_every_form_of_a_source_over_https(
    tmp_path: Path, repository: Repository, forge: Forge, rest: str, text: str
) -> None:
    """The repository's own choice, a ref in full, an annotated tag, and a folder of a monorepo."""
    for branch in ("other", "main"):
        repository.files(branch=branch, main_py=branch)
    repository.git("tag", "-a", "-m", "first", "v1", repository.files(branch="old", main_py="tagged"))
    repository.commit(repository.nested(b"sub/folder/main.py", "100644", repository.blob(b"deep")), "deep")
    tree = await get(git_source(tmp_path, forge), f"https://forge.test:{forge.port}/ann/greeter.git{rest}")

    assert listing(tree.folder) == {"main.py": text.encode()}


async def test_history_is_not_fetched(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """Of a repository whose past is larger than a transfer may be, the newest commit comes."""
    old = repository.tree(("100644", repository.blob(os.urandom(2_000_000)), b"noise"))
    first = repository.git("commit-tree", "-m", "old", old)
    new = repository.tree(("100644", repository.blob(b"print(1)\n"), b"main.py"))
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", "-p", first, "-m", "new", new))
    source = git_source(tmp_path, forge, bounds=Bounds(transfer_bytes=500_000))
    tree = await get(source, f"https://forge.test:{forge.port}/ann/greeter.git@main")

    assert listing(tree.folder) == {"main.py": b"print(1)\n"}


async def test_a_look_hands_over_nothing(tmp_path: Path, repository: Repository, forge: Forge) -> None:
    """Asking which commit a branch is costs two small requests, and no object is handed over."""
    repository.files(main_py="print(1)\n")
    await git_source(tmp_path, forge).newest(parse(f"https://forge.test:{forge.port}/ann/greeter.git@main"))

    assert [request.split("/")[-1] for request in forge.requests] == [
        "refs?service=git-upload-pack",
        "git-upload-pack",
    ]


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_repository_with_other_hashes(tmp_path: Path, pinned: bool) -> None:
    """One that names its objects by SHA-256 becomes its files as well."""
    folder = tmp_path / "modern"
    repository = Repository(folder, "--object-format=sha256")
    commit = repository.files(main_py="print(1)\n")
    tree = await get(git_source(tmp_path), f"{folder}@{commit if pinned else 'main'}")

    assert (len(commit), listing(tree.folder)) == (64, {"main.py": b"print(1)\n"})
