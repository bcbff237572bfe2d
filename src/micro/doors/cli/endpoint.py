"""An endpoint as a command: an option for each field of its request, and what they come to as a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from micro.doors.cli.body import json_body, read_bytes, read_named
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.example import example_line, opening_of, option_of, takes_items, yields_items
from micro.doors.cli.exchange import BYTES, JSON, exchange_call, exchange_stream, item_of, show_answer
from micro.doors.cli.fieldoptions import field_option, given_values
from micro.doors.cli.naming import spelled
from micro.doors.cli.options import HELP, Command, general_options, session_of
from micro.doors.cli.session import Session
from micro.doors.cli.values import parse_json
from micro.service.schema.fields import Field, assemble, is_raw, missing, read_fields

__all__ = ["EndpointCommand"]

RAW_HELP = "BODY is sent as it is: text, - for the standard input, or @FILE."
JSON_HELP = "BODY may hold the request as JSON, - or @FILE."


class EndpointCommand(Command):
    """The command that calls one endpoint.

    An option of a field goes before a general one of the same name; the general ones also work right after `micro`.
    """

    def __init__(self, description: Mapping[str, Any], endpoint: Mapping[str, Any]) -> None:
        """Makes the command of one of a description's endpoints."""
        self.service: str = description["name"]
        self.endpoint = endpoint
        names = [known["name"] for known in description["endpoints"]]
        self.typed = f"{typed_line('micro', self.service)} {spelled(names, endpoint['name'])}"
        self.raw = is_raw(opening_of(endpoint))
        self.fields = read_fields(opening_of(endpoint))
        self._options: dict[str, Field] = {}
        super().__init__(endpoint["name"], callback=self._call, help=_help(endpoint), context_settings=HELP)
        self.params = self._parameters()
        self.example = example_line(description, endpoint)

    def _parameters(self) -> list[click.Parameter]:
        taken = {"--help", "-h"}
        found: list[click.Parameter] = []
        for index, field in enumerate(self.fields):
            option = field_option(field, f"field_{index}", taken)
            if option is not None:
                found.append(option)
                self._options[f"field_{index}"] = field
        found.append(click.Argument(["body"], required=False, metavar="[BODY]"))
        if "--json" not in taken and not self.raw:
            about = "The request, or what the options do not say, as JSON, - or @FILE."
            found.append(click.Option(["--json", "json_text"], metavar="JSON", help=about))
        return found + [option for option in general_options() if not taken.intersection(option.opts)]

    def body(self, typed: Mapping[str, Any]) -> tuple[bytes, str]:
        """Returns the body that was typed, and its content type.

        Args:
            typed: parameter -> what was typed, as a context of this command has it in `params`.

        Raises:
            Usage: it is no request; the message says what it lacks.
            click.BadParameter: an option has another form than its field.
        """
        if self.raw:
            return read_bytes(typed["body"] or ""), BYTES
        from micro.mucp.codec import encode_json

        whole = self._whole(typed.get("json_text") or typed.get("body"))
        given = given_values(self._options, typed, read_named)
        if not isinstance(whole, Mapping):
            if given:
                raise self._usage("options add to a request that is an object, and this JSON is none")
            return encode_json(whole), JSON
        request = assemble(given, whole)
        lacking = missing(self.fields, request)
        if lacking:
            names = ", ".join(option_of(field) for field in lacking)
            raise self._usage(f"{self.typed.removeprefix('micro ')} needs {names}")
        return encode_json(request), JSON

    def _whole(self, text: str | None) -> Any:
        """Returns the request that was given as JSON, empty where none was."""
        if not text:
            return {}
        if self.fields and not text.startswith(("{", "[", "-", "@", '"')):
            advice = f"a field is given by its name, such as {option_of(self.fields[0])} {text}"
            raise self._usage(f"{text!r} is no request; {advice}")
        if text == "-" and takes_items(self.endpoint):
            raise self._usage("the standard input holds the items of this stream; give BODY as JSON or @FILE")
        return parse_json(json_body(text).decode())

    def _usage(self, message: str) -> Usage:
        return Usage(message, remedy=f"{self.typed} --help")

    def _call(self, **typed: Any) -> None:
        """Does what was typed."""
        session: Session = session_of(click.get_current_context())
        session.hint = f"{self.typed} --help"
        body, content_type = self.body(typed)
        name, plain_bytes = self.endpoint["name"], is_raw(self.endpoint.get("response") or {})
        if self.endpoint.get("kind") != "stream":
            answer = exchange_call(session, self.service, name, body, content_type=content_type)
            show_answer(session, answer, plain_bytes=plain_bytes)
            return
        request = self.endpoint.get("request") or {}
        items = (lambda line: item_of(request, line)) if takes_items(self.endpoint) else None
        exchange_stream(
            session,
            self.service,
            name,
            body,
            content_type=content_type,
            items=items,
            answers=yields_items(self.endpoint),
            raw=plain_bytes,
        )


def _help(endpoint: Mapping[str, Any]) -> str:
    text = str(endpoint.get("description", "")).strip()
    notes = []
    if endpoint.get("price"):
        notes.append(f"A call costs {endpoint['price']}.")
    if takes_items(endpoint):
        notes.append("Each line of the standard input is sent as one item.")
    if yields_items(endpoint):
        notes.append("Items are printed as they come.")
    notes.append(RAW_HELP if is_raw(opening_of(endpoint)) else JSON_HELP)
    return "\n\n".join((f"{endpoint['name']}: {text}" if text else endpoint["name"], " ".join(notes)))
