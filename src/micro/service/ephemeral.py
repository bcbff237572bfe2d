"""The publisher of events that nobody keeps: said once to whoever listens now, without an answer."""

from __future__ import annotations

from collections.abc import Mapping

from micro.mucp import headers as names
from micro.mucp.headers import encode
from micro.mucp.message import Form
from micro.network.link import Link

__all__ = ["EphemeralPublisher"]


class EphemeralPublisher:
    """Publishes such events, and remembers the header block of the last: what is told is told over and over."""

    __slots__ = ("_block", "_content_type", "_link", "_topic")

    def __init__(self) -> None:
        self._link: Link | None = None
        self._topic = self._content_type = ""
        self._block = 0

    def publish(
        self, link: Link, topic: str, body: bytes, content_type: str, headers: Mapping[str, str] | None
    ) -> None:
        """Publishes an event over a link to the topic's keeper; one without `headers` goes together with others.

        Raises:
            BadRequest: a header breaks a limit.
            LinkClosed: the link is gone; nothing was sent.
        """
        if link is not self._link or topic != self._topic or content_type != self._content_type or headers:
            said = {names.TOPIC: topic, names.CONTENT_TYPE: content_type}
            block, more = link.session.refer(said)
            if headers or more:
                link.tell(link.session.begin(Form.PUBLISH, said, 0, encode(headers or {})), body)
                return
            self._link, self._topic, self._content_type, self._block = link, topic, content_type, block
        link.publish(self._block, body)
