"""Sessions of browsers: a code that works once opens one, and two secrets together prove it.

Pure.

One secret is a cookie that no script can read, the other a key that only pages of this very address can read: cookies
do not tell ports apart (RFC 6265, 8.5), so that any other server on this machine is shown the cookie; and what a script
can read, a script that slipped in could send away. Neither half alone is of use. Only their hashes are kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from micro.errors import NotFound, Unauthorized

__all__ = ["CODE_SECONDS", "SESSION_SECONDS", "Proof", "Sessions"]

SECRET_BYTES = 32
CODE_SECONDS = 600.0
"""How long a code waits for whoever opens it."""
CODES_MAX = 16
SESSION_SECONDS = 30 * 86_400.0
SESSIONS_MAX = 64
"""So many browsers have a session; the oldest gives way."""
SEEN_SECONDS = 600.0
"""When a session was used is noted no more often: each note is written to the disk."""
ID_DIGITS = 16
BROWSER_CHARACTERS_MAX = 64
KEPT_BYTES_MAX = 65_536


class Proof(NamedTuple):
    """What a browser shows.

    Attributes:
        cookie: the half that no script reads.
        key: the half that no other address reads.
    """

    cookie: str
    key: str


class Kept(msgspec.Struct, frozen=True):
    """What is kept of a session: hashes of its halves in hex, and its times in seconds since 1970.

    Attributes:
        cookie, key: the hashes.
        expires: its end.
        opened: its beginning; 0 where it was not noted yet.
        seen: when it was used last, give or take `SEEN_SECONDS`.
        browser: the kind of browser it was opened in, "" where nothing is known of it.
    """

    cookie: str
    key: str
    expires: float
    opened: float = 0.0
    seen: float = 0.0
    browser: str = ""

    @property
    def id(self) -> str:
        """What the session is called: the beginning of a hash, which opens nothing."""
        return self.cookie[:ID_DIGITS]


class Sessions:
    """The sessions of one node.

    Args:
        draw: returns so many random bytes.
        now: seconds since 1970.
        load: returns what was saved last, None where nothing was.
        save: keeps that.
    """

    def __init__(
        self,
        *,
        draw: Callable[[int], bytes],
        now: Callable[[], float],
        load: Callable[[], bytes | None] = lambda: None,
        save: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        self._draw = draw
        self._now = now
        self._load = load
        self._save = save
        self._codes: dict[str, float] = {}
        self._known: list[Kept] | None = None
        self._open: dict[object, tuple[Kept, Callable[[], None]]] = {}

    def offer(self) -> str:
        """Returns a code with which one browser opens one session, soon."""
        now = self._now()
        alive = [(code, end) for code, end in self._codes.items() if end > now]
        self._codes = dict(alive[-(CODES_MAX - 1) :])
        code = self._draw(SECRET_BYTES).hex()
        self._codes[code] = now + CODE_SECONDS
        return code

    def open(self, code: str, browser: str = "") -> Proof:
        """Opens a session.

        Args:
            code: what was offered.
            browser: what kind of browser it is.

        Raises:
            Unauthorized: the code is none of ours, was used, or waited too long.
        """
        end = self._codes.pop(code, 0.0)
        if end <= self._now():
            raise Unauthorized("this link was used already, or is too old; type `micro web` for a new one", id="web")
        proof = Proof(self._draw(SECRET_BYTES).hex(), self._draw(SECRET_BYTES).hex())
        now = self._now()
        named = browser[:BROWSER_CHARACTERS_MAX]
        kept = Kept(_hash(proof.cookie), _hash(proof.key), now + SESSION_SECONDS, now, now, named)
        self._keep([*self._alive(), kept][-SESSIONS_MAX:])
        return proof

    def check(self, proof: Proof) -> None:
        """Checks both halves.

        Raises:
            Unauthorized: they are of no session, or not of the same, or it has ended.
        """
        found = self._of(proof)
        if found is None:
            raise _ended()
        self._see(found)

    def watch(self, proof: Proof, ended: Callable[[], None]) -> tuple[float, Callable[[], None]]:
        """Has somebody told, once, when a session is ended before its time.

        Returns for how many seconds it lasts if nobody ends it, and what is called when nobody waits any more.

        Raises:
            Unauthorized: as `check`.
        """
        found = self._of(proof)
        if found is None:
            raise _ended()
        self._see(found)
        key = object()
        self._open[key] = (found, ended)
        return found.expires - self._now(), lambda: self._forget(key)

    def _forget(self, key: object) -> None:
        self._open.pop(key, None)

    def end(self, proof: Proof) -> None:
        """Ends a session, if there is one."""
        found = self._of(proof)
        if found is not None:
            self._keep([each for each in self._alive() if each.cookie != found.cookie])

    def all(self) -> list[Kept]:
        """Returns all sessions, the one that was used last first."""
        return sorted(self._alive(), key=lambda each: -each.seen)

    def id_of(self, proof: Proof) -> str:
        """Returns what the session of a proof is called, "" where there is none."""
        found = self._of(proof)
        return "" if found is None else found.id

    def end_called(self, id: str) -> None:
        """Ends the session that is called so.

        Raises:
            NotFound: there is none.
        """
        alive = self._alive()
        left = [each for each in alive if each.id != id]
        if len(left) == len(alive):
            raise NotFound("no browser has this session; it may have ended already", id="web")
        self._keep(left)

    def end_all(self) -> None:
        """Ends every session, and forgets the codes."""
        self._codes.clear()
        self._keep([])

    def _see(self, found: Kept) -> None:
        """Notes that a session is used."""
        now = self._now()
        if now - found.seen < SEEN_SECONDS:
            return
        seen = msgspec.structs.replace(found, seen=now)
        try:
            self._keep([seen if each.cookie == seen.cookie else each for each in self._alive()])
        except OSError:
            pass  # a full disk keeps nobody out; it is noted in memory

    def _of(self, proof: Proof) -> Kept | None:
        cookie, key = _hash(proof.cookie), _hash(proof.key)
        for each in self._alive():
            if hmac.compare_digest(each.cookie, cookie) & hmac.compare_digest(each.key, key):
                return each
        return None

    def _alive(self) -> list[Kept]:
        if self._known is None:
            self._known = _read(self._load())
        now = self._now()
        return [each for each in self._known if each.expires > now]

    def _keep(self, known: list[Kept]) -> None:
        self._known = known
        self._save(msgspec.json.encode(known))
        left = {each.cookie for each in known}
        over = [(key, ended) for key, (kept, ended) in self._open.items() if kept.cookie not in left]
        for key, ended in over:
            self._forget(key)
            ended()


def _ended() -> Unauthorized:
    return Unauthorized("this session has ended; type `micro web` in a terminal to begin another", id="web")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _read(data: bytes | None) -> list[Kept]:
    """Reads what was saved; whoever spoils the file has everybody sign in again."""
    if data is None or len(data) > KEPT_BYTES_MAX:
        return []
    try:
        return msgspec.json.decode(data, type=list[Kept])[-SESSIONS_MAX:]
    except (msgspec.MsgspecError, ValueError):
        return []
