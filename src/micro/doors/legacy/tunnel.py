"""One link of a go-micro tunnel, from the side that dialled: channels, and sessions on them.

Pure.

Everything is a message with `Micro-Tunnel`, which says what it is:

| kind | means |
| --- | --- |
| connect | the first message of whoever dialled |
| discover | which channels are listened to there? One channel, or all |
| announce | these are, joined by commas |
| open, accept | a session on a channel begins |
| session | something is said on one, hidden by `sealing` |
| close | a session is over; without a channel the link is |
| keepalive | nothing |

What the other side listens to is not asked: a session is begun where a route says. It asks us each half minute, and
forgets what it does not hear of for two. On the channels of the network a session needs no beginning, and is used for
one message. What is said on a session that we began comes with our own `Micro-Tunnel-Id`, so that tells nobody apart.
Beside that stand messages with `Micro-Method: link`, by which either side measures how far the other is.

Source: `tunnel/default.go` and `tunnel/link.go` of go-micro v2.9.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from micro.doors.legacy.messages import Message
from micro.doors.legacy.sealing import Seal, Unreadable

__all__ = ["Closed", "Event", "Heard", "Left", "Opened", "Started", "Stranger", "Tunnel"]

SESSIONS_MAX: Final = 256
SESSION_CHARACTERS_MAX: Final = 64
ID_BYTES: Final = 16

_PREFIX: Final = "Micro-Tunnel"
_ID, _CHANNEL, _SESSION, _LINK = (f"{_PREFIX}-{part}" for part in ("Id", "Channel", "Session", "Link"))
_METHOD: Final = "Micro-Method"
_LINK_ID: Final = "Micro-Link-Id"
_ASKED, _ANSWERED = bytes(4), bytes([1, 1, 1, 1])


class Heard(NamedTuple):
    """Something was said on a session."""

    channel: str
    session: str
    headers: dict[str, str]
    body: bytes


class Opened(NamedTuple):
    """The other side began a session; it is accepted."""

    channel: str
    session: str


class Started(NamedTuple):
    """The other side accepted a session of ours."""

    session: str


class Closed(NamedTuple):
    """A session is over."""

    session: str


class Stranger(NamedTuple):
    """Something was said that cannot be read: the other side has another token."""


class Left(NamedTuple):
    """The other side closes the link."""


Event = Heard | Opened | Started | Closed | Stranger | Left


class Tunnel:
    """One side of a link.

    Args:
        id: of this tunnel, others for each node.
        token: the secret of the network.
        open_to: the channels on which messages are taken without a session that was begun.
        asked_at: the channel on which others begin sessions.
        chance: returns so many bytes that nobody can guess.
    """

    def __init__(
        self, id: str, token: str, *, open_to: tuple[str, ...], asked_at: str, chance: Callable[[int], bytes]
    ) -> None:
        self._id = id
        self._token = token
        self._open_to = open_to
        self._asked_at = asked_at
        self._chance = chance
        self._sessions: dict[str, tuple[str, Seal]] = {}
        self._output: list[Message] = []

    def output(self) -> list[Message]:
        """Returns what is to be said, once."""
        said, self._output = self._output, []
        return said

    # -- what is said -----------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Begins the link."""
        self._say("connect")
        self.measure()

    def keep_alive(self) -> None:
        """Says that we are there."""
        self._say("keepalive")

    def measure(self) -> None:
        """Asks for an answer, by which go-micro measures how far it is to us and back."""
        self._output.append(Message({_METHOD: "link", _LINK_ID: self._id}, _ASKED))

    def tell(self, channel: str, headers: Mapping[str, str], body: bytes) -> None:
        """Says one thing on a channel, on a session that is over with it."""
        session = self._named()
        self._hidden(channel, session, Seal(self._token, channel, session), headers, body)
        self._say("close", channel, session)

    @property
    def is_full(self) -> bool:
        """Whether as many sessions are under way as there may be."""
        return len(self._sessions) >= SESSIONS_MAX

    def open(self, channel: str) -> str:
        """Begins a session and returns its id; nothing may be said on it before it has started."""
        session = self._named()
        self._sessions[session] = channel, Seal(self._token, channel, session)
        self._say("open", channel, session)
        return session

    def say(self, session: str, headers: Mapping[str, str], body: bytes) -> None:
        """Says something on a session; nothing where that is over."""
        if session in self._sessions:
            channel, seal = self._sessions[session]
            self._hidden(channel, session, seal, headers, body)

    def close(self, session: str) -> None:
        """Ends a session."""
        if session in self._sessions:
            channel, _ = self._sessions.pop(session)
            self._say("close", channel, session)

    def leave(self) -> None:
        """Ends the link."""
        self._sessions.clear()
        self._say("close")

    def _named(self) -> str:
        return self._chance(ID_BYTES).hex()

    def _say(self, kind: str, channel: str = "", session: str = "") -> None:
        headers = {_PREFIX: kind, _ID: self._id}
        if channel or session:
            headers |= {_CHANNEL: channel, _SESSION: session}
        self._output.append(Message(headers))

    def _hidden(self, channel: str, session: str, seal: Seal, headers: Mapping[str, str], body: bytes) -> None:
        hidden, data = seal.hide(headers, body, self._chance)
        named = {_PREFIX: "session", _ID: self._id, _CHANNEL: channel, _SESSION: session}
        self._output.append(Message({**hidden, **named}, data))

    def _announce(self, channel: str, session: str) -> None:
        ours = (*self._open_to, self._asked_at)
        if channel and channel not in ours:
            return
        headers = {_PREFIX: "announce", _ID: self._id, _CHANNEL: channel or ",".join(ours)}
        self._output.append(Message({**headers, _SESSION: session, _LINK: self._id}))

    # -- what is heard ----------------------------------------------------------------------------------------------

    def receive(self, message: Message) -> Event | None:
        """Returns what a message means, None where that is nothing that anybody need know of."""
        headers = message.headers
        kind = headers.get(_PREFIX, "")
        if not kind:
            if headers.get(_METHOD) == "link" and message.body == _ASKED:
                self._output.append(Message({_METHOD: "link", _LINK_ID: self._id}, _ANSWERED))
            return None
        channel, session = headers.get(_CHANNEL, ""), headers.get(_SESSION, "")
        if len(session) > SESSION_CHARACTERS_MAX:
            return None
        match kind:
            case "discover":
                self._announce(channel, session)
            case "open":
                return self._opened(channel, session)
            case "accept":
                return Started(session) if session in self._sessions else None
            case "session":
                return self._heard(channel, session, message)
            case "close":
                return self._closed(channel, session)
        return None

    def _opened(self, channel: str, session: str) -> Event | None:
        if channel != self._asked_at or not session or session in self._sessions or self.is_full:
            return None
        self._sessions[session] = channel, Seal(self._token, channel, session)
        self._say("accept", channel, session)
        return Opened(channel, session)

    def _heard(self, channel: str, session: str, message: Message) -> Event | None:
        known = self._sessions.get(session)
        if known is not None and known[0] == channel:
            seal = known[1]
        elif channel in self._open_to:
            seal = Seal(self._token, channel, session)
        else:
            return None
        hidden = {name: text for name, text in message.headers.items() if not name.startswith(_PREFIX)}
        try:
            headers, body = seal.read(hidden, message.body)
        except Unreadable:
            return Stranger()
        return Heard(channel, session, headers, body)

    def _closed(self, channel: str, session: str) -> Event | None:
        if not channel:
            return Left()
        known = self._sessions.get(session)
        if known is None or known[0] != channel:
            return None
        del self._sessions[session]
        return Closed(session)
