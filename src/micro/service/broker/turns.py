"""The members of a queue, who take turns: each that has room gets the next event.

Pure.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Membership", "Turns"]


class Membership:
    """One member of a queue: what it holds, and whether it wants more.

    Attributes:
        handle: what the broker knows it by.
        held: the sequences of the events in flight to it.
        in_flight_max: how many those may be.
        is_paused: whether it refused the last event and has not resumed since.
    """

    __slots__ = ("handle", "held", "in_flight_max", "in_turn", "is_paused")

    def __init__(self, handle: object, in_flight_max: int) -> None:
        self.handle = handle
        self.in_flight_max = in_flight_max
        self.held: set[int] = set()
        self.is_paused = False
        self.in_turn = False

    @property
    def is_able(self) -> bool:
        """Whether it can take another event."""
        return not self.is_paused and len(self.held) < self.in_flight_max


class Turns:
    """Who is next. A member without room loses its place and comes back last, so a slow one never delays the others."""

    def __init__(self) -> None:
        self.members: dict[Membership, None] = {}
        self._order: deque[Membership] = deque()

    def __bool__(self) -> bool:
        return bool(self.members)

    def join(self, handle: object, in_flight_max: int) -> Membership:
        """Adds a member."""
        member = Membership(handle, in_flight_max)
        self.members[member] = None
        self.admit(member)
        return member

    def leave(self, member: Membership) -> bool:
        """Removes a member; returns False if it had left before."""
        member.is_paused = True
        if member not in self.members:
            return False
        del self.members[member]
        return True

    def admit(self, member: Membership) -> None:
        """Gives a member that has room again its place."""
        if not member.in_turn and member.is_able:
            member.in_turn = True
            self._order.append(member)

    def take(self) -> Membership | None:
        """Returns the member whose turn it is and puts it last, or None if no member has room."""
        order = self._order
        while order:
            member = order.popleft()
            if member.is_able:
                order.append(member)
                return member
            member.in_turn = False
        return None
