"""The built files of the web app, read once and kept in memory: what is not among them does not exist."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["BUILT", "INDEX", "File", "Files"]

BUILT = Path(__file__).parent / "built"
"""Where `make ui` puts them."""

INDEX = "index.html"
FILES_MAX = 500
FILE_BYTES_MAX = 4 * 1024 * 1024
SQUEEZED_BYTES_MIN = 1024
"""Shorter ones travel as they are."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
"""Ending -> content type; a file with another ending is not given out."""

_NAMED_BY_CONTENT = re.compile(r"-[A-Za-z0-9_-]{8}\.(?:js|css)\Z")


@dataclass(frozen=True)
class File:
    """One file.

    Attributes:
        body: its bytes.
        content_type: what they are.
        lasting: whether its name changes with its content, so that a browser may keep it for good.
    """

    body: bytes
    content_type: str
    lasting: bool

    @cached_property
    def tag(self) -> str:
        """What stands for the content, as `ETag` says it (RFC 9110, 8.8.3)."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def squeezed(self) -> bytes | None:
        """The bytes under gzip, None where that does not pay."""
        if len(self.body) < SQUEEZED_BYTES_MIN or self.content_type.startswith("image/png"):
            return None
        return gzip.compress(self.body, 9, mtime=0)


class Files:
    """The files of one folder.

    Args:
        folder: where they are; one that is not there has none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, File] | None = None

    @property
    def index(self) -> File | None:
        """The page that loads all others, None where the app is not built."""
        return self.find(INDEX)

    def find(self, path: str) -> File | None:
        """Returns the file of this path below the folder, None where there is none."""
        if self._found is None:  # an idle node has not read them
            self._found = self._read()
        return self._found.get(path)

    def _read(self) -> dict[str, File]:
        found: dict[str, File] = {}
        for path in sorted(self._folder.rglob("*"))[:FILES_MAX]:
            kind = TYPES.get(path.suffix)
            if kind is not None and path.is_file() and path.stat().st_size <= FILE_BYTES_MAX:
                name = path.relative_to(self._folder).as_posix()
                found[name] = File(path.read_bytes(), kind, _NAMED_BY_CONTENT.search(name) is not None)
        return found
