"""Reads and writes feeds: RSS and Atom, from text and into text. It fetches nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # it writes; what is read goes through defusedxml
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from html import unescape
from typing import Literal
from urllib.parse import urljoin, urlsplit

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from micro import Service, errors

FEED_CHARACTERS_MAX = 1_000_000
DEPTH_MAX = 60  # elements within each other
ENTRIES_MAX = 500
HTML_CHARACTERS_MAX = 50_000
"""Longer ones are cut."""

LINE_CHARACTERS_MAX = 1000
CATEGORIES_MAX = 30

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
CORE = "http://purl.org/dc/elements/1.1/"
OURS = ("", ATOM, "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/")
"""Where elements are looked for; those of other extensions mean something else, whatever they are called."""

SCHEMES = ("http", "https", "ftp", "mailto", "magnet")
"""Addresses of other kinds are left out: a reader might run what they say."""

NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAG = re.compile(r"<[^<>]*>")

service = Service(
    "rss",
    version="1.0.0",
    description="Reads and writes feeds, RSS and Atom, from text and into text; safe with hostile ones.",
    metadata={"tags": "rss, atom, feed, news, podcast, xml"},
)


@dataclass
class Enclosure:
    """A file that belongs to an entry, such as the sound of a podcast.

    Attributes:
        address: where it is.
        type: what it is, such as audio/mpeg.
        size: in bytes, 0 where it is not told.
    """

    address: str
    type: str = ""
    size: int = 0


@dataclass
class Entry:
    """An entry of a feed.

    Attributes:
        title: its title, without markup.
        address: where it leads.
        id: what stays the same when it is changed.
        author: who wrote it.
        published: when it was first published.
        updated: when it was last changed.
        text: its summary or content, without markup.
        html: the same as its author wrote it: never show it without cleaning it first.
        categories: words that it is filed under.
        enclosures: files that belong to it.
    """

    title: str = ""
    address: str = ""
    id: str = ""
    author: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    text: str = ""
    html: str = ""
    categories: list[str] = field(default_factory=list)
    enclosures: list[Enclosure] = field(default_factory=list)


@dataclass
class Feed:
    """A feed.

    Attributes:
        type: rss or atom.
        title: its title, without markup.
        address: the site that it is of.
        description: what it is about, without markup.
        language: such as en or de-AT.
        updated: when it was last changed.
        entries: what is in it, in its own order.
    """

    type: Literal["rss", "atom"]
    title: str
    address: str = ""
    description: str = ""
    language: str = ""
    updated: datetime | None = None
    entries: list[Entry] = field(default_factory=list)


EXAMPLE = "<rss version='2.0'><channel><title>News</title><item><title>Snow</title></item></channel></rss>"


@service.endpoint(idempotent=True, examples=[{"feed": EXAMPLE}])
def read(feed: str, address: str = "", limit: int = 100) -> Feed:
    """Read a feed: RSS 2.0, 1.0 or 0.9, or Atom.

    Wishes:
        what is in this feed
        read this news feed

    Wishes (es):
        qué noticias trae este feed

    Wishes (de):
        was steht in diesem Feed

    Args:
        feed: its text, at most a million characters.
        address: where it came from, so that addresses in it that are not whole can be made so.
        limit: how many entries at most, the first ones, up to 500.
    """
    if not 1 <= limit <= ENTRIES_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {ENTRIES_MAX}, got {limit}")
    root = _parsed(feed)
    space, name = _name(root)
    if (space, name) == (ATOM, "feed"):
        head, items = root, _children(root, "entry")
    elif name.lower() in ("rss", "rdf") and (channel := _first(root, "channel")) is not None:
        # In RSS 1.0 the items stand beside the channel, in 2.0 within it.
        head, items = channel, [*_children(channel, "item"), *_children(root, "item")]
    else:
        raise errors.BadRequest(f"feed: expected RSS or Atom, got a document of {name[:40]!r}")
    return Feed(
        type="atom" if space == ATOM else "rss",
        title=_line(head, "title"),
        address=_address(head, address),
        description=_line(head, "description", "subtitle", "tagline"),
        language=(_line(head, "language") or head.get("{http://www.w3.org/XML/1998/namespace}lang", ""))[:40],
        updated=_date(head, "updated", "lastBuildDate", "pubDate", "date"),
        entries=[_entry(item, address) for item in items[:limit]],
    )


@service.endpoint(
    idempotent=True,
    examples=[
        {
            "title": "Ann's notes",
            "address": "https://ann.example/",
            "entries": [{"title": "Snow", "address": "https://ann.example/snow", "published": "2026-01-31T12:00:00Z"}],
        }
    ],
)
def write(
    title: str,
    address: str,
    entries: list[Entry],
    description: str = "",
    type: Literal["rss", "atom"] = "rss",
    language: str = "",
    feed_address: str = "",
) -> str:
    """Write a feed.

    Wishes:
        make a feed of my posts

    Args:
        title: the feed's title.
        address: the site that it is of.
        entries: what is in it, the newest first; each needs a title or a text.
        description: what it is about.
        type: rss, which every reader reads, or atom.
        language: such as en or de-AT.
        feed_address: where the feed itself will be.

    Returns:
        The feed's text, as UTF-8 should be saved and served: application/rss+xml or application/atom+xml.
    """
    for name, value in (("title", title), ("address", address)):
        if not value.strip():
            raise errors.BadRequest(f"{name}: expected some text")
    if len(entries) > ENTRIES_MAX:
        raise errors.BadRequest(f"entries: expected at most {ENTRIES_MAX}, got {len(entries)}")
    for number, entry in enumerate(entries):
        if not (entry.title.strip() or entry.text.strip() or entry.html.strip()):
            raise errors.BadRequest(f"entries: number {number} has neither title nor text")
    latest = max((_zoned(date) for one in entries if (date := one.updated or one.published)), default=None)
    feed = Feed(type, title, address, description or title, language, latest, entries)
    root = _atom(feed, feed_address) if type == "atom" else _rss(feed, feed_address)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _parsed(feed: str) -> ET.Element:
    """Returns the root of a document that declares nothing, so that nothing in it can grow or reach out.

    Raises:
        BadRequest: it is no XML, or more than plain XML; the detail says where.
    """
    if not 0 < len(feed) <= FEED_CHARACTERS_MAX:
        raise errors.BadRequest(f"feed: expected 1 to {FEED_CHARACTERS_MAX:,} characters, got {len(feed):,}")
    try:
        root: ET.Element = fromstring(feed.lstrip("\ufeff \t\r\n"), forbid_dtd=True)
    except DefusedXmlException:
        raise errors.BadRequest("feed: expected XML without <!DOCTYPE and entities of its own; take it out") from None
    except (ET.ParseError, ValueError) as error:
        raise errors.BadRequest(f"feed: it is no XML: {str(error)[:100]}") from None
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise errors.BadRequest(f"feed: its elements are more than {DEPTH_MAX} deep")
        level = [child for element in level for child in element]
    return root


def _name(element: ET.Element) -> tuple[str, str]:
    """Returns an element's namespace and its name in it."""
    space, brace, name = str(element.tag).rpartition("}")
    return space.removeprefix("{") if brace else "", name


def _children(element: ET.Element, *names: str) -> list[ET.Element]:
    """Returns the children that are called so, in the order of the names; namespaces as in `OURS`, or as named."""
    found = []
    for wanted in names:
        space, _, name = wanted.rpartition("}")
        spaces = (space,) if space else (*OURS, CORE)
        found += [child for child in element if (own := _name(child))[1] == name and own[0] in spaces]
    return found


def _first(element: ET.Element, *names: str) -> ET.Element | None:
    return next(iter(_children(element, *names)), None)


def _html(element: ET.Element | None) -> str:
    """Returns the content of an element as HTML, whichever way it is written down."""
    if element is None:
        return ""
    kind = element.get("type", "html")
    if kind == "xhtml":
        for inner in element.iter():
            inner.tag = _name(inner)[1]
        return "".join(ET.tostring(child, encoding="unicode", method="html") for child in element)
    text = "".join(element.itertext())
    plain = kind in ("text", "text/plain") or (kind == "html" and _name(element)[0] == ATOM and not element.get("type"))
    return _quoted(text) if plain else text


def _plain(html: str) -> str:
    """Returns HTML without its markup, on one line."""
    return " ".join(unescape(TAG.sub(" ", html)).split())


def _line(element: ET.Element, *names: str) -> str:
    return _plain(_html(_first(element, *names))[: 4 * LINE_CHARACTERS_MAX])[:LINE_CHARACTERS_MAX]


def _date(element: ET.Element, *names: str) -> datetime | None:
    """Returns the first date that can be read, as RFC 3339 or RFC 822 write it."""
    for found in _children(element, *names):
        text = "".join(found.itertext()).strip()[:60]
        for read_date in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                date = read_date(text)
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
            return _zoned(date)
    return None


def _whole(link: str, base: str) -> str:
    """Returns an address as a whole, or nothing where it is no address of a kind that is safe to follow."""
    try:
        whole = urljoin(base, link.strip())[: 2 * LINE_CHARACTERS_MAX]
        scheme = urlsplit(whole).scheme.lower()
    except ValueError:
        return ""
    return whole if scheme in SCHEMES or not (scheme or ":" in whole) else ""


def _address(element: ET.Element, base: str) -> str:
    links = _children(element, "link")
    chosen = next((one for one in links if one.get("rel", "alternate") == "alternate"), None)
    if chosen is not None:
        return _whole(chosen.get("href") or "".join(chosen.itertext()), base)
    guid = _first(element, "guid")
    return _whole(guid.text or "", base) if guid is not None and guid.get("isPermaLink", "true") == "true" else ""


def _entry(item: ET.Element, base: str) -> Entry:
    html = _html(_first(item, f"{CONTENT}}}encoded", "content", "description", "summary"))[:HTML_CHARACTERS_MAX]
    author = _first(item, "author")
    name = None if author is None else _first(author, "name")
    address = _address(item, base)
    categories = [one.get("term") or "".join(one.itertext()) for one in _children(item, "category", "subject")]
    return Entry(
        title=_line(item, "title"),
        address=address,
        id=_line(item, "guid", "id") or item.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about", "") or address,
        author=_line(item, "author", "creator")
        if name is None
        else _plain("".join(name.itertext())[:LINE_CHARACTERS_MAX]),
        published=_date(item, "pubDate", "published", "date", "issued"),
        updated=_date(item, "updated", "modified"),
        text=_plain(html),
        html=html,
        categories=[one.strip()[:100] for one in categories if one.strip()][:CATEGORIES_MAX],
        enclosures=list(_enclosures(item, base))[:CATEGORIES_MAX],
    )


def _enclosures(item: ET.Element, base: str) -> Iterator[Enclosure]:
    for one in _children(item, "enclosure", "link"):
        if _name(one)[1] == "enclosure" or one.get("rel") == "enclosure":
            length = one.get("length", "")
            size = int(length) if re.fullmatch(r"[0-9]{1,15}", length) else 0
            if address := _whole(one.get("url") or one.get("href") or "", base):
                yield Enclosure(address, one.get("type", "")[:100], size)


def _put(parent: ET.Element, name: str, text: str = "", **attributes: str) -> None:
    """Adds an element where there is something to say; what XML cannot hold is left out."""
    if text or any(attributes.values()):
        made = ET.SubElement(parent, name, {key: NO_XML.sub("", value) for key, value in attributes.items() if value})
        made.text = NO_XML.sub("", text) or None


def _rss(feed: Feed, feed_address: str) -> ET.Element:
    """RSS 2.0, as the RSS Advisory Board describes it; its own `author` is a mail address, so that is Dublin Core's."""
    root = ET.Element("rss", {"version": "2.0", "xmlns:atom": ATOM, "xmlns:dc": CORE})
    channel = ET.SubElement(root, "channel")
    _put(channel, "title", feed.title)
    _put(channel, "link", feed.address)
    _put(channel, "description", feed.description)
    _put(channel, "language", feed.language)
    _put(channel, "atom:link", href=feed_address, rel="self" if feed_address else "")
    _put(channel, "lastBuildDate", format_datetime(feed.updated) if feed.updated else "")
    for entry in feed.entries:
        item = ET.SubElement(channel, "item")
        date = entry.published or entry.updated
        _put(item, "title", entry.title)
        _put(item, "link", entry.address)
        _put(
            item, "guid", entry.id or entry.address, isPermaLink="false" if entry.id not in ("", entry.address) else ""
        )
        _put(item, "dc:creator", entry.author)
        _put(item, "pubDate", format_datetime(_zoned(date)) if date else "")
        _put(item, "description", entry.html or _quoted(entry.text))
        for category in entry.categories:
            _put(item, "category", category)
        for one in entry.enclosures:
            _put(item, "enclosure", url=one.address, type=one.type or "application/octet-stream", length=str(one.size))
    return root


def _atom(feed: Feed, feed_address: str) -> ET.Element:
    """Atom, RFC 4287. Ids and dates that it wants and nobody gave are made from what there is."""
    root = ET.Element("feed", {"xmlns": ATOM} | ({"xml:lang": feed.language} if feed.language else {}))
    latest = feed.updated or datetime.now(UTC)
    _put(root, "title", feed.title)
    _put(root, "subtitle", feed.description)
    _put(root, "id", feed_address or feed.address)
    _put(root, "link", href=feed.address)
    _put(root, "link", href=feed_address, rel="self" if feed_address else "")
    _put(root, "updated", latest.isoformat())
    _put(ET.SubElement(root, "author"), "name", feed.title)
    for number, entry in enumerate(feed.entries):
        item = ET.SubElement(root, "entry")
        _put(item, "title", entry.title or entry.text[:100] or "-")
        _put(item, "id", entry.id or entry.address or f"{feed_address or feed.address}#{number}")
        _put(item, "link", href=entry.address)
        _put(item, "updated", _zoned(entry.updated or entry.published or latest).isoformat())
        _put(item, "published", _zoned(entry.published).isoformat() if entry.published else "")
        if entry.author:
            _put(ET.SubElement(item, "author"), "name", entry.author)
        _put(item, "content", entry.html or _quoted(entry.text), type="html" if entry.html or entry.text else "")
        for category in entry.categories:
            _put(item, "category", term=category)
        for one in entry.enclosures:
            _put(item, "link", rel="enclosure", href=one.address, type=one.type, length=str(one.size))
    return root


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _zoned(date: datetime) -> datetime:
    return date if date.tzinfo else date.replace(tzinfo=UTC)


if __name__ == "__main__":
    service.run()
