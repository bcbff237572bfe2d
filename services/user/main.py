"""Keeps the accounts of a program's people: they sign up, log in with a password, and have sessions."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

USERS_MAX = 10_000
"""Accounts of one caller."""

NAME = re.compile(r"[\w][\w.@+-]{0,59}")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX = 8, 256
PROFILE_BYTES_MAX = 8 * 1024
SESSION_SECONDS_MIN, SESSION_SECONDS_MAX = 60.0, 366 * 86_400.0
PAGE_MAX = 1000

COST = (16_384, 8, 5)
"""scrypt's N, r and p: 16 MiB and a fifth of a second, as strong as OWASP asks for. An account remembers its own."""

HASHES_AT_ONCE_MAX = 2
TRIES_MAX = 5
WAIT_SECONDS = 60.0
WAIT_DOUBLINGS_MAX = 6
"""After five wrong passwords in a row one waits a minute, then two, and at last 64."""

TRIES_KEPT_SECONDS = 86_400.0
USERS, SESSIONS, TRIES = "users", "sessions", "tries"

service = Service(
    "user",
    version="1.0.0",
    description="Keeps the accounts of a program's people: sign up, log in with a password, sessions.",
    metadata={"tags": "account, login, password, session, security"},
    store="caller",
)


@dataclass
class User:
    """An account.

    Attributes:
        name: what its person logs in with.
        email: an address; nobody has checked that it is his.
        profile: whatever else your program keeps about him.
        created: when it was made, in seconds since 1970.
        changed: when its password was last set.
    """

    name: str
    email: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    changed: float = 0.0


@dataclass
class Session:
    """That somebody is logged in.

    Attributes:
        token: the secret that shows it; keep it as you keep a password.
        name: whose session it is.
        expires: when it ends, in seconds since 1970.
    """

    token: str
    name: str
    expires: float


@dataclass
class _Kept:
    """An account as the store has it; `cost`, `salt` and `hash` are what scrypt made of the password."""

    user: User
    cost: tuple[int, int, int]
    salt: bytes
    hash: bytes


@dataclass
class _Session:
    """A session as the store has it, below the hash of its token; one from before the password was set is void."""

    name: str
    changed: float
    created: float


@dataclass
class _Tries:
    """Wrong passwords in a row, and when the last one was."""

    count: int = 0
    last: float = 0.0


_changing: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
"""One change of an account, or one try, at a time."""

_hashing = ThreadPoolExecutor(HASHES_AT_ONCE_MAX, "scrypt")
"""Each hash takes memory and a processor; others wait."""


@service.endpoint(examples=[{"name": "ann", "password": "correct horse battery", "email": "ann@example.com"}])
async def create(
    context: Context, name: str, password: str, email: str = "", profile: dict[str, Any] | None = None
) -> User:
    """Make an account: somebody signs up.

    Wishes:
        sign up ann with the email ann@example.com
        a new account for ann

    Wishes (es):
        registra a ann con el correo ann@example.com

    Wishes (de):
        melde ann mit der E-Mail ann@example.com neu an

    Args:
        name: what he will log in with, at most 60 letters, digits and .@+-_; Ann and ann are the same.
        password: 8 to 256 characters; only a hash of it is kept.
        email: an address, if you want one.
        profile: whatever else you want to keep, at most 8 KiB as JSON.
    """
    plain = _plain(name)
    _check_password(password)
    moment = now()
    user = User(plain, email, dict(profile or {}), moment, moment)
    _check_user(user)
    taken = f"name: there is an account {plain} already; choose another name"
    async with _lock(context, plain):
        if await context.store.read(plain, table=USERS) is not None:  # before a hash is made for nothing
            raise errors.Conflict(taken)
        try:  # another generation may have been first meanwhile
            await _write(context, await _with_password(user, password), if_version=0)
        except errors.Conflict:
            raise errors.Conflict(taken) from None
        except errors.TooManyRequests:
            reason = f"you have {USERS_MAX} accounts, the most that are kept; delete some first"
            raise errors.TooManyRequests(reason) from None
    return user


@service.endpoint(examples=[{"name": "ann", "password": "correct horse battery"}])
async def login(context: Context, name: str, password: str, session_seconds: float = 604_800.0) -> Session:
    """Log in. After five wrong passwords in a row one has to wait.

    Wishes:
        sign in as ann

    Args:
        name: the account's name.
        password: its password.
        session_seconds: how long the session lasts, a week if you say nothing, at most a year.
    """
    if not SESSION_SECONDS_MIN <= session_seconds <= SESSION_SECONDS_MAX:
        raise errors.BadRequest(
            f"session_seconds: expected {SESSION_SECONDS_MIN:g} to {SESSION_SECONDS_MAX:g}, got {session_seconds:g}"
        )
    user = (await _authenticated(context, name, password)).user
    token, moment = secrets.token_urlsafe(32), now()
    session = _Session(user.name, user.changed, user.created)
    await context.store.write(_key(token), msgspec.json.encode(session), session_seconds, table=SESSIONS)
    return Session(token, user.name, moment + session_seconds)


@service.endpoint(idempotent=True, examples=[{"token": "a-token-that-login-gave"}])
async def verify(context: Context, token: str) -> User:
    """Tell whose session it is; anything that is no session, or is over, is refused with 401.

    Wishes:
        whose session is this token

    Args:
        token: what `login` gave.
    """
    data = await context.store.read(_key(token), table=SESSIONS)
    session = None if data is None else msgspec.json.decode(data, type=_Session)
    kept = None if session is None else await _read(context, session.name)
    if session is None or kept is None:
        raise errors.Unauthorized("token: there is no such session, or it is over; log in again")
    if (kept.user.changed, kept.user.created) != (session.changed, session.created):
        raise errors.Unauthorized("token: the password was changed since; log in again")
    return kept.user


@service.endpoint(idempotent=True, examples=[{"token": "a-token-that-login-gave"}])
async def logout(context: Context, token: str) -> bool:
    """End a session.

    Wishes:
        log out

    Args:
        token: what `login` gave.

    Returns:
        Whether there was such a session.
    """
    return await context.store.delete(_key(token), table=SESSIONS)


@service.endpoint(examples=[{"name": "ann", "old": "correct horse battery", "new": "staple tractor lemon"}])
async def change_password(context: Context, name: str, old: str, new: str) -> User:
    """Change a password, by whoever knows the old one. All sessions of the account end.

    Wishes:
        I want another password for my account

    Args:
        name: the account's name.
        old: its password so far.
        new: the new one, 8 to 256 characters.
    """
    _check_password(new)
    kept = await _authenticated(context, name, old)
    return await _set_password(context, kept.user.name, new)


@service.endpoint(idempotent=True, examples=[{"name": "ann", "password": "staple tractor lemon"}])
async def reset_password(context: Context, name: str, password: str) -> User:
    """Set a password that was forgotten; it is yours to find out who asks. All sessions of the account end.

    Wishes:
        ann does not know her password any more

    Args:
        name: the account's name.
        password: the new one, 8 to 256 characters.
    """
    _check_password(password)
    return await _set_password(context, _plain(name), password)


@service.endpoint(idempotent=True, examples=[{"name": "ann"}])
async def read(context: Context, name: str) -> User:
    """Read an account.

    Wishes:
        what do you know about the account ann

    Args:
        name: its name.
    """
    return (await _found(context, _plain(name))).user


@service.endpoint(idempotent=True, examples=[{"name": "ann", "profile": {"language": "it"}}])
async def update(context: Context, name: str, email: str | None = None, profile: dict[str, Any] | None = None) -> User:
    """Change what is kept about somebody; what is not given stays.

    Wishes:
        ann has another email address

    Args:
        name: the account's name.
        email: the new address.
        profile: fields of the profile to change; the others stay.
    """
    plain = _plain(name)
    async with _lock(context, plain):
        kept = await _found(context, plain)
        kept.user.email = kept.user.email if email is None else email
        kept.user.profile |= profile or {}
        _check_user(kept.user)
        await _write(context, kept)
    return kept.user


@service.endpoint(idempotent=True, examples=[{"name": "ann"}])
async def delete(context: Context, name: str) -> bool:
    """Delete an account; its sessions end.

    Wishes:
        remove the account of ann

    Args:
        name: its name.

    Returns:
        Whether there was one.
    """
    plain = _plain(name)
    async with _lock(context, plain):
        return await context.store.delete(plain, table=USERS)


@service.endpoint(idempotent=True, examples=[{}])
async def names(context: Context, prefix: str = "", limit: int = 100, offset: int = 0) -> list[str]:
    """List the names of the accounts, in order.

    Wishes:
        which users are there

    Args:
        prefix: only those that begin so.
        limit: how many at most, up to 1000.
        offset: how many to leave out at the beginning.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {PAGE_MAX}, got {limit}")
    found: list[str] = []
    # A page of the store ends early where values are large.
    while len(found) < limit and (
        some := await context.store.list(prefix.casefold(), limit - len(found), offset + len(found), table=USERS)
    ):
        found += some
    return found


def now() -> float:
    """Returns the seconds since 1970."""
    return time.time()


async def _authenticated(context: Context, name: str, password: str) -> _Kept:
    """Returns the account of a name and a password, or says no more than that they do not belong together."""
    plain = _plain(name)
    # Tries are counted for names without account too, or they would tell which there are; in 65,536 places, so that
    # invented names do not fill the store.
    place = hashlib.sha256(plain.encode()).hexdigest()[:4]
    async with _lock(context, f"tries/{place}"):
        data = await context.store.read(place, table=TRIES)
        tries = _Tries() if data is None else msgspec.json.decode(data, type=_Tries)
        left = tries.last + WAIT_SECONDS * 2 ** min(tries.count - TRIES_MAX, WAIT_DOUBLINGS_MAX) - now()
        if tries.count >= TRIES_MAX and left > 0:
            raise errors.TooManyRequests(f"{tries.count} wrong passwords in a row; try again in {left:.0f} s")
        kept = await _read(context, plain)
        salt, cost = (kept.salt, kept.cost) if kept else (b"\0" * 16, COST)
        right = secrets.compare_digest(await _hash(password, salt, cost), kept.hash if kept else b"")
        if not right or kept is None:
            # Counted before the answer goes out: to hang up early gains no try.
            tries = _Tries(tries.count + 1, now())
            await context.store.write(place, msgspec.json.encode(tries), TRIES_KEPT_SECONDS, table=TRIES)
            raise errors.Unauthorized("name or password is wrong")
        if data is not None:
            await context.store.delete(place, table=TRIES)
        return kept


async def _hash(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    """Returns scrypt (RFC 7914) of a password; however it was typed, the same letters are the same password."""
    secret = unicodedata.normalize("NFKC", password[:PASSWORD_CHARACTERS_MAX]).encode("utf-8", "surrogatepass")
    n, r, p = cost
    make = partial(hashlib.scrypt, secret, salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r + 2**20, dklen=32)
    return await asyncio.get_running_loop().run_in_executor(_hashing, make)


async def _with_password(user: User, password: str) -> _Kept:
    salt = secrets.token_bytes(16)
    return _Kept(user, COST, salt, await _hash(password, salt, COST))


async def _set_password(context: Context, name: str, password: str) -> User:
    async with _lock(context, name):
        user = (await _found(context, name)).user
        user.changed = max(now(), user.changed + 1e-3)
        await _write(context, await _with_password(user, password))
    return user


def _plain(name: str) -> str:
    """Returns a name as it is kept: the same for all ways to type it."""
    plain = unicodedata.normalize("NFKC", name.strip()).casefold()
    if not NAME.fullmatch(plain):
        raise errors.BadRequest(f"name: expected 1 to 60 letters, digits and .@+-_, got {name[:80]!r}")
    return plain


def _check_password(password: str) -> None:
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise errors.BadRequest(
            f"password: expected {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters, got {len(password)}"
        )


def _check_user(user: User) -> None:
    if user.email and not EMAIL.fullmatch(user.email):
        raise errors.BadRequest(f"email: expected an address such as ann@example.com, got {user.email[:80]!r}")
    if len(msgspec.json.encode(user.profile)) > PROFILE_BYTES_MAX:
        raise errors.TooLarge(f"profile: expected at most {PROFILE_BYTES_MAX:,} bytes as JSON; keep more in `db`")


def _key(token: str) -> str:
    """Returns where a session is: whoever reads the store cannot log in with what he finds."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _lock(context: Context, name: str) -> asyncio.Lock:
    return _changing.setdefault((context.caller.nid, context.caller.service, name), asyncio.Lock())


async def _read(context: Context, name: str) -> _Kept | None:
    data = await context.store.read(name, table=USERS)
    return None if data is None else msgspec.json.decode(data, type=_Kept)


async def _found(context: Context, name: str) -> _Kept:
    kept = await _read(context, name)
    if kept is None:
        raise errors.NotFound(f"there is no account {name!r}; `user names` lists those there are")
    return kept


async def _write(context: Context, kept: _Kept, if_version: int | None = None) -> None:
    data = msgspec.json.encode(kept)
    await context.store.write(kept.user.name, data, table=USERS, keys_max=USERS_MAX, if_version=if_version)


if __name__ == "__main__":
    service.run()
