"""Conversations that the owner may open again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from micro.assistant.kept import CONVERSATION_BYTES_MAX, CONVERSATIONS_MAX, TITLE_CHARACTERS_MAX, KeptConversations
from micro.errors import BadRequest, NotFound, TooLarge
from micro.store.stores import Stores
from micro.system import SystemClock, SystemDisk

TURNS: list[dict[str, Any]] = [{"id": 1, "bubble": "grüße Ann", "heard": [{"kind": "told", "text": "Hallo Ann"}]}]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[KeptConversations]:
    stores = Stores(SystemDisk(), tmp_path, SystemClock())
    yield KeptConversations(lambda: stores.get("assistant"))
    await stores.close()


async def test_what_was_seen_is_read_again(kept: KeptConversations) -> None:
    """As it was last, with what its end waited for."""
    await kept.keep("owner", "a", "greet Ann", [], "field")
    await kept.keep("owner", "a", "greet Ann", TURNS, "choice")

    assert await kept.read("owner", "a") == {"conversation": "a", "turns": TURNS, "waits_for": "choice"}
    [listed] = await kept.list("owner")
    assert (listed["conversation"], listed["title"], listed["turns"]) == ("a", "greet Ann", 1)
    assert listed["changed"] > 0


async def test_that_which_was_said_last_comes_first_and_the_oldest_is_forgotten(kept: KeptConversations) -> None:
    """They are bounded in number."""
    for number in range(CONVERSATIONS_MAX + 2):
        await kept.keep("owner", f"talk-{number}", str(number), TURNS, "")
    await kept.keep("owner", "talk-2", "again", TURNS, "")

    names = [each["conversation"] for each in await kept.list("owner")]
    assert (len(names), names[:2]) == (CONVERSATIONS_MAX, ["talk-2", f"talk-{CONVERSATIONS_MAX + 1}"])
    with pytest.raises(NotFound, match="next: choose one"):
        await kept.read("owner", "talk-1")


async def test_one_or_all_are_deleted(kept: KeptConversations) -> None:
    """With what was said in them."""
    for name in ("a", "b", "c"):
        await kept.keep("owner", name, name, TURNS, "")

    assert (await kept.discard("owner", "a"), await kept.discard("owner", "a")) == (1, 0)
    with pytest.raises(NotFound):
        await kept.read("owner", "a")
    assert (await kept.discard("owner"), await kept.list("owner")) == (2, [])


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65])
async def test_a_name_is_checked(kept: KeptConversations, name: str) -> None:
    """Whatever comes from outside."""
    with pytest.raises(BadRequest, match="conversation: expected 1 to 64"):
        await kept.keep("owner", name, "", TURNS, "")


async def test_what_is_too_long_is_refused(kept: KeptConversations) -> None:
    """In turns and in bytes; a long title is cut."""
    with pytest.raises(TooLarge, match="next: leave out the first ones"):
        await kept.keep("owner", "a", "", [{}] * 101, "")
    with pytest.raises(TooLarge):
        await kept.keep("owner", "a", "", [{"bubble": "x" * CONVERSATION_BYTES_MAX}], "")
    await kept.keep("owner", "a", "x" * 9_000, TURNS, "x" * 9_000)

    assert len((await kept.list("owner"))[0]["title"]) == TITLE_CHARACTERS_MAX
