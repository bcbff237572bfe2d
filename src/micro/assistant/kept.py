"""Conversations that the owner may open again: what his page showed of each, on his node and for him alone.

What a conversation waits for, and what it was about, is in memory and ends with an hour of silence; here is only what
was seen, so that it can be read again, and gone on from.
"""

from __future__ import annotations

import json
from typing import Any, Final

from micro.assistant.conversation import check_name
from micro.assistant.learned import OpenStore
from micro.errors import NotFound, TooLarge

__all__ = ["CONVERSATIONS_MAX", "KeptConversations"]

HEADS: Final = "conversations"
TURNS: Final = "turns"

CONVERSATIONS_MAX: Final = 50
"""So many are kept; the one that was silent for longest is forgotten for a new one."""

TURNS_MAX: Final = 100
CONVERSATION_BYTES_MAX: Final = 512_000
TITLE_CHARACTERS_MAX: Final = 120
WAITS_CHARACTERS_MAX: Final = 20


class KeptConversations:
    """All that are kept.

    Args:
        open_store: returns the store they are in.
    """

    def __init__(self, open_store: OpenStore) -> None:
        self._open_store = open_store

    async def keep(self, scope: str, name: str, title: str, turns: list[dict[str, Any]], waits_for: str) -> None:
        """Keeps a conversation as it is now; it is on disk when this returns.

        Raises:
            BadRequest, TooLarge: the name is none, or it is too long to be kept.
        """
        check_name(name)
        text = json.dumps({"turns": turns, "waits_for": waits_for[:WAITS_CHARACTERS_MAX]}, ensure_ascii=False)
        body = text.encode("utf-8", "replace")
        if len(turns) > TURNS_MAX or len(body) > CONVERSATION_BYTES_MAX:
            raise TooLarge(
                f"a conversation is kept with {TURNS_MAX} turns and {CONVERSATION_BYTES_MAX:,} bytes at most; "
                f"this has {len(turns)} and {len(body):,}; next: leave out the first ones",
                id="assistant",
            )
        head = json.dumps({"title": title[:TITLE_CHARACTERS_MAX], "turns": len(turns)}).encode()
        store = await self._open_store()
        await store.write(scope, name, body, table=TURNS)
        await store.write(scope, name, head, table=HEADS)
        for old in (await self.list(scope))[CONVERSATIONS_MAX:]:
            await self.discard(scope, old["conversation"])

    async def list(self, scope: str) -> list[dict[str, Any]]:
        """Returns what is kept, that which was said last first: each with its title, its turns, and when it was."""
        store = await self._open_store()
        found = await store.list(scope, table=HEADS, limit=2 * CONVERSATIONS_MAX)
        found.sort(key=lambda record: (record.changed, record.version), reverse=True)
        return [{"conversation": one.key, **json.loads(one.value), "changed": one.changed} for one in found]

    async def read(self, scope: str, name: str) -> dict[str, Any]:
        """Returns one, with all that was seen of it.

        Raises:
            NotFound: there is none of that name.
        """
        check_name(name)
        found = await (await self._open_store()).read(scope, name, table=TURNS)
        if found is None:
            raise NotFound("that conversation is not kept any more; next: choose one that is listed", id="assistant")
        return {"conversation": name, **json.loads(found.value)}

    async def discard(self, scope: str, name: str = "") -> int:
        """Forgets one, or all where no name is given; returns how many those were."""
        if name:
            check_name(name)
        names = [name] if name else [each["conversation"] for each in await self.list(scope)]
        store = await self._open_store()
        count = 0
        for each in names:
            count += await store.delete(scope, each, table=HEADS)
            await store.delete(scope, each, table=TURNS)
        return count
