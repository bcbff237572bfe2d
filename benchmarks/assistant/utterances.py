"""The sentences, and what the services of the catalogue say of themselves."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from micro.assistant.offers import Offer, offers_of
from micro.service.service import Service

__all__ = ["CATALOGUE", "Utterance", "catalogue_offers", "descriptions", "read_utterances"]

FOLDER = Path(__file__).parent / "utterances"
CATALOGUE = Path(__file__).parents[2] / "services"


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sentence, and what is meant by it.

    Attributes:
        say: what is said.
        language: in which language.
        endpoints: `SERVICE ENDPOINT`, each of which is right; none where no service fits.
        slots: field -> what the sentence says of it.
    """

    say: str
    language: str
    endpoints: tuple[str, ...]
    slots: Mapping[str, Any]


def read_utterances(name: Literal["tuned", "held_out"]) -> list[Utterance]:
    """Returns the sentences of a file."""
    lines = (json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [Utterance(line["say"], line["language"], tuple(line["endpoints"]), line["slots"]) for line in lines]


def descriptions() -> list[dict[str, Any]]:
    """Returns what each Python service of the catalogue says of itself."""
    return [_description(path) for path in sorted(CATALOGUE.glob("*/main.py"))]


def _description(path: Path) -> dict[str, Any]:
    name = f"catalogue_{path.parent.name}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # its annotations are looked up there
    try:
        found.loader.exec_module(module)
        (service,) = {id(value): value for value in vars(module).values() if isinstance(value, Service)}.values()
        return service.describe()
    finally:
        del sys.modules[name]


def catalogue_offers() -> list[Offer]:
    """Returns the endpoints of the catalogue."""
    return [offer for description in descriptions() for offer in offers_of(description)]
