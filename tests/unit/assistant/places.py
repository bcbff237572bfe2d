"""What these tests share: a small town of services, and an assistant that works in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from micro.assistant.assistant import Assistant
from micro.assistant.evidence import Engine
from micro.assistant.lexical import LexicalEngine
from micro.assistant.model import Model
from micro.assistant.said import Said
from micro.errors import Fault, Forbidden, NotFound
from micro.service.registry.description import Description, check_description
from micro.service.service import Service
from micro.store.stores import Stores
from micro.system import SystemDisk
from micro.trust.policy import Caller

__all__ = ["OWNER", "Clients", "Clock", "Town", "assistant_in", "kinds", "services_of_a_town"]

OWNER = Caller(nid="b" + "a" * 55, owner=True)


class Clock:
    """A clock that stands still until a test puts it forward."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class Chance:
    """Names that come one after the other."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def random_bytes(self, count: int) -> bytes:
        return next(self._numbers).to_bytes(count, "big")


def services_of_a_town() -> list[Service]:
    """Returns a few services with all kinds of fields."""
    weather = Service("weather", description="The weather in cities.", metadata={"tags": "rain, sun, temperature"})

    @weather.endpoint(idempotent=True, examples=[{"city": "Rome"}])
    async def forecast(city: str, days: int = 1) -> str:
        """Tell the weather forecast of a city.

        Args:
            city: which city.
            days: for how many days.
        """
        return f"{city} {days}"

    taxi = Service("taxi", description="Taxis.")

    @taxi.endpoint(price="2.5")
    async def book(destination: str, seats: int, kind: Literal["small", "large"] = "small", fast: bool = False) -> str:
        """Book a taxi to a place.

        Args:
            destination: where to.
            seats: how many sit in it.
            kind: how large it is.
            fast: whether it hurries.
        """
        return destination

    @taxi.endpoint(idempotent=True)
    async def cancel(number: int) -> bool:
        """Cancel a booked taxi.

        Args:
            number: the number of the booking.
        """
        return True

    return [weather, taxi]


class Town:
    """The services in reach."""

    def __init__(self, *services: Service) -> None:
        self.services = list(services) or services_of_a_town()
        self.number = 1

    def descriptions(self) -> Iterator[Description]:
        for service in self.services:
            yield check_description(service.describe())


class Clients:
    """Answers calls with what a test laid down, and keeps what was called."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str, bytes]] = []
        self.answers: dict[str, bytes | Fault] = {}
        self.met: bytes | Fault = NotFound("no network")

    async def call_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = "") -> bytes:
        if service == "network" and endpoint == "Network.Meet":
            answer: bytes | Fault = self.met
        else:
            self.called.append((service, endpoint, body))
            answer = self.answers.get(endpoint, b'{"result":"done"}')
        if isinstance(answer, Fault):
            raise answer
        return answer

    async def stream_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = "") -> Any:
        raise Forbidden("no streams in this town")


class Talk:
    """One conversation with an assistant."""

    def __init__(self, assistant: Assistant, caller: Caller = OWNER, name: str = "talk") -> None:
        self._assistant = assistant
        self._caller = caller
        self._name = name

    async def __call__(self, text: str = "", **said: Any) -> list[dict[str, Any]]:
        """Says something, and returns the events."""
        turn = self._assistant.begin(self._caller, Said(text, **said), self._name)
        return [event async for event in turn]


def assistant_in(
    folder: Path,
    clients: Clients,
    *,
    town: Town | None = None,
    clock: Clock | None = None,
    price_max: float = 0.0,
    model: Model | None = None,
    engines: Callable[[], Sequence[Engine]] = lambda: (LexicalEngine(),),
    starting: int = 0,
) -> Assistant:
    """Returns an assistant that knows its services by words, with its store on disk."""
    clock = clock or Clock()
    stores = Stores(SystemDisk(), folder, clock)

    return Assistant(
        town or Town(),
        engines,
        client_for=lambda caller: clients,
        hidden=lambda caller: frozenset({"taxi"}) if caller.anonymous else frozenset(),
        open_store=lambda: stores.get("assistant"),
        clock=clock,
        entropy=Chance(),
        price_max=price_max,
        model=model,
        starting=lambda: starting,
    )


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """Returns the kinds of events."""
    return [event["kind"] for event in events]
