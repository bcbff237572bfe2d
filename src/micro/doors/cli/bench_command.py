"""The command `micro bench`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.bench import Row, bare_echo, child, compare
from micro.doors.cli.body import json_body
from micro.doors.cli.completion import complete_endpoints, complete_services
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.example import example_request, opening_of
from micro.doors.cli.options import command
from micro.doors.cli.options import seconds as length
from micro.doors.cli.output import Column
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import SIGN
from micro.errors import MicroError, NotFound, Unavailable
from micro.service.schema.fields import is_raw

if TYPE_CHECKING:
    from micro.node.client import Client

__all__ = ["bench", "parse_callers"]

CALLERS_MAX = 4096
BODY_BYTES = 100
ECHO_SERVICE = "micro-bench-echo"
ECHO_ENDPOINT = "Echo.Raw"
START_SECONDS_MAX = 10.0
START_EVERY_SECONDS = 0.05

COLUMNS = [
    Column(name)
    for name in ("callers", "calls_per_second", "p50", "p99", "echo_per_second", "echo_p50", "share_of_echo")
]


def parse_callers(text: str) -> list[int]:
    """Returns the numbers of callers that were typed, separated by commas.

    Raises:
        Usage: they are none, or too many.
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise Usage(f"{text!r} are no numbers of callers; write for instance 1,16,256") from error
    if not all(1 <= count <= CALLERS_MAX for count in found):
        raise Usage(f"from 1 to {CALLERS_MAX} callers can call at once, not {text}")
    return found


@command("bench", example="micro bench greeter Say.Hello --callers 1,16")
@click.argument("service", required=False, metavar="[SERVICE]", shell_complete=complete_services)
@click.argument("endpoint", required=False, metavar="[ENDPOINT]", shell_complete=complete_endpoints)
@click.option("--body", metavar="JSON", help="The request; by default the endpoint's own example.")
@click.option("--callers", default="1,16,256", show_default=True, metavar="NUMBERS", help="How many call at once.")
@click.option("--seconds", type=length, default=1.0, show_default=True, help="How long each measurement is.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often each is measured.")
@click.option(
    "--through-node", is_flag=True, help="Call through the node even where the service could be reached directly."
)
def bench(
    session: Session,
    service: str | None,
    endpoint: str | None,
    body: str | None,
    callers: str,
    seconds: float,
    rounds: int,
    through_node: bool,
) -> None:
    """Measure calls on this machine.

    Without SERVICE a small echo service is started for it. Each measurement is made in turn with a bare echo over a
    socket, which is as fast as a call can be here; the share tells more than the figures, which vary with the machine.
    """
    if service is not None and endpoint is None:
        raise Usage("name the endpoint too: micro bench SERVICE ENDPOINT", remedy=typed_line("micro describe", service))
    counts = parse_callers(callers)
    import uvloop

    async def work() -> list[Row]:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(_client(session, direct=not through_node))
            if service is None or endpoint is None:
                await stack.enter_async_context(
                    child("micro.doors.cli.bench_service", ECHO_SERVICE, session.home or "")
                )
                await _appears(client)
                name, method, content_type, data = (
                    ECHO_SERVICE,
                    ECHO_ENDPOINT,
                    "application/octet-stream",
                    bytes(BODY_BYTES),
                )
            else:
                name, method = service, endpoint
                content_type, data = await _request(client, service, endpoint, body)
            echo = await stack.enter_async_context(bare_echo(len(data)))

            def call() -> Awaitable[bytes]:
                return client.call_raw(name, method, data, content_type=content_type)

            return await compare(call, echo, callers=counts, seconds=seconds, rounds=rounds, progress=_progress)

    try:
        rows = uvloop.run(work())
    except* (MicroError, OSError) as group:  # the callers fail together; one of them tells why
        raise _first(group) from None
    document = {
        "service": service or ECHO_SERVICE,
        "endpoint": endpoint or ECHO_ENDPOINT,
        "rows": [row.to_dict() for row in rows],
    }
    session.show_rows(document, [_shown(row) for row in rows], COLUMNS)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _client(session: Session, *, direct: bool) -> Client:
    from micro.node.client import Client

    return Client(session.address, home=session.home, direct=direct)


async def _request(client: Client, service: str, endpoint: str, body: str | None) -> tuple[str, bytes]:
    """Returns what is sent, and its content type."""
    from micro.mucp.codec import encode_json

    found = (await client.route(service)).description or {}
    known = {known["name"]: known for known in found.get("endpoints", ())}
    if endpoint not in known:
        await client.call_raw(service, "Debug.Health")  # says it better where there is no such service
        raise NotFound(f"{service} has no endpoint {endpoint}; it has {', '.join(known) or 'none'}")
    if known[endpoint].get("kind") == "stream":
        raise Usage(f"{endpoint} is a stream; calls are measured", remedy=typed_line("micro describe", service))
    if known[endpoint].get("price"):
        raise Usage(f"a call of {endpoint} costs {known[endpoint]['price']}, and thousands would be made")
    if is_raw(opening_of(known[endpoint])):
        return "application/octet-stream", (body or "x" * BODY_BYTES).encode()
    return "application/json", json_body(body) if body else encode_json(example_request(known[endpoint]))


async def _appears(client: Client) -> None:
    """Waits until the echo service answers."""
    import asyncio

    for _ in range(int(START_SECONDS_MAX / START_EVERY_SECONDS)):
        try:
            await client.call_raw(ECHO_SERVICE, ECHO_ENDPOINT, b"x", content_type="application/octet-stream")
        except (NotFound, Unavailable):
            await asyncio.sleep(START_EVERY_SECONDS)
        else:
            return
    raise Unavailable(f"the echo service did not come up within {START_SECONDS_MAX:g} s; what does `micro status` say?")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        SIGN.show(text)


def _shown(row: Row) -> dict[str, Any]:
    return {
        "callers": row.callers,
        "calls_per_second": f"{row.service.calls_per_second:,.0f}",
        "p50": _milliseconds(row.service.p50_seconds),
        "p99": _milliseconds(row.service.p99_seconds),
        "echo_per_second": f"{row.echo.calls_per_second:,.0f}",
        "echo_p50": _milliseconds(row.echo.p50_seconds),
        "share_of_echo": f"{row.share:.2f}",
    }


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms"
