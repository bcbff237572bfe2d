"""A language model chooses among what was found, under the same limits, and nothing depends on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from micro.assistant.model import TOOLS_MAX, CompatibleModel
from micro.errors import ConfigError
from micro.node.assisting import open_assistant
from micro.node.config import NodeConfig
from micro.node.posting import post
from micro.trust.policy import Caller
from tests.unit.assistant.places import Clients, Talk, assistant_in, kinds

WISH = "weather forecast of the city Oslo for 3 days"


class Server:
    """A small server that speaks as OpenAI's does: it calls the tool whose name ends so, or says what it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.tool, self.fields = "", "{}"
        self.answer: bytes | None = None
        self.status = "200 OK"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        asked = json.loads(await reader.readexactly(length))
        self.heads.append(head)
        self.heard.append(asked)
        names = [tool["function"]["name"] for tool in asked["tools"]]
        name = next((one for one in names if self.tool and one.endswith(self.tool)), self.tool)
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": self.fields}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]} if name else {"content": "I cannot."}
        body = json.dumps({"choices": [{"message": message}]}).encode() if self.answer is None else self.answer
        writer.write(f"HTTP/1.1 {self.status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def running(folder: Path, clients: Clients, caller: Caller | None = None) -> AsyncIterator[tuple[Server, Talk]]:
    """Runs such a server, and gives it with a conversation that asks it."""
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    async with listener:
        assistant = assistant_in(folder, clients, model=CompatibleModel(url, "small", "secret", post))
        yield server, Talk(assistant) if caller is None else Talk(assistant, caller)


async def test_what_it_chooses_and_fills_in_is_done(tmp_path: Path) -> None:
    """It is offered the endpoints found as tools, with the schemas of their requests, and its key."""
    clients = Clients()
    async with running(tmp_path, clients) as (server, talk):
        server.tool, server.fields = "weather_Weather_Forecast", '{"city": "Bergen", "days": 2}'
        events = await talk(WISH)

        assert kinds(events) == ["heard", "route", "calling", "result", "turn"]
        assert clients.called == [("weather", "Weather.Forecast", b'{"city": "Bergen", "days": 2}')]
        asked = server.heard[0]
        assert (asked["model"], asked["messages"][-1]) == ("small", {"role": "user", "content": WISH})
        assert b"authorization: Bearer secret\r\n" in server.heads[0]
        assert 1 <= len(asked["tools"]) <= TOOLS_MAX
        tools = {tool["function"]["name"]: tool["function"] for tool in asked["tools"]}
        forecast = next(tool for name, tool in tools.items() if name.endswith("weather_Weather_Forecast"))
        assert set(forecast["parameters"]["properties"]) == {"city", "days"}
        told = await talk("why that one?")
        assert "language model" in told[1]["text"]
        assert len(server.heard) == 1, "a command is no wish"


async def test_what_changes_or_costs_something_waits_for_a_yes(tmp_path: Path) -> None:
    """However sure it is."""
    clients = Clients()
    async with running(tmp_path, clients) as (server, talk):
        server.tool, server.fields = "taxi_Taxi_Book", '{"destination": "the airport", "seats": 2}'
        events = await talk("book a taxi to the airport for two")

    assert events[-2]["reasons"] == ["price", "changes"]
    assert clients.called == []


async def test_what_it_leaves_out_is_asked_for(tmp_path: Path) -> None:
    """And what it makes up is left out."""
    async with running(tmp_path, Clients()) as (server, talk):
        server.tool, server.fields = "taxi_Taxi_Book", '{"destination": "the airport", "seats": null, "discount": 100}'
        events = await talk("book a taxi to the airport")

    assert events[1]["fields"] == {"destination": "the airport"}
    assert events[-2]["missing"] == ["seats"]


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("200 OK", b"no json"),
        ("200 OK", b"[]"),
        ("200 OK", b'{"choices": []}'),
        ("200 OK", b'{"choices": [{"message": null}]}'),
        ("200 OK", b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "node_Node_Stop"}}]}}]}'),
        ("200 OK", b'{"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}'),
        ("200 OK", b"[" * 100_000),
        ("200 OK", b"x" * 300_000),
        ("401 Unauthorized", b"{}"),
        ("302 Found", b""),
    ],
)
async def test_without_its_help_all_goes_on(tmp_path: Path, status: str, answer: bytes) -> None:
    """Whatever it says: the wish is understood as without it."""
    clients = Clients()
    async with running(tmp_path, clients) as (server, talk):
        server.status, server.answer = status, answer
        events = await talk(WISH)

    assert kinds(events) == ["heard", "route", "calling", "result", "turn"]
    assert clients.called == [("weather", "Weather.Forecast", b'{"city": "Oslo", "days": 3}')]


@pytest.mark.parametrize("fields", ["[1]", "{", '"Oslo"'])
async def test_fields_that_are_none_are_no_choice(tmp_path: Path, fields: str) -> None:
    """What the sentence says itself is taken."""
    clients = Clients()
    async with running(tmp_path, clients) as (server, talk):
        server.tool, server.fields = "weather_Weather_Forecast", fields
        await talk(WISH)

    assert clients.called == [("weather", "Weather.Forecast", b'{"city": "Oslo", "days": 3}')]


async def test_a_model_that_chooses_nothing_leaves_it_to_the_assistant(tmp_path: Path) -> None:
    """It may know less than what was measured."""
    async with running(tmp_path, Clients()) as (_, talk):
        assert kinds(await talk(WISH)) == ["heard", "route", "calling", "result", "turn"]


async def test_it_is_not_asked_for_strangers(tmp_path: Path) -> None:
    """The owner pays for it, and what others say is not his to send away."""
    async with running(tmp_path, Clients(), Caller(anonymous=True)) as (server, talk):
        await talk(WISH)

        assert server.heard == []


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/v1", "ollama", "ftp://host/v1?model=x", "http://host:x/v1?model=x", "http://h/v1?modell=x"],
)
def test_a_url_that_names_no_model_is_refused(url: str) -> None:
    """When the node starts."""
    nothing: Any = None
    ports: Any = type("Ports", (), {"clock": None, "entropy": None, "post": None})

    with pytest.raises(ConfigError, match="model_url"):
        open_assistant(
            nothing, nothing, NodeConfig(model_url=url), ports, nothing, nothing, record=nothing, starting=nothing
        )
