"""Repositories that a stranger made to do harm: each is refused with its path and the rule, and leaves nothing behind.

They are made object by object, for git itself would not make most of them, and fetched as any other source.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.source.git import GitSource
from micro.runtime.source.gitcommand import Git
from micro.runtime.source.rules import Bounds
from micro.runtime.source.source import silent
from micro.runtime.source.spec import parse
from micro.system import SystemDisk, SystemEntropy, SystemProcesses
from tests.unit.runtime.source.forge import Repository

FILE, FOLDER, LINK, MODULE = "100644", "40000", "120000", "160000"
Make = Callable[[Repository], str]


def file_called(name: bytes) -> Make:
    """A repository whose only file has this path; slashes make folders."""
    return lambda repository: repository.nested(name, FILE, repository.blob(b"print(1)\n"))


def link_to(target: bytes, name: bytes = b"data/link") -> Make:
    return lambda repository: repository.nested(name, LINK, repository.blob(target))


def raw_file_called(name: bytes) -> Make:
    """The same in one entry: a slash is part of the name."""
    return lambda repository: repository.tree((FILE, repository.blob(b"x"), name))


def two(first: bytes, second: bytes) -> Make:
    def make(repository: Repository) -> str:
        blob = repository.blob(b"x")
        return repository.tree(*((FILE, blob, name) for name in sorted((first, second))))

    return make


def a_file_that_is_a_folder(repository: Repository) -> str:
    blob = repository.blob(b"x")
    return repository.tree((FILE, blob, b"A"), (FOLDER, repository.tree((FILE, blob, b"b")), b"a"))


def links_in_a_circle(repository: Repository) -> str:
    return repository.tree((LINK, repository.blob(b"b"), b"a"), (LINK, repository.blob(b"a"), b"b"))


def a_link_through_a_link(repository: Repository) -> str:
    return repository.tree((LINK, repository.blob(b"b"), b"a"), (LINK, repository.blob(b"../../etc/passwd"), b"b"))


def a_submodule(repository: Repository) -> str:
    modules = repository.blob(b'[submodule "m"]\n\tpath = m\n\turl = https://example.org/m\n')
    return repository.tree((FILE, modules, b".gitmodules"), (MODULE, "1" * 40, b"m"))


def a_submodule_that_is_an_option(repository: Repository) -> str:
    modules = repository.blob(b'[submodule "m"]\n\tpath = m\n\turl = --upload-pack=evil\n')
    return repository.tree((FILE, modules, b".gitmodules"), (FILE, repository.blob(b"x"), b"main.py"))


def too_many_files(repository: Repository) -> str:
    blob = repository.blob(b"x")
    return repository.tree(*((FILE, blob, b"%05d" % number) for number in range(20_001)))


def a_tree_bomb(repository: Repository) -> str:
    """Ten names for the same folder, twelve levels deep: a million million files from thirteen objects."""
    tree = repository.tree((FILE, repository.blob(b"x"), b"f"))
    for _ in range(12):
        tree = repository.tree(*((FOLDER, tree, b"%d" % number) for number in range(10)))
    return tree


def too_much_altogether(repository: Repository) -> str:
    """Eleven names for ten megabytes of zeros, which travel as a few kilobytes."""
    blob = repository.blob(b"\0" * 10_000_000)
    return repository.tree(*((FILE, blob, b"%02d" % number) for number in range(11)))


def too_much_by_links(repository: Repository) -> str:
    """Ten links to one such file: each would become a copy of it."""
    link, zeros = repository.blob(b"zeros"), repository.blob(b"\0" * 10_000_000)
    return repository.tree(*((LINK, link, b"%02d" % number) for number in range(10)), (FILE, zeros, b"zeros"))


def a_huge_file(repository: Repository) -> str:
    return repository.tree((FILE, repository.blob(b"\0" * 20_000_001), b"zeros"))


def a_bottomless_path(repository: Repository) -> str:
    return repository.nested(b"/".join([b"d"] * 600), FILE, repository.blob(b"x"))


def a_tree_that_is_not_there(repository: Repository) -> str:
    return repository.tree((FILE, "2" * 40, b"main.py"))


KINDS: dict[str, tuple[Make, str]] = {
    "absolute link": (link_to(b"/etc/passwd"), r"'data/link': the link leads out of the source, to '/etc/passwd'"),
    "climbing link": (link_to(b"../../../etc/passwd"), r"'data/link': the link leads out"),
    "link with a backslash": (link_to(b"..\\..\\secret"), r"the link leads out"),
    "link with a drive": (link_to(b"C:/secret"), r"the link leads out"),
    "link through a link": (a_link_through_a_link, r"'[ab]': the link leads out"),
    "links in a circle": (links_in_a_circle, r"leads through more than"),
    "link to a folder": (link_to(b".", b"data/link"), r"leads to no file"),
    "link to nothing": (link_to(b"nowhere"), r"leads to no file"),
    "endless link": (link_to(b"a/" * 3000), r"a link of 6000 bytes"),
    "link called .git": (link_to(b"hooks", b".git"), r"'\.git': git's own files may not be links"),
    "link called .gitmodules": (link_to(b"x", b".gitmodules"), r"git's own files may not be links"),
    "link called GITMOD~1": (link_to(b"x", b"GITMOD~1"), r"git's own files may not be links"),
    "submodule": (a_submodule, r"'m': it is a submodule"),
    "submodule that is an option": (a_submodule_that_is_an_option, r"gitmodulesUrl: disallowed submodule url"),
    ".git": (file_called(b".git/config"), r"'\.git/config': it passes for git's own folder"),
    ".GIT": (file_called(b"x/.GIT/hooks/post-checkout"), r"'x/\.GIT/hooks/post-checkout': it passes for git's own"),
    "git~1": (file_called(b"git~1/config"), r"'git~1/config': it passes for git's own"),
    "GIT~2": (file_called(b"GIT~2/config"), r"it passes for git's own"),
    ".git and a space": (file_called(b".git /config"), r"it passes for git's own"),
    ".git and dots": (file_called(b".git. ./config"), r"it passes for git's own"),
    ".git and a stream": (file_called(b".git::$INDEX_ALLOCATION/config"), r"it passes for git's own"),
    ".g\u200cit": (file_called(".g\u200cit/config".encode()), r"it passes for git's own"),
    "\ufeff.git": (file_called("\ufeff.git/config".encode()), r"it passes for git's own"),
    "full-width .git": (file_called("\uff0egit/config".encode()), r"it passes for git's own"),
    "..": (file_called(b"../../escape"), r"'\.\./\.\./escape': a part of its path is '\.\.'"),
    ".": (file_called(b"./here"), r"a part of its path is '\.'"),
    "slash in a name": (raw_file_called(b"../escape"), r"a part of its path is '\.\.'"),
    "absolute name": (raw_file_called(b"/etc/cron.d/evil"), r"absolute"),
    "backslash": (file_called(b"..\\..\\escape"), r"a backslash divides folders"),
    "device": (file_called(b"AUX.py"), r"'AUX\.py': it is the name of a device"),
    "device with a space": (file_called(b"com1 .txt"), r"the name of a device"),
    "line feed in a name": (file_called(b"a\nb"), r"control characters"),
    "escape in a name": (file_called(b"\x1b[2J"), r"control characters"),
    "name that is no text": (file_called(b"\xff\xfe.py"), r"is not UTF-8"),
    "long name": (file_called(b"n" * 300), r"longer than 255 bytes"),
    "long path": (file_called(b"/".join([b"d" * 100] * 6)), r"longer than 512 bytes"),
    "deep path": (file_called(b"/".join([b"d"] * 50)), r"deeper than 40 folders"),
    "bottomless path": (a_bottomless_path, r"longer than 512 bytes|cannot list|cannot fetch|printed more"),
    "case twins": (two(b"README", b"readme"), r"'readme': it is the same name as 'README'"),
    "accent twins": (two("e\u0301.py".encode(), "\u00e9.py".encode()), r"the same name as"),
    "twins": (two(b"same", b"same"), r"the same name as"),
    "file and folder": (a_file_that_is_a_folder, r"a file and a folder at once"),
    "too many files": (too_many_files, r"more than 20000 files"),
    "tree bomb": (a_tree_bomb, r"printed more than"),
    "too much altogether": (too_much_altogether, r"larger than 100 MB together"),
    "too much by links": (too_much_by_links, r"larger than 100 MB together"),
    "huge file": (a_huge_file, r"'zeros': the file is larger than 20 MB"),
    "missing object": (a_tree_that_is_not_there, r"cannot fetch|larger than"),
    "no file at all": (lambda repository: repository.tree(), r"no file in it"),
}


def source_in(folder: Path, **options: object) -> GitSource:
    return GitSource(SystemProcesses(), SystemDisk(), SystemEntropy(), folder / "sources", **options)  # type: ignore[arg-type]


async def refuse(folder: Path, repository: Repository, reason: str, **options: object) -> None:
    source, spec = source_in(folder, **options), parse(f"{repository.folder}@main")
    with pytest.raises(SourceError, match=reason):
        await source.fetch(spec, await source.newest(spec), silent)
    assert not [path for path in (folder / "sources").rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hostile_repository_is_refused(tmp_path: Path, kind: str) -> None:
    """It is refused for the reason that it deserves, and nothing of it is left on the disk."""
    make, reason = KINDS[kind]
    repository = Repository(tmp_path / "hostile")
    repository.commit(make(repository))

    await refuse(tmp_path, repository, reason)


async def test_a_transfer_ends_at_its_limit(tmp_path: Path) -> None:
    """A repository that brings more than is allowed is cut off while it does."""
    repository = Repository(tmp_path / "hostile")
    repository.commit(repository.tree((FILE, repository.blob(os.urandom(3_000_000)), b"noise")))

    await refuse(tmp_path, repository, "brings more than is allowed", bounds=Bounds(transfer_bytes=1_000_000))


async def test_a_corrupt_object_is_refused(tmp_path: Path) -> None:
    """An object that is not what its name says does not pass."""
    repository = Repository(tmp_path / "hostile")
    good, other = repository.blob(b"good\n"), repository.blob(b"evil\n")
    repository.commit(repository.tree((FILE, good, b"main.py")))
    path = repository.folder / "objects" / good[:2] / good[2:]
    path.chmod(0o600)
    path.write_bytes((repository.folder / "objects" / other[:2] / other[2:]).read_bytes())

    await refuse(tmp_path, repository, r"cannot fetch|refused")


async def test_settings_of_a_repository_run_nothing(tmp_path: Path) -> None:
    """Hooks, programs and attributes that a local repository brings in its own settings are not run."""
    repository = Repository(tmp_path / "hostile")
    repository.commit(repository.tree((FILE, repository.blob(b"print(1)\n"), b"main.py")))
    trap = tmp_path / "sprung"
    program = tmp_path / "trap.sh"
    program.write_text(f'#!/bin/sh\necho sprung >> {trap}\nexec "$@"\n')
    program.chmod(0o755)
    for name in ("uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "core.pager", "diff.external"):
        repository.git("config", name, str(program))
    repository.git("config", "core.hooksPath", str(tmp_path))
    repository.git("config", "filter.evil.smudge", str(program))
    for hook in ("post-checkout", "reference-transaction", "pre-receive", "post-index-change"):
        (repository.folder / "hooks" / hook).parent.mkdir(exist_ok=True)
        (repository.folder / "hooks" / hook).write_bytes(program.read_bytes())
        (repository.folder / "hooks" / hook).chmod(0o755)
    source, spec = source_in(tmp_path), parse(f"{repository.folder}@main")
    await source.fetch(spec, await source.newest(spec), silent)

    assert not trap.exists()


async def test_the_owners_settings_decide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting of the user who runs the node, or a repository around its home, changes nothing of a fetch."""
    repository = Repository(tmp_path / "forge")
    repository.commit(repository.tree((FILE, repository.blob(b"print(1)\n"), b"main.py")))
    Repository(tmp_path / "around").folder.rename(tmp_path / ".git")
    trap = f'[url "/nowhere/"]\n\tinsteadOf = {repository.folder}\n'
    (tmp_path / ".git" / "config").write_text("[core]\n\tbare = false\n" + trap)
    (tmp_path / ".gitconfig").write_text(trap)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    source, spec = source_in(tmp_path), parse(f"{repository.folder}@main")
    tree = await source.fetch(spec, await source.newest(spec), silent)

    assert (tree.folder / "main.py").read_bytes() == b"print(1)\n"


async def test_a_host_may_not_be_an_option(tmp_path: Path) -> None:
    """A path that looks like an option of git is a path."""
    source = source_in(tmp_path)
    with pytest.raises(SourceError, match="cannot fetch"):
        await source.newest(parse("--upload-pack=touch${IFS}sprung/x@main"))


def fake_git(folder: Path, text: str) -> Git:
    program = folder / "git.sh"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return Git(SystemProcesses(), folder, program=str(program))


async def test_a_git_that_never_ends_is_ended(tmp_path: Path) -> None:
    """A forge that holds the line for ever costs its time and no more."""
    with pytest.raises(SourceError, match=r"took longer than 0\.2 seconds"):
        await fake_git(tmp_path, "sleep 60").run("fetch", seconds_max=0.2)


async def test_a_git_that_never_stops_talking_is_stopped(tmp_path: Path) -> None:
    """What is printed without end is cut off."""
    with pytest.raises(SourceError, match="printed more than 1000 bytes"):
        await fake_git(tmp_path, "yes").run("ls-remote", output_bytes_max=1000)


async def test_what_git_left_behind_is_ended_too(tmp_path: Path) -> None:
    """A helper that git started does not outlive the limit."""
    with pytest.raises(SourceError, match="took longer"):
        await fake_git(tmp_path, f"(sleep 1; touch {tmp_path}/alive) & sleep 60").run("fetch", seconds_max=0.2)
    await asyncio.sleep(1.2)
    assert not (tmp_path / "alive").exists()
