"""What has an id only its service knows is asked for, and found, by what the service lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from micro.assistant.offers import offers_of
from micro.assistant.sentence import Sentence
from micro.assistant.slots import fill
from micro.errors import Unavailable
from micro.service.service import Service
from tests.unit.assistant.places import Clients, Talk, Town, assistant_in, kinds, services_of_a_town


@dataclass
class Memo:
    """One memo."""

    id: str
    title: str
    text: str = ""


@pytest.fixture
def clients() -> Clients:
    """Returns a service that has two memos."""
    found = Clients()
    memos = [{"id": "m1", "title": "Call mum", "text": "on Friday"}, {"id": "m2", "title": "Buy eggs", "text": ""}]
    found.answers["Memos.List"] = json.dumps({"result": memos}).encode()
    found.answers["Memos.Shelves"] = b'{"result":["home","work"]}'
    return found


@pytest.fixture
def talk(tmp_path: Path, clients: Clients) -> Talk:
    """Returns a conversation with an assistant that knows the memos."""
    memos = Service("memos", description="Keeps memos.")

    @memos.endpoint("Memos.List", idempotent=True)
    async def list_memos(limit: int = 20) -> list[Memo]:
        """List the memos there are."""
        return []

    @memos.endpoint("Memos.Find", idempotent=True)
    async def find(query: str) -> list[Memo]:
        """Find memos by their words."""
        return []

    @memos.endpoint("Memos.Delete", idempotent=True)
    async def delete(id: str) -> bool:
        """Delete a memo; it is gone for good.

        Args:
            id: the memo's id.
        """
        return True

    @memos.endpoint("Memos.Shelves", idempotent=True)
    async def shelves() -> list[str]:
        """List the shelves there are."""
        return []

    @memos.endpoint("Memos.Clear", idempotent=True)
    async def clear(shelve: str) -> bool:
        """Clear a shelf."""
        return True

    @memos.endpoint("Memos.Write")
    async def write(title: str) -> Memo:
        """Write a memo.

        Args:
            title: one line.
        """
        return Memo("", title)

    return Talk(assistant_in(tmp_path, clients, town=Town(memos)))


def deleted(clients: Clients) -> list[bytes]:
    """Returns what was deleted."""
    return [body for _, endpoint, body in clients.called if endpoint == "Memos.Delete"]


async def test_an_id_is_asked_for_by_the_things_there_are(talk: Talk, clients: Clients) -> None:
    """One is chosen by its place, and the question whether to do it names it."""
    events = await talk(choose="memos Memos.Delete")
    assert events[-2]["text"] == "Which of these do you mean?"
    assert events[-2]["choices"] == [{"value": "m1", "label": "Call mum"}, {"value": "m2", "label": "Buy eggs"}]

    events = await talk("the second one")
    assert events[-2]["text"] == "Delete a memo: id “Buy eggs” (m2). Shall I?"
    await talk("yes")
    assert deleted(clients) == [b'{"id": "m2"}']


async def test_a_thing_is_found_by_its_words(talk: Talk) -> None:
    """Of the answer, and of the wish itself."""
    await talk(choose="memos Memos.Delete")
    assert (await talk("the one with the eggs please"))[-2]["text"].startswith("Delete a memo: id “Buy eggs”")
    await talk("no")

    events = await talk('delete the memo "mum"')
    assert events[-2]["text"] == "Delete a memo: id “Call mum” (m1). Shall I?"


async def test_what_is_no_thing_never_becomes_an_id(talk: Talk, clients: Clients) -> None:
    """It asks again by what there is, and does nothing."""
    events = await talk('delete the memo "holiday"')
    assert events[-2]["text"] == "I am not sure which one “holiday” is. Which of these do you mean?"
    assert [row["value"] for row in events[-2]["choices"]] == ["m1", "m2"]

    events = await talk("order a pizza")
    assert events[-2]["text"].startswith("I need the value itself, or “cancel”: “order a pizza” is none.")
    assert (kinds(events)[-2], deleted(clients)) == ("ask", [])


async def test_a_pressed_thing_is_named(talk: Talk) -> None:
    """By a face that shows them as buttons."""
    await talk(choose="memos Memos.Delete")
    assert (await talk(fields={"id": "m1"}))[-2]["text"] == "Delete a memo: id “Call mum” (m1). Shall I?"


async def test_an_id_that_is_not_listed_is_believed_where_it_is_typed(talk: Talk) -> None:
    """A service may have more than it lists at once."""
    await talk(choose="memos Memos.Delete")
    assert (await talk("m77"))[-2]["text"] == "Delete a memo: id “m77”. Shall I?"


async def test_a_service_without_anything_says_so(talk: Talk, clients: Clients) -> None:
    """And one that does not answer leaves the question as it is."""
    clients.answers["Memos.List"] = b'{"result":[]}'
    events = await talk('delete the memo "holiday"')
    assert (events[-2]["text"], events[-1]["waits_for"]) == (
        "Delete a memo: there is nothing yet that this could be done with.",
        "",
    )
    clients.answers["Memos.List"] = Unavailable("gone")
    assert (await talk(choose="memos Memos.Delete"))[-2]["text"] == "What is “id”? (the memo's id)"


async def test_a_bare_yes_is_no_text(talk: Talk, clients: Clients) -> None:
    """It asks once more."""
    await talk(choose="memos Memos.Write")
    events = await talk("yes")
    assert events[-2]["text"] == "I need the value itself, or “cancel”: “yes” is none. What is “title”? (one line)"
    assert (await talk('"yes"'))[-2]["text"] == "Write a memo: title “yes”. Shall I?"


async def test_a_question_is_no_value(talk: Talk) -> None:
    """Where it means another endpoint."""
    await talk(choose="memos Memos.Write")
    assert (await talk("can you list the memos there are?"))[1]["endpoint"] == "Memos.List"


async def test_words_that_are_no_list_are_those_of_a_thing_on_one(tmp_path: Path) -> None:
    """It asks for the list by the lists there are, and finds the thing on it then."""
    lists = Service("lists", description="Keeps lists.")

    @lists.endpoint("Lists.Names", idempotent=True)
    async def names() -> list[str]:
        """List the names of the lists there are."""
        return []

    @lists.endpoint("Lists.Show", idempotent=True)
    async def show(name: str) -> list[Memo]:
        """Show a list."""
        return []

    @lists.endpoint("Lists.Tick", idempotent=True)
    async def tick(name: str, id: str) -> bool:
        """Tick something off."""
        return True

    clients = Clients()
    clients.answers["Lists.Names"] = b'{"result":["food","travel"]}'
    clients.answers["Lists.Show"] = b'{"result":[{"id":"i7","title":"eggs"},{"id":"i8","title":"milk"}]}'
    talk = Talk(assistant_in(tmp_path, clients, town=Town(lists)))

    events = await talk("tick off the eggs")
    assert events[-2]["field"] == "name"
    assert [row["label"] for row in events[-2]["choices"]] == ["food", "travel"]
    assert (await talk("food"))[-2]["text"] == "Tick something off: name “food”, id “eggs” (i7). Shall I?"


async def test_what_has_a_list_too_long_to_see_is_believed(tmp_path: Path) -> None:
    """A zone is not on the first page of all zones, and is one."""
    clock = Service("clock", description="The time of day.")

    @clock.endpoint(idempotent=True)
    async def now(zone: str) -> str:
        """Tell the time it is now."""
        return zone

    @clock.endpoint(idempotent=True)
    async def zones(limit: int = 20) -> list[str]:
        """List the zones there are."""
        return []

    clients = Clients()
    clients.answers["Clock.Zones"] = b'{"result":["Africa/Cairo"]}'
    talk = Talk(assistant_in(tmp_path, clients, town=Town(clock, *services_of_a_town())))

    await talk("tell the time it is now in Madrid")

    assert clients.called[-1] == ("clock", "Clock.Now", b'{"zone": "Europe/Madrid"}')


async def test_a_yes_is_remembered_where_nothing_tells_that_it_changes_anything(tmp_path: Path) -> None:
    """In this conversation; what says that it changes something is asked about each time."""
    plain = Service("plain")

    @plain.endpoint("Fare.Cost")
    async def cost(kilometres: int) -> int:
        """Cost of a ride."""
        return kilometres

    talk = Talk(assistant_in(tmp_path, Clients(), town=Town(plain)))
    events = await talk(choose="plain Fare.Cost", fields={"kilometres": 2})
    assert (events[-2]["reasons"], events[-2]["text"][:24]) == (["may_change"], "It may change something,")
    await talk("yes")

    assert kinds(await talk(choose="plain Fare.Cost", fields={"kilometres": 3}))[-2] == "result"


def test_things_joined_by_and_stay_together() -> None:
    """Where there is one field for them; two places are two."""
    lists = Service("lists")

    @lists.endpoint("Lists.Add")
    async def add(name: str, text: str) -> None:
        """Add something to a list."""

    @lists.endpoint("Roads.Between", idempotent=True)
    async def between(start: str, end: str) -> None:
        """Tell the way."""

    adding, going = offers_of(lists.describe())
    wish = Sentence("add eggs, milk and bread to my shopping list")
    assert fill(adding, wish).values == {("name",): "shopping", ("text",): "eggs, milk and bread"}
    assert fill(going, Sentence("between Berlin and Paris")).values == {("start",): "Berlin", ("end",): "Paris"}
