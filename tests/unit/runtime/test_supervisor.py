"""Services run, updated, killed and looked after: real processes on a small node."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from micro.errors import BadRequest, Conflict, InternalError, NotFound
from micro.runtime.generation import Progress
from micro.runtime.lingering import LINGERING_MAX
from micro.system import SystemDisk
from tests.unit.runtime.source.forge import Repository
from tests.unit.runtime.town import DEAF, SERVICE, Town, found, last, service, write
from tests.waiting import until


@pytest.fixture
async def town(home: Path) -> AsyncIterator[Town]:
    opened = found(home, start_seconds_max=20.0)
    yield opened
    await opened.supervisor.close()


LONG_SECONDS = 10.0
"""A call that lasts longer than an update does on a busy machine."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Returns the folder of a service that works."""
    return write(tmp_path / "greeter", main_py=SERVICE)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def status(town: Town, name: str = "greeter") -> dict[str, object]:
    return next(one for one in town.supervisor.status() if one["name"] == name)


async def run(town: Town, source: Path | str, name: str | None = None, **environment: str) -> Progress:
    return await last(town.supervisor.run(str(source), name, environment))


async def test_a_folder_becomes_a_service(town: Town, source: Path) -> None:
    """Each step is told, and at the end the service answers."""
    steps = [(line.step, line.done) async for line in town.supervisor.run(str(source))]

    assert [step for step, _ in steps] == ["fetching", "building", "starting", "waiting", "done"]
    assert (await town.call("greeter"))["answer"] == "1"


async def test_what_status_says(town: Town, source: Path) -> None:
    """Status names where a service comes from, how it is and which process it is."""
    await run(town, source)
    said = status(town)

    assert {**said, "revision": "", "pid": 0, "started": 0} == {
        "name": "greeter",
        "source": str(source),
        "ref": "",
        "revision": "",
        "generation": 1,
        "state": "running",
        "pid": 0,
        "restarts": 0,
        "started": 0,
        "reason": "",
        "evolves": False,
        "newest": "",
        "looked": 0,
        "look_seconds": 0,
        "trouble": "",
        "waits": "",
    }
    assert said["pid"] == (await town.call("greeter"))["pid"]


async def test_the_owner_chooses_a_name(town: Town, source: Path) -> None:
    """A name that is given is the one that the service is told to register as."""
    done = await run(town, source, "ann")

    assert (done.service, (await town.call("ann"))["answer"]) == ("ann", "1")


async def test_the_author_chooses_a_name(town: Town, source: Path) -> None:
    """A name in micro.toml counts where the owner gives none."""
    write(source, micro_toml='[service]\nname = "hello"\ncommand = "python main.py"\n')

    assert (await run(town, source)).service == "hello"


async def test_the_service_chooses_a_name(town: Town, tmp_path: Path) -> None:
    """Without any other it is what it registers as, and its log is found there from the first line."""
    done = await run(town, write(tmp_path / "some_folder", main_py=SERVICE))
    lines = [entry.line for entry in await town.supervisor.tail("greeter")]

    assert (done.service, [one["name"] for one in town.supervisor.status()]) == ("greeter", ["greeter"])
    assert "hello from greeter" in lines


async def test_it_may_not_register_as_somebody_else(town: Town, source: Path) -> None:
    """Who was given a name and registers as another is not taken."""
    write(source, main_py=service(('os.environ.get("MICRO_SERVICE", "greeter")', '"other"')))
    failed = await run(town, source, "ann")

    assert failed.failed
    assert "it registered as other, and it is to be ann" in failed.detail
    assert town.supervisor.status() == []


async def test_what_it_needs_has_to_be_allowed(town: Town, source: Path, home: Path) -> None:
    """Else it is not started; once it was allowed, updates and the next start of the node know it."""
    write(source, micro_toml="[service]\nnetwork = true\n")
    refused = await run(town, source)
    assert (refused.step, "--allow network" in refused.detail) == ("failed", True)
    assert town.supervisor.status() == []

    allowed = await last(town.supervisor.run(str(source), allow=["network"]))
    assert allowed.step == "done"
    (source / "more.txt").write_text("a new revision")
    assert (await last(town.supervisor.update("greeter"))).step == "done"
    assert json.loads((home / "services.json").read_text())["services"][0]["allowed"] == ["network"]

    with pytest.raises(BadRequest, match="'disk' cannot be allowed"):
        await last(town.supervisor.run(str(source), allow=["disk"]))


async def test_an_update_that_needs_more_is_refused(town: Town, source: Path) -> None:
    """The generation before it goes on, until its owner allows more."""
    await run(town, source)
    write(source, micro_toml="[service]\nnetwork = true\n")
    refused = await last(town.supervisor.update("greeter"))

    assert (refused.step, "--allow network" in refused.detail) == ("failed", True)
    assert (status(town)["generation"], (await town.call("greeter"))["answer"]) == (1, "1")
    assert (await last(town.supervisor.run(str(source), allow=["network"]))).step == "done"
    assert status(town)["generation"] == 2


async def test_its_environment_is_its_own(town: Town, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees what it needs and what its owner and author gave it, and nothing of the node's."""
    monkeypatch.setenv("NODE_SECRET", "x")
    write(
        source,
        main_py=service(("def main():", "def main():\n    print(json.dumps(dict(os.environ)), flush=True)")),
        micro_toml='[service.environment]\nTHEIRS = "1"\nBOTH = "author"\n',
    )
    await run(town, source, OURS="2", BOTH="owner")
    seen = next(json.loads(one.line) for one in await town.supervisor.tail("greeter") if one.line.startswith("{"))

    assert {"THEIRS": "1", "OURS": "2", "BOTH": "owner"}.items() <= seen.items()
    allowed = {"PATH", "LANG", "LC_CTYPE", "HOME", "TMPDIR", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    allowed |= {"PYTHONNOUSERSITE", "PYTHONPATH", "MICRO_ADDRESS", "MICRO_TOKEN", "MICRO_INSTANCE"}
    assert set(seen) - {"THEIRS", "OURS", "BOTH"} <= allowed


async def test_its_home_is_its_own_and_goes_with_it(town: Town, source: Path, home: Path) -> None:
    """Each instance has an empty folder for itself while it lives."""
    text = service(("def main():", "def main():\n    open(os.path.expanduser('~/x'), 'w')"))
    write(source, main_py=text)
    await run(town, source)
    homes = list((home / "run" / "home").iterdir())

    assert [path.name for path in homes[0].iterdir()] == ["x"]
    await town.supervisor.kill("greeter")
    assert not homes[0].exists()


async def test_a_token_is_an_instances(town: Town, source: Path) -> None:
    """A token leads to its instance while it lives, and no other text does."""
    await run(town, source)
    instance = next(iter(town.posts))
    badge = next(iter(town.supervisor._launcher._badges.values()))

    assert town.supervisor.badge(badge.token) == badge
    assert (badge.instance, town.supervisor.badge("0" * 64)) == (instance, None)
    await town.supervisor.kill("greeter")
    assert town.supervisor.badge(badge.token) is None


async def test_one_that_ends_at_once(town: Town, source: Path) -> None:
    """The reason and what it wrote last are told, and it is not kept."""
    write(source, main_py="import sys\nprint('cannot', flush=True)\nprint('because', file=sys.stderr)\nsys.exit(3)\n")
    failed = await run(town, source)

    assert "ended before it registered, with code 3" in failed.detail
    assert sorted(failed.tail) == ["because", "cannot"]
    assert town.supervisor.status() == []


async def test_one_that_never_registers(home: Path, source: Path) -> None:
    """It is given its time, and is gone after it."""
    town = found(home, start_seconds_max=0.5)
    write(source, main_py=DEAF)
    failed = await run(town, source)

    assert "did not register within 0.5 seconds" in failed.detail
    started = next(change for change in town.changes if change.kind == "started")
    assert not alive(int(started.detail.rpartition(" ")[2]))
    await town.supervisor.close()


async def test_a_source_that_is_not_there(town: Town, tmp_path: Path) -> None:
    """A run that cannot begin says what is missing."""
    failed = await run(town, tmp_path / "nowhere")

    assert failed.failed
    assert "no folder" in failed.detail


@pytest.mark.parametrize(
    ("source", "name", "environment"),
    [
        ("ssh://x/y", None, {}),
        ("/tmp", "No Name", {}),
        ("/tmp", None, {"MICRO_TOKEN": "x"}),
        ("/tmp", None, {"A B": ""}),
    ],
)
async def test_what_cannot_be_understood(
    town: Town, source: str, name: str | None, environment: dict[str, str]
) -> None:
    """A source, a name or a variable that is none is the caller's mistake."""
    with pytest.raises(BadRequest):
        await last(town.supervisor.run(source, name, environment))


async def test_a_name_is_taken_once(town: Town, source: Path, tmp_path: Path) -> None:
    """Another source may not take a running service's name, however it comes by it."""
    await run(town, source)
    other = write(tmp_path / "elsewhere", main_py=SERVICE)

    for name in ("greeter", None):
        with pytest.raises(Conflict, match="greeter runs already, from"):
            await run(town, other, name)
    assert [one["source"] for one in town.supervisor.status()] == [str(source)]
    assert len(town.posts) == 1


async def test_the_same_source_under_two_names(town: Town, source: Path) -> None:
    """One source may be two services."""
    await run(town, source, "one")
    await run(town, source, "two")

    assert [one["name"] for one in town.supervisor.status()] == ["one", "two"]


async def test_running_it_again_updates_it(town: Town, source: Path) -> None:
    """Unchanged it stays, changed it moves, with other variables it starts anew."""
    await run(town, source)
    unchanged = await run(town, source)
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    changed = await run(town, source)
    given = await run(town, source, A="1")

    assert "runs the newest revision already" in unchanged.detail
    assert ("generation 2" in changed.detail, "generation 3" in given.detail) == (True, True)
    assert (await town.call("greeter"))["answer"] == "2"


async def test_an_update_fails_no_call(town: Town, source: Path) -> None:
    """While a service moves, every call is answered by the one generation or the other."""
    await run(town, source)
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    answers: list[object] = []
    moving = asyncio.ensure_future(last(town.supervisor.update("greeter")))

    async def call() -> None:
        while not moving.done():
            answers.append((await town.call("greeter", seconds=0.005))["answer"])

    await asyncio.gather(*(call() for _ in range(8)))
    assert (await moving).step == "done"
    assert set(answers) == {"1", "2"}


async def test_what_is_open_finishes_where_it_began(town: Town, source: Path) -> None:
    """The old generation lives as long as a call on it does."""
    await run(town, source)
    old = status(town)["pid"]
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    long = asyncio.ensure_future(town.call("greeter", seconds=1.5))
    await asyncio.sleep(0.05)
    await last(town.supervisor.update("greeter"))

    assert await long == {"answer": "1", "pid": old}
    assert not alive(old)  # type: ignore[arg-type]


async def test_what_stays_open_does_not_hold_up_an_update(home: Path, source: Path) -> None:
    """It goes on where it began, and the old generation ends when it has; what is left then ends with the node."""
    town = found(home, drain_seconds_max=0.2)
    await run(town, source)
    old = status(town)["pid"]
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    long = asyncio.ensure_future(town.call("greeter", seconds=LONG_SECONDS))
    await asyncio.sleep(0.05)
    moved = await last(town.supervisor.update("greeter"))
    assert "what was open for longer than 0.2 s goes on where it began" in moved.detail
    assert alive(old)  # type: ignore[arg-type]
    assert await long == {"answer": "1", "pid": old}
    await until(lambda: not alive(old))  # type: ignore[arg-type]

    second = status(town)["pid"]
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "3"')))
    endless = asyncio.ensure_future(town.call("greeter", seconds=600))
    await asyncio.sleep(0.05)
    await last(town.supervisor.update("greeter"))
    assert alive(second)  # type: ignore[arg-type]
    await town.supervisor.close()
    with pytest.raises(ConnectionError):
        await endless
    assert not alive(second)  # type: ignore[arg-type]


async def test_only_so_many_linger(home: Path, source: Path) -> None:
    """The oldest that was replaced makes room, and its caller is told by the end of its connection."""
    town = found(home, drain_seconds_max=0.0)
    await run(town, source)
    calls = []
    for number in range(LINGERING_MAX + 1):
        calls.append(asyncio.ensure_future(town.call("greeter", seconds=600)))
        await asyncio.sleep(0.05)
        write(source, main_py=service(('VERSION = "1"', f'VERSION = "{number + 2}"')))
        await last(town.supervisor.update("greeter"))
    with pytest.raises(ConnectionError):
        await calls[0]
    assert not any(call.done() for call in calls[1:])
    await town.supervisor.close()
    await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise SystemExit(3)", "ended before it registered, with code 3"),
        (service(('os.environ.get("MICRO_SERVICE", "greeter")', '"other"')), "it registered as other"),
        (None, "nothing here starts"),
    ],
)
async def test_a_bad_update_changes_nothing(town: Town, source: Path, text: str | None, reason: str) -> None:
    """When the new generation does not come up, the old one has not noticed."""
    await run(town, source)
    before = status(town)
    if text is None:
        (source / "main.py").rename(source / "README")
    else:
        write(source, main_py=text)
    failed = await last(town.supervisor.update("greeter"))

    assert failed.failed
    assert reason in failed.detail
    assert status(town) == before
    assert (await town.call("greeter"))["answer"] == "1"


async def test_a_bad_update_leaves_no_variables(town: Town, source: Path) -> None:
    """Variables that came with a version which did not come up are not those of the next start."""
    good = service(('VERSION = "1"', 'VERSION = os.environ.get("A")'))
    write(source, main_py=good)
    await run(town, source, A="1")
    write(source, main_py="raise SystemExit(3)")
    assert (await run(town, source, A="2")).failed
    write(source, main_py=good)
    pid = status(town)["pid"]
    os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
    await until(lambda: status(town)["restarts"] and status(town)["state"] == "running", what="it is back")

    assert (await town.call("greeter"))["answer"] == "1"


async def test_a_git_service_moves_to_its_newest_commit(town: Town, tmp_path: Path) -> None:
    """An update follows the branch; the tree it ran from is not touched."""
    repository = Repository(tmp_path / "forge")
    repository.files(main_py=SERVICE)
    await run(town, f"{repository.folder}@main")
    commit = repository.files(main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    await last(town.supervisor.update("greeter"))

    assert (status(town)["revision"], status(town)["generation"]) == (commit, 2)
    assert (await town.call("greeter"))["answer"] == "2"


async def test_a_killed_process_is_back(town: Town, source: Path) -> None:
    """An instance that dies is followed by another, under another id and token."""
    await run(town, source)
    pid, instance = status(town)["pid"], next(iter(town.posts))
    os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
    await until(lambda: status(town)["pid"] not in {0, pid} and town.posts, what="it is back")
    await until(lambda: status(town)["state"] == "running", what="it runs")

    assert (status(town)["restarts"], status(town)["generation"], instance in town.posts) == (1, 1, False)
    assert (await town.call("greeter"))["answer"] == "1"


async def test_one_that_cannot_live_waits(town: Town, source: Path) -> None:
    """A service that keeps ending is tried again, says why it waits, and can be killed meanwhile."""
    await run(town, source)
    write(source, main_py="raise SystemExit(9)")
    os.kill(status(town)["pid"], signal.SIGKILL)  # type: ignore[arg-type]
    await until(lambda: status(town)["restarts"] >= 3 and status(town)["state"] == "waiting", what="it waits")

    assert status(town)["reason"] == "it ended before it registered, with code 9"
    await town.supervisor.kill("greeter")
    assert town.supervisor.status() == []


async def test_an_update_heals_one_that_waits(town: Town, source: Path) -> None:
    """A service that cannot live is brought back by a version that can."""
    await run(town, source)
    write(source, main_py="raise SystemExit(9)")
    os.kill(status(town)["pid"], signal.SIGKILL)  # type: ignore[arg-type]
    await until(lambda: status(town)["restarts"] >= 2, what="it fails")
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    await last(town.supervisor.update("greeter"))

    assert (status(town)["state"], (await town.call("greeter"))["answer"]) == ("running", "2")


async def test_a_killed_service_is_gone(town: Town, source: Path, home: Path) -> None:
    """Its process ends, nothing remembers it, and its log stays."""
    await run(town, source)
    pid = status(town)["pid"]
    await town.supervisor.kill("greeter")

    assert not alive(pid)  # type: ignore[arg-type]
    assert json.loads((home / "services.json").read_text())["services"] == []
    assert "asked to stop" in [entry.line for entry in await town.supervisor.tail("greeter")]


async def test_an_unknown_name(town: Town, source: Path) -> None:
    """Who asks for what does not run learns what is called nearly so."""
    await run(town, source)

    with pytest.raises(NotFound, match="did you mean greeter"):
        await town.supervisor.kill("gretter")
    with pytest.raises(NotFound):
        await last(town.supervisor.update("nobody"))
    with pytest.raises(NotFound):
        await town.supervisor.tail("../../etc/passwd")
    with pytest.raises(NotFound):
        await anext(town.supervisor.follow("nobody"))  # type: ignore[arg-type]


async def test_a_start_can_be_given_up(town: Town, source: Path) -> None:
    """Killing what has not registered yet ends it, and who looks on learns why."""
    write(source, main_py=DEAF)
    running = asyncio.ensure_future(run(town, source))
    await until(lambda: town.changes, what="it has started")
    pid = int(town.changes[0].detail.rpartition(" ")[2])
    await town.supervisor.kill("greeter")

    assert "greeter was killed meanwhile" in (await running).detail
    assert (alive(pid), town.supervisor.status()) == (False, [])


async def test_everybody_who_kills_gets_an_answer(town: Town, source: Path) -> None:
    """Of several who kill one service while it starts, each learns that it is gone, and who waited to run it too."""
    write(source, main_py=DEAF)
    runs = [asyncio.ensure_future(run(town, source)) for _ in range(2)]
    await until(lambda: town.changes, what="it has started")
    kills = await asyncio.gather(*(town.supervisor.kill("greeter") for _ in range(4)), return_exceptions=True)

    assert kills == [None] * 4
    assert [(await one).detail for one in runs] == ["greeter was killed meanwhile"] * 2
    assert town.supervisor.status() == []


async def test_who_stops_waiting_for_a_kill_does_not_stop_it(town: Town, source: Path) -> None:
    """A service whose killer has gone ends all the same."""
    await run(town, source)
    pid = town.supervisor.status()[0]["pid"]
    killing = asyncio.ensure_future(town.supervisor.kill("greeter"))
    while status(town)["state"] != "stopping":  # noqa: ASYNC110 - the state is a word, not an event
        await asyncio.sleep(0)
    killing.cancel()

    await until(lambda: not town.supervisor.status(), what="it is gone")
    assert not alive(pid)


async def test_closing_before_a_work_begins_ends_it_with_a_word(town: Town, source: Path) -> None:
    """A run that was not begun when the node stopped is answered like any other."""
    running = asyncio.ensure_future(run(town, source))
    await asyncio.sleep(0)
    await town.supervisor.close()

    assert (await running).detail == "the node is stopping"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Returns a function after which the disk has no room for what ran; undone by `monkeypatch.undo`."""

    def fill() -> None:
        written = SystemDisk.write

        def refuse(disk: SystemDisk, path: Path, data: bytes, *, mode: int = 0o600) -> None:
            if path.name == "services.json":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written(disk, path, data, mode=mode)

        monkeypatch.setattr(SystemDisk, "write", refuse)

    return fill


async def test_a_service_that_cannot_be_remembered_does_not_run(
    town: Town, source: Path, full_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says so and why, nothing is left of it, and with room on the disk the same command succeeds."""
    full_disk()
    done = await run(town, source)
    assert done.failed
    assert "could not be remembered" in done.detail
    assert "No space left on device; make room" in done.detail
    assert (town.supervisor.status(), town.posts) == ([], {})

    monkeypatch.undo()
    assert (await run(town, source)).step == "done"


async def test_an_update_that_cannot_be_remembered_changes_nothing(
    town: Town, source: Path, full_disk: Callable[[], None]
) -> None:
    """The old generation goes on, and the report says so."""
    await run(town, source)
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    full_disk()
    done = await last(town.supervisor.update("greeter"))

    assert done.failed
    assert "could not be remembered" in done.detail
    assert "generation 1 goes on" in done.detail
    assert (await town.call("greeter"))["answer"] == "1"
    assert (status(town)["generation"], len(town.posts)) == (1, 1)


async def test_a_kill_that_cannot_be_remembered_still_ends_the_service(
    town: Town, source: Path, full_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The report says that it is stopped and would come back; killing it again, with room, settles that."""
    await run(town, source)
    pid = int(str(status(town)["pid"]))
    full_disk()
    with pytest.raises(InternalError, match=r"greeter is stopped, but .* No space left on device; make room"):
        await town.supervisor.kill("greeter")
    assert (alive(pid), town.supervisor.status()) == (False, [])

    monkeypatch.undo()
    await town.supervisor.kill("greeter")
    assert json.loads((home / "services.json").read_text())["services"] == []


async def test_a_move_can_be_given_up(town: Town, source: Path) -> None:
    """Killing a service in the middle of a move ends both generations."""
    await run(town, source)
    endless = asyncio.ensure_future(town.call("greeter", seconds=600))
    await asyncio.sleep(0.05)
    write(source, main_py=service(('VERSION = "1"', 'VERSION = "2"')))
    moving = asyncio.ensure_future(last(town.supervisor.update("greeter")))
    await until(lambda: any(change.kind == "replaced" for change in town.changes), what="it moves")
    pids = [int(change.detail.rpartition(" ")[2]) for change in town.changes if change.kind == "started"]
    await town.supervisor.kill("greeter")

    assert (await moving).failed
    assert [alive(pid) for pid in pids] == [False, False]
    await asyncio.wait([endless])
    assert isinstance(endless.exception(), ConnectionError)


async def test_two_who_want_the_same(town: Town, source: Path) -> None:
    """Of runs at the same moment one starts the service, and the others find it there."""
    done = await asyncio.gather(*(run(town, source) for _ in range(4)))

    assert [one.step for one in done] == ["done"] * 4
    assert len(town.posts) == 1
    assert sum("already" in one.detail for one in done) == 3


async def test_who_comes_second_is_told_that_he_waits(town: Town, source: Path) -> None:
    """A build may take long, and whoever runs the same meanwhile would see nothing of it."""
    first = town.supervisor.run(str(source))
    await anext(first)

    second = [line async for line in town.supervisor.run(str(source))]

    assert (second[0].step, second[0].detail.split(" is ")[0]) == ("waiting", "greeter")
    assert second[-1].step == "done"
    assert [line async for line in first][-1].step == "done"


async def test_two_who_want_the_same_by_another_name(town: Town, tmp_path: Path) -> None:
    """That holds too where the service's name turns out to be another than its folder's."""
    source = write(tmp_path / "folder", main_py=SERVICE)
    done = await asyncio.gather(*(run(town, source) for _ in range(3)))

    assert ([one.step for one in done], len(town.posts)) == (["done"] * 3, 1)


async def test_everything_at_once(town: Town, source: Path) -> None:
    """Runs, updates and kills of one service in any order leave one instance or none, and no stray process."""

    async def attempt(number: int) -> None:
        try:
            if number % 3 == 0:
                await run(town, source, A=str(number))
            elif number % 3 == 1:
                await last(town.supervisor.update("greeter"))
            else:
                await town.supervisor.kill("greeter")
        except NotFound:
            pass

    await asyncio.gather(*(attempt(number) for number in range(12)))
    pids = [int(change.detail.rpartition(" ")[2]) for change in town.changes if change.kind == "started"]
    listed = [one["pid"] for one in town.supervisor.status()]

    assert [pid for pid in pids if alive(pid)] == listed
    assert len(listed) <= 1


async def test_who_looks_away_stops_nothing(town: Town, source: Path) -> None:
    """A run goes on when nobody looks on any more."""
    looking = town.supervisor.run(str(source))
    await anext(looking)
    await looking.aclose()  # type: ignore[attr-defined]
    await until(lambda: town.posts, what="it runs")

    assert (await town.call("greeter"))["answer"] == "1"


async def test_the_node_starts_what_ran(home: Path, source: Path) -> None:
    """After a restart of the node everything is back, with its variables and its generation."""
    write(source, main_py=service(('VERSION = "1"', "VERSION = os.environ.get('A')")))
    town = found(home)
    await run(town, source, A="1")
    await run(town, source, A="2")
    await town.supervisor.close()
    town = found(home)
    town.supervisor.restore()
    await until(lambda: town.posts, what="it is back")

    assert (await town.call("greeter"))["answer"] == "2"
    assert status(town)["generation"] == 2
    await town.supervisor.close()


async def test_a_git_service_is_back_without_its_repository(home: Path, tmp_path: Path) -> None:
    """What was fetched once is there for the next start, at the same commit."""
    repository = Repository(tmp_path / "forge")
    commit = repository.files(main_py=SERVICE)
    town = found(home)
    await run(town, f"{repository.folder}@main")
    await town.supervisor.close()
    repository.folder.rename(tmp_path / "gone")
    town = found(home)
    town.supervisor.restore()
    await until(lambda: town.posts, what="it is back")

    assert status(town)["revision"] == commit
    await town.supervisor.close()


async def test_one_that_cannot_come_back_is_tried_again(home: Path, source: Path) -> None:
    """A service whose folder is away is not forgotten: it comes back with it."""
    town = found(home)
    await run(town, source)
    await town.supervisor.close()
    away = source.with_name("away")
    SystemDisk().move(source, away)
    town = found(home)
    town.supervisor.restore()
    await until(lambda: status(town)["state"] == "waiting", what="it waits")
    assert "no folder" in str(status(town)["reason"])
    SystemDisk().move(away, source)
    await until(lambda: status(town)["state"] == "running", what="it is back")

    assert (await town.call("greeter"))["answer"] == "1"
    await town.supervisor.close()


async def test_homes_of_a_crash_are_cleared(home: Path) -> None:
    """What instances had when the node was killed is removed at the next start."""
    (home / "run" / "home" / "greeter-1-00000000").mkdir(parents=True)
    town = found(home)
    town.supervisor.restore()

    assert not (home / "run" / "home").exists()
    await town.supervisor.close()


async def test_closing_in_the_middle_leaves_nothing(home: Path, source: Path) -> None:
    """A node that stops while a service starts stops that too."""
    town = found(home)
    write(source, main_py=DEAF)
    running = asyncio.ensure_future(run(town, source))
    await until(lambda: town.changes, what="it has started")
    await town.supervisor.close()

    assert (await running).detail == "the node is stopping"
    assert not alive(int(town.changes[0].detail.rpartition(" ")[2]))


async def test_one_that_ignores_being_asked(town: Town, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not end when asked is ended after its grace."""
    monkeypatch.setattr("micro.runtime.instance.GRACE_SECONDS", 0.2)
    write(
        source,
        main_py=service(("signal.signal(signal.SIGTERM, stop)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")),
    )
    await run(town, source)
    pid = status(town)["pid"]
    await town.supervisor.kill("greeter")

    assert not alive(pid)  # type: ignore[arg-type]


async def test_any_program_may_be_a_service(town: Town, source: Path) -> None:
    """A command of micro.toml is run as it stands, from the tree."""
    (source / "serve").write_text(f"#!/bin/sh\nexec {sys.executable} main.py\n")
    (source / "serve").chmod(0o755)
    write(source, micro_toml='[service]\ncommand = ["./serve"]\n')

    assert (await run(town, source)).step == "done"


async def test_its_log_can_be_followed(town: Town, source: Path) -> None:
    """What it writes while somebody follows comes at once."""
    await run(town, source)
    following = town.supervisor.follow("greeter", 0)
    waiting = asyncio.ensure_future(anext(following))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    os.kill(status(town)["pid"], signal.SIGTERM)  # type: ignore[arg-type]

    assert (await waiting).line == "asked to stop"


async def test_a_node_that_stops_while_an_ended_instance_is_cleared_away_leaves_no_door_open(
    home: Path, source: Path
) -> None:
    """The disk may be slow: what an instance came in by is closed before its folder is removed."""
    disk = SlowDisk()
    town = found(home, disk, start_seconds_max=20.0)
    try:
        await run(town, source)
        os.kill(int(str(status(town)["pid"])), signal.SIGKILL)
        await until(disk.removing.is_set)
    finally:
        closing = asyncio.ensure_future(town.supervisor.close())
        await asyncio.sleep(0)
        disk.goes_on.set()
        await closing

    assert town.doors == []


class SlowDisk(SystemDisk):
    """Removes a folder when it is told to."""

    def __init__(self) -> None:
        self.removing = threading.Event()
        self.goes_on = threading.Event()

    def remove(self, path: Path) -> None:
        if path.name.startswith("greeter-"):
            self.removing.set()
            assert self.goes_on.wait(20)
        super().remove(path)
