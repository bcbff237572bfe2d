"""The published test vectors are what the code says and hears."""

from __future__ import annotations

import json
from typing import Any

import pytest

from micro.errors import RemoteProtocolError
from micro.mucp import envelope, headers
from micro.mucp.event import Broken
from micro.mucp.frame import FrameReader
from micro.mucp.session import Session
from tests.unit.mucp import vectors
from tests.unit.mucp.vectors import FILES, FOLDER, unpacked


def read(name: str) -> list[dict[str, Any]]:
    """Returns what a published file says."""
    found = json.loads((FOLDER / name).read_text())
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_published_file_is_current(name: str) -> None:
    """Whoever changes the wire writes the vectors again: `python -m tests.unit.mucp.vectors --write`."""
    assert (FOLDER / name).read_text() == vectors.text(name)


def test_long_runs_of_zeros_are_packed() -> None:
    """What is packed is unpacked as it was."""
    for data in (b"", b"\x00", bytes(5000), b"a" + bytes(1000) + b"b", bytes(999) + b"x" + bytes(3000), b"a\x00" * 600):
        assert unpacked(vectors.packed(data)) == data


@pytest.mark.parametrize("each", read("frames.json"), ids=lambda each: str(each["name"]))
def test_frames_are_cut_so(each: dict[str, Any]) -> None:
    """Every published frame is read as it says."""
    found = FrameReader(100_000).take(bytes.fromhex(each["hex"]))[0]

    assert found == [(each["kind"], each["exchange"], bytes.fromhex(each["payload"]))]


@pytest.mark.parametrize("each", read("headers.json"), ids=lambda each: str(each["name"]))
def test_headers_are_read_so(each: dict[str, Any]) -> None:
    """Every published set of headers is read as it says, or refused."""
    data = bytes.fromhex(each["hex"])
    if each["headers"] is None:
        with pytest.raises(RemoteProtocolError):
            headers.decode(data)
    else:
        assert headers.decode(data) == each["headers"]


@pytest.mark.parametrize("each", read("envelopes.json"), ids=lambda each: str(each["name"]))
def test_envelopes_are_read_so(each: dict[str, Any]) -> None:
    """Every published envelope is read as it says, or refused."""
    blob = bytes.fromhex(each["hex"])
    if each.get("refused"):
        with pytest.raises(RemoteProtocolError):
            envelope.decode(blob)
    else:
        assert envelope.decode(blob) == (each["headers"], bytes.fromhex(each["body"]))


@pytest.mark.parametrize("each", read("refused.json"), ids=lambda each: str(each["rule"]))
def test_mistakes_are_refused(each: dict[str, Any]) -> None:
    """Every published mistake ends the link, and what stands before it does not."""
    session = Session(dialed=False)
    before = session.receive(unpacked(each["before"]))
    assert not [event for event in before if isinstance(event, Broken)]

    assert isinstance(session.receive(unpacked(each["hex"]))[-1], Broken)
