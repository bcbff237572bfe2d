"""Codes are those of the standards, each is right once, and guessing is slow."""

from __future__ import annotations

import asyncio
import base64
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from micro.errors import BadRequest, Conflict, NotFound, TooManyRequests

KEYS = {"SHA1": b"12345678901234567890", "SHA256": b"1234567890" * 3 + b"12", "SHA512": b"1234567890" * 6 + b"1234"}
SECRETS = {algorithm: base64.b32encode(key).decode().rstrip("=") for algorithm, key in KEYS.items()}


@pytest.fixture(autouse=True)
def same_clock(main: ModuleType, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service has the test's time."""
    monkeypatch.setattr(main, "now", clock.now)


@pytest.mark.parametrize(
    ("count", "code"),
    list(enumerate((755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489))),
)
def test_codes_by_count_are_those_of_rfc_4226(main: ModuleType, count: int, code: int) -> None:
    """Its appendix D."""
    assert main.one_time_code(SECRETS["SHA1"], count, 6, "SHA1") == str(code)


@pytest.mark.parametrize(
    ("time", "algorithm", "code"),
    [
        (59, "SHA1", "94287082"),
        (59, "SHA256", "46119246"),
        (59, "SHA512", "90693936"),
        (1111111109, "SHA1", "07081804"),
        (1111111111, "SHA256", "67062674"),
        (1234567890, "SHA512", "93441116"),
        (2000000000, "SHA1", "69279037"),
        (20000000000, "SHA256", "77737706"),
        (20000000000, "SHA512", "47863826"),
    ],
)
async def test_codes_by_time_are_those_of_rfc_6238(
    main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch, time: int, algorithm: str, code: str
) -> None:
    """Its appendix B, through the whole service."""
    monkeypatch.setattr(main, "now", lambda: float(time))
    await main.create(context, "ann", digits=8, algorithm=algorithm, secret=SECRETS[algorithm])

    assert (await main.code(context, "ann")).code == code
    assert await main.verify(context, "ann", code) is True


async def test_a_code_is_right_once(main: ModuleType, context: Any) -> None:
    """Also for two who try it at once."""
    await main.create(context, "ann")
    code = (await main.code(context, "ann")).code

    assert sorted(await asyncio.gather(*(main.verify(context, "ann", code) for _ in range(3)))) == [False, False, True]


async def test_a_clock_may_be_a_step_wrong(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step either way, and no more."""
    right = []
    for seconds in (-60, -30, 0, 30, 60):
        name = f"clock{seconds}"
        monkeypatch.setattr(main, "now", lambda: 1_000_000.0)
        await main.create(context, name)
        code = (await main.code(context, name)).code
        monkeypatch.setattr(main, "now", lambda seconds=seconds: 1_000_000.0 + seconds)
        right.append(await main.verify(context, name, f"{code[:3]} {code[3:]}"))

    assert right == [False, True, True, True, False]


async def test_a_code_by_count_may_be_skipped(main: ModuleType, context: Any) -> None:
    """Some were shown and not used; those before the one that was used are void."""
    await main.create(context, "ann", kind="hotp", secret=SECRETS["SHA1"])

    assert await main.code(context, "ann") == main.Code("755224", 0)
    assert [await main.verify(context, "ann", code) for code in ("969429", "359152", "338314")] == [True, False, True]


async def wrong(main: ModuleType, context: Any) -> str:
    """Returns six digits that are not right."""
    near = range(-main.STEPS_EARLY_OR_LATE, main.STEPS_EARLY_OR_LATE + 1)
    kept, step = await main._read(context, "ann"), int(main.now()) // 30
    right = {main.one_time_code(kept.secret, step + each, 6, "SHA1") for each in (*near, len(near))}
    return next(code for code in (f"{each:06d}" for each in range(10)) if code not in right)


@pytest.mark.parametrize("code", ["", "abc", "12345", "1234567", "12345a", "１２３４５６"])
async def test_what_is_no_code_is_said_to_be_none(main: ModuleType, context: Any, code: str) -> None:
    """The field is named, and it counts as no try."""
    await main.create(context, "ann")
    for _ in range(main.TRIES_MAX + 1):
        with pytest.raises(BadRequest, match="code: expected 6 digits, got"):
            await main.verify(context, "ann", code)
    assert await main.verify(context, "ann", (await main.code(context, "ann")).code) is True


async def test_guessing_is_slow(main: ModuleType, context: Any, clock: Any) -> None:
    """After five wrong codes even the right one has to wait, and longer after each further one."""
    await main.create(context, "ann")
    for _ in range(main.TRIES_MAX):
        assert await main.verify(context, "ann", await wrong(main, context)) is False
    with pytest.raises(TooManyRequests, match="try again in 60 s"):
        await main.verify(context, "ann", (await main.code(context, "ann")).code)
    clock.ahead_seconds = 61
    assert await main.verify(context, "ann", await wrong(main, context)) is False
    clock.ahead_seconds = 61 + 119
    with pytest.raises(TooManyRequests):
        await main.verify(context, "ann", await wrong(main, context))
    clock.ahead_seconds = 61 + 120
    assert await main.verify(context, "ann", (await main.code(context, "ann")).code) is True


async def test_a_secret_can_be_taken_along(main: ModuleType, context: Any) -> None:
    """As people type it, and as an app reads it."""
    typed = " ".join(SECRETS["SHA1"][at : at + 4] for at in range(0, 32, 4)).lower()
    created = await main.create(context, "ann@example.com", "Example & Co", secret=typed)
    address = urlsplit(created.uri)

    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Example & Co:ann@example.com"
    assert parse_qs(address.query) == {
        "secret": [SECRETS["SHA1"]],
        "issuer": ["Example & Co"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert await main.uri(context, "ann@example.com") == created.uri


async def test_every_secret_is_new(main: ModuleType, context: Any) -> None:
    """And has the bits that it should have."""
    made = [(await main.create(context, name)).secret for name in ("ann", "bea")]

    assert [len(base64.b32decode(secret)) for secret in made] == [20, 20]
    assert made[0] != made[1]


async def test_a_secret_is_not_overwritten(main: ModuleType, context: Any, stranger: Any) -> None:
    """Until it is deleted; another caller's name is another name."""
    await main.create(context, "ann")
    with pytest.raises(Conflict, match="delete"):
        await main.create(context, "ann")
    with pytest.raises(NotFound, match="otp create --name ann"):
        await main.code(stranger, "ann")

    assert await main.names(context) == ["ann"]
    assert [await main.delete(context, "ann") for _ in range(2)] == [True, False]
    with pytest.raises(NotFound):
        await main.verify(context, "ann", "123456")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"name": "a:b"},
        {"name": "a\nb"},
        {"name": "a", "issuer": "a:b"},
        {"name": "a", "period_seconds": 9},
        {"name": "a", "period_seconds": 301},
        {"name": "a", "secret": "not base32!"},
        {"name": "a", "secret": "MFRGG"},
        {"name": "a", "secret": "A" * 200},
    ],
)
async def test_what_is_created_is_bounded(main: ModuleType, context: Any, fields: dict[str, Any]) -> None:
    """The fault names the field, and nothing is kept."""
    with pytest.raises(BadRequest, match=r"^(name|issuer|period_seconds|secret): expected"):
        await main.create(context, **fields)

    assert await main.names(context) == []


async def test_two_generations_take_a_code_once(
    main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though neither knows what the other holds."""
    await main.create(context, "ann")
    code = (await main.code(context, "ann")).code
    monkeypatch.setattr(main, "_lock", lambda context, name: asyncio.Lock())
    tried = await asyncio.gather(*(main.verify(context, "ann", code) for _ in range(3)), return_exceptions=True)

    assert tried.count(True) == 1
    assert all(one is True or one is False or isinstance(one, Conflict) for one in tried)


async def test_two_generations_make_one_secret(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though neither knows what the other holds: the code of one of them is right, and the others know."""
    monkeypatch.setattr(main, "_lock", lambda context, name: asyncio.Lock())
    tried = await asyncio.gather(*(main.create(context, "ann") for _ in range(4)), return_exceptions=True)

    assert [type(one) for one in tried].count(Conflict) == 3
    assert [one.uri for one in tried if isinstance(one, main.Created)] == [await main.uri(context, "ann")]


async def test_the_number_of_names_is_bounded(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller cannot fill the store."""
    monkeypatch.setattr(main, "NAMES_MAX", 2)
    for name in ("a", "b"):
        await main.create(context, name)
    with pytest.raises(TooManyRequests, match="delete one"):
        await main.create(context, "c")


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
