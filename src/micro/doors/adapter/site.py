"""Speaks for a folder of files: what is asked for is read, and nothing outside of the folder ever is."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from micro.doors.adapter.answer import BODY_BYTES_MAX
from micro.errors import NotFound, TooLarge

__all__ = ["Site"]

INDEX = "index.html"


class Site:
    """The files of one folder; hidden ones are not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.realpath(folder))

    def read(self, path: str) -> tuple[str, bytes]:
        """Returns content type and bytes of what stands at a path, as a browser would ask for it.

        Raises:
            NotFound: nothing does.
            TooLarge: it does not fit into a message.
        """
        asked = unquote(urlsplit(path).path)
        steps = [step for step in asked.split("/") if step not in ("", ".")]
        if any(step.startswith(".") or "\\" in step or "\0" in step for step in steps):
            raise self._missing(path)
        place = self._folder.joinpath(*steps)
        for candidate in (place / INDEX, place, place.with_name(f"{place.name}.html") if steps else place):
            real = Path(os.path.realpath(candidate))
            if real.is_relative_to(self._folder) and real.is_file():
                return self._content(real)
        raise self._missing(path)

    def _content(self, place: Path) -> tuple[str, bytes]:
        with place.open("rb") as file:
            data = file.read(BODY_BYTES_MAX + 1)
        if len(data) > BODY_BYTES_MAX:
            raise TooLarge(f"{place.name} has more than {BODY_BYTES_MAX} bytes, which no message holds")
        return mimetypes.guess_type(place.name)[0] or "application/octet-stream", data

    @staticmethod
    def _missing(path: str) -> NotFound:
        return NotFound(f"there is nothing at {path[:200]!r}")
