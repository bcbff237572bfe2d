"""Says how an engine starts a build: as it is, or with the adapter beside it that speaks for it.

The adapter is a program of ours (`micro.doors.adapter`), run by name and never imported here. It finds in one variable
what it shall start, and everything in one confinement: what the program may touch, it may, and no more.
"""

from __future__ import annotations

import json

from micro.runtime.engine.engine import Launch
from micro.runtime.environments import Interpreter
from micro.runtime.recipe.plan import Plan
from micro.runtime.recipe.recipe import Start

__all__ = ["ADAPTER", "PROGRAM", "launch_of"]

ADAPTER = "micro.doors.adapter"
PROGRAM = "MICRO_PROGRAM"
"""The variable that tells the adapter what it speaks for."""


def launch_of(plan: Plan, start: Start, name: str, interpreter: Interpreter) -> Launch:
    """Returns how an engine starts what a recipe made.

    Args:
        name: what the service is called where its owner says nothing else.
        interpreter: the node's own Python, which runs the adapter.
    """
    environment = {**start.environment, **plan.environment}
    if plan.serves == "micro" or start.engine == "wasm":
        return Launch(start.command, start.directory, environment, start.readable)
    readable = (*interpreter.folders(), *start.readable)
    said = {
        "name": name,
        "description": plan.description,
        "serves": plan.serves,
        "command": start.command,
        "directory": str(start.directory),
        "environment": environment,
        "topics": plan.topics,
    }
    python, own = str(interpreter.program), interpreter.environment()
    if plan.serves == "functions":  # they are called in the process that has their packages
        python, own = start.command[0], environment
    variables = {**own, PROGRAM: json.dumps(said)}
    return Launch((python, "-P", "-m", ADAPTER), start.directory, variables, readable)
