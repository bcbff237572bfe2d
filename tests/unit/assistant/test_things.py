"""What has an id only its service knows is asked for, and found, by what the service lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from micro.errors import Unavailable
from micro.service.service import Service
from tests.unit.assistant.places import Clients, Talk, Town, assistant_in, kinds


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
    assert (await talk('delete the memo "holiday"'))[-2]["text"].startswith("I find nothing there")
    await talk("cancel")
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
