"""Conversations take the turns that people expect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micro.assistant.said import Said
from micro.errors import BadRequest, Forbidden, NotFound, TooLarge
from micro.trust.policy import Caller
from tests.unit.assistant.places import OWNER, Clients, Clock, Talk, Town, assistant_in, kinds


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def talk(tmp_path: Path, clients: Clients) -> Talk:
    """Returns a conversation of the owner's."""
    return Talk(assistant_in(tmp_path, clients))


async def test_a_wish_that_says_all_is_done_at_once(talk: Talk, clients: Clients) -> None:
    """What changes nothing and costs nothing needs no question."""
    events = await talk("weather forecast of the city Oslo for 3 days")

    assert kinds(events) == ["heard", "route", "calling", "result", "turn"]
    assert clients.called == [("weather", "Weather.Forecast", b'{"city": "Oslo", "days": 3}')]
    assert events[3]["value"] == "done"
    assert events[-1]["waits_for"] == ""


async def test_what_is_missing_is_asked_for_one_by_one(talk: Talk, clients: Clients) -> None:
    """Each answer fills a field in, and what costs something is confirmed at the end."""
    first = await talk(choose="taxi Taxi.Book")
    second = await talk("the airport")
    third = await talk("four")

    assert (first[-2]["kind"], first[-2]["field"], first[-2]["missing"]) == (
        "ask",
        "destination",
        ["destination", "seats"],
    )
    assert first[-2]["schema"]["type"] == "string"
    assert second[-2]["field"] == "seats"
    assert third[-2]["kind"] == "confirm"
    assert third[-2]["reasons"] == ["price", "changes"]
    assert clients.called == []

    last = await talk("yes")
    assert kinds(last)[1:3] == ["calling", "result"]
    assert json.loads(clients.called[0][2]) == {"destination": "the airport", "seats": 4}


async def test_an_answer_of_the_wrong_kind_is_asked_for_again(talk: Talk) -> None:
    """It says what it needs, and nothing that was filled in is lost."""
    await talk(choose="taxi Taxi.Book")
    await talk("Rome")
    events = await talk("many")

    assert events[-2]["kind"] == "ask"
    assert events[-2]["text"].startswith("I need a whole number.")
    assert (await talk("2"))[1]["fields"] == {"destination": "Rome", "seats": 2}


async def test_a_no_lets_it_be(talk: Talk, clients: Clients) -> None:
    """Said, or pressed."""
    await talk(choose="taxi Taxi.Cancel", fields={"number": 7})
    events = await talk("no")
    assert (events[-2]["topic"], events[-1]["waits_for"]) == ("cancelled", "")

    await talk(choose="taxi Taxi.Cancel", fields={"number": 7})
    assert (await talk(confirm=False))[-2]["topic"] == "cancelled"
    assert clients.called == []


async def test_a_changed_value_is_confirmed_again(talk: Talk, clients: Clients) -> None:
    """By the field's name, or by the value it had."""
    await talk(choose="taxi Taxi.Book", fields={"destination": "Rome", "seats": 2})
    events = await talk("change Rome to Milan")
    assert kinds(events) == ["heard", "told", "route", "confirm", "turn"]
    await talk("change seats to 3")
    await talk(confirm=True)

    assert json.loads(clients.called[0][2]) == {"destination": "Milan", "seats": 3}


async def test_again_does_the_last_thing_again(talk: Talk, clients: Clients) -> None:
    """What was confirmed is confirmed anew, and the rest is done at once."""
    await talk("weather forecast of the city Oslo")
    await talk("again")

    assert [endpoint for _, endpoint, _ in clients.called] == ["Weather.Forecast"] * 2


async def test_it_says_why(talk: Talk) -> None:
    """It names the words that led it there."""
    await talk("weather forecast of the city Oslo")
    events = await talk("why that one?")

    assert events[-2]["topic"] == "why"
    assert "weather, forecast" in events[-2]["text"]


async def test_what_no_service_does_is_said(talk: Talk, clients: Clients) -> None:
    """And nothing is called."""
    events = await talk("paint my house green")

    assert (events[1]["kind"], events[1]["topic"]) == ("told", "none")
    assert events[1]["text"] == "I know no service for that."
    assert clients.called == []


async def test_it_answers_in_the_language_of_the_wish(talk: Talk) -> None:
    """Or in the one that was asked for."""
    assert (await talk("mal mir bitte das Haus an"))[1]["text"] == "Dafür kenne ich keinen Dienst."
    assert (await talk("paint my house", language="es"))[1]["text"] == "No conozco ningún servicio para eso."


async def test_a_fault_is_told_and_what_was_filled_in_stays(talk: Talk, clients: Clients) -> None:
    """So that it can be mended."""
    clients.answers["Weather.Forecast"] = NotFound("there is no Atlantis", id="weather")
    events = await talk("weather forecast of the city Atlantis")
    assert events[-2]["kind"] == "failed"
    assert events[-2]["fault"]["code"] == 404
    assert "there is no Atlantis" in events[-2]["text"]

    clients.answers.clear()
    again = await talk("change city to Oslo")
    assert again[-2]["kind"] == "result"


async def test_a_name_that_nobody_vouches_for_is_confirmed_and_then_pinned(talk: Talk, clients: Clients) -> None:
    """A yes binds it to those who offer it now."""
    clients.met = b'{"name":"weather","unverified":true,"nodes":["b1"]}'
    events = await talk("weather forecast of the city Oslo")
    assert events[-2]["reasons"] == ["unverified"]

    await talk(confirm=True)
    assert [endpoint for _, endpoint, _ in clients.called] == ["Network.Pin", "Weather.Forecast"]


async def test_a_price_below_the_owners_bound_is_not_asked_about(tmp_path: Path, clients: Clients) -> None:
    """What changes something still is."""
    talk = Talk(assistant_in(tmp_path, clients, price_max=3.0))
    events = await talk(choose="taxi Taxi.Book", fields={"destination": "Rome", "seats": 2})
    assert events[-2]["reasons"] == ["changes"]


async def test_a_field_is_taken_back_by_null(talk: Talk) -> None:
    """A form that was emptied says so."""
    await talk(choose="taxi Taxi.Book", fields={"destination": "Rome"})
    events = await talk(fields={"destination": None, "seats": 2})
    assert events[1]["fields"] == {"seats": 2}
    assert events[-2]["field"] == "destination"


async def test_another_wish_is_understood_while_a_field_is_asked_for(talk: Talk) -> None:
    """Where it certainly is one."""
    await talk(choose="taxi Taxi.Book")
    events = await talk("weather forecast of the city Oslo for 3 days")
    assert (events[1]["kind"], events[1]["endpoint"]) == ("route", "Weather.Forecast")


async def test_conversations_are_their_callers_own(tmp_path: Path, clients: Clients) -> None:
    """A name that somebody else knows leads him into a conversation of his own."""
    assistant = assistant_in(tmp_path, clients)
    await Talk(assistant)(choose="taxi Taxi.Cancel", fields={"number": 7})
    stranger = Talk(assistant, Caller(user=True, account="eve"))

    assert (await stranger(confirm=True))[-2]["topic"] == "nothing"
    assert clients.called == []


async def test_what_a_caller_is_not_shown_is_not_offered(tmp_path: Path, clients: Clients) -> None:
    """Neither found nor chosen by name."""
    talk = Talk(assistant_in(tmp_path, clients), Caller(anonymous=True))

    assert all(event.get("service") != "taxi" for event in await talk("book a taxi"))
    with pytest.raises(NotFound):
        await talk(choose="taxi Taxi.Book")


async def test_another_node_has_an_assistant_of_its_own(tmp_path: Path, clients: Clients) -> None:
    """This one does not work for it."""
    with pytest.raises(Forbidden):
        await Talk(assistant_in(tmp_path, clients), Caller(nid="b" + "c" * 55))("hello")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said(), BadRequest),
        (Said("hello", confirm=True), BadRequest),
        (Said("x" * 2001), TooLarge),
        (Said(choose="taxi"), BadRequest),
        (Said("hello", language="xx"), BadRequest),
        (Said(fields={"text": "x" * 5_000_000}), TooLarge),
    ],
)
def test_what_cannot_be_understood_is_refused(
    said: Said, kind: type[Exception], tmp_path: Path, clients: Clients
) -> None:
    """Before anything is done."""
    with pytest.raises(kind):
        assistant_in(tmp_path, clients).begin(OWNER, said)


async def test_a_choice_is_learned_and_kept_on_disk(tmp_path: Path, clients: Clients) -> None:
    """The same wish, and one of mostly the same words, means the same from then on, after a restart too."""
    talk = Talk(assistant_in(tmp_path, clients))
    assert (await talk("get me out of this rain"))[-2].get("endpoint") != "Taxi.Book"
    await talk(choose="taxi Taxi.Book")

    again = Talk(assistant_in(tmp_path, clients))
    events = await again("get me out of the rain now")
    assert (events[1]["kind"], events[1].get("endpoint")) == ("route", "Taxi.Book")


async def test_silence_ends_a_conversation(tmp_path: Path, clients: Clients) -> None:
    """After an hour nothing waits any more."""
    clock = Clock()
    talk = Talk(assistant_in(tmp_path, clients, clock=clock))
    await talk(choose="taxi Taxi.Cancel", fields={"number": 7})
    clock.seconds += 3601

    assert (await talk(confirm=True))[-2]["topic"] == "nothing"


async def test_a_service_that_comes_later_is_known(tmp_path: Path, clients: Clients) -> None:
    """Without a restart."""
    town = Town()
    late = town.services.pop(0)
    talk = Talk(assistant_in(tmp_path, clients, town=town))
    assert kinds(await talk("weather forecast of the city Oslo"))[1] == "told"

    town.services.append(late)
    town.number += 1
    assert kinds(await talk("weather forecast of the city Oslo"))[1] == "route"


async def test_what_was_said_before_a_question_does_not_answer_it(talk: Talk, clients: Clients) -> None:
    """A wish that waited for its turn is a wish; a yes that did is none to what it never saw."""
    await talk(choose="taxi Taxi.Book")
    events = await talk("weather forecast of the city Oslo", anew=True)
    assert (events[1]["kind"], events[1]["endpoint"]) == ("route", "Weather.Forecast")

    await talk(choose="taxi Taxi.Cancel", fields={"number": 7})
    assert (await talk("yes", anew=True))[1]["topic"] == "nothing"
    assert [endpoint for _, endpoint, _ in clients.called] == ["Weather.Forecast"]


async def test_it_says_that_more_services_are_starting(tmp_path: Path, clients: Clients) -> None:
    """What it does not know now it may know in a moment."""
    events = await Talk(assistant_in(tmp_path, clients, starting=18))("paint my house green")

    assert events[1]["text"] == (
        "I know no service for that. Services that are still starting here: 18. Ask again in a moment."
    )
