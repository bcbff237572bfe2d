"""One turn of a conversation: what follows from what was said, as events.

| it waits for | what is said | follows |
| --- | --- | --- |
| nothing | a wish | the endpoint, chips, or that no service fits |
| nothing | again, change X to Y, why, help | the last call again, or an answer |
| a choice | a chip, its number | the endpoint |
| a field | a value; something else that is sure to be a wish | the next question; the endpoint |
| a yes | yes; no; change X to Y | the call; nothing; the question again |

In each state `cancel` leads back to nothing, and a new wish is taken as one. What was filled in stays until then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from micro.assistant.answers import Unreadable, read_answer
from micro.assistant.calling import Caller, Event, carry_out
from micro.assistant.cards import card_of, chip_of, schema_of
from micro.assistant.caution import reasons_to_ask
from micro.assistant.changing import field_meant, merged
from micro.assistant.commands import Command, command_of
from micro.assistant.conversation import Conversation, Plan
from micro.assistant.cues import is_long
from micro.assistant.explaining import Why, explain, why_of
from micro.assistant.knowledge import Knowledge
from micro.assistant.learned import Learned
from micro.assistant.meeting import is_unverified, pin
from micro.assistant.model import Model
from micro.assistant.offers import Offer
from micro.assistant.phrases import phrase
from micro.assistant.ranking import CHIPS_MAX, Ranking
from micro.assistant.said import Said
from micro.assistant.sentence import Sentence
from micro.assistant.slots import form_of_field, shown
from micro.assistant.words import LANGUAGES, spaced
from micro.errors import NotFound
from micro.service.schema.fields import Field, assemble, missing

__all__ = ["Turn", "Who"]

CERTAIN_MIN: Final = 0.8
"""While a question is open, another wish is believed from so much of a share on."""

WISH_WORDS_MIN: Final = 3
"""A sentence of fewer words is the value that was asked for."""

FIELDS_SHOWN_MAX: Final = 6
VALUE_CHARACTERS_MAX: Final = 60


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


class Turn:
    """One turn.

    Args:
        conversation: where it stands.
        who: whoever speaks.
        knowledge: the endpoints in reach.
        learned: what was learned from choices.
        price_max: up to which price of a call nobody asks.
        now: a clock that never goes back, in seconds.
        model: a language model that chooses among the endpoints found, for those who may teach; None for none.
    """

    def __init__(
        self,
        conversation: Conversation,
        who: Who,
        *,
        knowledge: Knowledge,
        learned: Learned,
        price_max: float,
        now: Callable[[], float],
        model: Model | None = None,
    ) -> None:
        self._talk = conversation
        self._who = who
        self._knowledge = knowledge
        self._learned = learned
        self._price_max = price_max
        self._now = now
        self._model = model

    async def events(self, said: Said) -> AsyncIterator[Event]:
        """Yields what follows from what was said."""
        talk = self._talk
        heard = Sentence(said.text).language if said.text else ""
        talk.language = said.language or (heard if heard in LANGUAGES else "") or talk.language or LANGUAGES[0]
        yield {"kind": "heard", "conversation": talk.name, "text": said.text, "language": heard or talk.language}
        async for event in self._follow(said):
            yield event
        yield {"kind": "turn", "waits_for": talk.waits_for, "conversation": talk.name}

    def _follow(self, said: Said) -> AsyncIterator[Event]:
        if said.confirm is not None:
            return self._confirmed() if said.confirm else self._cancel()
        if said.choose:
            return self._choose(said.choose, said.fields or {})
        if said.fields is not None:
            return self._fill(said.fields)
        if said.anew:
            self._talk.rest()
        return self._hear(said.text.strip())

    def _say(self, name: str, **words: object) -> str:
        return phrase(name, self._talk.language, **words)

    def _tell(self, topic: str, name: str = "", **words: object) -> Event:
        return {"kind": "told", "topic": topic, "text": self._say(name or topic, **words)}

    # -- hearing ------------------------------------------------------------------------------------------------------

    async def _hear(self, text: str) -> AsyncIterator[Event]:
        command = command_of(text)
        follows = self._obey(command) if command is not None else None
        if follows is None:
            follows = self._answer(text) if self._talk.waits_for == "field" else self._wish(text)
        async for event in follows:
            yield event

    def _obey(self, command: Command) -> AsyncIterator[Event] | None:
        """Returns what follows from a command, None where it is none as things stand."""
        talk, kind = self._talk, command.kind
        if kind == "cancel":
            return self._cancel()
        if kind == "why":
            return self._explain()
        if kind == "help":
            return self._help()
        if kind == "change":
            return self._change(command)
        if talk.waits_for == "choice" and kind in ("choose", "yes"):
            place = command.place
            return self._choose(talk.chips[place], {}) if place < len(talk.chips) else None
        if talk.waits_for == "confirmation" and kind in ("yes", "again"):
            return self._confirmed()
        if kind == "no" and talk.waits_for in ("confirmation", "choice"):
            return self._cancel()
        if talk.waits_for == "field":
            return None
        if kind == "again":
            return self._again()
        return self._nothing() if kind in ("yes", "no") else None

    async def _nothing(self) -> AsyncIterator[Event]:
        yield self._tell("nothing")

    async def _cancel(self) -> AsyncIterator[Event]:
        self._talk.rest()
        yield self._tell("cancelled")

    async def _again(self) -> AsyncIterator[Event]:
        last = self._talk.last
        if last is None:
            yield self._tell("nothing")
            return
        async for event in self._propose(replace(last, fields=dict(last.fields))):
            yield event

    async def _explain(self) -> AsyncIterator[Event]:
        plan = self._talk.plan or self._talk.last
        if plan is None:
            yield self._tell("nothing")
            return
        text = explain(plan.why, plan.offer.title, self._talk.language)
        yield {"kind": "told", "topic": "why", "text": text}

    async def _help(self) -> AsyncIterator[Event]:
        offers = [offer for offer in await self._knowledge.offers() if offer.service not in self._who.hidden]
        if not offers:
            yield self._tell("help", "empty")
            return
        by_service = {offer.service: offer for offer in reversed(offers) if offer.description and not offer.changes}
        examples = [offer.description.rstrip(".") for offer in list(by_service.values())[-3:]]
        yield self._tell("help", examples="; ".join(examples))

    # -- wishes -------------------------------------------------------------------------------------------------------

    async def _rank(self, text: str) -> tuple[Sentence, Ranking]:
        sentence = Sentence(text)
        learned = await self._learned.alike(self._who.key, text) if self._who.teaches else {}
        return sentence, await self._knowledge.rank(sentence, learned=learned, hidden=self._who.hidden)

    async def _wish(self, text: str) -> AsyncIterator[Event]:
        sentence, ranking = await self._rank(text)
        async for event in await self._modelled(sentence, ranking) or self._decide(sentence, ranking):
            yield event

    async def _modelled(self, sentence: Sentence, ranking: Ranking) -> AsyncIterator[Event] | None:
        """Returns what follows from what a language model chose, None where there is none, or it chose nothing."""
        if self._model is None or not self._who.teaches:
            return None
        choice = await self._model.choose(sentence.text, [found.offer for found in ranking.candidates])
        if choice is None:
            return None
        return self._propose(Plan(choice.offer, choice.fields, sentence.text, Why(by_model=True)))

    async def _decide(self, sentence: Sentence, ranking: Ranking) -> AsyncIterator[Event]:
        talk = self._talk
        if ranking.decision == "none":
            talk.rest()
            talk.said = sentence.text  # whoever finds the endpoint himself now teaches it
            yield self._tell("none", "none" if ranking.candidates or await self._knowledge.offers() else "empty")
        elif ranking.decision == "unsure":
            talk.rest()
            chips = ranking.candidates[:CHIPS_MAX]
            talk.waits_for, talk.said = "choice", sentence.text
            talk.chips = tuple(candidate.offer.name for candidate in chips)
            yield {"kind": "choices", "text": self._say("choices"), "choices": [chip_of(found) for found in chips]}
        else:
            best = ranking.candidates[0]
            plan = Plan(best.offer, assemble(best.filling.values), sentence.text, why_of(sentence, ranking))
            async for event in self._propose(plan, score=min(best.share, ranking.fits)):
                yield event

    async def _choose(self, name: str, fields: Any) -> AsyncIterator[Event]:
        talk = self._talk
        offer = await self._knowledge.offer(" ".join(name.split()))
        if offer is None or offer.service in self._who.hidden:
            raise NotFound(f"choose: {name[:80]} is not in reach; `micro services` lists what is")
        said = talk.said or (talk.plan or talk.last or Plan(offer, {})).said
        if said and self._who.teaches:
            await self._learned.learn(self._who.key, said, offer.name)
        filled = await self._filled_in(offer, said)
        plan = Plan(offer, merged(filled, fields), said, Why(chosen=True))
        async for event in self._propose(plan):
            yield event

    async def _filled_in(self, offer: Offer, said: str) -> dict[str, Any]:
        if not said:
            return {}
        _, ranking = await self._rank(said)
        found = next((c for c in ranking.candidates if c.offer.name == offer.name), None)
        return assemble(found.filling.values) if found is not None else {}

    # -- filling in ---------------------------------------------------------------------------------------------------

    async def _fill(self, fields: Any) -> AsyncIterator[Event]:
        plan = self._talk.plan or self._talk.last
        if plan is None:
            yield self._tell("nothing")
            return
        async for event in self._propose(replace(plan, fields=merged(plan.fields, fields))):
            yield event

    async def _answer(self, text: str) -> AsyncIterator[Event]:
        """Takes what is said as the value of the field that is asked for, else as another wish, else asks again."""
        talk, plan = self._talk, self._talk.plan
        asked = next((f for f in plan.offer.fields if f.path == talk.asked), None) if plan is not None else None
        if plan is None or asked is None:
            async for event in self._wish(text):
                yield event
            return
        wish = await self._other_wish(plan, text) if _may_be_wish(asked, text) else None
        if wish is not None:
            follows = self._decide(*wish)
        else:
            try:
                value = read_answer(asked, text, form_of_field(plan.offer, asked))
            except Unreadable as error:
                follows = self._ask(plan, asked, error)
            else:
                follows = self._propose(replace(plan, fields=assemble({asked.path: value}, plan.fields)))
        async for event in follows:
            yield event

    async def _other_wish(self, plan: Plan, text: str) -> tuple[Sentence, Ranking] | None:
        """Returns what a sentence means, where that is certainly another endpoint than the one that is asked about."""
        sentence, ranking = await self._rank(text)
        best = ranking.candidates[0] if ranking.decision == "sure" else None
        certain = (
            best is not None and min(ranking.fits, best.share) >= CERTAIN_MIN and best.offer.name != plan.offer.name
        )
        return (sentence, ranking) if certain else None

    def _change(self, command: Command) -> AsyncIterator[Event] | None:
        """Returns what follows where a field of the plan, or of the last call, is called so or has such a value."""
        plan = self._talk.plan or self._talk.last
        field = field_meant(plan, command.what) if plan is not None else None
        if plan is None or field is None:
            return None
        return self._changed(plan, field, command.to)

    async def _changed(self, plan: Plan, field: Field, text: str) -> AsyncIterator[Event]:
        try:
            value = read_answer(field, text, form_of_field(plan.offer, field))
        except Unreadable as error:
            async for event in self._ask(plan, field, error):
                yield event
            return
        yield self._tell("changed", field=spaced(field.path[-1]), value=shown(value)[:VALUE_CHARACTERS_MAX])
        async for event in self._propose(replace(plan, fields=assemble({field.path: value}, plan.fields))):
            yield event

    # -- towards the call ---------------------------------------------------------------------------------------------

    async def _propose(self, plan: Plan, *, score: float = 1.0) -> AsyncIterator[Event]:
        """Shows what is planned, and asks for what is missing, or whether to do it, or does it."""
        self._talk.rest()
        if await self._knowledge.offer(plan.offer.name) is None:
            yield self._tell("none", "gone", title=plan.offer.title)
            return
        yield card_of(plan, score)
        lacking = missing(plan.offer.fields, plan.fields)
        if lacking:
            async for event in self._ask(plan, lacking[0]):
                yield event
            return
        unverified = await is_unverified(self._who.client, plan.offer.service)
        reasons = reasons_to_ask(plan.offer, price_max=self._price_max, unverified=unverified)
        if reasons:
            self._talk.waits_for, self._talk.plan = "confirmation", plan
            text = " ".join([self._question(plan), *(self._reason(plan.offer, reason) for reason in reasons)])
            yield {"kind": "confirm", "text": text, "reasons": reasons, "price": plan.offer.price}
            return
        async for event in self._call(plan):
            yield event

    async def _ask(self, plan: Plan, field: Field, error: Unreadable | None = None) -> AsyncIterator[Event]:
        talk = self._talk
        talk.waits_for, talk.plan, talk.asked = "field", plan, field.path
        name, about = spaced(field.path[-1]), field.description.strip().rstrip(".")
        text = self._say("ask_about", field=name, about=about) if about else self._say("ask", field=name)
        if error is not None:
            text = f"{self._say(f'expected_{error.expected}', choices=error.choices)} {text}"
        lacking = [".".join(known.path) for known in missing(plan.offer.fields, plan.fields)]
        schema = schema_of(plan.offer, field)
        yield {"kind": "ask", "text": text, "missing": lacking, "field": ".".join(field.path), "schema": schema}

    def _question(self, plan: Plan) -> str:
        values = [f"{spaced(name)} {shown(value)[:VALUE_CHARACTERS_MAX]}" for name, value in plan.fields.items()]
        with_fields = f" ({', '.join(values[:FIELDS_SHOWN_MAX])})" if values else ""
        return self._say("confirm", title=plan.offer.title, with_fields=with_fields)

    def _reason(self, offer: Offer, reason: str) -> str:
        return self._say(reason, price=offer.price, service=offer.service)

    async def _confirmed(self) -> AsyncIterator[Event]:
        plan = self._talk.plan
        if self._talk.waits_for != "confirmation" or plan is None:
            yield self._tell("nothing")
            return
        if await is_unverified(self._who.client, plan.offer.service):
            await pin(self._who.client, plan.offer.service)
        async for event in self._call(plan):
            yield event

    async def _call(self, plan: Plan) -> AsyncIterator[Event]:
        self._talk.rest()
        self._talk.last = plan
        async for event in carry_out(plan, self._who.client, self._talk.language, self._now):
            yield event


def _may_be_wish(asked: Field, text: str) -> bool:
    """Says whether what is said may be something else than the value: a long text may be about anything."""
    return not is_long(asked) and len(text.split()) >= WISH_WORDS_MIN
