"""The fixed fields of frames, and the form of a message."""

from __future__ import annotations

import pytest

from micro.mucp.message import ACK, CREDIT, EVENT_PREFIX, NACK, OPEN_PREFIX, Form, form_of, open_prefix


def test_an_open_begins_so() -> None:
    """Form, header block, milliseconds, length of the extra headers, extra headers."""
    assert open_prefix(Form.STREAM, 258, 30_000, b"xyz") == bytes.fromhex("02 0102 00007530 0003") + b"xyz"


def test_the_fixed_fields_have_these_sizes() -> None:
    """The wire does not change by accident."""
    assert [each.size for each in (OPEN_PREFIX, EVENT_PREFIX, ACK, NACK, CREDIT)] == [9, 12, 8, 12, 4]


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({"micro-service": "a"}, Form.CALL),
        ({"MICRO-STREAM": "1"}, Form.STREAM),
        ({"Micro-Topic": "a"}, Form.PUBLISH),
        ({"Micro-Topic": "a", "micro-stream": "1"}, Form.PUBLISH),
        ({"Micro-topic": "a", "micro-QUEUE": "b"}, Form.SUBSCRIBE),
    ],
)
def test_headers_tell_the_form(headers: dict[str, str], form: Form) -> None:
    """Where there is no OPEN, the headers alone say what a message is."""
    assert form_of(headers) == form
