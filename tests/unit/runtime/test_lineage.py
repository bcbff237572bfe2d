"""Lineages: what is remembered of generations, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import ConfigError
from micro.runtime.chronicle import Chronicle
from micro.runtime.lineage import MEMBERS_MAX, Lineage, Member
from micro.service.trial import Half
from micro.system import SystemDisk


def test_a_trial_goes_on_from_what_was_counted() -> None:
    """What was taken from one trial is where the next begins."""
    parent, newcomer = Member(1, "a"), Member(2, "b", parent=1, state="canary", weight=500)
    trial = newcomer.begin_trial(parent)
    for _ in range(400):
        given = trial.assign("Say.Hello", lambda: 0.3)
        if isinstance(given, Half):
            given.end(500 if given.is_newcomer else 0, 0.02)
    newcomer.take(trial, parent)

    again = newcomer.begin_trial(parent)
    assert again.answers.listed() == newcomer.answers
    assert newcomer.answers[2] >= 15
    assert (again.newcomer_tally.calls, again.newcomer_tally.failed) == (newcomer.calls, newcomer.calls)
    assert parent.to_dict()["median_microseconds"] == 32_768


def test_those_that_ended_first_are_forgotten_first() -> None:
    """A lineage is bounded, and what lives stays in it."""
    lineage = Lineage("greeter", [Member(1, "r1")])
    for number in range(2, MEMBERS_MAX + 10):
        lineage.add(Member(number, f"r{number}", state="ended"))
    assert len(lineage.members) == MEMBERS_MAX
    assert lineage.get(1) is lineage.active
    assert lineage.get(2) is None
    assert lineage.newest == MEMBERS_MAX + 9


def test_a_chronicle_gives_back_what_was_written(tmp_path: Path) -> None:
    """Lineages are the same after a restart, and what did not change is not written again."""
    disk, path = SystemDisk(), tmp_path / "lineages.json"
    lineage = Lineage("greeter", [Member(1, "a"), Member(2, "b", parent=1, state="ramping", weight=2_000)])
    chronicle = Chronicle(disk, path)
    assert chronicle.write([lineage])
    assert Chronicle(disk, path).read() == [lineage]
    path.unlink()
    chronicle.write([lineage])
    assert not path.exists()


def test_a_file_that_is_no_chronicle_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """The owner moves it away."""
    path = tmp_path / "lineages.json"
    path.write_text('{"version": 1, "lineages": [{"service": 5}]}')
    with pytest.raises(ConfigError, match="move it away"):
        Chronicle(SystemDisk(), path).read()


class FullDisk(SystemDisk):
    """A disk that takes nothing."""

    def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        raise OSError(28, "No space left on device")


def test_what_a_full_disk_does_not_take_is_tried_again(tmp_path: Path) -> None:
    """What was counted goes on being counted, and nothing is lost by it."""
    lineage = Lineage("greeter", [Member(1, "a")])
    chronicle = Chronicle(FullDisk(), tmp_path / "lineages.json")
    assert not chronicle.write([lineage])
    assert not chronicle.write([lineage])
