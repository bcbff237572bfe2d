"""Pictures have the size, the form and the colours that were asked for, and tell nothing more."""

from __future__ import annotations

import io
import struct
import threading
import time
import warnings
import zlib
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, TooLarge

Image = pytest.importorskip("PIL.Image", reason="`micro run` installs Pillow beside the service; here it is not")

FORMATS = ["png", "jpeg", "webp", "gif"]
SECRET = b"at home, 52.5 N"


def picture(size: tuple[int, int] = (60, 40), mode: str = "RGB", kind: str = "png", **options: Any) -> bytes:
    """Returns a picture whose left half is red and whose right half is blue, or light and dark."""
    made = Image.new("RGB", size, "blue")
    made.paste(Image.new("RGB", (size[0] // 2, size[1]), "red"), (0, 0))
    made = made.convert(mode)
    saved = io.BytesIO()
    made.save(saved, kind, **options)
    return saved.getvalue()


def opened(data: bytes) -> Any:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def private() -> bytes:
    """Returns a photo that lies on its side and tells who made it, where."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, SECRET.decode(), {1: "N", 2: (52.0, 30.0, 0.0)}
    return picture(kind="jpeg", exif=exif, comment=SECRET)


@pytest.mark.parametrize("kind", [*FORMATS, "bmp"])
def test_a_picture_is_described(main: ModuleType, kind: str) -> None:
    """Of each format that is read."""
    info = main.info(picture(kind=kind))

    assert (info.type, info.width, info.height, info.frames) == (kind, 60, 40, 1)
    assert info.size == len(picture(kind=kind))


def test_what_a_picture_tells_is_told(main: ModuleType) -> None:
    """By name; and its size as it is shown, standing."""
    info = main.info(private())

    assert {"Make", "GPSInfo", "Orientation", "comment"} <= set(info.metadata)
    assert (info.width, info.height) == (40, 60)


def test_moving_pictures_are_counted(main: ModuleType) -> None:
    """How many pictures are in one."""
    saved = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "green", "blue")]
    frames[0].save(saved, "gif", save_all=True, append_images=frames[1:])

    assert main.info(saved.getvalue()).frames == 3
    assert main.info(main.strip(saved.getvalue())).frames == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"width": 30}, (30, 20)),
        ({"height": 20}, (30, 20)),
        ({"width": 30, "height": 30}, (30, 20)),
        ({"width": 30, "height": 30, "fit": "cover"}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "stretch"}, (30, 30)),
        ({"width": 120}, (120, 80)),
        ({"width": 1}, (1, 1)),
        ({"width": 90, "fit": "cover"}, (90, 60)),
    ],
)
def test_a_picture_is_resized(main: ModuleType, options: dict[str, Any], expected: tuple[int, int]) -> None:
    """Into the shape that was asked for; the middle stays in the middle."""
    made = opened(main.resize(picture(), **options))

    assert (made.size, made.format) == (expected, "PNG")
    if made.width > 1:
        assert (made.getpixel((0, 0)), made.getpixel((made.width - 1, 0))) == ((255, 0, 0), (0, 0, 255))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"size": 30}, (30, 20)),
        ({"size": 30, "square": True}, (30, 30)),
        ({"size": 1000}, (60, 40)),
        ({"size": 1000, "square": True}, (40, 40)),
    ],
)
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_thumbnail_is_small(main: ModuleType, options: dict[str, Any], expected: tuple[int, int], kind: str) -> None:
    """And never larger than the picture."""
    made = opened(main.thumbnail(picture(kind=kind), **options))

    assert (made.size, made.format) == (expected, kind.upper())


def test_a_part_is_cut_out(main: ModuleType) -> None:
    """Exactly that part."""
    made = opened(main.crop(picture(), 20, 10, 20, 5))

    assert (made.size, made.getpixel((9, 0)), made.getpixel((10, 0))) == ((20, 5), (255, 0, 0), (0, 0, 255))


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, 0)), (180, (59, 0)), (270, (0, 59))])
def test_a_picture_is_turned(main: ModuleType, degrees: int, corner: tuple[int, int]) -> None:
    """Clockwise: what was left is then above, right, or below."""
    made = opened(main.rotate(picture(), degrees))

    assert made.size == ((60, 40) if degrees == 180 else (40, 60))
    assert made.getpixel(corner) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("kind", FORMATS)
def test_any_colours_become_any_format(main: ModuleType, mode: str, kind: str) -> None:
    """Whatever they were kept as."""
    source = picture(mode=mode, kind="jpeg" if mode == "CMYK" else "png") if mode != "I;16" else deep()
    made = opened(main.convert(source, kind))

    assert (made.format, made.size) == (kind.upper(), (60, 40))


def deep() -> bytes:
    saved = io.BytesIO()
    Image.new("I;16", (60, 40), 30_000).save(saved, "png")
    return saved.getvalue()


def test_what_is_transparent_stays_so_or_is_white(main: ModuleType) -> None:
    """White where the format knows no transparency."""
    clear = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(clear, "png")

    assert opened(main.convert(clear.getvalue(), "webp")).convert("RGBA").getpixel((0, 0))[3] == 0
    assert min(opened(main.convert(clear.getvalue(), "jpeg")).getpixel((0, 0))) > 250


def test_nothing_is_told_any_more(main: ModuleType) -> None:
    """Neither by strip nor by any other; the photo stands upright by itself, and looks the same."""
    source = private()
    assert SECRET in source
    for made in (
        main.strip(source),
        main.resize(source, width=20),
        main.thumbnail(source),
        main.convert(source, "png"),
    ):
        assert SECRET not in made
        assert main.info(made).metadata == []
        assert main.info(made).height > main.info(made).width
    assert opened(main.strip(source)).getpixel((5, 5))[0] > 200


def test_colour_profiles_stay(main: ModuleType) -> None:
    """Without them colours would be wrong."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = picture(kind="jpeg", icc_profile=profile)

    assert opened(main.strip(source)).info["icc_profile"] == profile


def bomb(width: int, height: int) -> bytes:
    """Returns a PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(5001, 5000), (10_000, 6000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_not_unpacked(main: ModuleType, size: tuple[int, int]) -> None:
    """It is refused by what its header says, also where Pillow only warns."""
    for ask in (main.info, main.strip, main.thumbnail):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(TooLarge, match="pixels"):
                ask(bomb(*size))
        with pytest.raises(TooLarge, match="pixels"):
            ask(bomb(*size))


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"GIF89a", b"%PDF-1.4", b"<svg/>", picture()[:-30], private()[:400], bomb(100, 100), b"\x00" * 1000],
)
def test_what_is_no_picture_is_refused(main: ModuleType, data: bytes) -> None:
    """The fault says what is expected."""
    with pytest.raises(BadRequest, match=r"^image: expected a PNG"):
        main.strip(data)


def test_no_damage_is_fatal(main: ModuleType) -> None:
    """Whichever byte of a picture is wrong, there is an answer, or a fault that says so."""
    faults = []
    for kind in [*FORMATS, "bmp"]:
        data = picture(kind=kind)
        for at in range(0, len(data), max(1, len(data) // 40)):
            try:
                main.convert(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], "png")
            except (BadRequest, TooLarge) as fault:
                faults.append(str(fault))

    assert len(faults) > 10
    assert all(fault.startswith("image: ") for fault in faults)


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        ("resize", {}),
        ("resize", {"width": -1}),
        ("resize", {"width": 10_001}),
        ("resize", {"width": 9000}),
        ("resize", {"width": 10, "quality": 0}),
        ("thumbnail", {"size": 0}),
        ("thumbnail", {"size": 1025}),
        ("crop", {"left": 0, "top": 0, "width": 61, "height": 1}),
        ("crop", {"left": 60, "top": 0, "width": 1, "height": 1}),
        ("crop", {"left": 0, "top": -1, "width": 1, "height": 1}),
        ("crop", {"left": 0, "top": 0, "width": 1, "height": 0}),
        ("convert", {"type": "jpeg", "quality": 96}),
    ],
)
def test_what_is_asked_is_bounded(main: ModuleType, endpoint: str, options: dict[str, Any]) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match=r"^(width|quality|size|left|top): "):
        getattr(main, endpoint)(picture(), **options)


def test_messages_are_bounded(main: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes, and what is made of it."""
    with pytest.raises(TooLarge, match="image: "):
        main.info(b"x" * (main.IMAGE_BYTES_MAX + 1))
    source = picture()
    monkeypatch.setattr(main, "IMAGE_BYTES_MAX", len(source) + 10)
    with pytest.raises(TooLarge, match="make it smaller"):
        main.resize(source, width=3000)


def test_few_are_unpacked_at_once(main: ModuleType) -> None:
    """Others wait for their turn, also after faults."""
    for _ in range(main.AT_ONCE_MAX + 1):
        with pytest.raises(BadRequest):
            main.strip(b"x")
    for _ in range(main.AT_ONCE_MAX):
        main._working.acquire()
    done = threading.Event()
    waiting = threading.Thread(target=lambda: (main.info(picture()), done.set()))
    waiting.start()
    while not (main._working._cond._waiters or done.is_set()):
        time.sleep(0.001)
    assert not done.is_set()
    for _ in range(main.AT_ONCE_MAX):
        main._working.release()
    assert done.wait(60)
    waiting.join()


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])


def test_what_is_no_picture_is_said_to_be_none(main: ModuleType) -> None:
    """In words for a person: nothing of the program that reads it."""
    with pytest.raises(BadRequest) as refused:
        main.info(b"no picture at all")

    assert str(refused.value) == "image: expected a PNG, JPEG, WebP, GIF or BMP that is whole, got 17 bytes"
