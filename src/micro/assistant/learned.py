"""What was learned from choices: sentences with the endpoint that was meant, each caller's own, in the node's home.

There is no training: a sentence that is said again, or one of mostly the same words, is near to what was chosen then.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from micro.assistant.sentence import Sentence, stem
from micro.assistant.words import content_words, split_words
from micro.store.kv import KeyValue

__all__ = ["Learned", "OpenStore"]

TABLE: Final = "sentences"
SENTENCES_MAX: Final = 1_000
"""So many of each caller; the oldest is forgotten for a new one."""

LIKENESS_MIN: Final = 0.6
"""From so many common words on, of all words of both, two sentences are alike."""

KEY_CHARACTERS_MAX: Final = 120

OpenStore = Callable[[], Awaitable[KeyValue]]


def _key(text: str) -> str:
    return " ".join(_stems(text))[:KEY_CHARACTERS_MAX]


def _stems(text: str) -> list[str]:
    wish = Sentence(text).wish
    return [stem(word) for word in (content_words(wish) or split_words(wish))]


class Learned:
    """All that was learned, read from disk when a caller first speaks.

    Args:
        open_store: returns the store where it is kept.
    """

    def __init__(self, open_store: OpenStore) -> None:
        self._open_store = open_store
        self._known: dict[str, dict[str, str]] = {}

    async def _sentences(self, caller: str) -> dict[str, str]:
        known = self._known.get(caller)
        if known is None:
            store = await self._open_store()
            records = await store.list(caller, table=TABLE, limit=SENTENCES_MAX)
            ordered = sorted(records, key=lambda record: record.changed)
            known = self._known[caller] = {record.key: json.loads(record.value)["means"] for record in ordered}
        return known

    async def alike(self, caller: str, text: str) -> Mapping[str, float]:
        """Returns `SERVICE ENDPOINT` -> how alike the sentence is to one for which it was chosen, from 0.6 to 1."""
        known = await self._sentences(caller)
        words = set(_key(text).split())
        found: dict[str, float] = {}
        for key, means in known.items():
            own = set(key.split())
            likeness = len(words & own) / len(words | own) if words or own else 0.0
            if likeness >= LIKENESS_MIN:
                found[means] = max(found.get(means, 0.0), likeness)
        return found

    async def learn(self, caller: str, text: str, means: str) -> None:
        """Keeps what a sentence means to a caller; it is on disk when this returns."""
        key = _key(text)
        if not key:
            return
        known = await self._sentences(caller)
        store = await self._open_store()
        known.pop(key, None)
        while len(known) >= SENTENCES_MAX:
            oldest = next(iter(known))
            await store.delete(caller, oldest, table=TABLE)
            known.pop(oldest, None)
        await store.write(caller, key, json.dumps({"means": means}).encode(), table=TABLE)
        known[key] = means

    async def forget(self, caller: str) -> int:
        """Forgets all that was learned from a caller, and returns how many sentences that were."""
        known = await self._sentences(caller)
        store = await self._open_store()
        for key in list(known):
            await store.delete(caller, key, table=TABLE)
        count = len(known)
        known.clear()
        return count
