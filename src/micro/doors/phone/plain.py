"""The application without TLS: a page, and a certificate in two forms; nothing else is there."""

from __future__ import annotations

from micro.doors.api.limits import Limits
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Receive, Request, Scope, Send, answer_of
from micro.doors.phone.page import POLICY, trust_page
from micro.doors.phone.profile import CERTIFICATE_TYPE, PROFILE_TYPE, profile
from micro.trust.authority import Authority

__all__ = ["LIMITS", "PlainPage"]

LIMITS = Limits(
    body_bytes_max=0,
    bodies_bytes_max=0,
    small_body_bytes_max=0,
    connections_max=64,
    connections_address_max=8,
    idle_seconds=10.0,
    stop_seconds=1,
)
"""A few phones read a few pages."""


class PlainPage:
    """An ASGI application.

    Args:
        authority: whose certificate is given out.
        name: what phones call it.
    """

    def __init__(self, authority: Authority, name: str) -> None:
        self._authority = authority
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        request = Request(scope, receive, send)
        try:
            answer = self._answer(request)
        except Refused as refused:
            answer = answer_of(refused)
        try:
            await request.answer(answer)
        except OSError:
            pass  # the phone is gone

    def _answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "method: this page is read", headers={"allow": "GET, HEAD"})
        if request.path == "/":
            languages = request.header("accept-language") or ""
            page = trust_page(self._name, self._authority.fingerprint, languages, self._authority.host)
            headers = {"content-security-policy": POLICY, "vary": "accept-language"}
            return Answer(200, page.encode(), "text/html; charset=utf-8", headers)
        if request.path == "/micro.crt":
            return _file(self._authority.root, CERTIFICATE_TYPE, "micro.crt")
        if request.path == "/micro.mobileconfig":
            return _file(profile(self._authority, self._name), PROFILE_TYPE, "micro.mobileconfig")
        raise Refused(404, "there is a page at / here, and a certificate; the node is asked over HTTPS")


def _file(data: bytes, kind: str, name: str) -> Answer:
    return Answer(200, data, kind, {"content-disposition": f'attachment; filename="{name}"'})
