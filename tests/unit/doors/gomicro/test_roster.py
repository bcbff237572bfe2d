"""What programs registered lasts as long as they said, belongs to who said it, and has limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from micro.doors.gomicro import roster as module
from micro.doors.gomicro.messages import Node, Service
from micro.doors.gomicro.roster import Roster
from micro.errors import Forbidden, TooManyRequests


def service(*nodes: str, version: str = "1") -> Service:
    return Service("notes", version, nodes=[Node(node, f"127.0.0.1:{len(node)}") for node in nodes])


def found(roster: Roster) -> dict[str, list[str]]:
    return {each.version: [node.id for node in each.nodes] for each in roster.services("notes")}


def test_each_node_lasts_as_long_as_it_was_said() -> None:
    """Saying it again makes it last longer, and changes nothing else."""
    roster = Roster()
    roster.register(service("a", "b"), "ann", 10.0, 5)
    roster.register(service("c", version="2"), "ann", 20.0, 5)
    number = roster.number
    roster.register(service("b"), "ann", 30.0, 5)
    assert roster.number == number
    roster.expire(10.0)
    assert found(roster) == {"1": ["b"], "2": ["c"]}
    assert roster.number == number + 1
    roster.expire(30.0)
    assert found(roster) == {}
    assert roster.services() == []


def test_nobody_touches_what_another_registered() -> None:
    """But the owner, who may have anybody's forgotten."""
    roster = Roster()
    roster.register(service("a"), "ann", 10.0, 5)
    with pytest.raises(Forbidden, match="ann"):
        roster.register(replace(service("a"), metadata={"evil": "1"}), "eve", 10.0, 5)
    assert roster.deregister(service("a"), "eve", anybody=False) == []
    assert found(roster) == {"1": ["a"]}
    assert len(roster.deregister(service("a"), "owner", anybody=True)) == 1
    assert found(roster) == {}


def test_there_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """By count and by bytes; what leaves makes room."""
    monkeypatch.setattr(module, "NODES_MAX", 2)
    monkeypatch.setattr(module, "BYTES_MAX", 100)
    roster = Roster()
    roster.register(service("a", "b"), "ann", 10.0, 40)
    with pytest.raises(TooManyRequests):
        roster.register(service("c"), "ann", 10.0, 1)
    roster.deregister(service("a"), "ann", anybody=False)
    with pytest.raises(TooManyRequests):
        roster.register(service("c"), "ann", 10.0, 70)
    roster.register(service("c"), "ann", 10.0, 60)
    with pytest.raises(TooManyRequests):
        roster.register(service("c"), "ann", 10.0, 61)
    assert found(roster) == {"1": ["b", "c"]}
