"""The directory of logs: what was wanted before there was a network, and which neighbours are meant."""

from __future__ import annotations

from typing import Any

from micro.node.directory import Directory
from micro.node.logs import NeighbourLogs
from micro.service.broker.directory import LogPlace
from micro.trust.identity import nid_of
from tests.unit.service.registry.makings import key_of

ANN, BOB = (nid_of(key_of(number).public) for number in (1, 2))


class Far:
    """Writes down what it is asked for as the logs of strangers, and as the subscribers among them."""

    def __init__(self, *pinned: str) -> None:
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
        return [LogPlace(nid, nid) for nid in self.pinned]

    def changed(self) -> None:
        self.told += 1


def directory() -> tuple[Directory, NeighbourLogs]:
    """Returns a directory and the neighbours in it."""
    logs = NeighbourLogs(lambda nid, topic: True, lambda: None)
    return Directory(logs), logs


def widened(found: Directory, far: Any) -> None:
    found.widen(far, far)


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
