"""As what an exchange with a super node is counted."""

from __future__ import annotations

import pytest

from micro.mucp import headers as names
from micro.mucp.event import Block, Opened
from micro.mucp.headers import Headers
from micro.mucp.message import Form
from micro.network.metering import Asked
from micro.service.router import asked_as


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("Backbone.Find", Asked.LOOKUPS),
        ("Backbone.Lookup", Asked.LOOKUPS),
        ("Backbone.Join", Asked.WRITES),
        ("Copy.Open", Asked.WRITES),
        ("Copy.Write", Asked.EVENTS),
    ],
)
def test_writing_to_a_copy_uses_no_lookups_up(endpoint: str, kind: Asked) -> None:
    """What is kept for others is as many events, and openings cost a file each."""
    headers = Headers({names.SERVICE: "backbone", names.ENDPOINT: endpoint})
    opened = Opened(1, int(Form.CALL), Block(0, headers), 0, None, b"", None)

    assert asked_as(opened) is kind
