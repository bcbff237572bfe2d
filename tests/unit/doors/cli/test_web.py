"""How `micro web` opens a browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import pytest

from micro.doors.cli.web import _open

LINK = "http://127.0.0.1:8321/#login=c0de"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has a program of this test be the browser, and returns where it writes the words it was started with."""
    told = tmp_path / "told"
    program = tmp_path / "browser"
    program.write_text(f"#!{sys.executable}\nimport sys\nopen({str(told)!r}, 'w').write(' '.join(sys.argv[1:]))\n")
    program.chmod(0o700)
    monkeypatch.setattr(webbrowser, "_tryorder", ["own"])
    monkeypatch.setattr(webbrowser, "_browsers", {"own": [None, webbrowser.GenericBrowser([str(program), "%s"])]})
    return told


def test_the_code_is_not_among_the_words_a_browser_is_started_with(told: Path, tmp_path: Path) -> None:
    """Whoever else uses the machine reads those; it stands in a file that only its owner reads, each time anew."""
    page = tmp_path / "page.html"
    page.symlink_to(tmp_path / "elsewhere")
    for code in ("c0de", "c0de2"):
        assert _open(LINK.replace("c0de", code), page)
        assert told.read_text() == page.as_uri()
        assert f'#login={code}"' in page.read_text()
        assert os.stat(page, follow_symlinks=False).st_mode & 0o777 == 0o600
    assert not (tmp_path / "elsewhere").exists()


def test_where_no_file_can_be_written_no_browser_is_started(told: Path, tmp_path: Path) -> None:
    """The link is printed all the same."""
    assert not _open(LINK, tmp_path / "none" / "page.html")
    assert not told.exists()
