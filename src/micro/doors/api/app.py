"""The web app behind the door: its files, and signing in to it."""

from __future__ import annotations

from typing import Final

import msgspec

from micro.doors.api.access import Doorkeeper, cookie_name
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.doors.web.browsers import kind_of
from micro.doors.web.files import File, Files
from micro.doors.web.sessions import SESSION_SECONDS, Sessions
from micro.errors import BadRequest, Forbidden, NotFound
from micro.mucp.codec import encode_json

__all__ = ["AppDoor"]

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page may do: run what the node gave it, ask the node, show bytes that it holds; nothing inline."""

PAGE_HEADERS: Final = {
    "content-security-policy": PAGE_POLICY,
    "permissions-policy": "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
}
WORKER: Final = "sw.js"
WORKER_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; connect-src 'self'",
    "service-worker-allowed": "/",
}
LASTING: Final = "public, max-age=31536000, immutable"
CHANGING: Final = "no-cache"
BODY_BYTES_MAX: Final = 1024


class Login(msgspec.Struct):
    """What a browser sends to open a session."""

    code: str


class AppDoor:
    """Gives out the app, and opens and ends sessions.

    Args:
        files: what was built.
        sessions: of browsers.
        doorkeeper: tells who asks.
    """

    def __init__(self, files: Files, sessions: Sessions, doorkeeper: Doorkeeper) -> None:
        self._files = files
        self._sessions = sessions
        self._doorkeeper = doorkeeper

    def given(self, request: Request) -> Answer | None:
        """Answers `/` and `/assets/...` for anybody who reaches the door, else None; also where the app is not built.

        Raises:
            NotFound: there is no such file.
        """
        if request.path == "/":
            index = self._files.index
            return None if index is None else _given(request, index, PAGE_HEADERS)
        if not request.path.startswith("/assets/"):
            return None
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "method: files are read by GET, HEAD", headers={"allow": "GET, HEAD"})
        name = "/".join(request.segments[1:])
        found = self._files.find(name)
        if found is None:
            raise NotFound("the app has no such file; load the page again", id="web")
        return _given(request, found, WORKER_HEADERS if name == WORKER else {})

    async def session(self, request: Request) -> Answer:
        """Answers `/-/session` and what is below it.

        Raises:
            Fault: a code is wrong, or somebody else than the owner asks for one.
        """
        rest = request.segments[2:]
        if request.method in ("GET", "HEAD") and not rest:
            return Answer(200, encode_json({"owner": self._doorkeeper.caller(request).unlimited}))
        if request.method in ("GET", "HEAD") and rest == ("all",):
            return self._list(request)
        if request.method != "POST":
            raise Refused(405, "method: a session is opened by POST", headers={"allow": "GET, POST"})
        if not rest:
            return await self._open(request)
        if rest == ("code",):
            return self._offer(request)
        if rest in (("end",), ("end", "all")):
            return self._end(request, everywhere=len(rest) > 1)
        if len(rest) == 2 and rest[0] == "end":
            return self._end_called(request, rest[1])
        raise NotFound("no such path; a session is opened at /-/session", id="web")

    def _list(self, request: Request) -> Answer:
        self._check_owner(request, "sees")
        proof = self._doorkeeper.proof(request)
        here = "" if proof is None else self._sessions.id_of(proof)
        found = [
            {
                "id": each.id,
                "browser": each.browser,
                "opened": each.opened,
                "seen": each.seen,
                "expires": each.expires,
                "here": each.id == here,
            }
            for each in self._sessions.all()
        ]
        return Answer(200, encode_json({"sessions": found}))

    def _end_called(self, request: Request, id: str) -> Answer:
        self._check_owner(request, "ends")
        self._sessions.end_called(id)
        return Answer(200, encode_json({"ended": True}))

    def _check_owner(self, request: Request, does: str) -> None:
        if not self._doorkeeper.caller(request).unlimited:
            raise Forbidden(f"only the owner {does} the sessions of browsers; `micro web` signs him in", id="web")

    def _offer(self, request: Request) -> Answer:
        if not self._doorkeeper.caller(request).unlimited:
            raise Forbidden("only the owner opens the app for somebody; `micro web` does", id="web")
        return Answer(200, encode_json({"code": self._sessions.offer()}))

    async def _open(self, request: Request) -> Answer:
        body = await request.body()
        try:
            if len(body) > BODY_BYTES_MAX:
                raise ValueError("it is too long")
            code = msgspec.json.decode(body, type=Login).code
        except (ValueError, RecursionError) as error:
            raise BadRequest(f'expected {{"code": "..."}}: {error}', id="web") from error
        proof = self._sessions.open(code, kind_of(request.header("user-agent")))
        cookie = _cookie(request, proof.cookie, int(SESSION_SECONDS))
        return Answer(200, encode_json({"key": proof.key}), headers={"set-cookie": cookie})

    def _end(self, request: Request, *, everywhere: bool) -> Answer:
        if self._doorkeeper.caller(request).unlimited and everywhere:
            self._sessions.end_all()
        elif (proof := self._doorkeeper.proof(request)) is not None:
            self._sessions.end(proof)
        return Answer(200, encode_json({"ended": True}), headers={"set-cookie": _cookie(request, "", 0)})


def _cookie(request: Request, value: str, seconds: int) -> str:
    secure = "; Secure" if request.scope.get("scheme") == "https" else ""
    return f"{cookie_name(request)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _given(request: Request, file: File, headers: dict[str, str]) -> Answer:
    """Returns a file, or that it has not changed."""
    said = {**headers, "cache-control": LASTING if file.lasting else CHANGING, "etag": file.tag}
    said["vary"] = "accept-encoding"
    if request.header("if-none-match") == file.tag:
        return Answer(304, b"", file.content_type, said)
    squeezed = file.squeezed if "gzip" in (request.header("accept-encoding") or "") else None
    if squeezed is not None:
        said["content-encoding"] = "gzip"
    return Answer(200, file.body if squeezed is None else squeezed, file.content_type, said)
