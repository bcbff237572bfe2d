"""Keeps lists of things: to do, to buy, to pack; each caller's own."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import msgspec

from micro import Context, Service, errors

LISTS_MAX = 100
"""Lists of one caller."""

ITEMS_MAX = 500
"""Items of one list."""

NAME_CHARACTERS_MAX = 60
TEXT_CHARACTERS_MAX = 1000
TOGETHER = 32
"""So many items are read or deleted at once."""

ITEMS, NAMES = "items", "names"
ID = re.compile(r"[0-9a-f]{20}")

service = Service(
    "lists",
    version="1.0.0",
    description="Keeps lists of things: to do, to buy, to pack; each caller's own.",
    metadata={"tags": "todo, storage, tool"},
    store="caller",
)


@dataclass
class Item:
    """A thing on a list.

    Attributes:
        id: its name; ids of later items sort behind.
        text: what it is.
        done: whether it is ticked off.
        added: when it was added, in ISO 8601.
    """

    id: str
    text: str
    done: bool = False
    added: str = ""


# Each item has a key of its own in the store, so that two who add or tick at once never undo each other.


@service.endpoint(examples=[{"name": "shopping", "text": "Milk"}])
async def add(context: Context, name: str, text: str) -> Item:
    """Add something to a list; the first thing makes the list.

    Wishes:
        put milk on the shopping list
        remember bread for the list food
        we need more coffee, note it on the list

    Wishes (es):
        falta leche, ponla en la lista comida

    Wishes (de):
        setz Milch auf die Einkaufsliste

    Args:
        name: the list's name, at most 60 characters.
        text: what to add, at most 1000 characters.
    """
    prefix = _prefix(name)
    if not 0 < len(text.strip()) <= TEXT_CHARACTERS_MAX:
        raise errors.BadRequest(f"text: expected 1 to {TEXT_CHARACTERS_MAX} characters, got {len(text.strip())}")
    if await context.store.read(prefix, table=NAMES) is None:
        if await context.store.list(limit=1, offset=LISTS_MAX - 1, table=NAMES):
            raise errors.TooManyRequests(f"you have {LISTS_MAX} lists, the most that are kept; drop one first")
        await context.store.write(prefix, b"", table=NAMES, keys_max=LISTS_MAX)
    if await context.store.list(prefix, limit=1, offset=ITEMS_MAX - 1, table=ITEMS):
        raise errors.TooManyRequests(f"{name} has {ITEMS_MAX} items, the most a list keeps; remove some first")
    item = Item(_new_id(), text.strip(), added=datetime.now(UTC).isoformat(timespec="milliseconds"))
    await _write(context, prefix, item)
    return item


@service.endpoint(idempotent=True, examples=[{"name": "shopping"}])
async def show(context: Context, name: str, open_only: bool = False) -> list[Item]:
    """Show a list, in the order in which things were added.

    Wishes:
        what is on my shopping list
        show the list food

    Wishes (es):
        qué hay en mi lista de la compra

    Wishes (de):
        zeig die Liste Essen

    Args:
        name: the list's name.
        open_only: whether to leave out what is done.
    """
    prefix = _prefix(name)
    if await context.store.read(prefix, table=NAMES) is None:
        raise errors.NotFound(f"you have no list {name!r}; `lists names` shows those you have")
    items = await _read_all(context, await context.store.list(prefix, limit=ITEMS_MAX, table=ITEMS))
    return [item for item in items if not (open_only and item.done)]


@service.endpoint(idempotent=True, examples=[{"name": "shopping", "id": "0198f2a1b3c4d5e6f7a8"}])
async def tick(context: Context, name: str, id: str, done: bool = True) -> Item:
    """Tick something off, or put it back.

    Wishes:
        the milk is bought, tick it off

    Args:
        name: the list's name.
        id: the item's id.
        done: whether it is done.
    """
    prefix = _prefix(name)
    kept = await context.store.read(prefix + id, table=ITEMS) if ID.fullmatch(id) else None
    if kept is None:
        raise errors.NotFound(f"there is no item {id[:40]!r} on {name!r}; `lists show` shows those there are")
    item = msgspec.json.decode(kept, type=Item)
    item.done = done
    await _write(context, prefix, item)
    return item


@service.endpoint(idempotent=True, examples=[{"name": "shopping", "id": "0198f2a1b3c4d5e6f7a8"}])
async def remove(context: Context, name: str, id: str) -> bool:
    """Take something off a list.

    Wishes:
        take item 3 off the list food

    Args:
        name: the list's name.
        id: the item's id.

    Returns:
        Whether it was there.
    """
    prefix = _prefix(name)
    return bool(ID.fullmatch(id)) and await context.store.delete(prefix + id, table=ITEMS)


@service.endpoint(idempotent=True, examples=[{"name": "shopping"}])
async def clear(context: Context, name: str) -> int:
    """Take everything off a list that is done.

    Wishes:
        remove what is done from the list food

    Args:
        name: the list's name.

    Returns:
        How much it was.
    """
    return await _delete(context, [_prefix(name) + item.id for item in await show(context, name) if item.done])


@service.endpoint(idempotent=True, examples=[{"name": "shopping"}])
async def drop(context: Context, name: str) -> bool:
    """Drop a list with all that is on it.

    Wishes:
        delete the whole list food
        I do not need the list food any more

    Args:
        name: the list's name.

    Returns:
        Whether it was there.
    """
    prefix = _prefix(name)
    # The name goes last: a call that was cut off in the middle can be made again.
    while keys := await context.store.list(prefix, limit=ITEMS_MAX, table=ITEMS):
        await _delete(context, keys)
    return bool(await context.store.delete(prefix, table=NAMES))


@service.endpoint(idempotent=True, examples=[{}])
async def names(context: Context) -> list[str]:
    """List the names of the lists there are.

    Wishes:
        which lists do I have
    """
    keys = await context.store.list(limit=LISTS_MAX, table=NAMES)
    return sorted(key.removesuffix("/").replace("%2F", "/").replace("%25", "%") for key in keys)


def _prefix(name: str) -> str:
    """Returns what the keys of a list begin with; no name is the beginning of another's."""
    plain = name.strip()
    if not 0 < len(plain) <= NAME_CHARACTERS_MAX or not plain.isprintable():
        raise errors.BadRequest(f"name: expected 1 to {NAME_CHARACTERS_MAX} printable characters, got {name[:80]!r}")
    return plain.replace("%", "%25").replace("/", "%2F") + "/"


async def _write(context: Context, prefix: str, item: Item) -> None:
    data = msgspec.json.encode(asdict(item))
    await context.store.write(prefix + item.id, data, table=ITEMS, keys_max=ITEMS_MAX, prefix=prefix)


async def _read_all(context: Context, keys: list[str]) -> list[Item]:
    """Reads items, some at once; one that was removed meanwhile is left out."""
    items: list[Item] = []
    for at in range(0, len(keys), TOGETHER):
        some = await asyncio.gather(*(context.store.read(key, table=ITEMS) for key in keys[at : at + TOGETHER]))
        items += [msgspec.json.decode(kept, type=Item) for kept in some if kept is not None]
    return items


async def _delete(context: Context, keys: list[str]) -> int:
    count = 0
    for at in range(0, len(keys), TOGETHER):
        count += sum(
            await asyncio.gather(*(context.store.delete(key, table=ITEMS) for key in keys[at : at + TOGETHER]))
        )
    return count


def _new_id() -> str:
    """Returns an id that sorts by time: 48 bits of milliseconds, then 32 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(4)}"


if __name__ == "__main__":
    service.run()
