"""Which services strangers are offered, and on whose word."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import BadRequest, TooManyRequests
from micro.node import offering
from micro.node.offering import Offering
from micro.system import SystemDisk


class House:
    """What a node offers, and how often it changed."""

    def __init__(self, folder: Path, *, default: bool = True) -> None:
        self.changed = 0
        self.offering = Offering(SystemDisk(), folder / "offers.json", default=default, changed=self._change)

    def _change(self) -> None:
        self.changed += 1

    @property
    def hidden(self) -> list[str]:
        return sorted(self.offering.hidden)


@pytest.mark.parametrize("default", [True, False])
def test_the_owner_then_the_service_then_the_setting_decide(tmp_path: Path, default: bool) -> None:
    """In this order; and whoever has to know is told when it came out differently."""
    house = House(tmp_path, default=default)
    house.offering.declare("silent", export=None)
    house.offering.declare("open", export=True)
    house.offering.declare("shy", export=False)
    assert house.hidden == (["shy"] if default else ["shy", "silent"])
    before = house.changed
    house.offering.declare("shy", export=False)
    assert house.changed == before
    assert house.offering.rule("shy", offered=True) == {"service": "shy", "offered": True, "by": "owner", "known": True}
    assert not house.offering.rule("absent", offered=True)["known"]
    house.offering.rule("open", offered=False)
    house.offering.declare("open", export=True)
    assert house.hidden == (["open"] if default else ["open", "silent"])
    assert [(line["service"], line["by"]) for line in house.offering.all()] == [
        ("absent", "owner"),
        ("open", "owner"),
        ("shy", "owner"),
        ("silent", "setting"),
    ]


def test_the_owners_word_holds_before_a_service_runs_and_over_a_restart(tmp_path: Path) -> None:
    """So that nothing comes out in between."""
    House(tmp_path).offering.rule("notes", offered=False)
    again = House(tmp_path)
    assert again.hidden == ["notes"]
    again.offering.declare("notes", export=None)
    assert again.hidden == ["notes"]


def test_a_broken_file_offers_nothing(tmp_path: Path) -> None:
    """What was hidden must not come out by an accident."""
    (tmp_path / "offers.json").write_text("{")
    house = House(tmp_path)
    house.offering.declare("notes", export=None)
    assert house.hidden == ["notes"]


def test_names_are_bounded_and_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both kinds."""
    house = House(tmp_path)
    with pytest.raises(BadRequest, match="cannot name a service"):
        house.offering.rule("No Name", offered=False)
    monkeypatch.setattr(offering, "NAMES_MAX", 1)
    house.offering.rule("one", offered=False)
    house.offering.declare("one", export=None)
    with pytest.raises(TooManyRequests):
        house.offering.rule("two", offered=False)
    with pytest.raises(TooManyRequests):
        house.offering.declare("two", export=None)
