"""Fields are filled in from what a sentence shows, and nothing is guessed."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from micro.assistant.offers import Offer, offers_of
from micro.assistant.sentence import Sentence
from micro.assistant.slots import fill
from micro.service.schema.fields import assemble
from micro.service.service import Service


def offer(name: str) -> Offer:
    """Returns an endpoint of a service that no catalogue has."""
    garden = Service("garden", description="Waters plants and takes pictures of them.")

    @garden.endpoint(idempotent=True, examples=[{"plant": "rose", "litres": 2, "zone": "Europe/Berlin"}])
    async def water(plant: str, litres: int, wait_seconds: float = 0.0, gently: bool = True, zone: str = "UTC") -> str:
        """Water a plant.

        Args:
            plant: which plant.
            litres: how many litres it gets.
            wait_seconds: how long to wait before.
            gently: whether it is done gently.
            zone: whose time it is.
        """
        return plant

    @garden.endpoint(idempotent=True)
    async def picture(width: int, height: int, kind: Literal["png", "webp"] = "png", email: str = "") -> str:
        """Take a picture of the garden, and send it by mail."""
        return kind

    return next(found for found in offers_of(garden.describe()) if found.endpoint == f"Garden.{name}")


@pytest.mark.parametrize(
    ("name", "said", "fields"),
    [
        ("Water", "water the plant fern with 3 litres", {"plant": "fern", "litres": 3}),
        ("Water", "3 litres for the plant fern in 2 minutes", {"plant": "fern", "litres": 3, "wait_seconds": 120.0}),
        ("Water", "water the plant fern but not gently", {"plant": "fern", "gently": False}),
        ("Water", "when is it time to water in Tokyo", {"zone": "Asia/Tokyo"}),
        ("Picture", "a picture of 640 by 480", {"width": 640, "height": 480}),
        ("Picture", "a webp picture to ann@example.org", {"kind": "webp", "email": "ann@example.org"}),
        ("Picture", "take a picture", {}),
    ],
)
def test_a_field_takes_what_is_meant_for_it(name: str, said: str, fields: dict[str, Any]) -> None:
    """By its name, its unit, its type, its examples and its choices."""
    found = assemble(fill(offer(name), Sentence(said)).values)
    assert {field: found.get(field) for field in fields} == fields
    assert name == "Water" or found == fields
