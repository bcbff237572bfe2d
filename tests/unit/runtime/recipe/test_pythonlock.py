"""Locks of Python's package managers become requirements and pins."""

from __future__ import annotations

import json

import pytest

from micro.errors import SourceError
from micro.runtime.recipe.plan import Files
from micro.runtime.recipe.pythonlock import requirements_of
from micro.runtime.requirements import Requirements

PROJECT = '[project]\ndependencies = ["Flask_Login>=0.6", "b==1"]'
UV = """
[[package]]
name = "it"
version = "0.1"
source = { editable = "." }
[[package]]
name = "flask-login"
version = "0.6.3"
source = { registry = "https://x.example/simple" }
[[package]]
name = "werkzeug"
version = "3.0"
[[package]]
name = "forked"
version = "1"
[[package]]
name = "forked"
version = "2"
"""
POETRY = """
[tool.poetry.dependencies]
python = "^3.11"
a = "^1"
b = {version = "*", extras = ["c"]}
d = {version = "1", optional = true}
"""
PIPFILE = {"default": {"a": {"version": "==1.0", "hashes": ["sha256:" + "0" * 64], "markers": "python_version >= '3'"}}}


def read(**texts: str) -> Requirements:
    named = {name.replace("_", "."): text for name, text in texts.items()}
    found = requirements_of(Files(named, lambda path: named[path].encode()))
    assert found is not None
    return found


def test_a_lock_pins_what_a_project_asks_for() -> None:
    """And what that needs; the project itself is none of them."""
    free, pinned = read(pyproject_toml=PROJECT), read(pyproject_toml=PROJECT, uv_lock=UV)

    assert (free.loose, free.pins) == (("Flask_Login",), ())
    assert (pinned.lines, pinned.loose) == (free.lines, ())
    assert pinned.pins == ("flask-login==0.6.3", "werkzeug==3.0")
    assert pinned.digest != free.digest


def test_poetrys_own_table() -> None:
    """Gives names and extras; its lock gives the versions."""
    found = read(pyproject_toml=POETRY, poetry_lock='[[package]]\nname = "a"\nversion = "1.2"')

    assert (found.lines, found.loose, found.pins) == (("a", "b[c]"), ("b",), ("a==1.2",))


def test_a_pipfile_lock_names_hashes() -> None:
    """They are checked when it is installed."""
    found = read(Pipfile_lock=json.dumps(PIPFILE))

    assert found.lines == (f"a==1.0; python_version >= '3' --hash=sha256:{'0' * 64}",)
    assert found.hashed


@pytest.mark.parametrize(
    "texts",
    [
        {"pyproject_toml": PROJECT, "uv_lock": '[[package]]\nname = "a"\nversion = "1"\nsource = {git = "https://x"}'},
        {"pyproject_toml": PROJECT, "uv_lock": '[[package]]\nname = "a"\nversion = "1"\nsource = {editable = "../x"}'},
        {"pyproject_toml": PROJECT, "poetry_lock": '[[package]]\nname="a"\nversion="1"\nsource={type="git",url="x"}'},
        {"pyproject_toml": PROJECT, "uv_lock": '[[package]]\nname = "a --pre"\nversion = "1"'},
        {"pyproject_toml": PROJECT, "uv_lock": '[[package]]\nname = "a"\nversion = "1 @ https://x"'},
        {"pyproject_toml": PROJECT, "uv_lock": "package = 1"},
        {"pyproject_toml": PROJECT, "uv_lock": "["},
        {"pyproject_toml": '[tool.poetry.dependencies]\na = {git = "https://x.example"}'},
        {"Pipfile_lock": json.dumps({"default": {"a": {"git": "https://x.example"}}})},
        {"Pipfile_lock": json.dumps({"default": {"a": {"version": "@ https://x.example"}}})},
        {"Pipfile_lock": "[]"},
    ],
)
def test_what_is_from_elsewhere_is_refused(texts: dict[str, str]) -> None:
    """With the file's name."""
    with pytest.raises(SourceError, match=r"^(uv\.lock|poetry\.lock|pyproject\.toml|Pipfile\.lock)"):
        read(**texts)
