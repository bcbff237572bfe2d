"""Every error of the project, in one tree.

Pure.

A `Fault` travels: it is what `Micro-Error` carries, so it knows its code, and both sides see the same one.
A `ProtocolError` says whose mistake it was: `LocalProtocolError` is a bug of ours, `RemoteProtocolError` is
the peer's and costs the peer its link. Everything else is about this machine.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

__all__ = [
    "BadRequest",
    "Cancelled",
    "ConfigError",
    "Conflict",
    "EngineError",
    "Fault",
    "Forbidden",
    "HandshakeFailed",
    "InternalError",
    "LinkClosed",
    "LocalProtocolError",
    "MicroError",
    "NoNode",
    "NotFound",
    "PaymentRequired",
    "ProtocolError",
    "RemoteProtocolError",
    "SourceError",
    "Timeout",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "is_callers",
    "reason_of",
]

ID_CHARACTERS_MAX = 256
DETAIL_CHARACTERS_MAX = 2000
"""A longer detail is cut: an error must never be the largest thing in a conversation."""


NOT_THE_CALLERS = frozenset({408, 499})
"""Of the codes below 500 these say nothing of what was asked: it took too long, or nobody waited for the answer."""


class MicroError(Exception):
    """The root: `except MicroError` catches whatever the project raises on purpose."""

    def __str__(self) -> str:
        return super().__str__() or type(self).__name__  # whoever shows it must not show nothing


class Fault(MicroError):
    """An error that travels in `Micro-Error`, as go-micro's `errors.Error` does.

    Attributes:
        id: where it arose, for instance `greeter.Say.Hello`.
        code: one of the codes in `Fault.codes`, read like an HTTP status.
        detail: one sentence for a person: what happened, why, and what to do next.
        status: the short name of the code.
        refused: whether nothing was done yet, so that the request may be sent elsewhere. It does not travel in the
            JSON.
    """

    code: int = 500
    status: str = "Internal Server Error"
    refused: bool = False
    codes: ClassVar[dict[int, type[Fault]]] = {}

    def __init_subclass__(cls) -> None:
        Fault.codes[cls.code] = cls

    def __init__(self, detail: str, *, id: str = "", code: int | None = None, status: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail[:DETAIL_CHARACTERS_MAX]
        self.id = id
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        return self.detail or self.status  # a peer may send none

    def to_dict(self) -> dict[str, Any]:
        """Returns the error object `{"id", "code", "detail", "status"}` of MUCP."""
        return {"id": self.id, "code": self.code, "detail": self.detail, "status": self.status}

    def to_json(self) -> str:
        """Returns the error object as compact JSON in ASCII, fit for a header value."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @staticmethod
    def make(code: int, detail: str, *, id: str = "", status: str | None = None) -> Fault:
        """Returns a fault of the class that belongs to `code`; an unknown code stays as it is."""
        kind = Fault.codes.get(code, Fault)
        return kind(detail, id=id, code=code, status=status)

    @staticmethod
    def parse(text: str) -> Fault:
        """Reads a `Micro-Error` value: the JSON object with keys in either case, else plain text as a 500.

        Lower-case keys are go-micro's, capitalised ones come from micro v3's platform services.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            return Fault.make(500, text)
        fields = {str(key).lower(): value for key, value in found.items()}
        code = fields.get("code")
        known = isinstance(code, int) and 400 <= code <= 599
        status = fields.get("status")
        return Fault.make(
            code if known and isinstance(code, int) else 500,
            str(fields.get("detail", "")),
            id=str(fields.get("id", ""))[:ID_CHARACTERS_MAX],
            status=str(status)[:ID_CHARACTERS_MAX] if status else None,
        )


class BadRequest(Fault):
    """400: the request itself is wrong; the detail names the field, what was expected and what came."""

    code = 400
    status = "Bad Request"


class Unauthorized(Fault):
    """401: the caller is not known, and must be."""

    code = 401
    status = "Unauthorized"


class PaymentRequired(Fault):
    """402: the endpoint has a price and the call brought no payment."""

    code = 402
    status = "Payment Required"


class Forbidden(Fault):
    """403: the caller is known and may not."""

    code = 403
    status = "Forbidden"


class NotFound(Fault):
    """404: no such service, endpoint, key or topic."""

    code = 404
    status = "Not Found"


class Timeout(Fault):
    """408: the deadline passed."""

    code = 408
    status = "Request Timeout"


class Conflict(Fault):
    """409: it exists already, or changed meanwhile."""

    code = 409
    status = "Conflict"


class TooLarge(Fault):
    """413: the body exceeds a limit; the detail names the limit."""

    code = 413
    status = "Content Too Large"


class TooManyRequests(Fault):
    """429: a limit on rate or concurrency is reached; try again later."""

    code = 429
    status = "Too Many Requests"


class Cancelled(Fault):
    """499: the caller withdrew before the answer."""

    code = 499
    status = "Client Closed Request"


class InternalError(Fault):
    """500: the service failed."""

    code = 500
    status = "Internal Server Error"


class Unavailable(Fault):
    """503: nobody can answer now. A detail that begins with "outcome unknown" means the request may have been done."""

    code = 503
    status = "Service Unavailable"


class ProtocolError(MicroError):
    """The language of the link was broken."""


class LocalProtocolError(ProtocolError):
    """This side tried to say what the protocol does not allow: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer said what the protocol does not allow: its link is closed with this reason."""


class LinkClosed(MicroError):
    """The link is gone; exchanges that were open on it have an unknown outcome."""


class HandshakeFailed(MicroError):
    """The two ends could not agree, or one could not prove who it is."""


class NoNode(MicroError):
    """No node answers on this machine; `micro server` starts one."""


class EngineError(MicroError):
    """An engine (database, transport, sandbox) failed; the message names it and what to do."""


class ConfigError(MicroError):
    """A setting is wrong; the message names the setting, where it came from and what is allowed."""


class SourceError(MicroError):
    """A source could not be fetched, or was refused; the message says which rule it broke."""


def is_callers(code: int) -> bool:
    """Tells whether a fault of this code speaks of what was asked or of who asked, and not of who was asked.

    Such a fault is an answer: what was asked is wrong, is not there, is not allowed, or comes too often.
    """
    return 400 <= code < 500 and code not in NOT_THE_CALLERS


def reason_of(error: BaseException) -> str:
    """Returns why something failed, in words for a person: what an error of ours says, of another also its kind.

    An error of Python may say nothing at all, as a `TimeoutError` does that ended a wait.
    """
    if isinstance(error, MicroError):
        return str(error)
    if isinstance(error, TimeoutError) and not str(error):
        return "it took too long"
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
