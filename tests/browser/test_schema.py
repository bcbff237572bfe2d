"""What the app makes of the schema of a stranger, whose service says whatever it likes of itself; Node.js runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tidy.reading import ROOT

DOUBLING = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}
PLAIN = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}


SECRETS = {
    "properties": {
        "name": {"type": "string"},
        "code": {"type": "string", "format": "password"},
        "inner": {"properties": {"key": {"anyOf": [{"type": "string", "writeOnly": True}, {"type": "null"}]}}},
    }
}
WAIT_SECONDS = 30


def resolved(folder: Path, schema: object) -> dict[str, object]:
    """Returns what the app makes of a schema."""
    found = told(folder, f"resolve({json.dumps(schema)}, {json.dumps(schema)})")
    assert isinstance(found, dict)
    return found


def told(folder: Path, expression: str) -> object:
    """Returns what an expression of the app's is."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not there")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "words.js").write_text(
        "export const t = (text) => text;"
    )  # the languages, which have a test of their own
    shutil.copy(ROOT / "ui" / "src" / "schema.js", folder)
    (folder / "run.js").write_text(
        f'import {{ check, resolve, withoutSecrets }} from "./schema.js";\nconsole.log(JSON.stringify({expression}));\n'
    )
    said = subprocess.run(
        [node, "run.js"], cwd=folder, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_choices_that_contain_themselves_end(tmp_path: Path) -> None:
    """Each level has twice as many as the one before, so they end early, and are written as JSON there."""
    found = resolved(tmp_path, DOUBLING)
    assert len(json.dumps(found)) < 10_000


def test_choices_are_resolved(tmp_path: Path) -> None:
    """What a form offers to choose from, without the nothing that may be left away."""
    found = resolved(tmp_path, PLAIN)
    assert (found["choices"], found["nullable"]) == ([{"type": "string"}, {"type": "integer"}], True)


def test_a_pattern_that_takes_forever_is_left_to_the_service(tmp_path: Path) -> None:
    """Any that repeats a group may; another one is tried."""
    slow, quick = {"type": "string", "pattern": "^(a|a)*$"}, {"type": "string", "pattern": "^a*$"}
    text = "a" * 60 + "!"
    found = told(tmp_path, f"[{json.dumps(slow)}, {json.dumps(quick)}].map((one) => check({text!r}, one))")
    assert isinstance(found, list)
    assert [len(wrong) for wrong in found] == [0, 1]


def test_secrets_stay_out_of_addresses(tmp_path: Path) -> None:
    """Also those within objects and behind a choice; all else is kept."""
    value = {"name": "Ann", "code": "1234", "inner": {"key": "5678", "more": [1]}, "other": None}
    found = told(tmp_path, f"withoutSecrets({json.dumps(value)}, {json.dumps(SECRETS)})")
    assert found == {"name": "Ann", "inner": {"more": [1]}, "other": None}
