"""What may happen to the machines of a world."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from micro.errors import MicroError, Unavailable
from micro.service.service import Service
from micro.testing.machine import Machine
from micro.testing.trace import Trace
from micro.testing.traitor import LIES, Traitor
from micro.testing.wire import Wire
from micro.trust.identity import public_key_of

__all__ = ["Accidents"]

BACKED_UP = ("key", "backbone.json")
"""What the documentation tells the owner of a keeper to keep."""


class Accidents:
    """The part of `World` that does something to machines and cables.

    Attributes:
        machines: by name.
        random: chance for scenarios.
        trace: what happened.
    """

    machines: dict[str, Machine]
    random: random.Random
    trace: Trace
    _wire: Wire
    _host: Callable[[], str]
    check: Callable[[], None]

    @property
    def now(self) -> float:
        """The time of this world, in seconds since it began."""
        return self._wire.loop.time()

    def note(self, text: str) -> None:
        """Writes something into the trace."""
        self.trace.add(self.now, text)

    def serve(self, name: str, service: Service) -> None:
        """Has a service run on a machine, now and after every restart."""
        self.note(f"{name} serves {service.name}")
        self.machines[name].serve(service)

    def withdraw(self, name: str, service: str) -> None:
        """Ends a service as if it had crashed; it does not come back."""
        self.note(f"{name} has no {service} any more")
        self.machines[name].withdraw(service)

    def move(self, name: str) -> None:
        """Gives a machine another address: its node has it from its next start on."""
        self.machines[name].host = self._host()

    def crash(self, name: str) -> None:
        """Takes the power from a machine: node and services end, and the disk forgets what was not synced."""
        self.note(f"{name} loses power")
        machine = self.machines[name]
        machine.power_off()
        machine.disk.lose_power()

    def kill(self, name: str) -> None:
        """Ends the node's process as `kill -9` does: the services go on, and what was written is there."""
        self.note(f"{name} is killed")
        machine = self.machines[name]
        machine.down()
        machine.disk.lose_process()

    def lose_disk(self, name: str, backup: Mapping[str, bytes] | None = None) -> None:
        """Takes the power from a machine and gives it an empty disk: it starts again as somebody new.

        Args:
            name: the machine.
            backup: what its owner puts on the new disk, of `back_up`; with it the node is who it was.
        """
        self.crash(name)
        self.note(f"{name} loses its disk{' and has a backup' if backup else ''}")
        machine = self.machines[name]
        machine.disk.wipe()
        machine.age += 1
        for path, data in (backup or {}).items():
            machine.disk.write(Path(path), data)

    def back_up(self, name: str) -> dict[str, bytes]:
        """Returns what an owner keeps of a node elsewhere: its key, and what it remembers of its network."""
        machine = self.machines[name]
        paths = [f"/world/{name}/{file}" for file in BACKED_UP]
        found = {path: machine.disk.read(Path(path)) for path in paths}
        return {path: data for path, data in found.items() if data is not None}

    def abandon(self, name: str) -> None:
        """Takes the power from a machine for good: nothing starts it any more."""
        self.crash(name)
        self.note(f"{name} is gone for good")
        self.machines[name].is_gone = True

    def crash_at_step(self, name: str, steps: int) -> None:
        """Takes the power from a machine in the middle of its `steps`-th next step on the disk."""
        disk = self.machines[name].disk
        last = disk.steps + steps

        def before(kind: str, file: str) -> None:
            if disk.steps >= last:
                disk.before_step = lambda kind, file: None
                self.crash(name)
                raise OSError(f"{name} lost power before it could {kind}")

        disk.before_step = before

    def cut(self, sender: str, receiver: str) -> None:
        """Lets nothing through from one machine to another; the way back stays open."""
        self.note(f"nothing goes from {sender} to {receiver}")
        self._wire.cut(sender, receiver)

    def partition(self, *groups: Iterable[str]) -> None:
        """Cuts every way between machines of different groups; who is in none of them is not concerned."""
        named = [sorted(group) for group in groups]
        self.note(f"parted: {' | '.join(','.join(group) for group in named)}")
        for here, group in enumerate(named):
            for there, others in enumerate(named):
                if here != there:
                    for sender in group:
                        for receiver in others:
                            self._wire.cut(sender, receiver)

    def is_between(self, name: str, other: str) -> bool:
        """Says whether two nodes run and nothing is cut between them."""
        runs = self.machines[name].is_up and self.machines[other].is_up
        return runs and not self._wire.is_cut(name, other) and not self._wire.is_cut(other, name)

    def heal(self) -> None:
        """Mends all cuts."""
        self.note("healed")
        for sender, receiver in self._wire.cuts:
            self._wire.heal(sender, receiver)

    def skip(self, seconds: float) -> None:
        """Has all calendars go forward at once, as if everybody had been asleep: no stopwatch has noticed."""
        self.check()
        self.note(f"all sleep for {seconds:.0f} s")
        for machine in self.machines.values():
            machine.clock.skew_seconds += seconds

    def betray(self, name: str, *lies: str) -> None:
        """Has a super node lie to all others until it is started again.

        Args:
            name: the super node.
            lies: what it does, of `micro.testing.LIES`; all where none is named.
        """
        machine = self.machines[name]
        backbone = machine.node.backbone if machine.node is not None else None
        if backbone is None or backbone.holder is None:
            raise Unavailable(f"{name} is no super node that runs")
        self.note(f"{name} lies")
        victim = next(other for other in self.machines.values() if other is not machine)
        machine.is_hostile = True
        Traitor(backbone, lies or LIES, self.random, public_key_of(victim.nid))

    async def leave(self, name: str) -> None:
        """Takes a node out of the network; `settle` sees to it that it comes in again."""
        machine = self.machines[name]
        backbone = machine.node.backbone if machine.node is not None else None
        if backbone is None or not backbone.network:
            return
        self.note(f"{name} leaves the network")
        machine.leaves += 1
        try:
            await machine.by_node(backbone.leave())
        except MicroError as error:  # its keeper does not answer, or is what it is
            self.note(f"{name} cannot leave: {type(error).__name__}")
        else:
            machine.entries += 1
