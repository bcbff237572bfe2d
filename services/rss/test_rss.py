"""Feeds are read whatever they are written in, written so that they can be read, and hostile ones are harmless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest

pytest.importorskip("defusedxml", reason="`micro run` installs it beside the service; here it is not installed")

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

RSS = """<?xml version="1.0" encoding="iso-8859-1"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:media="http://search.yahoo.com/mrss/">
 <channel>
  <title>Ann&#39;s &lt;b&gt;notes&lt;/b&gt;</title><link>/home</link><description>On snow</description>
  <language>en</language><pubDate>Sat, 31 Jan 2026 12:00:00 GMT</pubDate>
  <!-- a comment -->
  <item>
   <media:title>not this</media:title>
   <title>Snow &amp;amp; ice</title><link>snow?a=1&amp;b=2</link><guid isPermaLink="false">7</guid>
   <description>short</description>
   <content:encoded><![CDATA[<p>It <b>snowed</b>.</p><script>x()</script>]]></content:encoded>
   <dc:creator>Ann</dc:creator><pubDate>Sat, 31 Jan 2026 13:00:00 +0100</pubDate>
   <category>weather</category><category> </category><category>snow</category>
   <enclosure url="https://ann.example/snow.mp3" type="audio/mpeg" length="1234"/>
  </item>
  <item><title>Second</title><guid>https://ann.example/2</guid><pubDate>whenever</pubDate></item>
 </channel>
</rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">
 <title type="text">Anns &lt;Notizen&gt;</title><subtitle>Vom Schnee</subtitle>
 <link rel="self" href="https://ann.example/feed"/><link href="https://ann.example/"/>
 <updated>2026-01-31T12:00:00Z</updated>
 <entry>
  <title type="html">Schnee &amp;amp; &lt;i&gt;Eis&lt;/i&gt;</title>
  <link rel="enclosure" href="https://ann.example/a.mp3" type="audio/mpeg"/><link href="https://ann.example/snow"/>
  <id>urn:1</id><author><name>Ann</name><email>a@ann.example</email></author>
  <published>2026-01-31T13:00:00+01:00</published><updated>2026-01-31T12:30:00Z</updated>
  <category term="weather"/>
  <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It <b>snowed</b>.</p></div></content>
 </entry>
</feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
 <channel rdf:about="https://ann.example/"><title>Ann</title><link>https://ann.example/</link></channel>
 <item rdf:about="https://ann.example/1"><title>One</title><dc:date>2026-01-31</dc:date></item>
</rdf:RDF>"""


def test_rss_is_read(main: ModuleType) -> None:
    """With all that is told, in plain text and in time zones; what is not whole is made so."""
    feed = main.read(RSS, "https://ann.example/feed.xml")
    first, second = feed.entries

    assert (feed.type, feed.title, feed.address) == ("rss", "Ann's notes", "https://ann.example/home")
    assert (feed.description, feed.language, feed.updated) == ("On snow", "en", NOON)
    assert (first.title, first.address, first.id) == ("Snow & ice", "https://ann.example/snow?a=1&b=2", "7")
    assert (first.author, first.published, first.categories) == ("Ann", NOON, ["weather", "snow"])
    assert (first.text, "<b>snowed</b>" in first.html) == ("It snowed . x()", True)
    assert first.enclosures == [main.Enclosure("https://ann.example/snow.mp3", "audio/mpeg", 1234)]
    assert (second.address, second.id, second.published) == ("https://ann.example/2", "https://ann.example/2", None)


def test_atom_is_read(main: ModuleType) -> None:
    """Of which texts say themselves what they are written in."""
    feed = main.read(ATOM)
    (entry,) = feed.entries

    assert (feed.type, feed.title, feed.address) == ("atom", "Anns <Notizen>", "https://ann.example/")
    assert (feed.description, feed.language, feed.updated) == ("Vom Schnee", "de", NOON)
    assert (entry.title, entry.address, entry.id) == ("Schnee & Eis", "https://ann.example/snow", "urn:1")
    assert (entry.author, entry.published, entry.updated) == ("Ann", NOON, NOON + timedelta(minutes=30))
    assert (entry.text, entry.html) == ("It snowed .", "<div><p>It <b>snowed</b>.</p></div>")
    assert (entry.categories, entry.enclosures[0].address) == (["weather"], "https://ann.example/a.mp3")


def test_old_rss_is_read(main: ModuleType) -> None:
    """Where items stand beside the channel."""
    feed = main.read(RDF)

    assert (feed.title, [(entry.title, entry.id) for entry in feed.entries]) == (
        "Ann",
        [("One", "https://ann.example/1")],
    )
    assert feed.entries[0].published == datetime(2026, 1, 31, tzinfo=UTC)


def test_only_the_first_entries_are_given(main: ModuleType) -> None:
    """As many as were asked for."""
    assert [entry.title for entry in main.read(RSS, limit=1).entries] == ["Snow & ice"]


@pytest.mark.parametrize("link", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "http://["])
def test_a_dangerous_address_is_left_out(main: ModuleType, link: str) -> None:
    """A reader might run what it says."""
    feed = main.read(RSS.replace("snow?a=1&amp;b=2", link), "https://ann.example/")

    assert feed.entries[0].address == ""


@pytest.mark.parametrize("kind", ["rss", "atom"])
@pytest.mark.parametrize("feed_address", ["", "https://ann.example/feed"])
def test_what_was_written_is_read(main: ModuleType, kind: str, feed_address: str) -> None:
    """The same, with whatever characters in it."""
    entries = [
        main.Entry(
            title="Snow & <ice> \x00\ufffe🚀",
            address="https://ann.example/snow?a=1&b=2",
            id="urn:7",
            author="Ann <b>",
            published=datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1))),
            html='<p title="x">It <b>snowed</b> &amp; so on</p>',
            categories=["a & b", "c"],
            enclosures=[main.Enclosure("https://ann.example/a.mp3", "audio/mpeg", 9)],
        ),
        main.Entry(
            text="1 < 2 & 3",
            address="https://ann.example/2",
            published=datetime(2026, 1, 30, tzinfo=UTC).replace(tzinfo=None),
        ),
    ]
    text = main.write("Ann's & co", "https://ann.example/", entries, "On snow", kind, "en", feed_address)
    feed = main.read(text)
    first, second = feed.entries

    assert (feed.type, feed.title, feed.address) == (kind, "Ann's & co", "https://ann.example/")
    assert (feed.description, feed.language, feed.updated) == ("On snow", "en", NOON)
    assert first.title in ("Snow & 🚀", "Snow & <ice> 🚀")  # RSS cannot say whether a title has markup
    assert first.html == entries[0].html
    for name in ("address", "id", "published", "categories", "enclosures"):
        assert getattr(first, name) == getattr(entries[0], name)
    assert (second.text, second.published) == ("1 < 2 & 3", datetime(2026, 1, 30, tzinfo=UTC))
    assert second.id == "https://ann.example/2"


def test_an_id_is_no_address(main: ModuleType) -> None:
    """Though it may look like one."""
    for kind in ("rss", "atom"):
        text = main.write("t", "https://a.example", [main.Entry(title="x", id="https://id.example/7")], type=kind)
        (entry,) = main.read(text).entries
        assert (entry.id, entry.address) == ("https://id.example/7", "")


def test_an_empty_feed_is_written(main: ModuleType) -> None:
    """It may have no entries yet."""
    for kind in ("rss", "atom"):
        assert main.read(main.write("t", "https://a.example", [], type=kind)).entries == []


LAUGHS = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
HOSTILE = {
    "laughs": f'<!DOCTYPE l [<!ENTITY a "ha">{LAUGHS}]><rss><channel><title>&j;</title></channel></rss>',
    "a file": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><title>&x;</title></channel></rss>',
    "an address": '<!DOCTYPE r SYSTEM "http://x.example/x.dtd"><rss><channel><title>x</title></channel></rss>',
    "a parameter": '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://x.example/x"> %x;]><rss><channel/></rss>',
    "a cave": "<rss><channel>" + "<a>" * 50_000 + "</a>" * 50_000 + "</channel></rss>",
    "half a feed": RSS[:-40],
    "no feed": "<html><body/></html>",
    "no channel": "<rss/>",
    "no XML": "hello",
    "json": '{"version": "1"}',
    "an entity": "<rss><channel><title>a&nbsp;b</title></channel></rss>",
    "nothing": "",
    "a surrogate": "<rss><channel><title>\ud800</title></channel></rss>",
    "too much": "x" * 1_000_001,
}


@pytest.mark.parametrize("feed", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_hostile_or_no_feed_is_refused(main: ModuleType, feed: str) -> None:
    """The fault says what is wrong with it."""
    with pytest.raises(BadRequest, match=r"^feed: "):
        main.read(feed)


def test_a_large_feed_of_nothing_is_harmless(main: ModuleType) -> None:
    """Patterns that take some readers hours are read like any other."""
    inner = [
        "<description>" + "&lt;" * 150_000 + "</description>",
        f"<description><![CDATA[<p style='{'a' * 800_000}'>]]></description>",
        f"<author>{'a.' * 400_000}</author>",
        f"<pubDate>{'1' * 800_000}</pubDate>",
        "<category>x</category>" * 30_000,
        "<title>" + "&#38;amp" * 100_000 + "</title>",
    ]
    for some in inner:
        (entry,) = main.read(f"<rss><channel><title>t</title><item>{some}</item></channel></rss>").entries
        assert len(entry.html) <= main.HTML_CHARACTERS_MAX
        assert len(entry.title) <= main.LINE_CHARACTERS_MAX
        assert len(entry.categories) <= main.CATEGORIES_MAX


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"title": " "}, "title"),
        ({"address": ""}, "address"),
        ({"entries": [{}]}, "entries"),
        ({"entries": [{"title": "x"}] * 501}, "entries"),
    ],
)
def test_what_is_written_is_bounded(main: ModuleType, fields: dict[str, Any], name: str) -> None:
    """The fault names the field."""
    asked = {"title": "t", "address": "https://a.example", "entries": []} | fields
    asked["entries"] = [main.Entry(**entry) for entry in asked["entries"]]
    with pytest.raises(BadRequest, match=rf"^{name}: "):
        main.write(**asked)


@pytest.mark.parametrize("limit", [0, 501])
def test_a_page_is_bounded(main: ModuleType, limit: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="limit: expected"):
        main.read(RSS, limit=limit)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
