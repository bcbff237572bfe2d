"""The command `chat`: a conversation with the node's assistant."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from micro.doors.cli.body import read_named
from micro.doors.cli.ending import Usage
from micro.doors.cli.options import command
from micro.doors.cli.output import clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, paint, say_bytes
from micro.errors import Fault, NotFound

__all__ = ["chat"]

PROMPT = "> "
VALUE_CHARACTERS_MAX = 60


class Chat:
    """One conversation.

    Attributes:
        goes_on: whether more may be said after this wish, so that what goes wrong does not end the command.
        name: its name at the node, "" before the first turn.
        waits_for: what the assistant waits for since the last turn.
        trouble: what the last turn ended with, None where it went well.
    """

    def __init__(self, session: Session, *, goes_on: bool) -> None:
        self._session = session
        self._asked: Mapping[str, Any] = {}
        self.goes_on = goes_on
        self.name = ""
        self.waits_for = ""
        self.trouble: Fault | None = None

    def turn(self, said: Mapping[str, Any]) -> None:
        """Says something, and shows what follows."""
        self.trouble = None
        self._session.run(lambda: self._turn(said), waiting="understanding")

    async def _turn(self, said: Mapping[str, Any]) -> None:
        request = {**said, "conversation": self.name}
        async for event in self._session.stream("assistant", "Assistant.Say", request):
            self._take(event)

    def spoken(self, line: str) -> dict[str, Any]:
        """Returns what a line says: a file where the assistant asks for one and the line is `@FILE`, else a text."""
        wants_bytes = self._asked.get("schema", {}).get("contentEncoding") == "base64"
        if self.waits_for != "field" or not wants_bytes or not line.startswith("@"):
            return {"text": line}
        value: Any = base64.b64encode(read_named(line[1:])).decode("ascii")
        for name in reversed(str(self._asked["field"]).split(".")):
            value = {name: value}
        return {"fields": value}

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event.get("kind")
        if kind == "heard":
            self.name = event["conversation"]
        elif kind == "turn":
            self.waits_for = event["waits_for"]
        elif kind == "ask":
            self._asked = event
        elif kind == "failed":
            fault = event["fault"]
            self.trouble = Fault.make(fault["code"], fault["detail"], id=fault["id"], status=fault["status"])
        elif kind == "told" and event["topic"] == "none":
            self.trouble = NotFound(event["text"])
        self._show(event)

    def _show(self, event: Mapping[str, Any]) -> None:
        """Shows an event: answers on the standard output, all else beside it."""
        session, kind = self._session, event.get("kind")
        if session.shape() == "json":
            session.show_item(event)
        elif kind in ("item", "result") and ("value" in event or "bytes" in event):
            if "bytes" in event:
                say_bytes(base64.b64decode(event["bytes"]))
            elif kind == "item":
                session.show_item(event["value"])
            else:
                session.show(event["value"])
        elif self.trouble is None or self.goes_on:
            for line in lines_of(event):
                note(line)


def lines_of(event: Mapping[str, Any]) -> Iterator[str]:
    """Yields what a person reads of an event that is no answer of a service."""
    kind = event.get("kind")
    if kind == "calling":
        values = (f"{name}={_short(value)}" for name, value in event["fields"].items())
        line = f"{event['service']} {event['endpoint']} {' '.join(values)}".rstrip()
        yield paint(clean(line), "dim", sys.stderr)
    elif kind == "choices":
        yield clean(event["text"])
        for number, chip in enumerate(event["choices"], 1):
            yield clean(f"  {number}. {chip['title']}  {chip['description']}")
    elif kind == "ask":
        yield clean(event["text"])
        for number, row in enumerate(event.get("choices", ()), 1):
            yield clean(f"  {number}. {row['label']}")
    elif kind in ("confirm", "told", "failed") or (kind == "result" and event.get("text")):
        yield clean(event["text"])


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "…"


@command("chat", example="micro chat what time is it in Tokyo")
@click.argument("words", nargs=-1, metavar="[WORDS]")
@click.option("-y", "--yes", is_flag=True, help="Answer yes where it asks whether to do something.")
def chat(session: Session, words: tuple[str, ...], yes: bool) -> None:
    """Say what you want, and have it done by a service.

    WORDS are said at once; without them each line typed is. It asks for what is missing, and before it does what costs
    or changes something. Where it asks for a file, answer @FILE.
    """
    conversation = Chat(session, goes_on=not words)
    if words:
        _say(conversation, {"text": " ".join(words)}, yes=yes)
        if conversation.waits_for and not sys.stdin.isatty():
            raise Usage("it waits for an answer, and there is nobody to ask", remedy="micro chat, or say all of it")
        if not conversation.waits_for:
            if conversation.trouble is not None:
                raise conversation.trouble
            return
    for line in _lines():
        _say(conversation, conversation.spoken(line), yes=yes)
        if words and not conversation.waits_for:
            break


def _say(conversation: Chat, said: Mapping[str, Any], *, yes: bool) -> None:
    conversation.turn(said)
    if yes and conversation.waits_for == "confirmation":
        conversation.turn({"confirm": True})


def _lines() -> Iterator[str]:
    """Yields the lines that are typed, or piped in, without empty ones."""
    asks = sys.stdin.isatty()
    while True:
        try:
            line = input(PROMPT if asks else "")
        except (EOFError, KeyboardInterrupt):
            if asks:
                note("")
            return
        if line.strip():
            yield line.strip()
