"""Wishes to try are those that services show, and that can be tried at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.assistant.offers import offers_of
from micro.assistant.suggesting import suggestions
from micro.errors import BadRequest
from micro.service.service import Service
from tests.unit.assistant.places import OWNER, Clients, Talk, Town, assistant_in, services_of_a_town


def services() -> list[Service]:
    clock = Service("clock", description="The time of day.")

    @clock.endpoint(idempotent=True, examples=[{"zone": "Europe/Berlin"}])
    async def now(zone: str) -> str:
        """Tell the time it is now.

        Wishes:
            what is the time
            what time is it in Rome

        Wishes (es):
            qué hora es en Roma

        Wishes (de):
            wie spät ist es in Rom
        """
        return zone

    papers = Service("papers", description="Reads papers.")

    @papers.endpoint(idempotent=True)
    async def read(text: str) -> str:
        """Read a paper.

        Wishes:
            read this paper
        """
        return text

    memos = Service("memos", description="Keeps memos.")

    @memos.endpoint("Memos.Find", idempotent=True)
    async def find(word: str) -> list[str]:
        """Find memos.

        Wishes:
            memos about gardens
        """
        return []

    @memos.endpoint("Memos.Delete", idempotent=True)
    async def delete(word: str) -> bool:
        """Delete memos.

        Wishes:
            delete memos about gardens
        """
        return True

    return [papers, memos, clock, *services_of_a_town()]


def test_a_wish_says_all_that_is_needed_and_changes_nothing() -> None:
    """What keeps something comes last; what points to something that is not there does not come at all."""
    offers = [offer for service in services() for offer in offers_of(service.describe())]

    assert [found.text for found in suggestions(offers, 5)] == ["what time is it in Rome", "memos about gardens"]
    assert [found.text for found in suggestions(offers, 5, hidden={"clock"})] == ["memos about gardens"]
    assert len(suggestions(offers, 1)) == 1


async def test_help_and_faces_show_them(tmp_path: Path) -> None:
    """Where no service shows any, help names what some of them do."""
    assistant = assistant_in(tmp_path, Clients(), town=Town(*services()))
    events = await Talk(assistant)("what can you do")
    assert events[1]["examples"] == ["what time is it in Rome", "memos about gardens"]
    assert "“what time is it in Rome”" in events[1]["text"]
    found = await assistant.suggest(OWNER, 1)
    assert (found[0]["text"], found[0]["endpoint"]) == ("what time is it in Rome", "Clock.Now")
    with pytest.raises(BadRequest, match="limit"):
        await assistant.suggest(OWNER, 0)

    events = await Talk(assistant_in(tmp_path, Clients(), town=Town(*services_of_a_town())))("help")
    assert ("examples" in events[1], "“Tell the weather forecast of a city”" in events[1]["text"]) == (False, True)


@pytest.mark.parametrize(
    ("language", "said"),
    [("es", "qué hora es en Roma"), ("de", "wie spät ist es in Rom"), ("fr", "what time is it in Rome"), ("", None)],
)
def test_a_wish_is_suggested_in_the_language_of_whoever_reads_it(language: str, said: str | None) -> None:
    """Where a service shows any in it, those come first; in another one there are none."""
    offers = [offer for service in services() for offer in offers_of(service.describe())]
    found = [one.text for one in suggestions(offers, 50, (), language)]

    clocks = [text for text in found if "Rom" in text]
    assert clocks == [said or "what time is it in Rome"]
    assert found[0] == clocks[0]
