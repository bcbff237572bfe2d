"""One call over a link that is at hand, for parts that have a link and no client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from micro.mucp import headers as names
from micro.mucp.codec import JSON, encode_json
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.route import DEFAULT_MILLISECONDS

__all__ = ["call_once"]


async def call_once(
    link: Link, service: str, endpoint: str, request: Any, *, headers: Mapping[str, str] | None = None
) -> bytes:
    """Calls an endpoint over a given link, with a request in JSON, and returns the answer's body.

    Args:
        headers: more of them, such as who the node calls as.

    Raises:
        Fault: it failed.
        LinkClosed: the link is gone.
    """
    future = link.future()
    content = {names.SERVICE: service, names.ENDPOINT: endpoint, names.CONTENT_TYPE: JSON, **(headers or {})}
    prefix = link.session.begin(Form.CALL, content, DEFAULT_MILLISECONDS)
    number = link.call(future, prefix, encode_json(request))
    try:
        return (await future).body  # type: ignore[no-any-return]
    except asyncio.CancelledError:
        link.cancel(number)
        raise
