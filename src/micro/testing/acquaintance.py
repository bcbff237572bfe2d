"""Who can find whom in a world, and in what its nodes do not agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from micro.testing.machine import Machine

__all__ = ["Acquaintance", "disagreements"]


class Acquaintance:
    """What every node was told of the others: where they are, by themselves, over a link.

    Two nodes that both moved since they last met cannot find each other, and nobody expects it. Where one of them was
    told where the other is now, they must meet again without help.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], str] = {}

    def note(self, machines: Sequence[Machine]) -> None:
        """Takes note of who is linked now."""
        for machine in machines:
            for other in machines:
                # one side alone may still take an old link for alive
                if other is not machine and machine.is_linked(other.nid) and other.is_linked(machine.nid):
                    self._told[machine.nid, other.nid] = other.host

    def strangers(self, machines: Sequence[Machine]) -> Iterator[tuple[Machine, Machine]]:
        """Yields the pairs of machines of which neither can know where the other is."""
        for number, machine in enumerate(machines):
            for other in machines[:number]:
                finds = self._told.get((machine.nid, other.nid)) == other.host
                is_found = self._told.get((other.nid, machine.nid)) == machine.host
                if not finds and not is_found:
                    yield machine, other


def disagreements(machines: Sequence[Machine]) -> Iterator[str]:
    """Yields in what nodes that run do not agree: links that are missing, and services not or wrongly known."""
    for machine in machines:
        assert machine.node is not None
        own = sorted((each.service, each.id) for each in machine.node.catalog.holding(machine.nid))
        missing = [name for name in machine.services if name not in dict(own)]
        if missing:
            yield f"{machine.name} does not know its own {missing[0]}"
        for other in machines:
            assert other.node is not None
            if other is machine:
                continue
            if not other.is_linked(machine.nid):
                yield f"{other.name} has no link to {machine.name}"
            known = sorted((each.service, each.id) for each in other.node.catalog.holding(machine.nid))
            if known != own:
                yield f"{other.name} believes that {machine.name} has {known}, and it has {own}"
