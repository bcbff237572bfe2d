"""The directory of logs: what was wanted before there was a network, and which neighbours are meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micro.node.directory import Directory
from micro.node.logs import NeighbourLogs
from micro.service.broker.directory import LogPlace
from micro.trust.identity import nid_of
from tests.unit.service.registry.makings import key_of

ANN, BOB, EVE, KEEPER = (nid_of(key_of(number).public) for number in (1, 2, 3, 4))


class Copies:
    """Has a copy of whatever log it is to hold copies of."""

    def __init__(self) -> None:
        self.held: set[tuple[str, str]] = set()
        self.left: list[tuple[str, LogPlace]] = []

    def seek(self, logs: Iterable[tuple[str, str]]) -> None:
        self.held = set(logs)

    def find(self, topic: str, nid: str) -> list[LogPlace]:
        return [LogPlace(nid, KEEPER)] if (topic, nid) in self.held else []

    def refused(self, topic: str, place: LogPlace) -> None:
        self.left.append((topic, place))


class Far:
    """Writes down what it is asked for as the logs of strangers, and as the subscribers among them."""

    def __init__(self, *pinned: str) -> None:
        self.strangers = self.subscribers = self
        self.copies = Copies()
        self.away: tuple[str, ...] = ()
        self.wanted: list[str] = []
        self.pinned = pinned
        self.told = 0
        self.sought = [("news", ANN)]

    def want(self, name: str) -> None:
        self.wanted.append(name)

    def release(self, name: str) -> None:
        self.wanted.remove(name)

    def meant(self, name: str) -> tuple[str, ...]:
        return self.pinned

    def find(self, name: str) -> list[LogPlace]:
        return [LogPlace(nid, nid) for nid in self.pinned if nid not in self.away]

    def missed(self, name: str) -> tuple[str, ...]:
        return self.away

    def changed(self) -> None:
        self.told += 1


def directory() -> tuple[Directory, NeighbourLogs]:
    """Returns a directory and the neighbours in it."""
    logs = NeighbourLogs(lambda nid, topic: True, lambda: None)
    return Directory(logs), logs


def widened(found: Directory, far: Any) -> None:
    found.widen(far)


def test_what_is_wanted_early_is_sought_later() -> None:
    """Unless it was released meanwhile."""
    found, _ = directory()
    for name in ("orders", "news", "orders"):
        found.want(name)
    found.release("orders")
    far = Far()
    widened(found, far)
    found.want("more")
    found.release("news")

    assert sorted(far.wanted) == ["more", "orders"]


def test_a_bare_name_means_no_neighbour_that_is_a_stranger() -> None:
    """Unless it is pinned; one that is named is meant whoever it is; and each is found once."""
    found, logs = directory()
    for nid in (ANN, BOB):
        logs.hear(nid, ["orders"])
    every = sorted([LogPlace(ANN, ANN), LogPlace(BOB, BOB)])
    assert found.find("orders") == every
    found.is_known = lambda nid: nid == ANN
    assert found.find("orders") == [LogPlace(ANN, ANN)]
    assert found.find(f"orders@{BOB}") == [LogPlace(BOB, BOB)]
    widened(found, Far(BOB))
    assert found.find("orders") == every


def test_a_network_is_told_of_logs_and_subscriptions() -> None:
    """By the marks of their records; subscribers are visited when there is a new log."""
    found, _ = directory()
    far = Far()
    widened(found, far)
    found.announce("orders")

    assert found.marks() == ["log:orders", f"subscription:{ANN}:news"]
    assert far.told == 1
    found.withdraw("orders")
    assert found.marks() == [f"subscription:{ANN}:news"]


def test_copies_stand_for_logs_that_are_out_of_reach() -> None:
    """Of those that a name means and as long as it is wanted: strangers, and neighbours that are known."""
    found, logs = directory()
    found.is_known = lambda nid: nid == ANN
    far = Far(EVE)
    for nid in (ANN, BOB):
        logs.hear(nid, ["orders"])
    widened(found, far)
    found.want("orders")
    assert found.find("orders") == sorted([LogPlace(ANN, ANN), LogPlace(EVE, EVE)])
    for nid in (ANN, BOB):
        logs.lose(nid)
    assert far.copies.held == {("orders", ANN)}
    far.away = (EVE,)
    found.told()
    assert found.find("orders") == sorted([LogPlace(ANN, KEEPER), LogPlace(EVE, KEEPER)])
    assert far.copies.held == {("orders", ANN), ("orders", EVE)}
    logs.hear(ANN, ["orders"])
    assert found.find("orders") == sorted([LogPlace(ANN, ANN), LogPlace(EVE, KEEPER)])
    logs.hear(EVE, ["orders"])  # it cannot be reached as a stranger, and came as a neighbour
    assert found.find("orders") == sorted([LogPlace(ANN, ANN), LogPlace(EVE, EVE)])
    assert far.copies.held == set()
    found.release("orders")
    assert far.copies.held == set()


def test_a_refusal_is_told_where_a_copy_was_asked_for() -> None:
    """The log's own node is right in what it refuses, and there is nobody else to ask."""
    found, _ = directory()
    found.refused("orders", LogPlace(ANN, BOB))
    far = Far()
    widened(found, far)
    found.refused("orders", LogPlace(ANN, ANN))
    assert far.copies.left == []
    found.refused("orders", LogPlace(ANN, BOB))
    assert far.copies.left == [("orders", LogPlace(ANN, BOB))]
