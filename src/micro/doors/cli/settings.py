"""The settings of the node of a home, as a node started there would have them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from micro.node.config import NodeConfig
from micro.node.variables import unknown_variables

__all__ = ["home_folder", "load_config", "unknown_words", "usual_home"]


def home_folder(home: str | None) -> Path:
    """Returns a node's home: the one that was typed, else the environment's, else that of a node without any."""
    return Path(home or os.environ.get("MICRO_HOME") or NodeConfig().home).expanduser()


def usual_home() -> Path:
    """Returns the home of a node that was told nothing of one."""
    return Path(NodeConfig().home).expanduser().absolute()


def load_config(home: str | None, settings: dict[str, Any]) -> NodeConfig:
    """Returns the settings of the node of a home, from everywhere they can stand.

    Raises:
        ConfigError: one of them is wrong.
    """
    where = home_folder(home)
    file = where / "config.toml"
    text = file.read_text() if file.is_file() else None
    return NodeConfig.load(text, os.environ, {**settings, "home": str(where)})


def unknown_words(*, near: bool) -> list[str]:
    """Returns a sentence for each environment variable that is called like ours and means nothing.

    Args:
        near: whether those that resemble one of ours are meant, else the others, which may be another program's.
    """
    return [
        f"the environment variable {name} means nothing" + (f"; did you mean {meant}?" if meant else " to micro")
        for name, meant in unknown_variables(os.environ).items()
        if bool(meant) == near
    ]
