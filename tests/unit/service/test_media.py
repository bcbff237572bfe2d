"""Images told from bytes."""

from __future__ import annotations

import pytest

from micro.service.media import media_type


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"<svg/>", "application/octet-stream"),
        (b"<svg xmlns='a'>", "image/svg+xml"),
        (b"<?xml version='1.0'?>\n<!-- a -->\n<svg>", "image/svg+xml"),
        (b"<html><svg>", "application/octet-stream"),
        (b"<svgx>", "application/octet-stream"),
        (b"\xff\xd8\xff", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_only_images_that_begin_as_such_are_images(body: bytes, kind: str) -> None:
    """Whatever is not certain is bytes."""
    assert media_type(body) == kind
