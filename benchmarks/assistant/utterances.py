"""The sentences, and what the services of the catalogue say of themselves."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from micro.assistant.offers import Offer, offers_of
from micro.doors.adapter.endpoints import add_http
from micro.node.front import Service
from micro.runtime.detect import detect
from micro.runtime.environments import Environments, Interpreter
from micro.runtime.guest.kits import Kits
from micro.runtime.recipe.plan import Files
from micro.runtime.recipe.recipe import Recipe
from micro.runtime.recipe.table import recipes
from micro.system import SystemDisk

if TYPE_CHECKING:
    from micro.doors.adapter.http import HttpProgram

__all__ = ["CATALOGUE", "SetName", "Utterance", "catalogue_offers", "descriptions", "read_utterances", "without_wishes"]

FOLDER = Path(__file__).parent / "utterances"
CATALOGUE = Path(__file__).parents[2] / "services"

SetName = Literal["tuned", "held_out", "everyday_tuned", "everyday_held_out"]
_PLACES = {"everyday_tuned": ("everyday", 0, 2), "everyday_held_out": ("everyday", 1, 2)}
"""Set -> its file, its first line and the step to its next one."""


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


def read_utterances(name: SetName) -> list[Utterance]:
    """Returns the sentences of a set: a file, or every second line of one that is tuned on by half."""
    file, first, step = _PLACES.get(name, (name, 0, 1))
    lines = (FOLDER / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()[first::step]
    found = (json.loads(line) for line in lines)
    return [Utterance(line["say"], line["language"], tuple(line["endpoints"]), line["slots"]) for line in found]


@dataclass(frozen=True, slots=True)
class _Document:
    """A program of which only the OpenAPI description is there."""

    document: Any

    async def description(self) -> Any:
        return self.document


def descriptions() -> list[dict[str, Any]]:
    """Returns what each service of the catalogue says of itself, in whatever language it is written."""
    found = [_of_python(path) for path in sorted(CATALOGUE.glob("*/main.py"))]
    found += [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CATALOGUE.glob("*/describe.json"))]
    programs = sorted((*CATALOGUE.glob("*/openapi.json"), *CATALOGUE.glob("*/src/openapi.json")))
    for path in programs:
        document = json.loads(path.read_text(encoding="utf-8"))
        found.append(asyncio.run(_of_program(path.relative_to(CATALOGUE).parts[0], document)))
    return sorted(found, key=lambda description: str(description["name"]))


async def _of_program(name: str, document: Any) -> dict[str, Any]:
    """Returns the description that the adapter makes of an OpenAPI document, without building the program.

    What the service is good for comes from its tree, as the runtime finds it there.
    """
    tree = CATALOGUE / name
    paths = [path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()]
    plan = detect(Files(paths, lambda path: (tree / path).read_bytes()), _recipes())
    service = Service(name, description=plan.description)
    await add_http(service, cast("HttpProgram", _Document(document)))
    return service.describe()


def _recipes() -> Mapping[str, Recipe]:
    """Returns all recipes, of which none builds anything here."""
    own = Interpreter.of_this_process()
    return recipes(Environments(SystemDisk(), own), Kits(SystemDisk(), own.program, CATALOGUE))


def _of_python(path: Path) -> dict[str, Any]:
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


def without_wishes(offers: Sequence[Offer]) -> list[Offer]:
    """Returns endpoints as if they showed no wishes."""
    return [dataclasses.replace(offer, wishes=(), tongues=()) for offer in offers]
