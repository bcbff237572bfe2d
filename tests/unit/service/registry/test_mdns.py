"""Services in multicast DNS are read and written as go-micro does."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from micro.errors import BadRequest
from micro.service.registry.mdns import EVERYTHING, Found, answer, listing, question, read_answer, read_question

FOLDER = Path(__file__).parents[3] / "vectors" / "mdns"
QUERY = (FOLDER / "mdns-greeter.query.bin").read_bytes()
REPLY = (FOLDER / "mdns-greeter.resp.bin").read_bytes()
NODE = Found(
    "greeter", "1.2.3", "greeter-1", "192.0.2.7", 9_911, {"protocol": "mucp"}, ({"name": "Say.Hello", "metadata": {}},)
)


def test_we_ask_as_go_micro() -> None:
    """The recorded question is ours, byte for byte."""
    assert question("greeter") == QUERY
    assert read_question(QUERY) == ("greeter",)
    assert read_question(question(EVERYTHING)) == (EVERYTHING,)


def test_a_recorded_answer_is_understood() -> None:
    """Node, address, port, metadata and endpoints of a real go-micro service."""
    (found,) = read_answer(REPLY)
    assert (found.service, found.node, found.address, found.port) == ("greeter", "greeter-node1", "127.0.0.1", 9_901)
    assert found.metadata["protocol"] == "mucp"
    assert "Say.Hello" in [endpoint["name"] for endpoint in found.endpoints]


def test_what_is_answered_is_read_again() -> None:
    """Three nodes in one packet stay three nodes, at addresses of both kinds."""
    other = Found("greeter", "2", "greeter-2", "192.0.2.8", 1, {}, ())
    third = Found("greeter", "2", "greeter-3", "::1", 1, {}, ())
    assert read_answer(answer("greeter", [NODE, other, third])) == [NODE, other, third]


def test_a_listing_names_the_service() -> None:
    """It tells of no node, only that there is one."""
    assert b"\x07greeter\x09_services\x05micro" in listing("greeter")
    assert read_answer(listing("greeter")) == []


def test_a_long_description_is_cut_into_pieces() -> None:
    """A text of DNS has 255 bytes, a description may have more."""
    endpoints = tuple({"name": f"Say.Hello{number}", "metadata": {"n": str(number**9)}} for number in range(300))
    node = Found("greeter", "1", "n", "192.0.2.7", 1, {}, endpoints)
    assert read_answer(answer("greeter", [node])) == [node]


def test_a_node_that_leaves_is_not_found() -> None:
    """Its records have no time left."""
    assert read_answer(answer("greeter", [NODE]).replace(struct.pack(">I", 120), bytes(4))) == []


@pytest.mark.parametrize("name", ["a" * 64, "", "a..b", ".".join(["abcdefgh"] * 30)])
def test_a_name_that_cannot_be_spelled_is_refused(name: str) -> None:
    """Instead of a packet that nobody can read."""
    with pytest.raises(BadRequest):
        question(name)


def test_a_bomb_is_not_unpacked() -> None:
    """A description that grows without end is none."""
    bomb = zlib.compress(b'{"Service":"greeter","Version":"' + b"a" * 10_000_000 + b'"}').hex().encode()
    pieces = b"".join(bytes((len(bomb[i : i + 255]),)) + bomb[i : i + 255] for i in range(0, len(bomb), 255))
    packet = answer("greeter", [NODE])
    start = packet.rindex(struct.pack(">HHI", 16, 1, 120))
    assert read_answer(packet[: start + 8] + struct.pack(">H", len(pieces)) + pieces) == []
