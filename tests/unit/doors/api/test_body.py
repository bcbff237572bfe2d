"""Bodies: the same however they are cut, and never more than allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.doors.api.body import ChunkedBody, CountedBody
from micro.doors.api.limits import Limits
from micro.doors.api.refusal import Refused

LIMITS = Limits()
NEXT = b"GET / HTTP/1.1\r\n"


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


def fed(body: ChunkedBody | CountedBody, data: bytes, cuts: list[int]) -> tuple[bool, bytes]:
    """Feeds `data` in pieces; returns whether the body became whole, and what was left over."""
    buffer, whole, position = bytearray(), False, 0
    for cut in [*sorted(cuts), len(data)]:
        buffer += data[position:cut]
        position = max(position, cut)
        if not whole:
            whole = body.take(buffer)
    return whole, bytes(buffer)


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 300), max_size=12))
def test_chunks_give_the_same_body_however_they_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    """The body is what was put in, and what follows it is left alone."""
    body = ChunkedBody(LIMITS)
    data = chunked(parts) + NEXT

    assert fed(body, data, [min(cut, len(data)) for cut in cuts]) == (True, NEXT)
    assert body.whole() == b"".join(parts)


@given(st.binary(min_size=1, max_size=60), st.lists(st.integers(0, 80), max_size=6))
def test_a_counted_body_takes_its_part(content: bytes, cuts: list[int]) -> None:
    """So many bytes and not one more."""
    body = CountedBody(len(content))
    data = content + NEXT

    assert fed(body, data, [min(cut, len(data)) for cut in cuts]) == (True, NEXT)
    assert body.whole() == content


@given(st.binary(max_size=60))
def test_chunks_of_anything_are_whole_wanting_or_refused(data: bytes) -> None:
    """No bytes make it fail in another way."""
    code = 200
    try:
        ChunkedBody(LIMITS).take(bytearray(data))
    except Refused as refused:
        code = refused.fault.code

    assert code in (200, 400, 413)


def test_chunks_above_the_limit_are_refused_before_they_come() -> None:
    """The size of a chunk is enough to know."""
    body = ChunkedBody(replace(LIMITS, body_bytes_max=10))
    body.take(bytearray(b"6\r\nabcdef\r\n"))

    with pytest.raises(Refused) as refused:
        body.take(bytearray(b"5\r\n"))
    assert refused.value.fault.code == 413
