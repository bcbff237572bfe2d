"""Conversations under way: what each waits for, and what was done last; bounded, each its caller's own.

Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from micro.assistant.explaining import NOTHING, Why
from micro.assistant.offers import Offer
from micro.assistant.rows import Row
from micro.errors import BadRequest

__all__ = ["Conversation", "Conversations", "Plan", "Waiting", "check_name"]

CONVERSATIONS_MAX: Final = 1_024
CONVERSATIONS_OF_CALLER_MAX: Final = 32
BYTES_OF_CALLER_MAX: Final = 8 * 1024 * 1024
BYTES_MAX: Final = 64 * 1024 * 1024
"""What the requests in a caller's conversations, and in all, may weigh as JSON; those longest silent are forgotten."""

SILENCE_SECONDS_MAX: Final = 3_600.0

Waiting = Literal["", "choice", "field", "confirmation"]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass
class Plan:
    """A call that is being prepared, or was made.

    Attributes:
        offer: the endpoint.
        fields: the request, as far as it is filled in.
        said: the sentence that led here, "" where it was chosen without one.
        why: what spoke for the endpoint.
        guessed: the paths of fields whose values were made out of a sentence, and may be no ids.
        labels: a value -> what the thing that it means is called before people.
        came: the short values of the answer that it had, by their names.
    """

    offer: Offer
    fields: dict[str, Any]
    said: str = ""
    why: Why = NOTHING
    guessed: frozenset[tuple[str, ...]] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    came: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Conversation:
    """One conversation.

    Attributes:
        name: its name.
        language: the language of the answers so far.
        waits_for: what is expected next.
        plan: what waits, None where nothing does.
        asked: the path of the field that is asked for.
        rows: what the field that is asked for may mean, as far as it is shown.
        chips: the names of the endpoints that are shown as chips.
        said: the sentence that the chips are for.
        last: the last plan that was carried out.
        allowed: the names of endpoints that only may change something, and were said yes to.
        busy: whether a turn is under way.
        heard: when something was last said, on the clock of the table.
        bytes: what its requests weigh, as of the last turn.
    """

    name: str
    language: str = ""
    waits_for: Waiting = ""
    plan: Plan | None = None
    asked: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    chips: tuple[str, ...] = ()
    said: str = ""
    last: Plan | None = None
    allowed: frozenset[str] = frozenset()
    busy: bool = False
    heard: float = field(default=0.0)
    bytes: int = 0

    def rest(self) -> None:
        """Waits for nothing any more."""
        self.waits_for, self.plan, self.asked, self.rows, self.chips, self.said = "", None, (), (), (), ""


def check_name(name: str) -> None:
    """Raises `BadRequest` where that is no possible name of a conversation."""
    if not _NAME.fullmatch(name):
        raise BadRequest("conversation: expected 1 to 64 letters, digits, - and _")


class Conversations:
    """All conversations, the one that was silent for longest first."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Conversation] = {}

    def __len__(self) -> int:
        """Returns how many are remembered."""
        return len(self._kept)

    def open(self, caller: str, name: str, now: float) -> Conversation:
        """Returns a caller's conversation of a name, a new one where there is none (any more).

        Raises:
            BadRequest: that is no possible name.
        """
        check_name(name)
        self._expire(now)
        found = self._kept.pop((caller, name), None)
        if found is None:
            self._make_room(caller)
            found = Conversation(name)
        found.heard = now
        self._kept[caller, name] = found
        return found

    def settle(self, caller: str, conversation: Conversation) -> None:
        """Weighs a conversation after a turn; where there is too much, those longest silent are forgotten."""
        plans = {id(plan): plan for plan in (conversation.plan, conversation.last) if plan is not None}
        conversation.bytes = sum(len(json.dumps(plan.fields).encode()) for plan in plans.values())
        conversation.bytes += sum(row.bytes for row in conversation.rows)
        if conversation.bytes > BYTES_OF_CALLER_MAX:
            conversation.rest()
            conversation.last, conversation.bytes = None, 0
        self._lighten([key for key in self._kept if key[0] == caller], BYTES_OF_CALLER_MAX)
        self._lighten(list(self._kept), BYTES_MAX)

    def _lighten(self, keys: list[tuple[str, str]], bytes_max: int) -> None:
        weight = sum(self._kept[key].bytes for key in keys)
        for key in keys:
            if weight <= bytes_max:
                return
            if not self._kept[key].busy:
                weight -= self._kept.pop(key).bytes

    def _expire(self, now: float) -> None:
        for key, conversation in list(self._kept.items()):
            if now - conversation.heard <= SILENCE_SECONDS_MAX:
                return  # those behind it were heard later
            if not conversation.busy:
                del self._kept[key]

    def _make_room(self, caller: str) -> None:
        own = [key for key, found in self._kept.items() if key[0] == caller and not found.busy]
        if len(own) >= CONVERSATIONS_OF_CALLER_MAX:
            del self._kept[own[0]]
        elif len(self._kept) >= CONVERSATIONS_MAX:
            idle = next((key for key, found in self._kept.items() if not found.busy), None)
            if idle is not None:
                del self._kept[idle]
