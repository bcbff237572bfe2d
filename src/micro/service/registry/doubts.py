"""Which super nodes are asked after the others: those that passed on forgeries, and for a while those that were silent.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from micro.service.registry.shardmap import SuperNode

__all__ = ["Doubts"]

SILENT_SECONDS: Final = 30.0
"""A super node that did not answer is asked after the others for so long."""

NOTED_MAX: Final = 256
"""So many super nodes are noted as silent, and so many as distrusted."""


class Doubts:
    """What one node holds against super nodes; times are on the clock that never goes back."""

    def __init__(self) -> None:
        self._distrusted: dict[bytes, float] = {}
        self._silent: dict[bytes, float] = {}

    def distrust(self, member: SuperNode, now: float) -> None:
        """Takes note that a super node sent a record that its node never signed."""
        _note(self._distrusted, member.key, now)

    def silent(self, member: SuperNode, now: float) -> None:
        """Takes note that a super node did not answer."""
        _note(self._silent, member.key, now)

    def answered(self, member: SuperNode) -> None:
        """Takes note that a super node answers again."""
        self._silent.pop(member.key, None)

    def ordered(self, members: Iterable[SuperNode], now: float) -> list[SuperNode]:
        """Returns super nodes in the order given, with those that are in doubt behind the others."""
        since = now - SILENT_SECONDS

        def doubt(member: SuperNode) -> tuple[bool, bool]:
            return member.key in self._distrusted, self._silent.get(member.key, since) > since

        return sorted(members, key=doubt)


def _note(noted: dict[bytes, float], key: bytes, now: float) -> None:
    """Notes a super node at a time; the one noted first gives way."""
    if key not in noted and len(noted) >= NOTED_MAX:
        del noted[next(iter(noted))]
    noted[key] = now
