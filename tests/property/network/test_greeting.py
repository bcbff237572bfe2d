"""Laws of the first words of a TLS connection, however they come and whatever they lie about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micro.network.passage.greeting import GREETING_BYTES_MAX, RECORDS_MAX, Greeting, NoGreeting
from tests.unit.network.passage.hellos import body_of, extension, message, named, records

labels = st.from_regex(r"[a-z](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=2, max_size=5).map(".".join)
others = st.lists(
    st.tuples(st.integers(1, 2**16 - 1), st.binary(max_size=40)), max_size=8, unique_by=lambda each: each[0]
)


def said(host: str, before: list[tuple[int, bytes]], after: list[tuple[int, bytes]], size: int) -> bytes:
    """Returns what a client says for a host, with other extensions around the name, in records of a size."""
    front, back = (b"".join(extension(*each) for each in found) for found in (before, after))
    return records(message(body_of(front + named(host.encode()) + back, session=bytes(32))), size)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    """Returns the bytes in pieces, of these sizes again and again."""
    found, at = list[bytes](), 0
    while at < len(data):
        size = sizes[len(found) % len(sizes)]
        found.append(data[at : at + size])
        at += size
    return found


@given(hosts, others, st.integers(60, 2**14), st.lists(st.integers(1, 400), min_size=1, max_size=9))
def test_the_name_is_the_same_however_it_comes(
    host: str, before: list[tuple[int, bytes]], size: int, sizes: list[int]
) -> None:
    """In any records, in any pieces; and nothing is lost."""
    data = said(host, before, [], size)
    greeting = Greeting()
    heard = [greeting.hear(piece) for piece in pieces(data, sizes)]

    assert heard == [None] * (len(heard) - 1) + [host]
    assert greeting.received == data


@given(hosts, others, st.data())
def test_every_length_that_lies_is_refused_or_waited_for(
    host: str, before: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """Wherever a byte of a length is another: no other name is ever read from it, and nothing fails."""
    whole = said(host, before, [], 2**14)
    at = data.draw(st.integers(3, len(whole) - 1))
    bent = whole[:at] + bytes((data.draw(st.integers(0, 255)),)) + whole[at + 1 :]
    try:
        found = Greeting().hear(bent)
    except NoGreeting:
        return
    if found is not None and found != host:  # a byte of the name itself was bent
        assert found.encode() in bent.lower()
        assert sum(a != b for a, b in zip(found, host, strict=False)) + abs(len(found) - len(host)) <= len(host)


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_noise_is_refused_in_the_same_way_however_it_comes(noise: bytes, sizes: list[int]) -> None:
    """A refusal does not depend on the pieces, and never comes too late to be bounded."""
    data = b"\x16\x03\x01" + noise

    def outcome(parts: list[bytes]) -> str | None:
        greeting = Greeting()
        try:
            found = None
            for part in parts:
                found = greeting.hear(part)
                assert len(greeting.received) <= GREETING_BYTES_MAX * 2 + RECORDS_MAX * 5
                if found is not None:
                    break
        except NoGreeting as refusal:
            return f"{refusal.alert} {refusal}"
        return found

    assert outcome([data]) == outcome(pieces(data, sizes))
