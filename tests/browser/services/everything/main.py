"""Takes and answers every kind of value, so that forms and answers of each kind can be looked at."""

import base64
import datetime as dt
import enum
import struct
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from micro import Service
from micro.errors import BadRequest

everything = Service("everything", version="2.0.0", description="Takes and answers every kind of value.")

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGPgKuDBgxhGpXmwIwB2zi7hLofZ1QAAAABJRU5ErkJggg=="
)


ZUG = {"name": "Zug", "latitude": 47.166, "longitude": 8.515}


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Place:
    """A place.

    Attributes:
        street: where.
        number: of the house.
    """

    street: str
    number: Annotated[int, Meta(ge=1, le=999)] = 1


@dataclass
class Order:
    """What is ordered.

    Attributes:
        name: of whoever orders.
        count: how many.
        colour: of what is ordered.
        gift: wrapped or not.
        day: when.
        to: where to.
        notes: to be heeded.
        weight: in kilograms.
    """

    name: Annotated[str, Meta(min_length=2, max_length=40)]
    count: Annotated[int, Meta(ge=1, le=10)]
    colour: Colour = Colour.RED
    gift: bool = False
    day: dt.date | None = None
    to: Place | None = None
    notes: list[str] = field(default_factory=list)
    weight: float | None = None


@everything.endpoint("Order.Place")
async def place(order: Order) -> dict[str, Any]:
    """Place an order, and be told what was understood."""
    if order.name == "nobody":
        raise BadRequest("name: nobody cannot order; somebody has to")
    return {"name": order.name, "count": order.count, "colour": order.colour.value, "notes": order.notes}


@everything.endpoint("Show.Table", idempotent=True)
async def table() -> list[dict[str, Any]]:
    """Answer with rows."""
    return [{"city": "Bern", "people": 134_000}, {"city": "Zug", "people": 31_000}]


@everything.endpoint("Show.Places", idempotent=True)
async def places() -> list[dict[str, Any]]:
    """Answer with places on the earth."""
    return [
        {"name": "Bern", "latitude": 46.948, "longitude": 7.447},
        ZUG,
    ]


@everything.endpoint("Show.Times", idempotent=True)
async def times() -> list[dict[str, Any]]:
    """Answer with what time it is in two places."""
    return [
        {"id": "01a228c9-0b1f-7c5e-9d61-6a2f1c7d0e11", "city": "Tokyo", "at": "2026-11-30T03:27:52.720+09:00"},
        {"id": "01a228c9-0b1f-7c5e-9d61-6a2f1c7d0e12", "city": "London", "at": "2026-11-29T18:27:52Z"},
    ]


@everything.endpoint("Show.Way", idempotent=True)
async def way() -> dict[str, Any]:
    """Answer with two places, and how far they are apart."""
    return {"from": {"name": "Bern", "latitude": 46.948, "longitude": 7.447}, "kilometres": 84.6, "to": ZUG}


@everything.endpoint("Show.Much", idempotent=True)
async def much() -> str:
    """Answer with a text of 3 MB without a blank."""
    return "W" * 3_000_000


@everything.endpoint("Show.Deep", idempotent=True)
async def deep() -> dict[str, Any]:
    """Answer with what lies 300 deep."""
    found: dict[str, Any] = {}
    for _ in range(300):
        found = {"within": found}
    return found


@everything.endpoint("Show.Picture", idempotent=True)
async def picture() -> bytes:
    """Answer with a picture."""
    return PNG


@everything.endpoint("Show.Sound", idempotent=True)
async def sound() -> bytes:
    """Answer with a tenth of a second of silence."""
    data = bytes(1600)
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data))
    return head + data


@everything.endpoint("Show.Length")
async def length(data: bytes) -> int:
    """Take a file, and tell how long it is."""
    return len(data)


if __name__ == "__main__":
    everything.run()
