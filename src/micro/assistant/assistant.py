"""The assistant: takes what somebody says, in a conversation, and does what was meant."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

from micro.assistant.calling import Caller as Calls
from micro.assistant.calling import Event
from micro.assistant.conversation import Conversation, Conversations
from micro.assistant.evidence import Engine
from micro.assistant.kept import KeptConversations
from micro.assistant.knowledge import Knowledge, Services
from micro.assistant.learned import Learned, OpenStore
from micro.assistant.model import Model
from micro.assistant.offers import Offer
from micro.assistant.phrases import phrase
from micro.assistant.said import Said, check_said
from micro.assistant.sentence import SENTENCE_CHARACTERS_MAX, Sentence
from micro.assistant.suggesting import suggestions
from micro.assistant.turn import Turn, Who
from micro.errors import BadRequest, Conflict, Forbidden, TooManyRequests
from micro.ports import Clock, Entropy
from micro.trust.policy import Caller

__all__ = ["OWNERS", "Assistant"]

TURNS_MAX: Final = 16
"""Of all callers but the owner, who has as many of his own."""

TURNS_OF_CALLER_MAX: Final = 4
OWNERS: Final = "owner"
"""Under which the owner's turns are counted, and his conversations kept, whoever's key he has."""

ENDING_SECONDS_MAX: Final = 10.0
"""So long a turn waits for the last one of its conversation, whose caller may just have left, to come to its end."""

NAME_BYTES: Final = 12
FOUND_MAX: Final = 50
SEARCH_SCORE_PART: Final = 0.02
"""A service whose best endpoint has a smaller share of the likelihood is not found."""


class Assistant:
    """One node's assistant.

    Attributes:
        kept: the conversations that its owner may open again.

    Args:
        services: what is in reach.
        engines: makes what compares sentences with endpoints, when something is said for the first time.
        client_for: returns what calls with a caller's rights.
        hidden: returns the services that a caller is not shown.
        open_store: returns the store where choices are kept.
        clock, entropy: the time, and names of conversations.
        price_max: up to which price of a call nobody asks.
        model: a language model that chooses among the endpoints found; None for none.
        starting: returns how many services will soon be in reach.
    """

    def __init__(
        self,
        services: Services,
        engines: Callable[[], Sequence[Engine]],
        *,
        client_for: Callable[[Caller], Calls],
        hidden: Callable[[Caller], frozenset[str]],
        open_store: OpenStore,
        clock: Clock,
        entropy: Entropy,
        price_max: float = 0.0,
        model: Model | None = None,
        starting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._knowledge = Knowledge(services, engines)
        self._learned = Learned(open_store)
        self.kept = KeptConversations(open_store)
        self._conversations = Conversations()
        self._client_for = client_for
        self._hidden = hidden
        self._clock = clock
        self._entropy = entropy
        self._price_max = price_max
        self._model = model
        self._starting = starting
        self._turns: Counter[str] = Counter()
        """Turns under way, by the key of their caller."""
        self._ended: dict[int, asyncio.Event] = {}
        """Is set when the turn under way of a conversation is over, by the conversation's identity."""

    def begin(self, caller: Caller, said: Said, conversation: str = "") -> AsyncIterator[Event]:
        """Checks what was said, and returns the events that follow; see `docs/reference/assistant.md`.

        Raises:
            Fault: 400 or 413 where it has the wrong form, 403 for another node, 429 while too many turns are under way.
                The events raise 409 where the last turn of the conversation does not come to its end.
        """
        key = _key_of(caller)
        check_said(said)
        self._check_room(caller, key)
        name = conversation or self._entropy.random_bytes(NAME_BYTES).hex()
        talk = self._conversations.open(key, name, self._clock.monotonic())
        return self._counted(caller, key, self._events(caller, key, talk, said))

    def _check_room(self, caller: Caller, key: str) -> None:
        """Raises `TooManyRequests` while a caller, or all but the owner together, have too many turns under way."""
        if caller.unlimited:
            own, own_max = self._turns[OWNERS], TURNS_MAX
        else:
            own, own_max = self._turns[key], TURNS_OF_CALLER_MAX
        if own >= own_max:
            raise TooManyRequests(f"{own} turns of yours are under way; end one, or wait", id="assistant")
        if not caller.unlimited and self._turns.total() - self._turns[OWNERS] >= TURNS_MAX:
            raise TooManyRequests(f"{TURNS_MAX} turns are under way; try again in a moment", id="assistant")

    async def _counted(self, caller: Caller, key: str, events: AsyncGenerator[Event]) -> AsyncIterator[Event]:
        """Counts a turn as one of its caller's, from when it waits for its conversation until it is over."""
        turns = OWNERS if caller.unlimited else key
        self._turns[turns] += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._turns[turns] -= 1
            if not self._turns[turns]:
                del self._turns[turns]

    async def _events(self, caller: Caller, key: str, talk: Conversation, said: Said) -> AsyncGenerator[Event]:
        await self._take(talk)
        try:
            turn = Turn(
                talk,
                Who(key, self._client_for(caller), self._hidden(caller), caller.owner or caller.user),
                knowledge=self._knowledge,
                learned=self._learned,
                price_max=self._price_max,
                now=self._clock.monotonic,
                model=self._model,
            )
            async for event in turn.events(said):
                yield self._with_those_that_start(event, talk)
        finally:
            talk.busy = False
            self._ended.pop(id(talk)).set()
            self._conversations.settle(key, talk)

    def _with_those_that_start(self, event: Event, talk: Conversation) -> Event:
        """Adds to "I know no service for that" that it may be false in a moment."""
        if event.get("topic") != "none" or not (count := self._starting()):
            return event
        return {**event, "text": f"{event['text']} {phrase('starting', talk.language, count=count)}"}

    async def _take(self, talk: Conversation) -> None:
        """Waits until a conversation has no turn under way, and begins one.

        Raises:
            Conflict: the last one does not come to its end.
        """
        try:
            async with asyncio.timeout(ENDING_SECONDS_MAX):
                while talk.busy:
                    await self._ended[id(talk)].wait()
        except TimeoutError:
            raise Conflict(
                "the last turn of this conversation is under way; next: end its stream, or wait", id="assistant"
            ) from None
        talk.busy = True
        self._ended[id(talk)] = asyncio.Event()

    async def prepare(self, caller: Caller) -> None:
        """Loads what understands, while somebody still thinks what to say; raises 403 for another node."""
        _key_of(caller)
        await self._knowledge.prepare()

    async def search(self, caller: Caller, query: str, limit: int) -> list[dict[str, Any]]:
        """Returns the services that fit a wish, the best first, each with the endpoint that fits best.

        Raises:
            Fault: 400 where the query or the limit is out of bounds, 403 for another node.
        """
        _key_of(caller)
        if not query.strip() or len(query) > SENTENCE_CHARACTERS_MAX:
            raise BadRequest(f"query: expected 1 to {SENTENCE_CHARACTERS_MAX} characters")
        if not 1 <= limit <= FOUND_MAX:
            raise BadRequest(f"limit: expected 1 to {FOUND_MAX}, got {limit}")
        candidates = await self._knowledge.search(Sentence(query), hidden=self._hidden(caller))
        found: dict[str, dict[str, Any]] = {}
        for candidate in candidates:
            if candidate.share >= SEARCH_SCORE_PART or not found:
                found.setdefault(candidate.offer.service, _found(candidate.offer, candidate.share))
        return list(found.values())[:limit]

    async def suggest(self, caller: Caller, limit: int, language: str = "") -> list[dict[str, Any]]:
        """Returns wishes to try, each of another service, those in the language first, and the easiest of them.

        Raises:
            Fault: 400 where the limit is out of bounds, 403 for another node.
        """
        _key_of(caller)
        if not 1 <= limit <= FOUND_MAX:
            raise BadRequest(f"limit: expected 1 to {FOUND_MAX}, got {limit}")
        offers = list(await self._knowledge.offers())
        found = await asyncio.to_thread(suggestions, offers, limit, self._hidden(caller), language)
        return [{"text": one.text, **_named(one.offer)} for one in found]

    async def forget(self, caller: Caller) -> int:
        """Forgets what was learned from a caller, and returns how many sentences that were."""
        return await self._learned.forget(_key_of(caller))


def _key_of(caller: Caller) -> str:
    """Returns what tells a caller from all others.

    Raises:
        Forbidden: it is another node, which has an assistant of its own.
    """
    if caller.peer:
        raise Forbidden(f"the assistant of this node does not work for {caller}; it has its own", id="assistant")
    return json.dumps([caller.kind, caller.account, caller.service, caller.token])


def _found(offer: Offer, score: float) -> dict[str, Any]:
    return {**_named(offer), "description": offer.about or offer.description, "score": round(score, 4)}


def _named(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.service,
        "endpoint": offer.endpoint,
        "title": offer.title,
        "description": offer.description,
    }
