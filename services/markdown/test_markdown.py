"""Markdown becomes HTML that is safe, text that reads well, and a table of contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import BadRequest, Fault

Call = Callable[..., Any]

PAGE = """# Hello *World*

A [link](https://micro.example "title") and ![a picture](cat.png).

## Hello World

* one
* two

| a | b |
| - | - |
| 1 | 2 |

```js
code()
```
"""


def test_markdown_becomes_html(call: Call) -> None:
    """Headings, lists, tables and code, as CommonMark and GitHub have them."""
    html = call("Markdown.Html", text=PAGE)["html"]

    assert "<h1>Hello <em>World</em></h1>" in html
    assert "<li>one</li>" in html
    assert "<td>2</td>" in html
    assert '<code class="language-js">code()\n</code>' in html
    assert '<img src="cat.png" alt="a picture">' in html
    assert '<a href="https://micro.example" title="title" rel="nofollow noopener noreferrer">link</a>' in html


def test_headings_get_anchors_and_lines_break_where_that_is_asked_for(call: Call) -> None:
    """Two of one name have two anchors, the same as in the table of contents."""
    html = call("Markdown.Html", text=PAGE, anchors=True)["html"]
    assert re.findall(r'id="([^"]*)"', html) == ["hello-world", "hello-world-1"]
    assert "<br>" in call("Markdown.Html", text="a\nb", breaks=True)["html"]
    assert "<br>" not in call("Markdown.Html", text="a\nb")["html"]
    assert "<a " in call("Markdown.Html", text="https://micro.example")["html"]
    assert "<a " not in call("Markdown.Html", text="https://micro.example", links=False)["html"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](java\\\nscript:alert(1))",
        "[x]( \x01javascript:alert(1))",
        "[x](vbscript:x)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](data:image/svg+xml,<svg onload=alert(1)>)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        '[x](https://a.b "\\" onmouseover=\\"alert(1)")',
        '```" onload="alert(1)\n```',
        '# " onload="alert(1)',
        "<!-- --><svg/onload=alert(1)>",
    ],
)
def test_html_runs_nothing(call: Call, text: str) -> None:
    """Tags are only those of Markdown, with none of a script's attributes, and links lead to harmless places."""
    html = call("Markdown.Html", text=text, anchors=True)["html"]

    for tag, attributes in re.findall(r"<(/?\w+)((?:\s+[\w-]+(?:=\"[^\"]*\")?)*)\s*/?>", html):
        assert tag.strip("/") in {"p", "a", "img", "h1", "code", "pre", "em", "br"}
        assert set(re.findall(r'([\w-]+)="', re.sub(r'="[^"]*"', '="', attributes))) <= {
            "href",
            "title",
            "rel",
            "src",
            "alt",
            "class",
            "id",
        }
    assert html.count("<") == len(re.findall(r"</?\w+(?:\s+[\w-]+=\"[^\"]*\")*>", html))
    assert not re.search(r'(href|src)="\s*(javascript|vbscript|data)', html, re.IGNORECASE)


def test_markdown_becomes_text(call: Call) -> None:
    """What a reader would read, a line for each block, and how many words that is."""
    found = call("Markdown.Text", text=PAGE)

    assert found["text"] == "Hello World\nA link and a picture.\nHello World\none\ntwo\na\tb\n1\t2\ncode()"
    assert found["words"] == 16


def test_headings_are_listed(call: Call) -> None:
    """With their levels, without their marks; one without letters has an anchor too."""
    assert call("Markdown.Contents", text=PAGE + "\n### 世界 & `x`\n\n#### !\n")["headings"] == [
        {"level": 1, "text": "Hello World", "anchor": "hello-world"},
        {"level": 2, "text": "Hello World", "anchor": "hello-world-1"},
        {"level": 3, "text": "世界 & x", "anchor": "世界-x"},
        {"level": 4, "text": "!", "anchor": "section"},
    ]


def test_links_are_listed(call: Call) -> None:
    """Links and images, also those that are meant by a name."""
    text = PAGE + "\n[**bold** one][ref] <https://c.example>\n\n[ref]: /there\n"
    assert call("Markdown.Links", text=text)["links"] == [
        {"address": "https://micro.example", "text": "link", "image": False},
        {"address": "cat.png", "text": "a picture", "image": True},
        {"address": "/there", "text": "bold one", "image": False},
        {"address": "https://c.example", "text": "https://c.example", "image": False},
    ]


@pytest.mark.parametrize("endpoint", ["Markdown.Html", "Markdown.Text", "Markdown.Contents", "Markdown.Links"])
def test_what_is_no_text_is_refused(call: Call, endpoint: str) -> None:
    """By every endpoint alike."""
    for fields, message in (({}, "text"), ({"text": 5}, "text"), ({"text": "x" * 200_001}, "at most 200000")):
        with pytest.raises(BadRequest, match=message):
            call(endpoint, **fields)
    assert call(endpoint, text="")


def test_an_option_is_yes_or_no(call: Call) -> None:
    """And one that is not there is refused."""
    with pytest.raises(BadRequest, match="breaks"):
        call("Markdown.Html", text="a", breaks="maybe")
    with pytest.raises(BadRequest, match="unsafe"):
        call("Markdown.Html", text="a", unsafe=True)


@pytest.mark.parametrize("text", ["[", "![", "> ", "*a ", "<!--", "- ", "`", "[a](", "http://"])
def test_hostile_texts_come_to_an_end(call: Call, text: str) -> None:
    """Marks that are never closed, thousands of them, inside each other."""
    assert call("Markdown.Html", text=text * 10_000)["html"]


def test_an_answer_that_would_be_too_large_is_refused(call: Call) -> None:
    """A short text may stand for much HTML."""
    with pytest.raises(Fault) as caught:
        call("Markdown.Html", text="[x]: /" + "a" * 2_000 + "\n\n" + "[x] " * 20_000)
    assert caught.value.code == 413
