"""All recipes by name: a new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from micro.runtime.environments import Environments
from micro.runtime.guest.kits import Kits
from micro.runtime.recipe.command import CommandRecipe
from micro.runtime.recipe.go import GoRecipe
from micro.runtime.recipe.make import MakeRecipe
from micro.runtime.recipe.node import NodeRecipe
from micro.runtime.recipe.python import PythonRecipe
from micro.runtime.recipe.recipe import Recipe
from micro.runtime.recipe.rust import RustRecipe
from micro.runtime.recipe.site import SiteRecipe
from micro.runtime.recipe.wasm import WasmRecipe

__all__ = ["recipes"]


def recipes(environments: Environments, kits: Kits) -> Mapping[str, Recipe]:
    """Returns the recipes of a node."""
    known: list[Recipe] = [
        GoRecipe(),
        RustRecipe(),
        NodeRecipe(),
        PythonRecipe(environments),
        MakeRecipe(),
        SiteRecipe(),
        CommandRecipe(),
        WasmRecipe(environments, kits),
    ]
    return {recipe.name: recipe for recipe in known}
