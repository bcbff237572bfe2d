"""One run of the command: which node it talks to, in which form it answers, and the link it holds meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from micro.doors.cli.elsewhere import at_home, typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.output import Column, Form, as_line, clean, fields_text, rows_text, value_text
from micro.doors.cli.terminal import note, say, spinning, width
from micro.errors import Forbidden, NotFound, Timeout, Unauthorized

if TYPE_CHECKING:
    import asyncio

    from micro.node.client import Client

__all__ = ["Session"]

Result = TypeVar("Result")


class Session:
    """What the options of the command say, and the client they lead to.

    Attributes:
        home: the node's home, None for the environment's.
        address: the node's socket, None for the one in the home.
        timeout_seconds: how long to wait for an answer, None for the client's own bound.
        form: how results are written, None for what fits the place they go to.
        hint: the command that helps if this one fails, and what failed names none.
        remedy: the command that helps, whatever else what failed may name.
        typed: this command, without what was typed behind it.
    """

    def __init__(self) -> None:
        self.home: str | None = None
        self.address: str | None = None
        self.timeout_seconds: float | None = None
        self.form: Form | None = None
        self.hint = ""
        self.remedy = ""
        self.typed = "micro"
        self._runner: asyncio.Runner | None = None
        self._client: Client | None = None
        self._met: set[str] = set()
        self._linked: tuple[str | None, str | None] = (None, None)

    # -- the node ---------------------------------------------------------------------------------------------------

    def run(self, work: Callable[[], Awaitable[Result]], *, waiting: str = "", whole: str = "") -> Result:
        """Runs a coroutine to its end.

        Args:
            work: makes it.
            waiting: what is shown on a terminal where it takes longer than a second.
            whole: what to call the whole if `timeout_seconds` bounds it; without, only its calls are bounded.

        Raises:
            Timeout: the whole took longer.
        """
        import asyncio

        if self._runner is None:
            self._runner = asyncio.Runner()

        async def watched() -> Result:
            seconds = self.timeout_seconds if whole else None
            deadline = asyncio.timeout(seconds)
            with spinning(asyncio.get_running_loop(), waiting):
                try:
                    async with deadline:
                        return await work()
                except TimeoutError:
                    if not deadline.expired():
                        raise
                    raise Timeout(f"{whole} took longer than {seconds:g} s") from None

        return self._runner.run(watched())

    async def client(self) -> Client:
        """Returns the client of the node, linked.

        Raises:
            NoNode: no node answers.
            Unauthorized: it does not take the token of the environment.
            Usage: that token is empty, as it is where the command that was to make one has failed.
        """
        if os.environ.get("MICRO_TOKEN") == "":
            raise Usage("MICRO_TOKEN is set and empty, so it shows no token; was one made?", remedy="unset MICRO_TOKEN")
        if self._client is None or self._linked != (self.address, self.home):  # a later option may name another node
            from micro.node.client import Client

            if self._client is not None:
                await self._client.close()
            client = Client(self.address, home=self.home)
            try:
                await client.node()
            except Unauthorized:
                if "MICRO_TOKEN" in os.environ:  # while it is there, no other command works either
                    self.remedy = "unset MICRO_TOKEN"
                raise
            self._client, self._linked = client, (self.address, self.home)
        return self._client

    async def call(
        self,
        service: str,
        endpoint: str,
        request: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Calls an endpoint that speaks JSON and returns its answer as it travelled."""
        from micro.mucp.codec import decode_json, encode_json

        client = await self.client()
        answer = await client.call_raw(
            service, endpoint, encode_json(request or {}), timeout_seconds=self.timeout_seconds, headers=headers
        )
        return decode_json(answer) if answer else None

    async def stream(self, service: str, endpoint: str, request: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
        """Yields the items of a stream that speaks JSON, as they travelled."""
        from micro.mucp.codec import decode_json, encode_json

        client = await self.client()
        stream = await client.stream_raw(service, endpoint, encode_json(request or {}))
        async with stream:
            await stream.end()
            async for body in stream.messages():
                yield decode_json(body)

    def ask(self, service: str, endpoint: str, request: Mapping[str, Any] | None = None, *, waiting: str = "") -> Any:
        """Calls an endpoint and waits for its answer."""
        return self.run(lambda: self.call(service, endpoint, request), waiting=waiting)

    def whole(self, name: str) -> str:
        """Returns a node's id, or `service@nid` and `topic@nid`, with the whole id where its beginning was typed.

        Raises:
            Conflict: several nodes that are known begin so.
        """
        from micro.trust.beginning import is_beginning

        before, at, typed = name.rpartition("@")
        if not is_beginning(typed):
            return name
        try:
            found = self.ask("network", "Network.Whole", {"beginning": typed})
        except (NotFound, Forbidden, Unauthorized):  # it may be a version; if not, whoever is asked next says so
            return name
        return f"{before}{at}{found['nid']}"

    def meet(self, service: str) -> None:
        """Asks the person once, before a service of strangers is used under a name that nobody vouches for.

        Raises:
            Forbidden: he says no, or there is nobody to ask.
        """
        if service in self._met:
            return
        try:
            found = self.ask("network", "Network.Meet", {"name": service}, waiting=f"looking for {service}")
        except (NotFound, Forbidden, Unauthorized):  # without a network; or for its owner alone, who vouches for names
            found = {"unverified": False}
        if found["unverified"]:
            self._introduce(service, found["nodes"])
        self._met.add(service)

    def _introduce(self, service: str, nodes: Sequence[str]) -> None:
        from micro.service.registry.unverified import STATUS, who_offers

        note(f"{clean(who_offers(service, nodes))}.")
        self.hint = f"{typed_line('micro describe', service)}; then: {typed_line('micro network pin', service)}"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            words = "was never used here, and its name is unverified: look at it, and pin it first"
            raise Forbidden(f"{service} {words}", status=STATUS)
        if not click.confirm("Use it, now and from then on?", default=False, err=True):
            raise Forbidden(f"{service} was not used", status=STATUS)
        self.ask("network", "Network.Pin", {"name": service})
        self.hint = ""

    def close(self) -> None:
        """Ends the link and the loop."""
        if self._runner is None:
            return
        client, self._client = self._client, None
        if client is not None:
            self._runner.run(client.close())
        self._runner.close()
        self._runner = None

    def next(self, command: str) -> None:
        """Tells a person what to type next, at the node that this command was about."""
        note(f"next: {at_home(command, self.home)}")

    # -- what is written --------------------------------------------------------------------------------------------

    def shape(self, default: Form | None = None) -> Form:
        """Returns how results are written: as asked, else for people on a terminal and for pipes elsewhere."""
        return self.form or default or ("table" if sys.stdout.isatty() else "plain")

    def show(self, value: Any, default: Form | None = None) -> None:
        """Writes any answer of a service."""
        form = self.shape(default)
        text = value_text(value, form, width=width())
        if text or form == "plain":
            say(clean(text) if form == "plain" and sys.stdout.isatty() else text)

    def show_fields(self, fields: Mapping[str, Any]) -> None:
        """Writes an object, one field a line."""
        say(fields_text(fields, self.shape()))

    def show_rows(self, document: Any, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
        """Writes rows; as JSON the whole document they come from."""
        if self.shape() == "json":
            self.show(document)
        elif rows:
            say(rows_text(rows, columns, self.shape(), width=width()))

    def show_item(self, item: Any, default: Form | None = None) -> None:
        """Writes one of many items: JSON on one line, or as a lone value."""
        form = self.shape(default)
        if form == "json" or not isinstance(item, str | int | float | bool):
            say(as_line(item) if form != "table" else clean(as_line(item)))
        else:
            say(value_text(item, form, width=width()))
