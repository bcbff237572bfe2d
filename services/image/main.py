"""Works on pictures: resizes, crops, turns and converts them, makes thumbnails, and takes out what they tell of you."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from micro import Service, errors

IMAGE_BYTES_MAX = 4_000_000
"""A message has at most 4 MiB, and in JSON, where bytes are base64, a picture three quarters of that."""

PIXELS_MAX = 25_000_000
"""A picture of a few bytes can unpack to gigabytes: larger ones are refused before that, by what their header says."""

SIDE_MAX = 10_000
THUMBNAIL_MAX = 1024
AT_ONCE_MAX = 2
"""So many pictures are unpacked at once; each may take 300 MB."""

READ = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
FIELDS_MAX = 100
BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error)
"""What the readers of the formats raise at damaged files."""

Image.MAX_IMAGE_PIXELS = PIXELS_MAX

Type = Literal["", "png", "jpeg", "webp", "gif"]
"""Empty is the type that the picture has."""

Fit = Literal["inside", "cover", "stretch"]

service = Service(
    "image",
    version="1.0.0",
    description="Resizes, crops, turns and converts pictures, makes thumbnails, strips metadata such as places.",
    metadata={"tags": "image, picture, photo, resize, convert, thumbnail, privacy"},
)

_working = threading.BoundedSemaphore(AT_ONCE_MAX)


@dataclass
class Info:
    """What a picture is, and what it tells.

    Attributes:
        type: png, jpeg, webp, gif or bmp.
        width: in pixels, as it is shown.
        height: in pixels, as it is shown.
        colors: how its pixels are kept, such as RGB, RGBA, L for grey, or P for a palette.
        frames: pictures in it, more than 1 where it moves.
        size: in bytes.
        metadata: what it tells beside the picture, such as DateTime, Model or GPSInfo, by name.
    """

    type: str
    width: int
    height: int
    colors: str
    frames: int
    size: int
    metadata: list[str]


@service.endpoint(idempotent=True, examples=[{"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="}])
def info(image: bytes) -> Info:
    """Tell what a picture is, and what it tells beside the picture: when, where and with what it was made.

    Wishes:
        what is in the metadata of this picture
        which camera and when was this picture made

    Args:
        image: the picture: PNG, JPEG, WebP, GIF or BMP, at most 3 MB in JSON and 25 million pixels.
    """
    with _opened(image) as picture:
        exif = picture.getexif()
        turned = exif.get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        width, height = picture.size[::-1] if turned else picture.size
        named = {ExifTags.TAGS.get(tag, f"Exif{tag}") for tag in exif}
        named |= {key for key in ("comment", "xmp", "icc_profile") if picture.info.get(key)}
        named |= {str(key)[:60] for key in getattr(picture, "text", {})}
        frames = int(getattr(picture, "n_frames", 1))
        kind = (picture.format or "").lower()
        return Info(kind, width, height, picture.mode, frames, len(image), sorted(named)[:FIELDS_MAX])


@service.endpoint(
    idempotent=True, examples=[{"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "width": 640}]
)
def resize(
    image: bytes, width: int = 0, height: int = 0, fit: Fit = "inside", type: Type = "", quality: int = 85
) -> bytes:
    """Make a picture smaller or larger.

    Wishes:
        make this picture 640 pixels wide
        shrink my photo

    Wishes (es):
        reduce esta imagen a 640 píxeles

    Wishes (de):
        mach dieses Bild kleiner

    Args:
        image: the picture.
        width: the new width in pixels, at most 10,000; 0 follows from the height.
        height: the new height; 0 follows from the width.
        fit: inside keeps the shape and stays within both, cover fills both and cuts off what is too much, stretch
            changes the shape.
        type: png, jpeg, webp or gif; empty leaves it as it is.
        quality: of jpeg and webp, 1 to 95.

    Returns:
        The new picture's bytes, without metadata.
    """
    for name, side in (("width", width), ("height", height)):
        _check(name, side, 0, SIDE_MAX)
    if not width and not height:
        raise errors.BadRequest("width: expected a width, a height, or both")
    with _opened(image) as picture:
        whole = _upright(picture)
        size = (width or _other(height, whole.height, whole.width), height or _other(width, whole.width, whole.height))
        if fit == "inside":
            share = min(size[0] / whole.width, size[1] / whole.height)
            size = (max(1, round(whole.width * share)), max(1, round(whole.height * share)))
        if max(size) > SIDE_MAX or size[0] * size[1] > PIXELS_MAX:
            raise errors.BadRequest(f"width: {size[0]} x {size[1]} is too large; at most {PIXELS_MAX:,} pixels fit")
        if fit == "cover":
            made = ImageOps.fit(whole, size, Image.Resampling.LANCZOS)
        else:
            made = whole.resize(size, Image.Resampling.LANCZOS)
        return _saved(made, type or picture.format, quality)


@service.endpoint(
    idempotent=True, examples=[{"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "size": 200}]
)
def thumbnail(image: bytes, size: int = 128, square: bool = False, type: Type = "", quality: int = 80) -> bytes:
    """Make a small picture of a picture, never a larger one.

    Wishes:
        a small preview of this picture

    Args:
        image: the picture.
        size: the longer side in pixels, 1 to 1024.
        square: whether to cut off what is too much for a square.
        type: png, jpeg, webp or gif; empty leaves it as it is.
        quality: of jpeg and webp, 1 to 95.

    Returns:
        The thumbnail's bytes, without metadata.
    """
    _check("size", size, 1, THUMBNAIL_MAX)
    with _opened(image) as picture:
        if not square:
            picture.draft("RGB", (2 * size, 2 * size))  # a large JPEG is unpacked as a smaller one
        made = _upright(picture)
        if square:
            side = min(size, *made.size)
            made = ImageOps.fit(made, (side, side), Image.Resampling.LANCZOS)
        else:
            made.thumbnail((size, size), Image.Resampling.LANCZOS)
        return _saved(made, type or picture.format, quality)


@service.endpoint(
    idempotent=True,
    examples=[
        {"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "left": 0, "top": 0, "width": 1, "height": 1}
    ],
)
def crop(image: bytes, left: int, top: int, width: int, height: int, type: Type = "", quality: int = 85) -> bytes:
    """Cut a part out of a picture.

    Wishes:
        cut out the middle of this picture

    Args:
        image: the picture.
        left: where the part begins, in pixels from the left.
        top: where it begins, in pixels from the top.
        width: how wide it is.
        height: how high it is.
        type: png, jpeg, webp or gif; empty leaves it as it is.
        quality: of jpeg and webp, 1 to 95.

    Returns:
        The part's bytes, without metadata.
    """
    with _opened(image) as picture:
        whole = _upright(picture)
        for name, begin, length, most in (("left", left, width, whole.width), ("top", top, height, whole.height)):
            if not (0 <= begin < most and 0 < length <= most - begin):
                raise errors.BadRequest(
                    f"{name}: {begin} and {length} pixels from there are not within the picture, which has {most}"
                )
        return _saved(whole.crop((left, top, left + width, top + height)), type or picture.format, quality)


@service.endpoint(
    idempotent=True, examples=[{"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "degrees": 90}]
)
def rotate(image: bytes, degrees: Literal[90, 180, 270], type: Type = "", quality: int = 85) -> bytes:
    """Turn a picture clockwise.

    Wishes:
        turn the photo by 90 degrees
        my photo lies on its side

    Wishes (es):
        gira la foto 90 grados

    Wishes (de):
        das Foto liegt auf der Seite, richte es auf

    Args:
        image: the picture.
        degrees: 90, 180 or 270.
        type: png, jpeg, webp or gif; empty leaves it as it is.
        quality: of jpeg and webp, 1 to 95.

    Returns:
        The turned picture's bytes, without metadata.
    """
    turn = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    with _opened(image) as picture:
        return _saved(_upright(picture).transpose(turn[degrees]), type or picture.format, quality)


@service.endpoint(
    idempotent=True, examples=[{"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "type": "webp"}]
)
def convert(image: bytes, type: Type, quality: int = 85) -> bytes:
    """Write a picture as another type.

    Wishes:
        save this picture as jpeg
        turn a png into webp

    Args:
        image: the picture.
        type: png, jpeg, webp or gif; jpeg shows what is transparent as white.
        quality: of jpeg and webp, 1 to 95.

    Returns:
        The converted picture's bytes, without metadata.
    """
    with _opened(image) as picture:
        return _saved(_upright(picture), type or picture.format, quality)


@service.endpoint(idempotent=True, examples=[{"image": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="}])
def strip(image: bytes) -> bytes:
    """Take out what a picture tells beside itself: place, time, camera, names, comments. The type stays.

    Wishes:
        remove gps and camera data from this photo
        make my picture safe to publish

    Args:
        image: the picture.

    Returns:
        The bytes of the same picture without metadata; a JPEG is packed anew, with quality 95.
    """
    with _opened(image) as picture:
        return _saved(_upright(picture), picture.format, 95)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Opens a picture while it is one's turn; whatever is wrong with it is the caller's mistake.

    Raises:
        BadRequest: it is no picture, none that is known, or a damaged one.
        TooLarge: it has too many bytes or pixels.
    """
    if len(data) > IMAGE_BYTES_MAX:
        raise errors.TooLarge(f"image: {len(data):,} bytes exceed the limit of {IMAGE_BYTES_MAX:,}")
    with _working:
        try:
            with Image.open(io.BytesIO(data), formats=READ) as picture:
                if picture.width * picture.height > PIXELS_MAX:
                    raise Image.DecompressionBombError(f"{picture.width} x {picture.height}")
                yield picture
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise errors.TooLarge(
                f"image: it has more than {PIXELS_MAX:,} pixels, the most that are unpacked"
            ) from None
        except BROKEN as error:
            what = "a PNG, JPEG, WebP, GIF or BMP that is whole"
            raise errors.BadRequest(f"image: expected {what}, got {len(data):,} bytes{_why(error)}") from None


def _why(error: Exception) -> str:
    """Returns what is wrong with a picture, in brackets; nothing where only an object of ours would be named."""
    return "" if isinstance(error, UnidentifiedImageError) else f" ({str(error)[:80]})"


def _upright(picture: Image.Image) -> Image.Image:
    """Returns the picture as it is shown, in colours that can be calculated with, and nothing beside it."""
    profile = picture.info.get("icc_profile")
    made = ImageOps.exif_transpose(picture)
    clear = "transparency" in made.info or made.mode in ("PA", "La", "RGBa")
    if made.mode not in ("L", "LA", "RGB", "RGBA"):
        profile = profile if made.mode == "P" else None
        made = made.convert("RGBA" if clear else "RGB")
    elif clear and made.mode in ("L", "RGB"):
        made = made.convert("RGBA")
    made.info = {"icc_profile": profile} if profile else {}
    return made


def _saved(picture: Image.Image, type: str | None, quality: int) -> bytes:
    """Returns the bytes of a picture; one that came as BMP becomes a PNG."""
    _check("quality", quality, 1, 95)
    kind = {"JPEG": "JPEG", "WEBP": "WEBP", "GIF": "GIF"}.get((type or "").upper(), "PNG")
    options: dict[str, Any] = {"quality": quality} if kind in ("JPEG", "WEBP") else {"optimize": True}
    if kind == "JPEG" and picture.mode in ("LA", "RGBA"):
        below = Image.new("RGBA", picture.size, "white")
        below.info = picture.info
        picture = Image.alpha_composite(below, picture.convert("RGBA")).convert("RGB")
    if kind != "GIF" and (profile := picture.info.get("icc_profile")):
        options["icc_profile"] = profile  # it says how the colours are meant, and nothing of whose they are
    saved = io.BytesIO()
    picture.save(saved, kind, **options)
    if saved.tell() > IMAGE_BYTES_MAX:
        raise errors.TooLarge(f"the picture made has {saved.tell():,} bytes, too many for an answer; make it smaller")
    return saved.getvalue()


def _other(side: int, from_side: int, to_side: int) -> int:
    """Returns the other side of a shape of which one side is given."""
    return max(1, round(to_side * side / from_side))


def _check(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise errors.BadRequest(f"{name}: expected {least} to {most}, got {number}")


if __name__ == "__main__":
    service.run()
