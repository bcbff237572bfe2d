"""Draws QR codes: as SVG, as PNG, or as text for a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Literal

import segno

from micro import Service, errors

TEXT_BYTES_MAX = 2000
SCALE_MAX = 32
BORDER_MAX = 32

Correction = Literal["l", "m", "q", "h"]
"""How much of a code may be dirty: 7, 15, 25 or 30 of a hundred."""

COLOR = re.compile(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?|[a-z]{3,20}")

service = Service(
    "qr",
    version="1.0.0",
    description="Draws QR codes: as SVG, as PNG, or as text for a terminal.",
    metadata={"tags": "tool, image, barcode"},
)


@dataclass
class Size:
    """How large a code is.

    Attributes:
        version: 1 to 40, a larger one holds more.
        modules: dots on each side, without the border.
        correction: how well it takes dirt: l, m, q or h.
    """

    version: int
    modules: int
    correction: str


@service.endpoint(idempotent=True, examples=[{"text": "https://micro.example"}])
def svg(
    text: str, scale: int = 8, border: int = 4, correction: Correction = "m", dark: str = "#000", light: str = "#fff"
) -> str:
    """Draw a code as SVG, which is sharp at every size.

    Wishes:
        a qr code as a vector drawing
        make a qr code of this link

    Args:
        text: what the code says, at most 2000 bytes.
        scale: pixels of one dot, 1 to 32.
        border: empty dots around it, 0 to 32; readers want 4.
        correction: how much dirt it takes: l, m, q or h, the most.
        dark: the colour of the dots, such as #000 or navy.
        light: the colour behind them.

    Returns:
        The image as text.
    """
    image = io.BytesIO()
    _code(text, correction).save(image, kind="svg", xmldecl=False, **_look(scale, border, dark, light))
    return image.getvalue().decode().strip()


@service.endpoint(idempotent=True, examples=[{"text": "https://micro.example", "scale": 10}])
def png(
    text: str, scale: int = 8, border: int = 4, correction: Correction = "m", dark: str = "#000", light: str = "#fff"
) -> bytes:
    """Draw a code as PNG.

    Wishes:
        qr code for https://micro.example
        a picture of a qr code with my link

    Wishes (es):
        haz un QR con https://micro.example

    Wishes (de):
        ein QR-Code für https://micro.example

    Args:
        text: what the code says, at most 2000 bytes.
        scale: pixels of one dot, 1 to 32.
        border: empty dots around it, 0 to 32; readers want 4.
        correction: how much dirt it takes: l, m, q or h, the most.
        dark: the colour of the dots, such as #000 or navy.
        light: the colour behind them.

    Returns:
        The image's bytes.
    """
    image = io.BytesIO()
    _code(text, correction).save(image, kind="png", **_look(scale, border, dark, light))
    return image.getvalue()


@service.endpoint(idempotent=True, examples=[{"text": "https://micro.example"}])
def text(text: str, border: int = 4, correction: Correction = "l") -> str:
    """Draw a code with characters, for a dark terminal.

    Wishes:
        show a qr code here in the terminal

    Args:
        text: what the code says, at most 2000 bytes.
        border: empty dots around it, 0 to 32; readers want 4.
        correction: how much dirt it takes: l, m, q or h, the most.

    Returns:
        Lines of half blocks, two dots high each.
    """
    _check("border", border, 0, BORDER_MAX)
    rows = [bytes(row) for row in _code(text, correction).matrix_iter(scale=1, border=border)]
    rows += [bytes(len(rows[0]))] * (len(rows) % 2)
    lines = (
        "".join("█▀▄ "[2 * upper + lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    )
    return "\n".join(lines)


@service.endpoint(idempotent=True, examples=[{"text": "https://micro.example"}])
def size(text: str, correction: Correction = "m") -> Size:
    """Tell how large the code of a text is.

    Wishes:
        how many dots does the qr code of this text have

    Args:
        text: what the code says, at most 2000 bytes.
        correction: how much dirt it takes: l, m, q or h, the most.
    """
    code = _code(text, correction)
    return Size(int(code.version), int(code.symbol_size(border=0)[0]), str(code.error).lower())


def _code(text: str, correction: Correction) -> segno.QRCode:
    """Returns the code of a text.

    Raises:
        BadRequest: there is nothing to say, or too much.
    """
    length = len(text.encode("utf-8", "surrogatepass"))
    if not 0 < length <= TEXT_BYTES_MAX:
        raise errors.BadRequest(f"text: expected 1 to {TEXT_BYTES_MAX} bytes, got {length}")
    try:
        return segno.make_qr(text, error=correction, boost_error=True)
    except (segno.DataOverflowError, UnicodeEncodeError):
        raise errors.BadRequest(
            f"text: {length} bytes do not fit into a code that takes so much dirt; shorten it, or use correction l"
        ) from None


def _look(scale: int, border: int, dark: str, light: str) -> dict[str, int | str]:
    _check("scale", scale, 1, SCALE_MAX)
    _check("border", border, 0, BORDER_MAX)
    for name, color in (("dark", dark), ("light", light)):
        if not COLOR.fullmatch(color) or not _is_color(color):
            raise errors.BadRequest(f"{name}: expected a colour such as #336699 or navy, got {color[:30]!r}")
    return {"scale": scale, "border": border, "dark": dark, "light": light}


def _is_color(color: str) -> bool:
    """Tells whether a colour is known to everybody who draws it."""
    try:
        segno.make_qr("x").save(io.BytesIO(), kind="png", dark=color)
    except ValueError:
        return False
    return True


def _check(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise errors.BadRequest(f"{name}: expected {least} to {most}, got {number}")


if __name__ == "__main__":
    service.run()
