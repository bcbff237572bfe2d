"""What the owner asks of the door for phones outside of the house: how it is, through whom, pairing, closing it."""

from __future__ import annotations

from typing import Any

from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer
from micro.doors.phone.outside import OutsideDoor
from micro.doors.phone.profile import CERTIFICATE_TYPE
from micro.doors.phone.showing import Showing
from micro.doors.phone.square import square
from micro.doors.web.sessions import CODE_SECONDS, Sessions
from micro.errors import NotFound
from micro.mucp.codec import encode_json

__all__ = ["OutsideDesk"]


class OutsideDesk:
    """Answers `/-/phone/outside` and what is below it, for the owner.

    Args:
        door: the door.
        showing: the page with its certificate.
        sessions: of browsers.
    """

    def __init__(self, door: OutsideDoor, showing: Showing, sessions: Sessions) -> None:
        self._door = door
        self._showing = showing
        self._sessions = sessions

    async def answer(self, method: str, rest: tuple[str, ...]) -> Answer:
        """Answers; `rest` is what follows `outside` in the path.

        Raises:
            Fault, ConfigError, EngineError, OSError: the door cannot be opened.
        """
        if method in ("GET", "HEAD"):
            return await self._read(rest)
        if method != "POST":
            raise Refused(405, "method: a phone is paired by POST", headers={"allow": "GET, POST"})
        if rest[:1] == ("pair",) and len(rest) <= 2:
            await self._door.pair(rest[1] if len(rest) > 1 else "")
            return Answer(200, encode_json(self._paired()))
        if rest == ("stop",):
            await self._door.close()
            return Answer(200, encode_json(self._state()))
        raise NotFound("no such path; a phone is paired at /-/phone/outside/pair", id="phone")

    async def _read(self, rest: tuple[str, ...]) -> Answer:
        if not rest:
            return Answer(200, encode_json(self._state()))
        if rest == ("offers",):
            offers = await self._door.offers()
            told = [{"nid": each.nid, "domain": each.domain, "port": each.port} for each in offers]
            return Answer(200, encode_json({"offers": told}))
        authority = self._door.authority
        if rest == ("micro.crt",) and authority is not None:
            headers = {"content-disposition": 'attachment; filename="micro.crt"'}
            return Answer(200, authority.root, CERTIFICATE_TYPE, headers)
        raise NotFound("no such path; the state is at /-/phone/outside", id="phone")

    def _state(self) -> dict[str, Any]:
        door = self._door
        return {
            "allowed": door.allowed,
            "open": bool(door.url),
            "url": door.url,
            "through": door.through.nid,
            "domain": door.through.domain,
            "linked": door.linked,
            "trouble": door.trouble,
            "page_until": self._showing.until,
            "name": door.name,
            "fingerprint": door.authority.fingerprint if door.authority is not None else "",
        }

    def _paired(self) -> dict[str, Any]:
        link = f"{self._door.url}/#login={self._sessions.offer()}"
        return {
            **self._state(),
            "trust": {"link": self._showing.url, "square": square(self._showing.url)},
            "sign_in": {"link": link, "square": square(link), "seconds": CODE_SECONDS},
        }
