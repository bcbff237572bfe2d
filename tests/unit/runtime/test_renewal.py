"""Services that follow their sources: real git, real processes, and a pace at which a test can look on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest
from micro.runtime import renewal
from micro.runtime.generation import Progress
from micro.runtime.runtime import SourceRules
from micro.runtime.source.notice import Notice
from micro.runtime.source.pace import Pace
from tests.unit.runtime.source.forge import Repository
from tests.unit.runtime.town import SERVICE, Town, found, last, service, write
from tests.waiting import until

QUICK = SourceRules(trial=False, pace=Pace(0.05, 0.1))
SECOND = service(('VERSION = "1"', 'VERSION = "2"'))
BROKEN = "raise SystemExit('no')\n"


@pytest.fixture
async def town(home: Path) -> AsyncIterator[Town]:
    opened = found(home, start_seconds_max=20.0, sources=QUICK)
    yield opened
    await opened.supervisor.close()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "greeter")
    made.files(main_py=SERVICE)
    return made


async def run(town: Town, source: str, evolve: bool | None = None, name: str | None = None) -> Progress:
    done = await last(town.supervisor.run(source, name, evolve=evolve))
    assert not done.failed, done.detail
    return done


def status(town: Town, name: str = "greeter") -> dict[str, object]:
    return next(one for one in town.supervisor.status() if one["name"] == name)


def generations(town: Town) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.supervisor.offers.status("greeter")["generations"]
    return found


async def answers(town: Town, version: str) -> bool:
    return (await town.call("greeter"))["answer"] == version


async def looks(town: Town, count: int = 3) -> None:
    """Waits until the source was looked at so often."""
    for _ in range(count):
        before = status(town)["looked"]
        await until(lambda before=before: status(town)["looked"] != before, what="it is looked at")  # type: ignore[misc]


async def test_a_new_commit_is_moved_to(town: Town, repository: Repository) -> None:
    """A service from a branch becomes what the branch is, and no call fails meanwhile."""
    await run(town, f"{repository.folder}@main")
    moved = asyncio.Event()
    seen: list[object] = []

    async def caller() -> None:
        while not moved.is_set():
            seen.append((await town.call("greeter"))["answer"])

    calling = asyncio.ensure_future(caller())
    commit = repository.files(main_py=SECOND)
    await until(lambda: answers(town, "2"), what="the new one answers")
    await until(lambda: status(town)["revision"] == commit)
    moved.set()
    await calling

    said = status(town)
    assert (set(seen), sorted(seen, key=str) == seen) == ({"1", "2"}, True)
    assert {**said, "looked": 0, "look_seconds": 0} == {
        **said,
        "ref": "refs/heads/main",
        "revision": commit,
        "generation": 2,
        "evolves": True,
        "newest": commit,
        "looked": 0,
        "look_seconds": 0,
        "trouble": "",
    }


async def test_a_new_commit_is_tried_beside_what_runs(home: Path, repository: Repository) -> None:
    """Unless its owner says otherwise: it is found once, gets a part of the calls, and moves nothing by itself."""
    town = found(home, start_seconds_max=20.0, sources=replace(QUICK, trial=True))
    try:
        await run(town, f"{repository.folder}@main")
        first = status(town)["revision"]
        commit = repository.files(main_py=SECOND)
        await until(lambda: [one["state"] for one in generations(town)] == ["active", "canary"])
        await looks(town)

        assert [(one["revision"], one["weight"]) for one in generations(town)] == [(first, 9_500), (commit, 500)]
        assert [change.kind for change in town.changes].count("found") == 1
        assert (status(town)["revision"], status(town)["trouble"]) == (first, "")

        await town.supervisor.offers.rollback("greeter", 2)
        assert (status(town)["revision"], status(town)["evolves"]) == (commit, True)
        third = repository.files(main_py=SECOND, notes_md="more")
        await until(lambda: [one["revision"] for one in generations(town)][-1] == third)
    finally:
        await town.supervisor.close()


async def test_a_commit_during_a_trial_is_said_to_wait(home: Path, repository: Repository) -> None:
    """It is named with what ends the trial, and is tried when that has ended."""
    town = found(home, start_seconds_max=20.0, sources=replace(QUICK, trial=True))
    try:
        await run(town, f"{repository.folder}@main")
        repository.files(main_py=SECOND)
        await until(lambda: [one["state"] for one in generations(town)] == ["active", "canary"])
        assert status(town)["waits"] == ""

        third = repository.files(main_py=SECOND, notes_md="more")
        said = f"{third[:10]} waits until the trial of generation 2 ends; `micro rollback greeter` ends it"
        await until(lambda: status(town)["waits"] == said, what="it is said to wait")
        assert (town.supervisor.offers.status("greeter")["waits"], len(generations(town))) == (said, 2)

        await town.supervisor.offers.rollback("greeter")
        assert status(town)["waits"] == ""
        await until(lambda: [one["state"] for one in generations(town)] == ["active", "zero", "canary"])
        assert (generations(town)[-1]["revision"], status(town)["waits"]) == (third, "")
    finally:
        await town.supervisor.close()


async def test_a_commit_whose_files_run_already_is_no_newcomer(home: Path, tmp_path: Path) -> None:
    """What changes elsewhere in the repository starts nothing, and a trial of it would show nothing."""
    repository = Repository(tmp_path / "mono")
    folder = repository.tree(("100644", repository.blob(SERVICE.encode()), b"main.py"))
    repository.commit(repository.tree(("40000", folder, b"greeter")))
    town = found(home, start_seconds_max=20.0, sources=replace(QUICK, trial=True))
    try:
        await run(town, f"{repository.folder}//greeter@main")
        readme = ("100644", repository.blob(b"read me\n"), b"README")
        commit = repository.commit(repository.tree(readme, ("40000", folder, b"greeter")))
        await until(lambda: status(town)["revision"] == commit)

        assert [(one["generation"], one["revision"]) for one in generations(town)] == [(1, commit)]
    finally:
        await town.supervisor.close()


async def test_what_is_found_is_handed_on(town: Town, repository: Repository) -> None:
    """A new commit is a change of its own, and a line of the service's log, before anything is built."""
    await run(town, f"{repository.folder}@main")
    commit = repository.files(main_py=SECOND)
    await until(lambda: "replaced" in [change.kind for change in town.changes])

    kinds = [change.kind for change in town.changes]
    assert kinds.index("found") < kinds.index("replaced")
    assert f"its source is at {commit[:10]} now" in [entry.line for entry in await town.supervisor.tail("greeter")]


async def test_a_pinned_commit_is_never_looked_at(town: Town, repository: Repository, tmp_path: Path) -> None:
    """What cannot change is not asked for: its repository may be gone and nobody notices."""
    commit = repository.git("rev-parse", "refs/heads/main")
    await run(town, f"{repository.folder}@{commit}")
    await run(town, f"{repository.folder}@main", name="follower")
    repository.folder.rename(tmp_path / "gone")
    await until(lambda: status(town, "follower")["trouble"], what="the branch is missed")

    pinned = status(town)
    assert (pinned["evolves"], pinned["looked"], pinned["trouble"]) == (False, 0.0, "")


async def test_a_pinned_commit_cannot_evolve(town: Town, repository: Repository) -> None:
    """Who asks for both is told that they exclude each other."""
    with pytest.raises(BadRequest, match="pinned to a commit"):
        await run(town, f"{repository.folder}@{'a' * 40}", evolve=True)


async def test_the_owner_decides(town: Town, repository: Repository) -> None:
    """Run so that it does not evolve it stays, and run again so that it does it moves."""
    await run(town, f"{repository.folder}@main", evolve=False)
    repository.files(main_py=SECOND)
    assert (status(town)["evolves"], status(town)["looked"]) == (False, 0.0)
    assert await answers(town, "1")

    await run(town, f"{repository.folder}@main", evolve=True)
    await until(lambda: answers(town, "2"))
    assert status(town)["evolves"] is True


@pytest.mark.parametrize("evolve", [None, True])
async def test_a_folder_evolves_only_if_it_is_said(town: Town, tmp_path: Path, evolve: bool | None) -> None:
    """A working tree is half-written at times, so nobody follows it unasked."""
    folder = write(tmp_path / "greeter", main_py=SERVICE)
    await run(town, str(folder), evolve)
    write(folder, main_py=SECOND)

    assert status(town)["evolves"] is bool(evolve)
    if evolve:
        await until(lambda: answers(town, "2"))


async def test_a_commit_that_does_not_run_changes_nothing(
    town: Town, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried a few times and then left; the next one that runs is moved to, and the trouble is over."""
    monkeypatch.setattr(renewal, "RETRY_SECONDS", 0.01)
    await run(town, f"{repository.folder}@main")
    pid = status(town)["pid"]
    repository.files(main_py=BROKEN)
    await until(lambda: "was tried 5 times" in str(status(town)["trouble"]), what="it is given up")
    tried = len([change for change in town.changes if change.kind == "found"])
    await looks(town)

    assert tried == renewal.TRIES_MAX == len([change for change in town.changes if change.kind == "found"])
    assert (status(town)["pid"], await answers(town, "1")) == (pid, True)

    repository.files(main_py=SECOND)
    await until(lambda: answers(town, "2"))
    await until(lambda: status(town)["trouble"] == "")


async def test_a_commit_that_is_taken_back(town: Town, repository: Repository) -> None:
    """Where a branch is again what the service is, nothing is wrong any more."""
    await run(town, f"{repository.folder}@main")
    good = status(town)["revision"]
    repository.files(main_py=BROKEN)
    await until(lambda: status(town)["trouble"])
    repository.git("update-ref", "refs/heads/main", str(good))

    await until(lambda: status(town)["trouble"] == "")


async def test_the_owner_may_be_faster(home: Path, repository: Repository) -> None:
    """An update by hand ends the trouble, without waiting for the next look."""
    town = found(home, sources=SourceRules(pace=Pace(3600.0, 3600.0)))
    try:
        await run(town, f"{repository.folder}@main")
        repository.files(main_py=BROKEN)
        town.supervisor.renewal.hint(Notice(service="greeter"))
        await until(lambda: status(town)["trouble"])
        repository.files(main_py=SECOND)
        await last(town.supervisor.update("greeter"))
        assert (status(town)["trouble"], await answers(town, "2")) == ("", True)
    finally:
        await town.supervisor.close()


async def test_a_commit_elsewhere_in_the_repository_restarts_nothing(town: Town, tmp_path: Path) -> None:
    """A service in a folder of a monorepo goes on as it is, and is said to be at the new commit."""
    repository = Repository(tmp_path / "mono")
    folder = repository.tree(("100644", repository.blob(SERVICE.encode()), b"main.py"))
    repository.commit(repository.tree(("40000", folder, b"greeter")))
    await run(town, f"{repository.folder}//greeter@main")
    pid = status(town)["pid"]
    readme = ("100644", repository.blob(b"read me\n"), b"README")
    commit = repository.commit(repository.tree(readme, ("40000", folder, b"greeter")))
    await until(lambda: status(town)["revision"] == commit)

    assert (status(town)["pid"], status(town)["generation"]) == (pid, 1)


async def test_a_source_that_is_gone_is_told(town: Town, repository: Repository, tmp_path: Path) -> None:
    """The service runs on, and its status says what is wrong until it is right again."""
    await run(town, f"{repository.folder}@main")
    repository.folder.rename(tmp_path / "gone")
    await until(lambda: "cannot fetch" in str(status(town)["trouble"]))
    assert await answers(town, "1")

    (tmp_path / "gone").rename(repository.folder)
    await until(lambda: status(town)["trouble"] == "")


async def test_it_goes_on_after_a_restart(home: Path, repository: Repository) -> None:
    """A node that starts again follows what it followed, and no more."""
    first = found(home, sources=QUICK)
    await run(first, f"{repository.folder}@main")
    await first.supervisor.close()
    repository.files(main_py=SECOND)
    second = found(home, sources=QUICK)
    second.supervisor.restore()
    try:
        await until(lambda: answers(second, "2"))
    finally:
        await second.supervisor.close()


async def test_a_commit_is_not_tried_before_the_service_runs(home: Path, repository: Repository) -> None:
    """A node that starts many services is no reason to put a commit off for ever longer."""
    town = found(home, start_seconds_max=20.0, sources=replace(QUICK, trial=True))
    try:
        await run(town, f"{repository.folder}@main")
        keeper = town.supervisor._roster.find("greeter")
        keeper.state = "starting"
        repository.files(main_py=SECOND)
        await looks(town)
        assert status(town)["trouble"] == ""

        keeper.state = "running"

        await until(lambda: [one["state"] for one in generations(town)] == ["active", "canary"])
    finally:
        await town.supervisor.close()


@pytest.mark.parametrize(("kept", "evolves"), [("absent", True), (False, False)])
async def test_what_was_said_outlives_the_node(home: Path, repository: Repository, kept: object, evolves: bool) -> None:
    """A service of before there was a word for it evolves as a new one would."""
    first = found(home, sources=QUICK)
    await run(first, f"{repository.folder}@main", evolve=False)
    await first.supervisor.close()
    remembered = json.loads((home / "services.json").read_text())
    if kept == "absent":
        del remembered["services"][0]["evolve"]
        (home / "services.json").write_text(json.dumps(remembered))
    second = found(home, sources=QUICK)
    second.supervisor.restore()
    try:
        assert status(second)["evolves"] is evolves
    finally:
        await second.supervisor.close()


async def test_nothing_evolves_where_the_owner_turned_it_off(home: Path, repository: Repository) -> None:
    """A node may be set so that a service evolves only if it is said."""
    town = found(home, sources=replace(QUICK, evolve=False))
    try:
        await run(town, f"{repository.folder}@main")
        assert status(town)["evolves"] is False
    finally:
        await town.supervisor.close()


async def test_a_service_that_is_killed_is_not_followed(town: Town, repository: Repository) -> None:
    """Nobody looks at the source of what does not run."""
    await run(town, f"{repository.folder}@main")
    await town.supervisor.kill("greeter")

    assert town.supervisor.renewal.hint(Notice(str(repository.folder))) == 0


@pytest.mark.parametrize("by", ["service", "place"])
async def test_a_hint_brings_the_look_forward(home: Path, repository: Repository, by: str) -> None:
    """Who says that a source changed need not wait until it is looked at."""
    town = found(home, sources=SourceRules(pace=Pace(3600.0, 3600.0)))
    try:
        await run(town, f"{repository.folder}@main")
        repository.files(main_py=SECOND)
        assert town.supervisor.renewal.hint(Notice(service="nobody")) == 0
        hint = Notice(service="greeter") if by == "service" else Notice(str(repository.folder))
        assert town.supervisor.renewal.hint(hint) == 1
        await until(lambda: answers(town, "2"))
    finally:
        await town.supervisor.close()
