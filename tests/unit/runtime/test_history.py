"""What a runtime remembers of its last works."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.runtime.generation import Progress
from micro.runtime.history import DEEDS_MAX, LINES_MAX, History
from micro.runtime.source.spec import parse
from micro.system import SystemClock, SystemDisk

SOURCE = parse("/srv/greeter@main")
FAILED = Progress("failed", "make: there is no rule", done=True, tail=("cc main.c", "error"), logged=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "works.json"


def history(path: Path) -> History:
    return History(SystemDisk(), path, SystemClock())


def test_what_failed_is_remembered_with_its_reason_over_a_restart(path: Path) -> None:
    """Each step, the last lines, and when it was."""
    before = history(path)
    deed = before.begin("greeter", SOURCE)
    before.take(deed, Progress("building", "make"))
    before.take(deed, FAILED)

    [told] = [each.to_dict() for each in history(path).last(5)]
    assert (told["service"], told["name"], told["source"]) == ("greeter", "", "/srv/greeter@main")
    assert (told["failed"], told["reason"], told["logged"]) == (True, "make: there is no rule", True)
    assert [each["step"] for each in told["steps"]] == ["building", "failed"]
    assert list(told["steps"][-1]["tail"]) == ["cc main.c", "error"]
    assert told["began"] <= told["ended"]


def test_a_name_that_was_chosen_is_told_from_that_of_the_source(path: Path) -> None:
    """So that it can be chosen again."""
    assert [history(path).begin(name, SOURCE).name for name in ("greeter", "salute")] == ["", "salute"]


def test_a_name_is_the_one_that_it_registered_as(path: Path) -> None:
    """Its author may have called it otherwise."""
    kept = history(path)
    deed = kept.begin("greeter", SOURCE)
    kept.take(deed, Progress("done", "it runs", done=True, service="hello"))
    kept.take(deed, FAILED)  # nothing comes after the end

    assert (deed.service, deed.failed, len(deed.steps)) == ("hello", False, 1)


def test_it_is_bounded(path: Path) -> None:
    """In works, in steps and in the length of each."""
    kept = history(path)
    for _ in range(DEEDS_MAX + 5):
        deed = kept.begin("greeter", SOURCE)
        for number in range(LINES_MAX + 5):
            kept.take(deed, Progress("building", f"{number} " + "x" * 9_000, tail=("y" * 9_000,) * 99))
        kept.take(deed, FAILED)

    found = list(history(path).last(1_000))
    assert [each.number for each in found] == list(range(DEEDS_MAX + 5, 5, -1))
    assert all(len(each.steps) == LINES_MAX for each in found)
    assert path.stat().st_size < DEEDS_MAX * LINES_MAX * 50_000
    assert history(path).begin("greeter", SOURCE).number == DEEDS_MAX + 6


def test_what_is_under_way_is_shown_and_not_written(path: Path) -> None:
    """Nobody knows after a crash how it would have ended."""
    kept = history(path)
    kept.begin("greeter", SOURCE)

    assert [each.to_dict()["ended"] for each in kept.last(1)] == [0.0]
    assert list(history(path).last(1)) == []


@pytest.mark.parametrize("text", ["", "{", "[{}]", '[{"number": "x"}]', "[" * 100_000])
def test_a_damaged_file_is_no_reason_not_to_start(path: Path, text: str) -> None:
    """It is advice, and nothing else rests on it."""
    path.write_text(text)

    assert list(history(path).last(5)) == []
