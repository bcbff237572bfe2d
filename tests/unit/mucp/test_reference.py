"""The page about the language says what the code does: its numbers, its names, its examples and its table of states."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from micro.mucp import envelope, event, headers, limits
from micro.mucp.exchange import CREDIT_STEP_BYTES, OVERDRAFT_FREE_BYTES
from micro.mucp.frame import Kind
from micro.mucp.message import Form, open_prefix
from micro.mucp.session import Session
from micro.network import link, vigil
from tests.unit.mucp import wire
from tests.unit.mucp.vectors import FRAMES, HEADERS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "mucp.md").read_text()
LOCAL_MATTERS = {"BULKY_BYTES"}
"""Constants of `micro.mucp.limits` that nobody else needs to know."""


def table(heading: str) -> list[list[str]]:
    """Returns the rows of the first table below a heading, without the row of names."""
    below = re.split(rf"^#+ {re.escape(heading)}\n", PAGE, flags=re.MULTILINE)[1]
    lines = re.split(r"^#", below, flags=re.MULTILINE)[0].splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("| ---")) + 1
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def constants() -> dict[str, float]:
    """Returns every number that the protocol lives by."""
    found: dict[str, float] = {
        name: value
        for module in (limits, headers, event)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int) and name not in LOCAL_MATTERS
    }
    found |= {"OVERDRAFT_FREE_BYTES": OVERDRAFT_FREE_BYTES}
    found |= {"CREDIT_STEP_BYTES": CREDIT_STEP_BYTES, "envelope.MESSAGE_BYTES_MAX": envelope.MESSAGE_BYTES_MAX}
    for module in (vigil, link):
        found |= {
            name: value
            for name, value in vars(module).items()
            if name in ("CALL_TIMEOUT_SECONDS", "HANDSHAKE_SECONDS", "CLOSE_SECONDS_MAX")
        }
    return found


def test_every_limit_stands_in_the_table_with_its_value() -> None:
    """No number of the page drifts from the code, and none is missing."""
    said = {row[2].strip("`"): row[1].split()[0] for row in table("Limits")}
    expected = {
        name: f"{value:,g}" if isinstance(value, float) else f"{value:,}" for name, value in constants().items()
    }

    assert said == expected


@pytest.mark.parametrize("name", ["message_bytes", "exchanges", "output_bytes", "input_bytes"])
def test_the_limits_of_each_kind_of_peer_are_said(name: str) -> None:
    """What this implementation takes from its owner, from strangers and otherwise."""
    (row,) = [row for row in table("What this implementation announces") if row[0] == f"`{name}`"]
    kinds = (limits.Limits(), limits.OWNER, limits.STRANGER, limits.GUEST)

    assert row[1:5] == [f"{getattr(each, name):,}" for each in kinds]


@pytest.mark.parametrize("name", ["ping_seconds", "dead_seconds", "idle_ping_seconds", "idle_dead_seconds"])
def test_the_times_of_silence_are_said(name: str) -> None:
    """When silence is asked about, and when it is death."""
    (row,) = [row for row in table("Silence") if row[0] == f"`{name}`"]

    assert row[1:3] == [f"{getattr(each, name):g} s" for each in (limits.NETWORK, limits.LOCAL)]


def test_every_kind_of_frame_has_its_number() -> None:
    """All kinds, and no other."""
    assert [(int(row[0]), row[1].strip("`")) for row in table("Kinds")] == [(int(kind), kind.name) for kind in Kind]


def test_every_form_has_its_number() -> None:
    """All forms, and no other."""
    assert [(int(row[0]), row[1]) for row in table("Forms")] == [(int(form), form.name.lower()) for form in Form]


def test_every_header_is_explained() -> None:
    """Each name that the code knows has a row, and each row is a name that it knows."""
    known = {
        value
        for name, value in vars(headers).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    }

    assert {row[0].strip("`") for row in table("Names")} == known


def test_every_field_of_the_hello_is_explained() -> None:
    """All fields, and no other."""
    assert [row[0].strip("`") for row in table("HELLO")] == list(event.Hello.__struct_fields__)


def example(heading: str) -> bytes:
    """Returns the bytes of the first example in hex below a heading; what follows two spaces is a comment."""
    below = re.split(rf"^#+ {re.escape(heading)}\n", PAGE, flags=re.MULTILINE)[1]
    found = re.search(r"^```text\n(.*?)^```", re.split(r"^#", below, flags=re.MULTILINE)[0], re.MULTILINE | re.DOTALL)
    assert found is not None, f"{heading} has no example"
    return bytes.fromhex("".join(line.partition("  ")[0] for line in found[1].splitlines()))


@pytest.mark.parametrize(("name", "data"), FRAMES, ids=[name for name, _ in FRAMES])
def test_the_example_is_the_vector(name: str, data: bytes) -> None:
    """What the page shows of a frame is what the vectors say."""
    assert example(name) == data


def test_the_example_of_headers_is_a_vector() -> None:
    """What the page shows of headers is what the vectors say."""
    assert example("Headers as bytes") == next(data for name, data, _ in HEADERS if name == "names in any case")


# -- what may be said when --------------------------------------------------------------------------------------------

Scene = Callable[[], tuple[Session, int]]


def _hearer(*, dialed: bool = False) -> Session:
    return wire.greeted(dialed=dialed, versions=wire.BOTH)


def nothing() -> tuple[Session, int]:
    return _hearer(), 1


def asked() -> tuple[Session, int]:
    session = _hearer()
    session.receive(wire.opening(1))
    return session, 1


def answers() -> tuple[Session, int]:
    session = _hearer(dialed=True)
    session.call("me", open_prefix(Form.CALL, 0, 0), b"")
    return session, 1


def opened() -> tuple[Session, int]:
    session = _hearer()
    session.send(wire.joined(session), bytes(10))
    return session, 1


def joined() -> tuple[Session, int]:
    session = _hearer(dialed=True)
    session.send(session.open(Form.STREAM, open_prefix(Form.STREAM, 0, 0), b"", "me"), bytes(10))
    return session, 1


def ended() -> tuple[Session, int]:
    session, number = opened()
    session.receive(wire.frame(wire.END, 1))
    return session, number


def subscribed() -> tuple[Session, int]:
    session = _hearer()
    session.deliver(wire.joined(session, form=wire.SUBSCRIBE), 0, 1, b"")
    return session, 1


def keeps() -> tuple[Session, int]:
    session = _hearer(dialed=True)
    session.open(Form.SUBSCRIBE, open_prefix(Form.SUBSCRIBE, 0, 0), b"", "me")
    return session, 1


SCENES: list[Scene] = [nothing, asked, answers, opened, joined, ended, subscribed, keeps]
WORDS = {
    "OPEN": wire.opening(1),
    "DATA": wire.frame(wire.DATA, 1, b"x"),
    "END": wire.frame(wire.END, 1),
    "ERROR": wire.frame(wire.ERROR, 1, wire.fault()),
    "REFUSED": wire.frame(wire.REFUSED, 1, wire.fault()),
    "HEADERS": wire.frame(wire.HEADERS, 1, wire.block(("A", "1"))),
    "CREDIT": wire.frame(wire.CREDIT, 1, b"\x00\x00\x00\x01"),
    "CANCEL": wire.frame(wire.CANCEL, 1),
    "EVENT": wire.event(1),
    "EVENTS": wire.events(1, b"x", b"y"),
    "ACK": wire.frame(wire.ACK, 1, bytes(8)),
    "NACK": wire.frame(wire.NACK, 1, bytes(12)),
}


def verdict(scene: Scene, word: bytes) -> str:
    """Says a word in a scene, and returns what becomes of it."""
    session, _ = scene()
    before = len(session._reply_headers)
    heard = wire.names(session.receive(word))
    if "Broken" in heard:
        return "refused"
    return "yes" if heard or len(session._reply_headers) > before else "ignored"


@pytest.mark.parametrize("row", table("What may be said when"), ids=lambda row: row[0].strip("`"))
def test_every_word_in_every_state_is_as_the_table_says(row: list[str]) -> None:
    """Every kind of frame, whatever state its exchange is in, moves it, is ignored or is refused."""
    found = [verdict(scene, WORDS[row[0].strip("`")]) for scene in SCENES]

    assert row[1:] == found


def test_the_table_of_words_is_whole() -> None:
    """Every kind of frame that belongs to an exchange has its row."""
    linkwide = {"HELLO", "DEFINE", "PING", "PONG", "GOAWAY"}

    assert {row[0].strip("`") for row in table("What may be said when")} == {kind.name for kind in Kind} - linkwide
