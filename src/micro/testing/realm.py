"""The open network of a world: who founds it, how others come in, and whether everybody finds what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from micro.errors import MicroError
from micro.node.backbone import Backbone
from micro.service.registry.finder import Finder
from micro.testing.machine import Machine
from micro.trust.ticket import Ticket

__all__ = ["Realm", "missed", "unsettled"]


class Realm:
    """What the owners of a world's machines know of its network: a ticket, which is anybody's who is in it.

    Attributes:
        network: the node id of the keeper, "" before there is one.
    """

    def __init__(self) -> None:
        self.network = ""
        self._ticket: Ticket | None = None

    def prepare(self, machine: Machine, others: Iterable[Machine]) -> None:
        """Gives a machine that is about to start a ticket of somebody who is there, or else the one of before."""
        for other in others:
            backbone = _backbone(other)
            if other.node is not None and backbone is not None and backbone.network == self.network != "":
                self._ticket = other.node.ticket()
                break
        machine.join = self._ticket.encode() if self._ticket is not None else ""

    def started(self, machine: Machine) -> None:
        """Takes note of a machine that has started: the first one has founded the network."""
        assert machine.node is not None
        if self._ticket is None:
            self._ticket = machine.node.ticket()
            self.network = machine.nid

    def lost(self, machines: Sequence[Machine]) -> Iterator[tuple[Machine, Ticket]]:
        """Yields the machines that no way leads to any more, each with a ticket that its owner has to give it.

        A way leads from a node to a super node that is where the newest map of the node, or its ticket, has it. Where
        the keeper is gone, the ticket is of another one that is in the network: one that has left leads nowhere.
        """
        inside = (machine for machine in machines if (there := _backbone(machine)) and there.network == self.network)
        reached = [machine for machine in machines if machine.nid == self.network] or [*islice(inside, 1)]
        while reached and (added := [each for each in machines if each not in reached and _is_near(each, reached)]):
            reached += added
        for machine in machines:
            if machine not in reached and reached and reached[0].node is not None:
                yield machine, reached[0].node.ticket()


def _backbone(machine: Machine) -> Backbone | None:
    return machine.node.backbone if machine.node is not None else None


def _is_near(machine: Machine, others: Sequence[Machine]) -> bool:
    """Says whether a node knows where one of the others is, or one of them knows where it is."""
    return any(_knows(machine, other) or _knows(other, machine) for other in others)


def _knows(machine: Machine, other: Machine) -> bool:
    backbone, far = _backbone(machine), _backbone(other)
    if backbone is None or far is None or other.node is None or not (backbone.network and far.network):
        return False
    there = other.node.ticket()
    return any(ticket.nid == there.nid and ticket.addresses == there.addresses for ticket in backbone.known())


def unsettled(machines: Sequence[Machine], network: str) -> Iterator[str]:
    """Yields what is not in order yet in a network: maps that differ or lack a super node, and nodes without a home.

    Args:
        machines: those whose node runs.
        network: the node id of the keeper; where it does not run, the map lacks whom it lacks.
    """
    keeper = next(
        (backbone for machine in machines if machine.nid == network and (backbone := _backbone(machine))), None
    )
    versions = {machine.name: backbone.version for machine in machines if (backbone := _backbone(machine)) is not None}
    for machine in machines:
        assert machine.node is not None
        backbone = _backbone(machine)
        announcer = backbone.announcer if backbone is not None else None
        if backbone is None or announcer is None:
            yield f"{machine.name} is in no network"
            continue
        if backbone.version != max(versions.values()):
            yield f"{machine.name} has map {backbone.version}, and there is map {max(versions.values())}"
        if machine.is_super and keeper is not None and not _has(keeper, machine.node.ticket()):
            yield f"{machine.name} is not in the map where it is"
        if not announcer.home or announcer.trouble:
            yield f"{machine.name} has no home it is well in: {announcer.trouble or 'it looks for one'}"
        running = {instance.service for instance in machine.node.catalog.holding(machine.nid)}
        for name in machine.services:
            if name not in running:
                yield f"{machine.name} does not know its own {name}"


def _has(keeper: Backbone, place: Ticket) -> bool:
    chart = keeper.charting.atlas.current if keeper.charting is not None else None
    members = chart.signed.map.members if chart is not None else ()
    return any((member.nid, member.addresses) == (place.nid, place.addresses) for member in members)


async def missed(machines: Sequence[Machine], names: Iterable[str]) -> list[str]:
    """Returns which services of living nodes are not found by others, and what is found that is not there."""
    complaints: list[str] = []
    for name in names:
        there = sorted(machine.nid for machine in machines if name in machine.services)
        for machine in machines:
            backbone = _backbone(machine)
            if backbone is None or backbone.finder is None:
                continue
            found: list[str] = []
            if not await machine.by_node(_find(backbone.finder, name, found)):
                continue
            if found != there:
                absent, gone = sorted({*there} - {*found}), sorted({*found} - {*there})
                complaints.append(f"{machine.name} does not find {name} of {absent}, and finds it of {gone}")
    return complaints


async def _find(finder: Finder, name: str, found: list[str]) -> None:
    try:
        found += [offer.nid for offer in await finder.find(name)]
    except MicroError as error:
        found.append(f"nobody, because {error}")
