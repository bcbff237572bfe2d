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
from dataclasses import replace
from typing import Any, Final

from micro.assistant.answers import WISH_WORDS_MIN, Unreadable, is_value, may_be_wish, read_answer
from micro.assistant.asking import does, short
from micro.assistant.calling import Event
from micro.assistant.cards import chip_of
from micro.assistant.changing import field_meant, merged, with_value
from micro.assistant.commands import Command, command_of
from micro.assistant.conversation import Conversation, Plan
from micro.assistant.explaining import Why, explain, why_of
from micro.assistant.following import field_of_amount, follow_up_of, names_service, value_for, ways_to_say
from micro.assistant.knowledge import Knowledge
from micro.assistant.learned import Learned
from micro.assistant.listing import with_row
from micro.assistant.model import Model
from micro.assistant.offers import Offer
from micro.assistant.proposing import Proposer, Who
from micro.assistant.ranking import CHIPS_MAX, Ranking
from micro.assistant.rows import Row, is_id, meant, touches
from micro.assistant.said import Said
from micro.assistant.sentence import Sentence
from micro.assistant.slots import form_of_field
from micro.assistant.suggesting import suggestions
from micro.assistant.undoing import carried, undoing
from micro.assistant.words import LANGUAGES, spaced
from micro.errors import NotFound
from micro.service.schema.fields import Field, assemble

__all__ = ["Turn", "Who"]

CERTAIN_MIN: Final = 0.8
"""While a question is open, another wish is believed from so much of a share on."""

ASKING_MIN: Final = 0.45
"""The same for what is put as a question, or cannot be the value that was asked for."""

EXAMPLES_MAX: Final = 6
EXAMPLES_TOLD: Final = 3
"""So many wishes to try are shown, and so many of them read out."""


class Turn(Proposer):
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
        super().__init__(conversation, who, knowledge=knowledge, price_max=price_max, now=now)
        self._learned = learned
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
            return self.confirmed() if said.confirm else self._cancel()
        if said.choose:
            return self._choose(said.choose, said.fields or {})
        if said.fields is not None:
            return self._fill(said.fields)
        if said.anew:
            self._talk.rest()
        return self._hear(said.text.strip())

    # -- hearing ------------------------------------------------------------------------------------------------------

    async def _hear(self, text: str) -> AsyncIterator[Event]:
        command = command_of(text)
        follows = self._obey(command) if command is not None else None
        if follows is None:
            follows = self._answer(text) if self._talk.waits_for == "field" else self._wish(text, command)
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
        if kind == "undo":
            return self._undo()
        if kind == "change":
            return self._change(command)
        if talk.waits_for == "choice" and kind in ("choose", "yes"):
            place = command.place
            return self._choose(talk.chips[place], {}) if place < len(talk.chips) else None
        if talk.waits_for == "confirmation" and kind in ("yes", "again"):
            return self.confirmed()
        if kind == "no" and talk.waits_for in ("confirmation", "choice"):
            return self._cancel()
        if talk.waits_for == "field":
            return None
        if kind == "again":
            return self._again()
        return self._nothing() if kind in ("yes", "no") else None

    async def _nothing(self) -> AsyncIterator[Event]:
        yield self.tell("nothing")

    async def _cancel(self) -> AsyncIterator[Event]:
        self._talk.rest()
        yield self.tell("cancelled")

    async def _again(self) -> AsyncIterator[Event]:
        last = self._talk.last
        if last is None:
            yield self.tell("nothing")
            return
        async for event in self.propose(replace(last, fields=dict(last.fields))):
            yield event

    async def _undo(self) -> AsyncIterator[Event]:
        """Lets be what waits; of what was done it says honestly what can be done about it."""
        talk, last = self._talk, self._talk.last
        if talk.waits_for or last is None:
            async for event in self._cancel() if talk.waits_for else self._nothing():
                yield event
            return
        if not last.offer.changes:
            yield self.tell("nothing", "undo_nothing", what=does(last))
            return
        yield self.tell("nothing", "undo_cannot", what=does(last))
        found = undoing(last.offer, await self._knowledge.offers())[:CHIPS_MAX]
        if found:
            talk.waits_for, talk.chips = "choice", tuple(offer.name for offer in found)
            yield {"kind": "choices", "text": self.say("undo_by"), "choices": [chip_of(offer) for offer in found]}

    async def _explain(self) -> AsyncIterator[Event]:
        plan = self._talk.plan or self._talk.last
        if plan is None:
            yield self.tell("nothing")
            return
        text = explain(plan.why, plan.offer.title, self._talk.language)
        yield {"kind": "told", "topic": "why", "text": text}

    async def _help(self) -> AsyncIterator[Event]:
        offers = [offer for offer in await self._knowledge.offers() if offer.service not in self._who.hidden]
        if not offers:
            yield self.tell("help", "empty")
            return
        wishes = [found.text for found in suggestions(offers, EXAMPLES_MAX, language=self._talk.language)]
        by_service = {offer.service: offer for offer in offers if offer.description and not offer.changes}
        examples = wishes or [does(Plan(offer, {})) for offer in list(by_service.values())[:EXAMPLES_MAX]]
        quoted = ", ".join(self.say("quoted", text=example) for example in examples[:EXAMPLES_TOLD])
        yield {**self.tell("help", examples=quoted), **({"examples": wishes} if wishes else {})}

    # -- wishes -------------------------------------------------------------------------------------------------------

    async def _rank(self, text: str) -> tuple[Sentence, Ranking]:
        sentence = Sentence(text)
        learned = await self._learned.alike(self._who.key, text) if self._who.teaches else {}
        return sentence, await self._knowledge.rank(sentence, learned=learned, hidden=self._who.hidden)

    async def _wish(self, text: str, command: Command | None = None) -> AsyncIterator[Event]:
        """Takes a sentence as a wish, unless it goes on from the last call and no endpoint certainly fits better."""
        sentence, ranking = await self._rank(text)
        follows = None
        if not self._stands_alone(ranking):
            follows = self._no_such(command) if command is not None else await self._following(text)
        follows = follows or await self._modelled(sentence, ranking) or self._decide(sentence, ranking)
        async for event in follows:
            yield event

    def _stands_alone(self, ranking: Ranking) -> bool:
        """Says whether an endpoint fits so well that a sentence is a wish, whatever was asked before.

        One for the endpoint that was called last, which says not all that it needs, goes on from there.
        """
        if ranking.decision != "sure":
            return False
        best, last = ranking.candidates[0], self._talk.plan or self._talk.last
        is_part = last is not None and last.offer.name == best.offer.name and best.measures.get("lacking", 0.0) > 0
        return min(ranking.fits, best.share) >= CERTAIN_MIN and not is_part

    async def _following(self, text: str) -> AsyncIterator[Event] | None:
        """Returns what follows where a sentence goes on from the last call: another value, or another service."""
        plan, follow_up = self._talk.plan or self._talk.last, follow_up_of(text)
        if plan is None or follow_up is None:
            return None
        if follow_up.corrects and plan.said:
            meant_instead = await self._by_service(plan, follow_up.text)
            if meant_instead is not None:
                return self._choose(meant_instead, {})
        found = value_for(plan, follow_up)
        if found is not None:
            return self._set(plan, *found)
        either = ways_to_say(plan, follow_up, self._talk.language)
        return self._either(either) if either else None

    async def _either(self, ways: list[str]) -> AsyncIterator[Event]:
        quoted = ", ".join(self.say("quoted", text=way) for way in ways)
        yield {**self.tell("what", "which_value", ways=quoted), "examples": ways}

    async def _by_service(self, plan: Plan, text: str) -> str | None:
        """Returns the endpoint of the service that a text names, of those that the last wish may mean instead."""
        _, ranking = await self._rank(f"{plan.said} {text}")
        offers = (found.offer for found in ranking.candidates if found.offer.service != plan.offer.service)
        return next((offer.name for offer in offers if names_service(text, offer)), None)

    def _no_such(self, command: Command) -> AsyncIterator[Event] | None:
        """Returns what follows where "change X to Y" names nothing of the last call."""
        is_value = command.kind == "change" and len(command.what.split()) < WISH_WORDS_MIN
        return self._told("no_such_value", what=command.what) if is_value and self._talk.last is not None else None

    async def _told(self, name: str, **words: object) -> AsyncIterator[Event]:
        yield self.tell("nothing", name, **words)

    async def _modelled(self, sentence: Sentence, ranking: Ranking) -> AsyncIterator[Event] | None:
        """Returns what follows from what a language model chose, None where there is none, or it chose nothing."""
        if self._model is None or not self._who.teaches:
            return None
        choice = await self._model.choose(sentence.text, [found.offer for found in ranking.candidates])
        if choice is None:
            return None
        return self.propose(Plan(choice.offer, choice.fields, sentence.text, Why(by_model=True)))

    async def _decide(self, sentence: Sentence, ranking: Ranking) -> AsyncIterator[Event]:
        talk = self._talk
        if ranking.decision == "none":
            talk.rest()
            talk.said = sentence.text  # whoever finds the endpoint himself now teaches it
            yield self.tell("none", "none" if ranking.candidates or await self._knowledge.offers() else "empty")
        elif ranking.decision == "unsure":
            talk.rest()
            chips = ranking.candidates[:CHIPS_MAX]
            talk.waits_for, talk.said = "choice", sentence.text
            talk.chips = tuple(candidate.offer.name for candidate in chips)
            yield {
                "kind": "choices",
                "text": self.say("choices"),
                "choices": [chip_of(found.offer, found.share) for found in chips],
            }
        else:
            best = ranking.candidates[0]
            values = best.filling.values
            plan = Plan(best.offer, assemble(values), sentence.text, why_of(sentence, ranking), frozenset(values))
            async for event in self.propose(plan, score=min(best.share, ranking.fits)):
                yield event

    async def _choose(self, name: str, fields: Any) -> AsyncIterator[Event]:
        talk = self._talk
        offer = await self._knowledge.offer(" ".join(name.split()))
        if offer is None or offer.service in self._who.hidden:
            raise NotFound(f"choose: {name[:80]} is not in reach; `micro services` lists what is")
        is_chip = talk.waits_for == "choice"  # whether a sentence was asked about is known then
        last = talk.plan or talk.last or Plan(offer, {})
        said = talk.said if is_chip else talk.said or last.said
        if is_chip and not said:
            fields = {**carried(last, offer), **fields}
        if said and self._who.teaches:
            await self._learned.learn(self._who.key, said, offer.name)
        filled = await self._filled_in(offer, said)
        guessed = frozenset((name,) for name in filled if name not in fields)
        plan = Plan(offer, merged(filled, fields), said, Why(chosen=True), guessed)
        async for event in self.propose(plan):
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
            yield self.tell("nothing")
            return
        labels = {row.value: row.label for row in self._talk.rows if row.value in fields.values()}
        guessed = plan.guessed - {(name,) for name in fields}
        filled = replace(plan, fields=merged(plan.fields, fields), guessed=guessed, labels={**plan.labels, **labels})
        async for event in self.propose(filled):
            yield event

    async def _answer(self, text: str) -> AsyncIterator[Event]:
        """Takes what is said as the value of the field that is asked for, else as another wish, else asks again."""
        talk, plan = self._talk, self._talk.plan
        asked = next((f for f in plan.offer.fields if f.path == talk.asked), None) if plan is not None else None
        if plan is None or asked is None:
            async for event in self._wish(text):
                yield event
            return
        row = self._row_meant(plan, text)
        wish = await self._other_wish(plan, asked, text) if row is None and may_be_wish(asked, text) else None
        if row is not None:
            follows = self.propose(with_row(plan, asked, row))
        elif wish is not None:
            follows = self._decide(*wish)
        elif not is_value(asked, text):
            follows = self.ask(plan, asked, Unreadable("value", said=text))
        else:
            follows = self._filled_with(plan, asked, text)
        async for event in follows:
            yield event

    def _filled_with(self, plan: Plan, asked: Field, text: str) -> AsyncIterator[Event]:
        try:
            value = read_answer(asked, text, form_of_field(plan.offer, asked))
        except Unreadable as error:
            return self.ask(plan, asked, error)
        return self.propose(with_value(plan, asked, value))

    def _row_meant(self, plan: Plan, text: str) -> Row | None:
        """Returns the thing that is said, of those the service told: its place, its words, or a yes to the only one."""
        rows, command = self._talk.rows, command_of(text)
        if command is not None and command.kind == "choose":
            return rows[command.place] if command.place < len(rows) else None
        if command is not None and command.kind == "yes" and len(rows) == 1:
            return rows[0]
        found = meant(rows, text, plan.offer)
        return found[0] if len(found) == 1 else None

    async def _other_wish(self, plan: Plan, asked: Field, text: str) -> tuple[Sentence, Ranking] | None:
        """Returns what a sentence means, where that is certainly another endpoint than the one that is asked about."""
        sentence, ranking = await self._rank(text)
        best = ranking.candidates[0] if ranking.decision == "sure" else None
        may_be_row = touches(self._talk.rows, text, plan.offer)
        least = ASKING_MIN if text.rstrip().endswith("?") or (is_id(asked) and not may_be_row) else CERTAIN_MIN
        certain = best is not None and min(ranking.fits, best.share) >= least and best.offer.name != plan.offer.name
        return (sentence, ranking) if certain else None

    def _change(self, command: Command) -> AsyncIterator[Event] | None:
        """Returns what follows where a field of the plan, or of the last call, is called so or has such a value."""
        plan = self._talk.plan or self._talk.last
        if plan is None:
            return None
        field = field_meant(plan, command.what) or field_of_amount(plan, command.what, command.to)
        if field is None:
            return None
        return self._changed(plan, field, command.to)

    async def _changed(self, plan: Plan, field: Field, text: str) -> AsyncIterator[Event]:
        try:
            value = read_answer(field, text, form_of_field(plan.offer, field))
        except Unreadable as error:
            async for event in self.ask(plan, field, error):
                yield event
            return
        async for event in self._set(plan, field, value):
            yield event

    async def _set(self, plan: Plan, field: Field, value: Any) -> AsyncIterator[Event]:
        """Proposes a call again with another value of one field."""
        yield self.tell("changed", field=spaced(field.path[-1]), value=short(value))
        async for event in self.propose(with_value(plan, field, value)):
            yield event
