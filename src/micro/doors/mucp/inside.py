"""What connections share: the links into the node, by who asks, and what is remembered of requests."""

from __future__ import annotations

from collections.abc import Callable

from micro.doors.api.directory import Directory
from micro.doors.api.limits import Limits
from micro.doors.api.path import Wanted
from micro.doors.api.places import Places
from micro.doors.api.target import Target
from micro.doors.mucp.access import Access
from micro.errors import Fault
from micro.mucp import headers as names
from micro.mucp.headers import encode
from micro.mucp.http.acceptor import Exchange
from micro.mucp.http.head import Heads, RequestHead
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.client import Client
from micro.trust.policy import Caller

__all__ = ["Inside"]


class Inside:
    """The node, as connections of the door see it.

    Args:
        access: tells who asks.
        client_for: returns a client with a caller's rights.
        directory: what endpoints there are.
        limits: how much a client may take of the door.
    """

    def __init__(
        self, access: Access, client_for: Callable[[Caller], Client], directory: Directory, limits: Limits
    ) -> None:
        self.access = access
        self.heads = Heads()
        self.limits = limits
        self.places = Places(limits)
        self._client_for = client_for
        self._directory = directory
        self._links: dict[Caller, Link] = {}

    def link(self, head: RequestHead, address: str) -> Link | None:
        """Returns the link of whoever sends such a request, None where it must be made first.

        Raises:
            Fault: he may not ask here.
        """
        link = self._links.get(self.access.caller(head, address))
        return link if link is not None and link.closed is None else None

    async def dialled(self, head: RequestHead, address: str) -> Link:
        """Returns the link, made anew where there is none.

        Raises:
            Fault: he may not ask here.
            LinkClosed: the node is stopping.
        """
        caller = self.access.caller(head, address)
        link = await self._client_for(caller).node()
        for other in [known for known, each in self._links.items() if each.closed is not None]:
            del self._links[other]
        self._links[caller] = link
        return link

    def seconds_left(self, head: RequestHead, address: str) -> float:
        """Returns for how long the token of whoever sends such a request is good; raises as `link`."""
        return self.access.seconds_left(head, self.access.caller(head, address))

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
            return link.session.begin(Form.PUBLISH, said, head.timeout_milliseconds, encode(own) if own else b"")
        key = (exchange.endpoint, exchange.wrapped.content_type)
        if head.kept is not None and head.kept[0] is link and head.kept[1] == key:
            return head.kept[2]  # type: ignore[no-any-return]
        said = {names.SERVICE: head.service, names.ENDPOINT: exchange.endpoint, names.CONTENT_TYPE: key[1]}
        extra = encode(head.passed) if head.passed else b""
        prefix = link.session.begin(head.form, said, head.timeout_milliseconds, extra)
        head.kept = (link, key, prefix)
        return prefix

    def target(self, exchange: Exchange) -> Target | None:
        """Returns what is known of the endpoint that a stream is for, None where nothing is."""
        service, endpoint = exchange.head.service, exchange.endpoint
        path = f"{service}/{endpoint}"
        known = self._directory.recall(path)
        if known is not None:
            return known
        try:
            found = self._directory.find((Wanted(service, endpoint),))
        except Fault:
            return None  # the node says why, when it is asked
        self._directory.remember(path, found)
        return found
