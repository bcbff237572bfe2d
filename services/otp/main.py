"""Makes and checks one-time codes, as authenticator apps show them: by time (TOTP) or by count (HOTP)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
import struct
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

NAME_CHARACTERS_MAX = 60
NAMES_MAX = 10_000
"""Names of one caller."""

PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX = 10, 300
SECRET_BYTES = 20
"""RFC 4226 section 4 wants at least 16 and recommends 20."""

SECRET_BYTES_MIN, SECRET_BYTES_MAX = 10, 64
STEPS_EARLY_OR_LATE = 1
"""Clocks differ and people type slowly: RFC 6238 section 5.2 allows one step."""

COUNTS_AHEAD_MAX = 10
"""Codes that were shown and not used: RFC 4226 section 7.2."""

TRIES_MAX = 5
WAIT_SECONDS = 60.0
WAIT_DOUBLINGS_MAX = 6
"""After five wrong codes in a row one waits a minute, then two, and at last 64."""

PAGE_MAX = 1000
TABLE = "secrets"

Kind = Literal["totp", "hotp"]
Algorithm = Literal["SHA1", "SHA256", "SHA512"]

service = Service(
    "otp",
    version="1.0.0",
    description="Makes and checks one-time codes for logging in, as authenticator apps show them (TOTP, HOTP).",
    metadata={"tags": "security, login, two-factor, authenticator"},
    store="caller",
)


@dataclass
class Created:
    """A new secret.

    Attributes:
        name: whose it is.
        secret: in base32, to be typed into an authenticator app.
        uri: the same as an address; draw it with the service `qr` and let the app read it.
    """

    name: str
    secret: str
    uri: str


@dataclass
class Code:
    """A code.

    Attributes:
        code: its digits.
        seconds_left: how long it is shown; 0 where it goes by count.
    """

    code: str
    seconds_left: int


@dataclass
class _Kept:
    """What the store has for a name.

    Attributes:
        secret: in base32.
        issuer: who asks for the codes.
        kind: by time or by count.
        digits: how long codes are.
        period_seconds: how long each is shown.
        algorithm: the hash.
        next: the first step or count whose code was not used yet.
        failures: wrong tries since the last right one.
        failed: when the last wrong one was.
    """

    secret: str
    issuer: str
    kind: Kind
    digits: int
    period_seconds: int
    algorithm: Algorithm
    next: int = 0
    failures: int = 0
    failed: float = 0.0


_changing: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
"""One try for a name at a time, or a code could be used twice."""


@service.endpoint(examples=[{"name": "ann", "issuer": "Example"}])
async def create(
    context: Context,
    name: str,
    issuer: str = "",
    kind: Kind = "totp",
    digits: Literal[6, 7, 8] = 6,
    period_seconds: int = 30,
    algorithm: Algorithm = "SHA1",
    secret: str = "",
) -> Created:
    """Make a secret for somebody, who puts it into an authenticator app. Keep the defaults unless the app knows others.

    Wishes:
        set up two-factor login for ann
        a secret for the authenticator app

    Wishes (es):
        activa el segundo factor para ann

    Wishes (de):
        richte den zweiten Faktor für ann ein

    Args:
        name: whose it is, at most 60 characters.
        issuer: what the app shows beside it: your program or firm.
        kind: totp, codes that change with time, or hotp, codes that change with use.
        digits: how long a code is: 6, 7 or 8.
        period_seconds: how long each code of totp is shown, 10 to 300.
        algorithm: the hash: SHA1, SHA256 or SHA512; many apps know SHA1 only.
        secret: one that exists already, in base32; empty makes a new one.
    """
    _check_label("name", name)
    if issuer:
        _check_label("issuer", issuer)
    if not PERIOD_SECONDS_MIN <= period_seconds <= PERIOD_SECONDS_MAX:
        raise errors.BadRequest(
            f"period_seconds: expected {PERIOD_SECONDS_MIN} to {PERIOD_SECONDS_MAX}, got {period_seconds}"
        )
    plain = _plain_secret(secret) if secret else base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    kept = _Kept(plain, issuer, kind, digits, period_seconds, algorithm)
    try:  # only where there is none: of several that come at once, here and in another generation, one is first
        await _write(context, name, kept, if_version=0)
    except errors.Conflict:
        reason = f"{name} has a secret already; `otp delete` it first, and its codes are void"
        raise errors.Conflict(reason) from None
    except errors.TooManyRequests:
        reason = f"you have {NAMES_MAX} names, the most that are kept; delete one first"
        raise errors.TooManyRequests(reason) from None
    return Created(name, plain, _uri(name, kept))


@service.endpoint(examples=[{"name": "ann", "code": "123456"}])
async def verify(context: Context, name: str, code: str) -> bool:
    """Check a code. Each is right once; after five wrong ones in a row one has to wait.

    Wishes:
        is this one-time code correct for ann

    Args:
        name: whose code it is.
        code: its digits; spaces do not count.

    Returns:
        Whether it is right.
    """
    digits = "".join(code.split())
    async with _lock(context, name):
        kept, version = await _entry(context, name)
        if not (len(digits) == kept.digits and digits.isascii() and digits.isdecimal()):  # no try: it cannot be right
            raise errors.BadRequest(f"code: expected {kept.digits} digits, got {code[:20]!r}")
        _check_tries(name, kept)
        found = _find(kept, digits)
        if found is None:
            kept.failures, kept.failed = kept.failures + 1, now()
        else:
            kept.failures, kept.next = 0, found + 1
        # It is on disk before the answer goes out: a code is not right again after a restart.
        try:
            await _write(context, name, kept, if_version=version)
        except errors.Conflict:  # in another generation: this try says nothing, and the code is not used up
            raise errors.Conflict(f"a code of {name} was checked at the same moment; try again") from None
        return found is not None


@service.endpoint(idempotent=True, examples=[{"name": "ann"}])
async def code(context: Context, name: str) -> Code:
    """Tell the code that an app would show now, to test with or where this service is your authenticator.

    Wishes:
        which code does the app show for ann now

    Args:
        name: whose code.
    """
    kept = await _read(context, name)
    if kept.kind == "hotp":
        return Code(one_time_code(kept.secret, kept.next, kept.digits, kept.algorithm), 0)
    step, passed = divmod(int(now()), kept.period_seconds)
    return Code(one_time_code(kept.secret, step, kept.digits, kept.algorithm), kept.period_seconds - passed)


@service.endpoint(idempotent=True, examples=[{"name": "ann"}])
async def uri(context: Context, name: str) -> str:
    """Tell the address that holds a secret; the service `qr` draws it, and an authenticator app reads the drawing.

    Wishes:
        the otpauth link for ann

    Args:
        name: whose secret.

    Returns:
        An `otpauth:` address. It is the secret: show it to nobody else.
    """
    return _uri(name, await _read(context, name))


@service.endpoint(idempotent=True, examples=[{"name": "ann"}])
async def delete(context: Context, name: str) -> bool:
    """Delete a secret; its codes are void at once.

    Wishes:
        ann has lost her phone, delete her secret

    Args:
        name: whose secret.

    Returns:
        Whether there was one.
    """
    _check_label("name", name)
    async with _lock(context, name):
        return await context.store.delete(name, table=TABLE)


@service.endpoint(idempotent=True, examples=[{}])
async def names(context: Context, limit: int = 100, offset: int = 0) -> list[str]:
    """List whom you have secrets of, in order.

    Wishes:
        who uses two-factor login

    Args:
        limit: how many at most, up to 1000.
        offset: how many to leave out at the beginning.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {PAGE_MAX}, got {limit}")
    return await context.store.list(limit=limit, offset=offset, table=TABLE)


def one_time_code(secret: str, count: int, digits: int, algorithm: str) -> str:
    """Returns the code number `count` of a secret in base32: RFC 4226 section 5.3, and RFC 6238 for other hashes."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", count), algorithm.lower())
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def now() -> float:
    """Returns the seconds since 1970."""
    return time.time()


def _find(kept: _Kept, code: str) -> int | None:
    """Returns the step or count whose code this is, among those that may still be used."""
    if kept.kind == "hotp":
        first, last = kept.next, kept.next + COUNTS_AHEAD_MAX
    else:
        step = int(now()) // kept.period_seconds
        first, last = max(kept.next, step - STEPS_EARLY_OR_LATE), step + STEPS_EARLY_OR_LATE
    found = None
    for count in range(first, last + 1):  # all of them, so that the time tells nothing
        right = one_time_code(kept.secret, count, kept.digits, kept.algorithm)
        if hmac.compare_digest(right.encode(), code.encode("utf-8", "surrogatepass")) and found is None:
            found = count
    return found


def _check_tries(name: str, kept: _Kept) -> None:
    if kept.failures < TRIES_MAX:
        return
    doublings = min(kept.failures - TRIES_MAX, WAIT_DOUBLINGS_MAX)
    left = kept.failed + WAIT_SECONDS * 2**doublings - now()
    if left > 0:
        raise errors.TooManyRequests(f"{kept.failures} wrong codes for {name} in a row; try again in {left:.0f} s")


def _uri(name: str, kept: _Kept) -> str:
    """Returns the address as authenticator apps read it: the "Key Uri Format" of Google Authenticator."""
    label = quote(f"{kept.issuer}:{name}" if kept.issuer else name, safe=":@")
    fields: dict[str, str | int] = {"secret": kept.secret}
    if kept.issuer:
        fields["issuer"] = kept.issuer
    fields |= {"algorithm": kept.algorithm, "digits": kept.digits}
    fields |= {"period": kept.period_seconds} if kept.kind == "totp" else {"counter": kept.next}
    return f"otpauth://{kept.kind}/{label}?{urlencode(fields, quote_via=quote)}"


def _plain_secret(secret: str) -> str:
    """Returns a secret that somebody typed, without what apps put in between."""
    plain = secret.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        length = len(base64.b32decode(plain + "=" * (-len(plain) % 8)))
    except (binascii.Error, ValueError):
        raise errors.BadRequest("secret: expected base32, the letters A to Z and the digits 2 to 7") from None
    if not SECRET_BYTES_MIN <= length <= SECRET_BYTES_MAX:
        raise errors.BadRequest(f"secret: expected {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, got {length}")
    return plain


def _check_label(field: str, label: str) -> None:
    if not 0 < len(label) <= NAME_CHARACTERS_MAX or not label.isprintable() or ":" in label:
        raise errors.BadRequest(
            f"{field}: expected 1 to {NAME_CHARACTERS_MAX} printable characters without a colon, got {label[:80]!r}"
        )


def _lock(context: Context, name: str) -> asyncio.Lock:
    caller = context.caller
    return _changing.setdefault((caller.nid, caller.service, name), asyncio.Lock())


async def _read(context: Context, name: str) -> _Kept:
    return (await _entry(context, name))[0]


async def _entry(context: Context, name: str) -> tuple[_Kept, int]:
    """Returns what the store has for a name, and its version."""
    _check_label("name", name)
    entry = await context.store.entry(name, table=TABLE)
    if entry is None:
        raise errors.NotFound(f"{name} has no secret; `otp create --name {name}` makes one")
    return msgspec.json.decode(entry.value, type=_Kept), entry.version


async def _write(context: Context, name: str, kept: _Kept, if_version: int | None = None) -> None:
    data = msgspec.json.encode(kept)
    await context.store.write(name, data, table=TABLE, keys_max=NAMES_MAX, if_version=if_version)


if __name__ == "__main__":
    service.run()
