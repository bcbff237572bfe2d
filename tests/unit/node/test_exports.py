"""Whose topics are, which are open to other nodes, and what neighbours are told of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, TooManyRequests
from micro.node.exports import Exports
from micro.node.logs import AWAY_MAX, LOGS_MAX, NeighbourLogs
from micro.system import SystemDisk


class House:
    """The topics of a node, and notes of what was said about them."""

    def __init__(self, folder: Path) -> None:
        self.rung = 0
        self.changed = 0
        self.denied: set[str] = set()
        self.logs = NeighbourLogs(lambda nid, topic: topic not in self.denied, self._ring)
        self.exports = Exports(SystemDisk(), folder / "exports.json", self.logs, self._change)

    def _ring(self) -> None:
        self.rung += 1

    def _change(self) -> None:
        self.changed += 1

    @property
    def open(self) -> list[str]:
        return [owned.topic for owned in self.exports.all() if self.exports.is_exported(owned.topic)]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_topic_is_local_until_its_owner_opens_it(house: House) -> None:
    """Everybody who has to know is told, once."""
    assert not house.exports.is_exported("orders")
    house.exports.declare("shop", [{"topic": "orders", "export": True}, {"topic": "secrets"}])
    house.exports.declare("shop", [{"topic": "orders", "export": True}, {"topic": "secrets"}])

    assert house.open == house.logs.told("near") == ["orders"]
    assert (house.changed, house.rung) == (1, 1)
    house.exports.declare("shop", [{"topic": "orders"}])
    assert house.open == house.logs.told("near") == []
    assert [owned.topic for owned in house.exports.all()] == ["orders"]


def test_what_was_said_holds_over_a_restart(house: House, tmp_path: Path) -> None:
    """The service need not be there."""
    house.exports.declare("shop", [{"topic": "orders", "export": True}])
    again = House(tmp_path)

    assert again.open == again.logs.told("near") == ["orders"]
    with pytest.raises(Conflict, match="belongs to the service shop"):
        again.exports.declare("rival", [{"topic": "orders"}])
    again.exports.declare("shop", [])
    again.exports.declare("rival", [{"topic": "orders"}])


def test_a_service_that_is_refused_changes_nothing(house: House) -> None:
    """Not even for those of its topics that nobody else has."""
    house.exports.declare("shop", [{"topic": "orders"}])
    for logs, kind in (
        ([{"topic": "news", "export": True}, {"topic": "orders"}], Conflict),
        ([{"topic": "news", "export": True}, {"topic": "no topic"}], BadRequest),
        ([{"topic": f"t{number}", "export": True} for number in range(LOGS_MAX)], TooManyRequests),
    ):
        with pytest.raises(kind):
            house.exports.declare("rival", logs)
    assert house.open == []


def test_the_nodes_owner_has_the_last_word(house: House, tmp_path: Path) -> None:
    """Either way, whatever the service says later, and also on topics of nobody's."""
    house.exports.declare("shop", [{"topic": "orders", "export": True}, {"topic": "secrets"}])
    house.exports.export("orders", exported=False)
    house.exports.export("secrets", exported=True)
    house.exports.export("news", exported=True)
    again = House(tmp_path)
    again.exports.declare("shop", [{"topic": "orders", "export": True}, {"topic": "secrets"}])
    assert again.open == ["news", "secrets"]
    again.exports.declare("paper", [{"topic": "news"}])
    again.exports.declare("shop", [{"topic": "orders"}])
    again.exports.declare("bank", [{"topic": "secrets"}])
    assert [(owned.topic, owned.service) for owned in again.exports.all()] == [
        ("news", "paper"),
        ("orders", "shop"),
        ("secrets", "bank"),
    ]
    assert again.open == ["news", "secrets"]
    with pytest.raises(BadRequest):
        again.exports.export("no topic", exported=True)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[{"topic": 1, "exported": true}]'])
def test_a_file_that_cannot_be_read_opens_nothing(tmp_path: Path, content: bytes) -> None:
    """Better closed than open by mistake."""
    (tmp_path / "exports.json").write_bytes(content)
    house = House(tmp_path)
    assert house.open == []
    house.exports.export("orders", exported=True)
    assert House(tmp_path).open == ["orders"]


def test_a_neighbour_is_told_what_it_may_have(house: House) -> None:
    """And no more than it would believe."""
    for topic in ("news", "orders", "secrets"):
        house.logs.announce(topic)
    house.denied.add("secrets")
    assert house.logs.told("near") == ["news", "orders"]
    for number in range(2 * LOGS_MAX):
        house.logs.announce(f"t{number}")
    assert len(house.logs.told("near")) == LOGS_MAX - 1


def test_logs_of_neighbours_are_found(house: House) -> None:
    """In a steady order; whoever watches is told of changes, and of nothing else."""
    told: list[Any] = []
    house.logs.watch(lambda: told.append([place.nid for place in house.logs.find("orders")]))
    house.logs.hear("b", ["orders", "news"])
    house.logs.hear("a", ["orders"])
    house.logs.hear("a", ["orders"])
    house.logs.hear("b", ["news"])
    house.logs.lose("a")
    house.logs.lose("unheard")

    assert told == [["b"], ["a", "b"], ["a"], []]


def test_what_neighbours_had_is_remembered(house: House) -> None:
    """While they are away, of so many; what they say when they are back counts instead."""
    house.logs.hear("near", ["orders", "news"])
    assert house.logs.away("orders") == []
    house.logs.lose("near")
    assert (house.logs.away("orders"), house.logs.find("orders")) == (["near"], [])
    house.logs.hear("near", ["news"])
    house.logs.lose("near")
    assert (house.logs.away("orders"), house.logs.away("news")) == ([], ["near"])
    for number in range(AWAY_MAX):
        house.logs.hear(f"n{number}", ["orders"])
        house.logs.lose(f"n{number}")
    assert len(house.logs.away("orders")) == AWAY_MAX
    assert house.logs.away("news") == []


@pytest.mark.parametrize(
    "said",
    [
        None,
        "orders",
        {"orders": 1},
        [["orders"], 7, None, "", "x" * 129],
        [*(f"t{number}" for number in range(LOGS_MAX)), "orders"],
    ],
)
def test_what_makes_no_sense_is_not_believed(house: House, said: Any) -> None:
    """A neighbour may say anything."""
    house.logs.hear("liar", said)
    assert house.logs.find("orders") == []
