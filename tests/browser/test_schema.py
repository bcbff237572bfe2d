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


def resolved(folder: Path, schema: object) -> dict[str, object]:
    """Returns what the app makes of a schema."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not there")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "words.js").write_text(
        "export const t = (text) => text;"
    )  # the languages, which have a test of their own
    shutil.copy(ROOT / "ui" / "src" / "schema.js", folder)
    (folder / "run.js").write_text(
        'import { resolve } from "./schema.js";\n'
        f"const schema = {json.dumps(schema)};\nconsole.log(JSON.stringify(resolve(schema, schema)));\n"
    )
    told = subprocess.run([node, "run.js"], cwd=folder, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert isinstance(found, dict)
    return found


def test_choices_that_contain_themselves_end(tmp_path: Path) -> None:
    """Each level has twice as many as the one before, so they end early, and are written as JSON there."""
    found = resolved(tmp_path, DOUBLING)
    assert len(json.dumps(found)) < 10_000


def test_choices_are_resolved(tmp_path: Path) -> None:
    """What a form offers to choose from, without the nothing that may be left away."""
    found = resolved(tmp_path, PLAIN)
    assert (found["choices"], found["nullable"]) == ([{"type": "string"}, {"type": "integer"}], True)
