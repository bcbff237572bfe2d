"""What the owner asks of the door for phones, in the page and by the command: how it is, pairing one, closing it."""

from __future__ import annotations

from typing import Any

from micro.doors.api.access import Doorkeeper
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.doors.phone.door import PhoneDoor
from micro.doors.phone.outside_desk import OutsideDesk
from micro.doors.phone.square import square
from micro.doors.web.sessions import CODE_SECONDS, Sessions
from micro.errors import ConfigError, EngineError, Forbidden, NotFound, Unavailable
from micro.mucp.codec import encode_json

__all__ = ["PhoneDesk"]


class PhoneDesk:
    """Answers `/-/phone` and what is below it.

    Args:
        door: the door.
        doorkeeper: tells who asks.
        sessions: of browsers.
        outside: answers for the door outside of the house.
    """

    def __init__(self, door: PhoneDoor, doorkeeper: Doorkeeper, sessions: Sessions, outside: OutsideDesk) -> None:
        self._door = door
        self._outside = outside
        self._doorkeeper = doorkeeper
        self._sessions = sessions

    async def answer(self, request: Request) -> Answer:
        """Answers.

        Raises:
            Fault: somebody else than the owner asks, or the door cannot be opened.
        """
        if not self._doorkeeper.caller(request).unlimited:
            raise Forbidden("only the owner pairs a phone; `micro web` signs him in", id="phone")
        rest = request.segments[2:]
        try:
            if rest[:1] == ("outside",):
                return await self._outside.answer(request.method, rest[1:])
            if not rest and request.method in ("GET", "HEAD"):
                return Answer(200, encode_json(self._state()))
            if request.method != "POST":
                raise Refused(405, "method: a phone is paired by POST", headers={"allow": "GET, POST"})
            if rest == ("pair",):
                await self._door.pair()
                return Answer(200, encode_json(self._paired()))
            if rest == ("stop",):
                await self._door.close()
                return Answer(200, encode_json(self._state()))
        except (ConfigError, EngineError) as error:
            raise Unavailable(str(error), id="phone") from error
        except OSError as error:
            raise Unavailable(f"the node's home cannot be used: {error.strerror or error}", id="phone") from error
        raise NotFound("no such path; a phone is paired at /-/phone/pair", id="phone")

    def _state(self) -> dict[str, Any]:
        door = self._door
        return {
            "allowed": door.allowed,
            "open": door.is_open,
            "urls": door.urls,
            "page_until": door.page_until,
            "name": door.name,
            "fingerprint": door.fingerprint,
        }

    def _paired(self) -> dict[str, Any]:
        if not self._door.urls:  # the cable was pulled in this very moment
            raise Unavailable("this machine has just lost its address; try again", id="phone")
        link = f"{self._door.urls[0]}/#login={self._sessions.offer()}"
        return {
            **self._state(),
            "trust": {"link": self._door.page_url, "square": square(self._door.page_url)},
            "sign_in": {"link": link, "square": square(link), "seconds": CODE_SECONDS},
        }
