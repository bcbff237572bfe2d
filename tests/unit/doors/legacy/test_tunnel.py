"""A link of a go-micro tunnel: what is said on it, and what comes of what is heard."""

from __future__ import annotations

import itertools

import pytest

from micro.doors.legacy import tunnel as spoken
from micro.doors.legacy.messages import Message
from micro.doors.legacy.tunnel import Closed, Heard, Left, Opened, Started, Stranger, Tunnel
from tests.unit.doors.legacy.capture import TOKEN, messages

OPEN_TO = ("network", "control")


class Chance:
    """Other bytes each time."""

    def __init__(self, first: int) -> None:
        self._numbers = itertools.count(first)

    def __call__(self, count: int) -> bytes:
        return next(self._numbers).to_bytes(count, "big")


def made(id: str = "us", token: str = TOKEN, asked_at: str = "here", first: int = 0) -> Tunnel:
    return Tunnel(id, token, open_to=OPEN_TO, asked_at=asked_at, chance=Chance(first))


def passed(speaker: Tunnel, listener: Tunnel) -> list[object]:
    """Has one side hear all that the other says."""
    heard = [listener.receive(Message.read(message.write())) for message in speaker.output()]
    return [event for event in heard if event is not None]


def test_what_go_micro_says_is_understood() -> None:
    """The capture, heard from both sides: the methods of the network, and its measures are answered."""
    for by_client, expected in ((True, ["sync", "sync", "peer", "close"]), (False, ["connect", "connect"])):
        tunnel = made()
        events = [event for message in messages(by_client=by_client) if (event := tunnel.receive(message))]
        methods = [event.headers["Micro-Method"] for event in events if isinstance(event, Heard)]
        assert methods[: len(expected)] == expected
        assert not any(isinstance(event, Stranger) for event in events)
        answers = tunnel.output()
        assert Message({"Micro-Method": "link", "Micro-Link-Id": "us"}, b"\x01\x01\x01\x01") in answers
        announced = [each.headers for each in answers if each.headers.get("Micro-Tunnel") == "announce"]
        assert {each["Micro-Tunnel-Channel"] for each in announced} >= {"network"} if by_client else announced


def test_a_link_begins_with_connect() -> None:
    """go-micro lets go of links that begin otherwise."""
    tunnel = made()
    tunnel.connect()
    first, second = tunnel.output()
    assert first == Message({"Micro-Tunnel": "connect", "Micro-Tunnel-Id": "us"})
    assert second == Message({"Micro-Method": "link", "Micro-Link-Id": "us"}, bytes(4))
    assert tunnel.output() == []


def test_all_channels_are_announced_to_whoever_asks() -> None:
    """Or the one that is asked for, if it is listened to."""
    tunnel = made()
    ask = {"Micro-Tunnel": "discover", "Micro-Tunnel-Id": "them"}
    for channel in ("", "here", "elsewhere"):
        tunnel.receive(Message({**ask, "Micro-Tunnel-Channel": channel, "Micro-Tunnel-Session": "1"}))
    said = [(each.headers["Micro-Tunnel-Channel"], each.headers["Micro-Tunnel-Session"]) for each in tunnel.output()]
    assert said == [("network,control,here", "1"), ("here", "1")]


def test_a_session_begins_is_used_both_ways_and_ends() -> None:
    """As a call does."""
    us, them = made(), made("them", asked_at="there", first=1_000)
    session = us.open("there")
    assert passed(us, them) == [Opened("there", session)]
    assert passed(them, us) == [Started(session)]
    us.say(session, {"Micro-Id": "1"}, b"question")
    assert passed(us, them) == [Heard("there", session, {"Micro-Id": "1"}, b"question")]
    them.say(session, {"Micro-Id": "1"}, b"answer")
    assert passed(them, us) == [Heard("there", session, {"Micro-Id": "1"}, b"answer")]
    us.close(session)
    assert passed(us, them) == [Closed(session)]
    them.say(session, {}, b"too late")
    assert them.output() == []


def test_one_thing_is_told_on_a_channel_of_the_network() -> None:
    """Without a session that was begun, and it is hidden."""
    us, them = made(), made("them", first=1_000)
    us.tell("network", {"Micro-Method": "connect"}, b"who")
    said = us.output()
    assert not any(b"who" in each.write() or b"connect" in each.write() for each in said)
    heard = them.receive(said[0])
    assert isinstance(heard, Heard)
    assert heard.headers == {"Micro-Method": "connect"}
    assert heard.body == b"who"
    assert them.receive(said[1]) is None


def test_an_answer_comes_under_our_own_id() -> None:
    """As go-micro gives it, which repeats the id of whoever began the session."""
    us, them = made(), made(first=1_000)
    session = us.open("here")
    passed(us, them)
    assert passed(them, us) == [Started(session)]


def test_another_token_is_told() -> None:
    """So that its owner can be."""
    us, them = made(), made("them", token="another", first=1_000)
    us.tell("control", {"Micro-Method": "advert"}, b"")
    assert passed(us, them) == [Stranger()]


def test_nothing_is_heard_where_nobody_listens() -> None:
    """On channels and sessions that are not there, and of kinds that nobody knows."""
    us, them = made(), made("them", first=1_000)
    session = us.open("elsewhere")
    us.say(session, {}, b"hello")
    us.close(session)
    assert passed(us, them) == []
    for kind in ("keepalive", "announce", "accept", "wrong"):
        headers = {"Micro-Tunnel": kind, "Micro-Tunnel-Id": "them"}
        assert us.receive(Message({**headers, "Micro-Tunnel-Session": "unknown"})) is None
    assert us.output() == []


def test_sessions_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over the limit is not accepted, and a long name neither; a second `open` changes nothing."""
    monkeypatch.setattr(spoken, "SESSIONS_MAX", 1)
    tunnel = made()

    def opened(session: str) -> object:
        headers = {"Micro-Tunnel": "open", "Micro-Tunnel-Id": "them", "Micro-Tunnel-Channel": "here"}
        return tunnel.receive(Message({**headers, "Micro-Tunnel-Session": session}))

    assert [opened("a" * 65), opened("")] == [None, None]
    assert opened("1") == Opened("here", "1")
    assert opened("1") is None
    assert opened("2") is None
    assert tunnel.is_full


def test_a_close_without_a_channel_ends_the_link() -> None:
    """As go-micro says it when it stops."""
    us, them = made(), made("them")
    us.leave()
    assert passed(us, them) == [Left()]
