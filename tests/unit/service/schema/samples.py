"""Types and functions that the tests of schemas share."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
from msgspec import Meta

from micro.service.schema.binding import Binding
from micro.service.schema.json import schema_of
from micro.service.schema.proto import Message, message_of
from micro.service.schema.shape import shape_of
from micro.service.schema.signature import Signature, signature_of

Item = TypeVar("Item")


class Context:
    """Stands for the context that a server supplies."""


class Stream(Generic[Item]):
    """Stands for an incoming stream."""


class Color(enum.Enum):
    """The colours there are."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Address:
    """Where somebody lives.

    Attributes:
        street: with the number.
        city: its name.
    """

    street: str
    city: str = "Berlin"


class Point(NamedTuple):
    x: int
    y: float = 1.0


class Options(TypedDict):
    depth: int
    note: NotRequired[str]


class Price(msgspec.Struct):
    amount: Decimal
    currency: Literal["EUR", "USD"] = "EUR"


class Model(pydantic.BaseModel):
    age: int = pydantic.Field(ge=0)
    nick: str | None = None


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    tricks: list[str] = []


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


@dataclass
class Rich:
    """All that protobuf can say too."""

    name: str
    count: int
    share: float
    good: bool
    data: bytes
    color: Color
    level: Level
    moment: dt.datetime
    day: dt.date
    clock: dt.time
    span: dt.timedelta
    key: uuid.UUID
    exact: Decimal
    home: Address
    unit: Literal["m", "km"] = "m"
    nick: str | None = None
    second: Address | None = None
    tags: list[str] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    homes: list[Address] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    places: dict[str, Address] = field(default_factory=dict)
    colors: set[Color] = field(default_factory=set)
    numbers: tuple[int, ...] = ()
    parts: list[Rich] = field(default_factory=list)


@dataclass
class Positive:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("value must not be negative")


class Bounded(msgspec.Struct):
    count: Annotated[int, Meta(ge=1, le=9, description="How many.")]
    code: Annotated[str, Meta(pattern="^[a-z]+$", max_length=4)] = "ab"


def rich(**changes: Any) -> Rich:
    values: dict[str, Any] = {
        "name": "Ann",
        "count": -3,
        "share": 0.5,
        "good": False,
        "data": b"\x00\xff",
        "color": Color.BLUE,
        "level": Level.HIGH,
        "moment": dt.datetime(2026, 1, 31, 12, 30, 0, 250_000, tzinfo=dt.UTC),
        "day": dt.date(2026, 1, 31),
        "clock": dt.time(12, 30, 1),
        "span": dt.timedelta(days=-1, microseconds=5),
        "key": uuid.UUID(int=7),
        "exact": Decimal("1.50"),
        "home": Address("Lane 1", ""),
    }
    return Rich(**(values | changes))


async def say_hi(name: str = "world", *, times: Annotated[int, "how often"] = 1) -> str:
    """Greets somebody.

    Args:
        name: who is greeted.

    Returns:
        the greeting.
    """
    return f"Hello {name}" * times


async def count_up(to: int, context: Context) -> AsyncIterator[int]:
    for number in range(to):
        yield number


async def chat(room: str, lines: Stream[Address]) -> AsyncIterator[str]:
    yield room


def read(function: Callable[..., Any]) -> Signature:
    """Returns a function's signature, with this module's context and stream."""
    return signature_of(function, special={Context: "context"}, stream=Stream)


def bind(function: Callable[..., Any]) -> Binding:
    return Binding(read(function))


def schema(annotation: Any, *, closed: bool = True) -> dict[str, Any]:
    return schema_of(shape_of(annotation, "test"), closed=closed)


def message(annotation: Any) -> Message:
    return message_of(schema(annotation), "Test")
