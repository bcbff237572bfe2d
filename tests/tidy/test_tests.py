"""The tests keep rules too: each says in one sentence what it shows, and runs the real part."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.reading import ROOT, Module, module

Function = ast.FunctionDef | ast.AsyncFunctionDef
FILES = sorted(path for folder in ("tests", "services") for path in (ROOT / folder).rglob("test_*.py"))


def says_what_it_shows(candidate: Module) -> Iterator[str]:
    """A test has a docstring of one sentence."""
    for node in ast.walk(candidate.tree):
        if isinstance(node, Function) and node.name.startswith("test_"):
            docstring = ast.get_docstring(node) or ""
            if not docstring.split("\n\n")[0].rstrip().endswith("."):
                yield candidate.at(node.lineno, f"`{node.name}` needs a docstring: one sentence, with a full stop")


def mocks_the_real_part(candidate: Module) -> Iterator[str]:
    """The real part runs; nothing is mocked."""
    for found in candidate.imports:
        if found.target.startswith(("unittest.mock", "mock.")):
            yield candidate.at(found.line, "no mocks: run the real part, or a port of the simulated world")


@pytest.mark.parametrize("rule", [says_what_it_shows, mocks_the_real_part])
def test_tests_keep_the_rule(rule: object) -> None:
    """No test breaks the rule."""
    assert callable(rule)
    read = [Module(path.stem, str(path.relative_to(ROOT)), path.read_text()) for path in FILES]
    complaints = [complaint for each in read for complaint in rule(each)]

    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (says_what_it_shows, "def test_x(): ..."),
        (says_what_it_shows, 'async def test_x():\n    """No full stop"""'),
        (mocks_the_real_part, "from unittest.mock import Mock"),
    ],
)
def test_the_rule_bites(rule: object, text: str) -> None:
    """A deliberate violation is found, once."""
    assert callable(rule)
    assert len(list(rule(module("test_x", text)))) == 1
