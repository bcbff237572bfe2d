"""Damaged files of a home: put aside, named, and nothing comes out that was hidden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from micro.node import damaged
from micro.node.damaged import read_or_begin_anew
from micro.node.offering import Offering
from micro.node.pinned import Pinned
from micro.node.remembered import Remembered
from micro.service.registry.catalog import Catalog
from micro.system import SystemDisk

DAMAGED = [b"", b"{", b"\0" * 64, b'{"notes": "perhaps"}', b"[" * 100_000]


def read(path: Path) -> dict[str, bool] | None:
    return read_or_begin_anew(SystemDisk(), path, dict[str, bool], anew="all begins anew")


@pytest.mark.parametrize("data", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_kept_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes) -> None:
    """Once, however often the node starts; the log says why, how it goes on, and what to do."""
    path = tmp_path / "some.json"
    path.write_bytes(data)
    assert read(path) is None
    assert read(path) is None
    path.write_bytes(b'{"a": true}')

    assert read(path) == {"a": True}
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["some.json", "some.json.damaged"]
    assert (tmp_path / "some.json.damaged").read_bytes() == data
    assert "some.json cannot be read" in caplog.text
    assert "so all begins anew. It is kept as" in caplog.text
    assert "stop the node, mend that file, and put it in the place of some.json" in caplog.text


def test_what_is_not_there_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A first start says nothing."""
    assert read(tmp_path / "some.json") is None
    assert (caplog.text, list(tmp_path.iterdir())) == ("", [])


def test_so_many_versions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One beside the other, up to a bound."""
    monkeypatch.setattr(damaged, "ASIDE_MAX", 2)
    path = tmp_path / "some.json"
    for number in range(4):
        path.write_bytes(b"{" * (number + 1))
        assert read(path) is None
    assert {each.name: each.read_bytes() for each in tmp_path.glob("*.damaged*")} == {
        "some.json.damaged": b"{",
        "some.json.damaged-2": b"{{{{",
    }


def test_what_was_hidden_stays_hidden(tmp_path: Path) -> None:
    """When the owner's words are lost, over his next word and a further start; a service's own word counts no more."""
    path = tmp_path / "offers.json"
    path.write_bytes(b'{"notes": fal')

    def start() -> Offering:
        offering = Offering(SystemDisk(), path, default=True, changed=lambda: None)
        for name, export in (("notes", None), ("open", True), ("poems", None)):
            offering.declare(name, export=export)
        return offering

    assert sorted(start().hidden) == ["notes", "open", "poems"]
    assert sorted(start().hidden) == ["notes", "open", "poems"]
    start().rule("poems", offered=True)
    assert sorted(start().hidden) == ["notes", "open"]
    assert [line["service"] for line in start().all()] == ["notes", "open", "poems"]
    assert (tmp_path / "offers.json.damaged").read_bytes() == b'{"notes": fal'


STORES: list[tuple[str, Callable[[Path], object]]] = [
    ("network.json", lambda path: Remembered(SystemDisk(), path).load()),
    ("pins.json", lambda path: Pinned(SystemDisk(), path, Catalog()).everything()),
]


@pytest.mark.parametrize(("name", "begin"), STORES, ids=[name for name, _ in STORES])
def test_others_begin_anew_with_nothing(tmp_path: Path, name: str, begin: Callable[[Path], object]) -> None:
    """And what they had is kept."""
    (tmp_path / name).write_bytes(b"{,}")
    assert not begin(tmp_path / name)
    assert (tmp_path / f"{name}.damaged").read_bytes() == b"{,}"
