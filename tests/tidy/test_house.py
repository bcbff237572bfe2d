"""The house keeps its own rules, and every rule bites."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.tidy import rules
from tests.tidy.reading import Module, module, modules
from tests.tidy.world import touches_only_its_part_of_the_world

Rule = Callable[[Module], Iterator[str]]


def pure_leans_only_on_pure(candidate: Module) -> Iterator[str]:
    """A pure module imports, of ours, only pure modules."""
    return rules.pure_leans_only_on_pure(candidate, {other.name: other for other in modules()})


LINES_401 = '"""Purpose."""\n' + "x = 1\n" * 400
LINES_61 = '"""Purpose."""\ndef long():\n' + "    x = 1\n" * 60

VIOLATIONS: list[tuple[Rule, str, str]] = [
    (rules.says_its_purpose, "micro.room", "x = 1\n"),
    (rules.says_its_purpose, "micro.room", '"""No full stop"""\n'),
    (rules.says_its_purpose, "micro.room", '"""One. Two."""\n'),
    (rules.fits_in_the_head, "micro.room", LINES_401),
    (rules.functions_fit_on_a_screen, "micro.room", LINES_61),
    (rules.is_named_after_a_noun, "micro.room.helpers", ""),
    (rules.is_named_after_a_noun, "micro.room", "class LinkManager: ...\n"),
    (rules.is_named_after_a_noun, "micro.room", "class Link:\n    def Init(self): ...\n"),
    (rules.uses_whole_words, "micro.room", "def send(msg): ...\n"),
    (rules.uses_whole_words, "micro.room", "class HttpReq: ...\n"),
    (rules.uses_whole_words, "micro.room", "MAX_FRAME_BYTES = 1\n"),
    (rules.pure_rooms_say_so, "micro.mucp.frame", '"""Purpose."""\nx = 1\n'),
    (rules.pure_rooms_say_so, "micro.room", '"""Purpose.\n\nMore.\n\nPure.\n"""\n'),
    (rules.pure_means_pure, "micro.room", '"""Purpose.\n\nPure.\n"""\nimport time\n'),
    (rules.pure_means_pure, "micro.room", '"""Purpose.\n\nPure.\n"""\nfrom os.path import join\n'),
    (rules.pure_means_pure, "micro.room", '"""Purpose.\n\nPure.\n"""\nopen("x")\n'),
    (pure_leans_only_on_pure, "micro.room", '"""Purpose.\n\nPure.\n"""\nfrom micro.system import SystemClock\n'),
    (pure_leans_only_on_pure, "micro.room", '"""Purpose.\n\nPure.\n"""\nfrom micro import system\n'),
    (rules.imports_ours_at_the_top, "micro.room", "def late():\n    from micro import errors\n"),
    (touches_only_its_part_of_the_world, "micro.room", "import time\nnow = time.time()\n"),
    (touches_only_its_part_of_the_world, "micro.room", "from time import monotonic as clock\nnow = clock()\n"),
    (touches_only_its_part_of_the_world, "micro.room", "import datetime as d\nnow = d.datetime.now(d.UTC)\n"),
    (touches_only_its_part_of_the_world, "micro.room", "import os\nid = os.urandom(8)\n"),
    (touches_only_its_part_of_the_world, "micro.room", "import random\n"),
    (touches_only_its_part_of_the_world, "micro.room", "import socket\n"),
    (touches_only_its_part_of_the_world, "micro.room", "from subprocess import run\n"),
    (touches_only_its_part_of_the_world, "micro.room", "async def f(loop): await loop.create_server(print)\n"),
    (touches_only_its_part_of_the_world, "micro.room", "def f(path): return path.read_text()\n"),
    (touches_only_its_part_of_the_world, "micro.room", 'with open("x") as file: ...\n'),
    (touches_only_its_part_of_the_world, "micro.network.transport.tcp", "import os\nid = os.urandom(8)\n"),
]

ALLOWED: list[tuple[Rule, str, str]] = [
    (rules.says_its_purpose, "micro.room", '"""Purpose\nover two lines.\n\nMore. And more.\n"""\n'),
    (rules.uses_whole_words, "micro.room", "FRAME_BYTES_MAX = 1\ndef max(values): ...\n"),
    (rules.pure_means_pure, "micro.room", '"""Purpose."""\nimport time\n'),
    (
        rules.pure_means_pure,
        "micro.room",
        '"""Purpose.\n\nPure.\n"""\nimport typing\nif typing.TYPE_CHECKING:\n    from pathlib import Path\n',
    ),
    (pure_leans_only_on_pure, "micro.room", '"""Purpose.\n\nPure.\n"""\nfrom micro.errors import Fault\n'),
    (rules.imports_ours_at_the_top, "micro.doors.cli.run", "def late():\n    from micro import errors\n"),
    (rules.imports_ours_at_the_top, "micro.room", "def late():\n    import apsw\n"),
    (touches_only_its_part_of_the_world, "micro.network.transport.tcp", "import socket\n"),
    (touches_only_its_part_of_the_world, "micro.room", "import time\ndef f(loop): return loop.time()\n"),
]

RULES = list(dict.fromkeys(rule for rule, _name, _text in VIOLATIONS))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    """No module of the house breaks the rule."""
    complaints = [complaint for each in modules() for complaint in rule(each)]

    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(("rule", "name", "text"), VIOLATIONS)
def test_the_rule_bites(rule: Rule, name: str, text: str) -> None:
    """A deliberate violation is found, once."""
    assert len(list(rule(module(name, text)))) == 1


@pytest.mark.parametrize(("rule", "name", "text"), ALLOWED)
def test_the_rule_leaves_good_code_alone(rule: Rule, name: str, text: str) -> None:
    """What is allowed is not complained of."""
    assert [] == list(rule(module(name, text)))


def test_the_house_is_not_empty() -> None:
    """The rules look at the real modules, and not at an empty folder."""
    assert {"micro.errors", "micro.ports", "micro.system"} <= {each.name for each in modules()}
