"""Chat rooms: whoever is in a room reads what everybody says there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from micro import Fault, Service, Stream, errors

ROOMS_MAX = 1000
MEMBERS_MAX = 200
"""In one room."""

HISTORY_MAX = 100
"""So many messages of a room are remembered while the service runs."""

WAITING_MAX = 500
"""So many messages wait for a member who reads slowly; then the oldest give way."""

NAME_CHARACTERS_MAX = 40
TEXT_CHARACTERS_MAX = 4000

service = Service(
    "room",
    version="1.0.0",
    description="Chat rooms: whoever is in a room reads what everybody says there.",
    metadata={"tags": "demo, chat, stream"},
)


@dataclass
class Message:
    """What happened in a room.

    Attributes:
        time: when, in ISO 8601.
        kind: somebody said something, joined or left; missed tells how many messages you were too slow for.
        name: who.
        text: what was said.
    """

    time: str
    kind: Literal["said", "joined", "left", "missed"]
    name: str
    text: str = ""


@dataclass
class RoomLine:
    """A room in the list.

    Attributes:
        room: its name.
        members: the names of those who are in it.
    """

    room: str
    members: list[str]


class Member:
    """Somebody in a room: messages wait here until they are read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: deque[Message] = deque()
        self._missed = 0
        self._left = False
        self._wake = asyncio.Event()

    def give(self, message: Message) -> None:
        """Lets a message wait to be read."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(message)
        self._wake.set()

    def leave(self) -> None:
        """Lets `messages` end when what waits has been read."""
        self._left = True
        self._wake.set()

    async def messages(self) -> AsyncIterator[Message]:
        """Yields what happens in the room, until the member leaves."""
        while True:
            if self._missed:
                missed, self._missed = self._missed, 0
                yield Message(_now(), "missed", self.name, f"{missed} messages")
            while self._waiting and not self._missed:
                yield self._waiting.popleft()
            if self._missed:
                continue
            if self._left:
                return
            self._wake.clear()
            await self._wake.wait()


@dataclass
class Room:
    """A room: who is in it, and what was said lately."""

    members: list[Member] = field(default_factory=list)
    history: deque[Message] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))

    def tell(self, message: Message) -> int:
        """Gives a message to all who are in the room, and returns how many those are."""
        if message.kind == "said":
            self.history.append(message)
        for member in self.members:
            member.give(message)
        return len(self.members)


class Rooms:
    """All rooms; one that nobody is in is forgotten when there are too many."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}

    def open(self, name: str) -> Room:
        """Returns a room, making it if there is none of this name."""
        room = self.rooms.get(name)
        if room is None:
            if len(self.rooms) >= ROOMS_MAX:
                empty = next((known for known, other in self.rooms.items() if not other.members), None)
                if empty is None:
                    raise errors.TooManyRequests(
                        f"there are {ROOMS_MAX} rooms with people in them already; join one of those"
                    )
                del self.rooms[empty]
            room = self.rooms[name] = Room()
        return room

    def enter(self, room_name: str, name: str) -> Member:
        """Lets somebody into a room."""
        room = self.open(room_name)
        if len(room.members) >= MEMBERS_MAX:
            raise errors.TooManyRequests(f"{room_name} is full: {MEMBERS_MAX} are in it; try another")
        if any(member.name == name for member in room.members):
            raise errors.Conflict(f"somebody in {room_name} is called {name} already; take another name")
        member = Member(name)
        room.members.append(member)
        room.tell(Message(_now(), "joined", name))
        return member

    def leave(self, room_name: str, member: Member) -> None:
        """Lets somebody out."""
        member.leave()
        room = self.rooms.get(room_name)
        if room is not None and member in room.members:
            room.members.remove(member)
            room.tell(Message(_now(), "left", member.name))


rooms = Rooms()


@service.endpoint
async def join(texts: Stream[str], room: str = "lobby", name: str = "someone") -> AsyncIterator[Message]:
    """Enter a room: send what you say, and get what happens there. You leave when you stop sending or listening.

    Args:
        room: the room's name; it is made if there is none.
        name: what you are called there.

    Yields:
        What happens in the room, what you say included.
    """
    _check("room", room)
    _check("name", name)
    member = rooms.enter(room, name)
    listening = asyncio.create_task(_listen(texts, room, member))
    try:
        async for message in member.messages():
            yield message
        await listening  # A caller who says what is not allowed is told so.
    finally:
        listening.cancel()
        rooms.leave(room, member)


@service.endpoint(examples=[{"room": "lobby", "name": "Ann", "text": "Hello!"}])
async def say(text: str, room: str = "lobby", name: str = "someone") -> int:
    """Say something in a room without entering it.

    Wishes:
        say good morning in the room lobby
        tell everybody in the lobby that I am late

    Wishes (es):
        di buenos días en la sala lobby

    Wishes (de):
        sag guten Morgen im Raum lobby

    Args:
        text: what to say, at most 4000 characters.
        room: the room's name; it is made if there is none.
        name: who says it.

    Returns:
        How many are in the room.
    """
    _check("room", room)
    _check("name", name)
    return rooms.open(room).tell(Message(_now(), "said", name, _checked_text(text)))


@service.endpoint(idempotent=True, examples=[{"room": "lobby", "limit": 10}])
async def history(room: str = "lobby", limit: int = 20) -> list[Message]:
    """Tell what was said in a room lately.

    Wishes:
        what was said in the lobby
        what are they talking about in the lobby

    Args:
        room: the room's name.
        limit: how many messages at most, up to 100.
    """
    if not 0 <= limit <= HISTORY_MAX:
        raise errors.BadRequest(f"limit: expected 0 to {HISTORY_MAX}, got {limit}")
    known = rooms.rooms.get(room)
    return list(known.history)[len(known.history) - min(limit, len(known.history)) :] if known else []


@service.endpoint("Room.List", idempotent=True, examples=[{}])
async def list_rooms() -> list[RoomLine]:
    """List the rooms that somebody is in.

    Wishes:
        which rooms have people in them
    """
    return [
        RoomLine(name, sorted(member.name for member in room.members))
        for name, room in sorted(rooms.rooms.items())
        if room.members
    ]


async def _listen(texts: Stream[str], room: str, member: Member) -> None:
    """Tells the room what a member says, until it stops."""
    try:
        async for text in texts:
            rooms.open(room).tell(Message(_now(), "said", member.name, _checked_text(text)))
    except Fault as fault:
        if fault.code == errors.BadRequest.code:
            raise
        # The caller withdrew: it leaves, and that is all.
    finally:
        member.leave()


def _check(field_name: str, name: str) -> None:
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable() or name != name.strip():
        raise errors.BadRequest(
            f"{field_name}: expected 1 to {NAME_CHARACTERS_MAX} printable characters, got {name[:60]!r}"
        )


def _checked_text(text: str) -> str:
    if not 0 < len(text) <= TEXT_CHARACTERS_MAX:
        raise errors.BadRequest(f"text: expected 1 to {TEXT_CHARACTERS_MAX} characters, got {len(text)}")
    return text


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


if __name__ == "__main__":
    service.run()
