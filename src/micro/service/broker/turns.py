"""The members of a queue, who take turns: each that has room gets the next event.

Pure.

Where generations of a service live side by side, a member may have only a part of the events, or none: see
`micro.service.trial`.
"""

from __future__ import annotations

from collections import deque

from micro.service.trial import Half, Share

__all__ = ["Membership", "Part", "Turns"]

Part = Share | bool
"""Which events a member is to have: all that come to its turn, none, or a newcomer's part."""

UNSENT = 503


class Membership:
    """One member of a queue: what it holds, and whether it wants more.

    Attributes:
        handle: what the broker knows it by.
        held: the sequences of the events in flight to it.
        in_flight_max: how many those may be.
        is_paused: whether it refused the last event and has not resumed since.
        part: which events it is to have.
    """

    __slots__ = ("handle", "held", "in_flight_max", "in_turn", "is_paused", "part")

    def __init__(self, handle: object, in_flight_max: int) -> None:
        self.handle = handle
        self.in_flight_max = in_flight_max
        self.held: set[int] = set()
        self.is_paused = False
        self.in_turn = False
        self.part: Part = True

    @property
    def is_able(self) -> bool:
        """Whether it can take another event."""
        return not self.is_paused and len(self.held) < self.in_flight_max


class Turns:
    """Who is next. A member without room loses its place and comes back last, so a slow one never delays the others.

    Attributes:
        members: all of them.
        half: how the event for which `take` was asked last is compared, None where it is not.
    """

    def __init__(self) -> None:
        self.members: dict[Membership, None] = {}
        self.half: Half | None = None
        self._order: deque[Membership] = deque()
        self._is_shared = False
        self._share: Share | None = None
        self._due: Half | bool | None = None

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
        self._divide()
        return True

    def share(self, member: Membership, part: Part) -> None:
        """Says which events a member is to have from now on."""
        member.part = part
        self._divide()

    def _divide(self) -> None:
        self._is_shared = any(member.part is not True for member in self.members)
        self._share = next((member.part for member in self.members if isinstance(member.part, Share)), None)
        if self._share is None:
            self._due = None

    def admit(self, member: Membership) -> None:
        """Gives a member that has room again its place."""
        if not member.in_turn and member.is_able:
            member.in_turn = True
            self._order.append(member)

    def take(self) -> Membership | None:
        """Returns the member whose turn it is and puts it last, or None if no member has room."""
        if self._is_shared:
            return self._take_shared()
        self.half = None
        order = self._order
        while order:
            member = order.popleft()
            if member.is_able:
                order.append(member)
                return member
            member.in_turn = False
        return None

    def give_back(self, half: Half | None) -> None:
        """The member that was taken last did not take the event, which is the next one again."""
        if half is not None:
            self._due = half

    def _take_shared(self) -> Membership | None:
        self.half = None
        if self._share is None:
            return self._next(newcomer=False)
        due = self._due if self._due is not None else self._share.assign()
        member = self._next(newcomer=due.is_newcomer if isinstance(due, Half) else due)
        if member is None and (due.is_newcomer if isinstance(due, Half) else due):
            if isinstance(due, Half):
                due.end(UNSENT, 0.0)
            due = False  # no event waits for a newcomer
            member = self._next(newcomer=False)
        self._due = due if member is None else None
        if member is not None and isinstance(due, Half):
            self.half = due
        return member

    def _next(self, *, newcomer: bool) -> Membership | None:
        """Returns the first member with room that is a newcomer, or the first that is none and has its turn."""
        for _ in range(len(self._order)):
            member = self._order.popleft()
            if not member.is_able:
                member.in_turn = False
                continue
            self._order.append(member)
            if isinstance(member.part, Share) if newcomer else member.part is True:
                return member
        return None
