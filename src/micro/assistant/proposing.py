"""From a plan to its call: what is missing is asked for, then whether to do it; then it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from micro.assistant.answers import Unreadable
from micro.assistant.asking import does, question_for, question_whether
from micro.assistant.calling import Caller, Event, carry_out
from micro.assistant.cards import card_of, schema_of
from micro.assistant.caution import reasons_to_ask
from micro.assistant.conversation import Conversation, Plan
from micro.assistant.knowledge import Knowledge
from micro.assistant.listing import rows_of, settled
from micro.assistant.meeting import is_unverified, pin
from micro.assistant.phrases import phrase
from micro.assistant.rows import ROWS_MAX, Row, is_id
from micro.service.schema.fields import Field, missing

__all__ = ["Proposer", "Who"]

TOLD_REASONS: Final = ("price", "unverified", "may_change")
"""Reasons to ask that a sentence tells; that something changes is what the question itself says."""

ALLOWED_MAX: Final = 256
"""To so many endpoints a yes is remembered in a conversation."""

CAME_MAX: Final = 16
CAME_CHARACTERS_MAX: Final = 200
"""So many values of an answer are kept for what comes next, and none that is longer."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever speaks.

    Attributes:
        key: what nobody else has.
        client: calls with his rights.
        hidden: services that he is not shown.
        teaches: whether his choices are kept.
    """

    key: str
    client: Caller
    hidden: frozenset[str]
    teaches: bool


class Proposer:
    """Leads plans to their calls.

    Args:
        conversation: where it stands.
        who: whoever speaks.
        knowledge: the endpoints in reach.
        price_max: up to which price of a call nobody asks.
        now: a clock that never goes back, in seconds.
    """

    def __init__(
        self, conversation: Conversation, who: Who, *, knowledge: Knowledge, price_max: float, now: Callable[[], float]
    ) -> None:
        self._talk = conversation
        self._who = who
        self._knowledge = knowledge
        self._price_max = price_max
        self._now = now

    def say(self, name: str, **words: object) -> str:
        """Returns a phrase in the conversation's language."""
        return phrase(name, self._talk.language, **words)

    def tell(self, topic: str, name: str = "", **words: object) -> Event:
        """Returns the event that tells something of the assistant's own."""
        return {"kind": "told", "topic": topic, "text": self.say(name or topic, **words)}

    async def propose(self, plan: Plan, *, score: float = 1.0) -> AsyncIterator[Event]:
        """Shows what is planned, and asks for what is missing, or whether to do it, or does it."""
        self._talk.rest()
        if await self._knowledge.offer(plan.offer.name) is None:
            yield self.tell("none", "gone", title=plan.offer.title)
            return
        plan, doubt = await settled(plan, self._knowledge, self._who.client)
        yield card_of(plan, score)
        if doubt is not None:
            wrong = Unreadable("no_such_thing", said=doubt.said)
            async for event in self.ask(plan, doubt.field, wrong, doubt.rows):
                yield event
            return
        lacking = missing(plan.offer.fields, plan.fields)
        if lacking:
            async for event in self.ask(plan, lacking[0]):
                yield event
            return
        async for event in self._confirm_or_call(plan):
            yield event

    async def _confirm_or_call(self, plan: Plan) -> AsyncIterator[Event]:
        unverified = await is_unverified(self._who.client, plan.offer.service)
        allowed = plan.offer.name in self._talk.allowed
        reasons = reasons_to_ask(plan.offer, price_max=self._price_max, unverified=unverified, allowed=allowed)
        if not reasons:
            async for event in self._call(plan):
                yield event
            return
        self._talk.waits_for, self._talk.plan = "confirmation", plan
        told = [self._reason(plan, reason) for reason in reasons if reason in TOLD_REASONS]
        text = " ".join([*told, question_whether(plan, self._talk.language)])
        yield {"kind": "confirm", "text": text, "reasons": reasons, "price": plan.offer.price}

    def _reason(self, plan: Plan, reason: str) -> str:
        return self.say(reason, price=plan.offer.price, service=plan.offer.service)

    async def ask(
        self, plan: Plan, field: Field, error: Unreadable | None = None, rows: tuple[Row, ...] | None = None
    ) -> AsyncIterator[Event]:
        """Asks for a field, by the things that it may mean where its service tells them."""
        talk = self._talk
        found = rows if rows is not None else await rows_of(plan, field, self._knowledge, self._who.client)
        if found == () and is_id(field):
            talk.rest()
            yield self.tell("nothing", "none_there", what=does(plan))
            return
        talk.waits_for, talk.plan, talk.asked, talk.rows = "field", plan, field.path, found or ()
        text = question_for(plan, field, talk.language, error, with_rows=bool(talk.rows))
        lacking = [".".join(known.path) for known in missing(plan.offer.fields, plan.fields)]
        schema = schema_of(plan.offer, field)
        event: Event = {"kind": "ask", "text": text, "missing": lacking, "field": ".".join(field.path)}
        choices = [{"value": row.value, "label": row.label} for row in talk.rows[:ROWS_MAX]]
        yield {**event, "schema": schema, **({"choices": choices} if choices else {})}

    async def confirmed(self) -> AsyncIterator[Event]:
        """Does what waits for a yes."""
        plan = self._talk.plan
        if self._talk.waits_for != "confirmation" or plan is None:
            yield self.tell("nothing")
            return
        if await is_unverified(self._who.client, plan.offer.service):
            await pin(self._who.client, plan.offer.service)
        if plan.offer.unsure and len(self._talk.allowed) < ALLOWED_MAX:
            self._talk.allowed |= {plan.offer.name}
        async for event in self._call(plan):
            yield event

    async def _call(self, plan: Plan) -> AsyncIterator[Event]:
        self._talk.rest()
        self._talk.last = replace(plan, came={})
        async for event in carry_out(plan, self._who.client, self._talk.language, self._now):
            if event["kind"] == "result":
                self._talk.last = replace(plan, came=_kept(event.get("value")))
            yield event


def _kept(value: Any) -> dict[str, Any]:
    """Returns the short values of an answer by their names: what it made has an id, by which it can be taken back."""
    if not isinstance(value, dict):
        return {}
    short = {
        name: one
        for name, one in value.items()
        if isinstance(one, int | float | str) and len(str(one)) <= CAME_CHARACTERS_MAX
    }
    return dict(list(short.items())[:CAME_MAX])
