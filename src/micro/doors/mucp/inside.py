"""What connections share: the links into the node, by who asks, and what is remembered of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from micro.doors.api.access import OWNER
from micro.doors.api.call import Note
from micro.doors.api.directory import Directory
from micro.doors.api.limits import Limits
from micro.doors.api.path import Wanted
from micro.doors.api.places import Places
from micro.doors.api.target import Target
from micro.doors.mucp.access import Access
from micro.doors.mucp.entry import DOOR, Entry
from micro.doors.mucp.names import ASKED_AT, GO_MICRO, known_as
from micro.doors.mucp.turn import Turn
from micro.errors import Fault
from micro.mucp import headers as names
from micro.mucp.headers import encode
from micro.mucp.http.acceptor import Exchange
from micro.mucp.http.familiar import Familiar
from micro.mucp.http.head import Heads, RequestHead
from micro.mucp.http.post import VIA
from micro.mucp.message import Form
from micro.network.link import Link
from micro.node.record import BODY_BYTES_MAX
from micro.service.client import Client
from micro.trust.policy import Caller

__all__ = ["Inside", "Standing"]


class Standing(NamedTuple):
    """What calls with one head, from one connection and without a token, have in common while the link lives.

    Attributes:
        head: what their headers mean.
        caller: whose calls they are.
        link: that one's link into the node.
        prefix: what an OPEN of theirs begins with.
        path: their service and endpoint, as the directory has them.
    """

    head: RequestHead
    caller: Caller
    link: Link
    prefix: bytes
    path: str


class Inside:
    """The node, as connections of the door see it.

    Args:
        access: tells who asks.
        client_for: returns a client with a caller's rights.
        directory: what endpoints there are.
        limits: how much a client may take of the door.
        note: takes note of calls and streams that have ended.
        nid: the node.
        trusts: whether programs of this machine publish as the owner without a token.
    """

    def __init__(
        self,
        access: Access,
        client_for: Callable[[Caller], Client],
        directory: Directory,
        limits: Limits,
        note: Note,
        *,
        nid: str,
        trusts: bool,
    ) -> None:
        self.access = access
        self.heads = Heads()
        self.familiar = Familiar()
        self.limits = limits
        self.places = Places(limits)
        self._client_for = client_for
        self._directory = directory
        self._note = note
        self._nid = nid
        self._trusts = trusts
        self._links: dict[Caller, Link] = {}
        self.turn = Turn()

    def caller(self, head: RequestHead, address: str) -> Caller:
        """Returns with whose rights a request is asked; raises as `Access.caller`."""
        caller = self.access.caller(head, address)
        return OWNER if self._trusts and caller.anonymous and head.form is Form.PUBLISH else caller

    def link(self, caller: Caller) -> Link | None:
        """Returns a caller's link, None where it must be made first."""
        link = self._links.get(caller)
        return link if link is not None and link.closed is None else None

    async def dialled(self, caller: Caller) -> Link:
        """Returns the link, made anew where there is none.

        Raises:
            Fault: so many callers are here that there is no room for another.
            LinkClosed: the node is stopping.
        """
        link = await self._client_for(caller).node()
        for other in [known for known, each in self._links.items() if each.closed is not None]:
            del self._links[other]
        self._links[caller] = link
        return link

    def standing(self, link: Link, exchange: Exchange, caller: Caller) -> Standing | None:
        """Returns what later calls with the same head need not be asked again, None where they may differ.

        A token may expire between two calls, and an endpoint in the wrapping may be another one each time.

        Raises:
            BadRequest: as `prefix`.
        """
        head = exchange.head
        if head.authorization or not head.plain or head.form is not Form.CALL:
            return None
        return Standing(head, caller, link, self.prefix(link, exchange), _path(exchange))

    def entry_of(self, path: str, exchange: Exchange, caller: Caller, clock: Callable[[], float]) -> Entry:
        """Does as `entry` for a call to a path that is known."""
        now = clock()
        target = self._directory.recall(path, now)
        if target is None:
            return self.entry(exchange, caller, clock)
        assert exchange.wrapped is not None
        return Entry(self._note, caller, target, exchange.wrapped.content_type, exchange.wrapped.body, clock, now)

    def entry(self, exchange: Exchange, caller: Caller, clock: Callable[[], float]) -> Entry:
        """Returns what is noted of a call or stream that begins now, by the loop's clock."""
        assert exchange.wrapped is not None
        wrapped = exchange.wrapped
        target, body = self.target(exchange), wrapped.body
        if target is None:  # nobody can tell whether there are secrets in it
            target, body = Target(known_as(exchange.head.service), exchange.endpoint), b""
        elif exchange.head.form is Form.STREAM and len(body) > BODY_BYTES_MAX:  # it may last long
            body = b""
        return Entry(self._note, caller, target, wrapped.content_type, body, clock, clock())

    def prefix(self, link: Link, exchange: Exchange) -> bytes:
        """Returns what an OPEN of this request begins with on a link; kept with the head of such requests.

        Raises:
            BadRequest: its headers break a limit of links.
        """
        head = exchange.head
        assert exchange.wrapped is not None
        if head.form is Form.PUBLISH:
            said = {names.TOPIC: head.topic, names.CONTENT_TYPE: exchange.wrapped.content_type}
            own = {**head.passed, names.ID: exchange.id} if exchange.id else head.passed
            if head.is_posted:
                own = {**own, VIA: self._nid}
            return link.session.begin(Form.PUBLISH, said, head.timeout_milliseconds, encode(own) if own else b"")
        key = (exchange.endpoint, exchange.wrapped.content_type)
        if head.kept is not None and head.kept[0] is link and head.kept[1] == key:
            return head.kept[2]  # type: ignore[no-any-return]
        service = known_as(head.service)
        said = {names.SERVICE: service, names.ENDPOINT: exchange.endpoint, names.CONTENT_TYPE: key[1]}
        passed = {**head.passed, ASKED_AT: DOOR} if service.startswith(GO_MICRO) else head.passed
        extra = encode(passed) if passed else b""
        prefix = link.session.begin(head.form, said, head.timeout_milliseconds, extra)
        head.kept = (link, key, prefix)
        return prefix

    def target(self, exchange: Exchange) -> Target | None:
        """Returns what is known of the endpoint that a stream is for, None where nothing is."""
        path = _path(exchange)
        known = self._directory.recall(path)
        if known is not None:
            return known
        try:
            found = self._directory.find((Wanted(known_as(exchange.head.service), exchange.endpoint),))
        except Fault:
            return None  # the node says why, when it is asked
        self._directory.remember(path, found)
        return found


def _path(exchange: Exchange) -> str:
    return f"{known_as(exchange.head.service)}/{exchange.endpoint}"
