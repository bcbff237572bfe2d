"""A sentence that goes on from the last call changes it, and undo says what can be done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from micro.assistant.following import FollowUp, follow_up_of
from micro.service.service import Service
from tests.unit.assistant.places import Clients, Talk, Town, assistant_in, kinds, services_of_a_town


@dataclass
class Item:
    """A thing on a list."""

    id: str
    text: str


def services() -> list[Service]:
    clock = Service("clock", description="The time of day.")

    @clock.endpoint(idempotent=True, examples=[{"zone": "Europe/Berlin"}])
    async def now(zone: str = "UTC") -> str:
        """Tell the time it is now."""
        return zone

    money = Service("money", description="Converts money.")

    @money.endpoint(idempotent=True)
    async def convert(value: float, source: str, to: str) -> float:
        """Convert an amount of money."""
        return value

    roads = Service("roads", description="Tells ways.")

    @roads.endpoint("Roads.Between", idempotent=True, examples=[{"source": "52.52, 13.41", "to": "Paris"}])
    async def between(source: str | list[float], to: str | list[float]) -> float:
        """Tell how long the way is."""
        return 0.0

    shelf = Service("shelf", description="Keeps things.")

    @shelf.endpoint("Shelf.Put")
    async def put(name: str, text: str) -> Item:
        """Put something on a shelf."""
        return Item("i1", text)

    @shelf.endpoint("Shelf.Remove", idempotent=True)
    async def remove(name: str, id: str) -> bool:
        """Remove something from a shelf."""
        return True

    return [clock, money, roads, shelf, *services_of_a_town()]


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def talk(tmp_path: Path, clients: Clients) -> Talk:
    """Returns a conversation in a town with a clock, a bank and a shelf."""
    return Talk(assistant_in(tmp_path, clients, town=Town(*services())))


def asked(clients: Clients) -> object:
    """Returns the last request."""
    return json.loads(clients.called[-1][2])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("and in Madrid?", FollowUp("in Madrid")),
        ("what about Sydney", FollowUp("Sydney")),
        ("no, London", FollowUp("London", corrects=True)),
        ("no London", FollowUp("London", corrects=True, is_bare=True)),
        ("No, I meant a note.", FollowUp("a note", corrects=True)),
        ("und in Rom?", FollowUp("in Rom")),
        ("nein, ich meinte Köln", FollowUp("Köln", corrects=True)),
        ("¿y en Lima?", FollowUp("en Lima")),
        ("make it 20", FollowUp("20", corrects=True)),
        ("android phones", None),
        ("and then tell me everything about the weather there", None),
        ("no", None),
    ],
)
def test_what_goes_on_from_the_last_is_told_from_wishes(text: str, expected: FollowUp | None) -> None:
    """By how it begins, and that it is short."""
    assert follow_up_of(text) == expected


@pytest.mark.parametrize("text", ["and in Madrid?", "what about madrid", "no, Madrid", "und in Madrid?"])
async def test_another_value_goes_where_its_form_fits(talk: Talk, clients: Clients, text: str) -> None:
    """A city is a zone, also where none was said before."""
    await talk(choose="clock Clock.Now")
    events = await talk(text)

    assert kinds(events) == ["heard", "told", "route", "calling", "result", "turn"]
    assert asked(clients) == {"zone": "Europe/Madrid"}


async def test_another_text_goes_to_the_only_one(talk: Talk, clients: Clients) -> None:
    """And to none where "no" might only be a no."""
    await talk("weather forecast of the city Oslo for 3 days")
    await talk("what about Bergen")
    assert asked(clients) == {"city": "Bergen", "days": 3}

    assert (await talk("no idea"))[1]["topic"] == "none"
    assert (await talk("and 5 days"))[1]["text"] == "days is now 5."


async def test_an_amount_is_changed_by_what_people_call_it(talk: Talk, clients: Clients) -> None:
    """Also one that waits for a yes."""
    await talk(choose="money Money.Convert", fields={"value": 5, "source": "euro", "to": "yen"})
    await talk("change the amount to 20")
    assert asked(clients) == {"value": 20, "source": "euro", "to": "yen"}
    await talk("and to francs")
    assert asked(clients) == {"value": 20, "source": "euro", "to": "francs"}

    await talk(choose="taxi Taxi.Book", fields={"destination": "Rome", "seats": 2})
    events = await talk("no, Milan")
    assert (kinds(events)[-2], events[2]["fields"]) == ("confirm", {"destination": "Milan", "seats": 2})


async def test_a_preposition_says_which_of_two_texts_is_meant(talk: Talk, clients: Clients) -> None:
    """Also where a text may be something else, such as a place by its name or by its coordinates."""
    await talk(choose="roads Roads.Between", fields={"source": "Berlin", "to": "Paris"})
    await talk("and to Oslo")
    assert asked(clients) == {"source": "Berlin", "to": "Oslo"}

    events = await talk("no, Bergen")
    assert events[1]["examples"] == ["change Berlin to Bergen", "change Oslo to Bergen"]
    await talk(events[1]["examples"][0])
    assert asked(clients) == {"source": "Bergen", "to": "Oslo"}


async def test_what_was_not_said_cannot_be_changed(talk: Talk) -> None:
    """It says so, and asks nothing else."""
    await talk("weather forecast of the city Oslo")
    events = await talk("change Paris to Rome")

    assert events[1]["text"] == "There is no “Paris” in what I asked last."


async def test_a_correction_may_name_the_service(talk: Talk) -> None:
    """The wish is taken again, of that service."""
    await talk("weather forecast for the taxi to Oslo")
    events = await talk("no, I meant a taxi")

    assert events[1]["service"] == "taxi"


async def test_undo_says_what_can_be_done(talk: Talk, clients: Clients) -> None:
    """What only looked changed nothing; else the service's own endpoints are shown, filled in, and asked about."""
    assert (await talk("undo"))[1]["topic"] == "nothing"
    await talk("weather forecast of the city Oslo")
    assert (await talk("undo"))[1]["text"].startswith("Nothing was changed")

    clients.answers["Shelf.Put"] = b'{"id":"i1","text":"book"}'
    await talk(choose="shelf Shelf.Put", fields={"name": "top", "text": "book"})
    await talk("yes")
    events = await talk("undo")
    assert events[1]["text"] == "I cannot take that back by myself: Put something on a shelf."
    assert [chip["choose"] for chip in events[2]["choices"]] == ["shelf Shelf.Remove"]

    events = await talk("the first one")
    assert (kinds(events)[-2], events[1]["fields"]) == ("confirm", {"name": "top", "id": "i1"})
