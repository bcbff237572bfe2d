"""Makes a service of what an adapter speaks for: endpoints that the node, its faces and its callers understand."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator
from typing import Any, Optional
from urllib.parse import urlencode

from micro.doors.adapter.answer import Answer, value_of
from micro.doors.adapter.command import CommandProgram
from micro.doors.adapter.functions import functions_of, load
from micro.doors.adapter.http import HttpProgram
from micro.doors.adapter.openapi import Operation, read_openapi
from micro.doors.adapter.program import Program
from micro.doors.adapter.site import Site
from micro.errors import EngineError
from micro.node.front import Service
from micro.service.context import Context
from micro.service.schema.naming import endpoint_name, struct_name

__all__ = ["add_command", "add_functions", "add_http", "add_site"]

IDEMPOTENT = {"GET", "PUT", "DELETE"}
"""Methods that may be sent twice, as RFC 9110, section 9.2.2, says."""


async def add_http(service: Service, program: HttpProgram) -> None:
    """Declares what a program's OpenAPI description offers; where it has none, paths are passed through."""
    operations = read_openapi(await program.description(), struct_name(service.name))
    left_out = 0
    for operation in operations:
        try:
            function = _operating(operation, program)
            again = (operation.method in IDEMPOTENT or operation.readonly is True) and not operation.is_stream
            service.add(operation.name, function, idempotent=again, readonly=operation.readonly)
        except (TypeError, ValueError) as error:
            left_out += 1
            sys.stderr.write(f"left out {operation.name}: {error}\n")
    if len(operations) == left_out:
        _add_paths(service, program)


def _operating(operation: Operation, program: HttpProgram) -> Any:
    """Returns a function that takes the fields of an operation and asks the program for it."""

    async def operate(*, context: Context, **values: Any) -> Any:
        return await program.operate(operation, values, context.deadline_seconds)

    def flow(*, context: Context, **values: Any) -> AsyncIterator[Any]:
        return program.flow(operation, values)

    function: Any = flow if operation.is_stream else operate
    parameters = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=Context)]
    for field in operation.fields:
        kind = field.annotation if field.required else Optional[field.annotation]  # noqa: UP045 - made, not written
        default = inspect.Parameter.empty if field.required else None
        parameters.append(
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        )
    result: Any = dict[str, Any] if operation.is_object else Any
    result = AsyncIterator[Any] if operation.is_stream else result
    told = "".join(f"\n    {field.name}: {field.description}" for field in operation.fields if field.description)
    function.__signature__ = inspect.Signature(parameters, return_annotation=result)
    function.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": result}
    function.__doc__ = operation.description + (f"\n\nArgs:{told}" if told else "")
    function.__name__ = function.__qualname__ = operation.name
    return function


def _add_paths(service: Service, program: HttpProgram) -> None:
    async def get(context: Context, path: str = "/", query: dict[str, str] | None = None) -> Answer:
        """Asks the program for a path, and returns what it answers.

        Args:
            path: from the root, as a browser would ask for it.
            query: what stands behind the question mark.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        return await program.ask("GET", target, b"", "", context.deadline_seconds)

    async def post(
        context: Context, path: str = "/", body: Any = None, content_type: str = "application/json"
    ) -> Answer:
        """Posts a body to a path of the program, and returns what it answers.

        Args:
            path: from the root.
            body: a JSON value; of another content type, a text.
            content_type: what the body is.
        """
        import json

        data = body.encode() if isinstance(body, str) and "json" not in content_type else json.dumps(body).encode()
        return await program.ask("POST", path, data, content_type, context.deadline_seconds)

    async def fetch(context: Context, path: str = "/") -> bytes:
        """Returns what is at a path of the program, byte for byte.

        Args:
            path: from the root.
        """
        return await program.fetch(path, context.deadline_seconds)

    def stream(path: str = "/", query: dict[str, str] | None = None) -> AsyncIterator[Any]:
        """Asks the program for a path, and yields what it answers as it comes: events, lines of JSON, or pieces.

        Args:
            path: from the root.
            query: what stands behind the question mark.
        """
        return program.stream(f"{path}?{urlencode(query)}" if query else path)

    service.add("Http.Get", get, idempotent=True)
    service.add("Http.Post", post)
    service.add("Http.Fetch", fetch, idempotent=True)
    service.add("Http.Stream", stream)


def add_command(service: Service, program: CommandProgram) -> None:
    """Declares the two ways to run a program once: with a text, and with bytes."""

    async def run(context: Context, input: str = "") -> str:  # noqa: A002 - what people call it
        """Runs the program and returns what it writes.

        Args:
            input: what it finds on its standard input.
        """
        return (await program.run(input.encode(), context.deadline_seconds)).decode("utf-8", "replace")

    async def pipe(data: bytes, context: Context) -> bytes:
        """Runs the program with the body on its standard input, and returns what it writes, byte for byte."""
        return await program.run(data, context.deadline_seconds)

    struct = struct_name(service.name)
    service.add(f"{struct}.Run", run)
    service.add(f"{struct}.Pipe", pipe)


def add_site(service: Service, site: Site) -> None:
    """Declares the two ways to read a file: as a value, and as bytes."""

    def get(path: str = "/") -> Answer:
        """Returns the file at a path.

        Args:
            path: as a browser would ask for it; a folder is its index.html.
        """
        return value_of(*site.read(path))

    def fetch(path: str = "/") -> bytes:
        """Returns the file at a path, byte for byte.

        Args:
            path: as a browser would ask for it.
        """
        return site.read(path)[1]

    service.add("Site.Get", get, idempotent=True)
    service.add("Site.Fetch", fetch, idempotent=True)


def add_functions(service: Service, program: Program) -> None:
    """Declares each function of a file that can be called from afar.

    Raises:
        EngineError: the file cannot be imported, or has none.
    """
    path = program.command[-1]
    module = load(program.directory, path)
    reasons = []
    for _, function in functions_of(module):
        try:
            service.add(endpoint_name(service.name, function), function)
        except (TypeError, ValueError) as error:
            reasons.append(str(error))
            sys.stderr.write(f"left out: {error}\n")
    if not service.endpoints:
        why = reasons[0] if reasons else "it defines none without an underscore in front"
        raise EngineError(f"{path} has no function that can be called: {why}")
