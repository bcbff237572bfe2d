"""The tools do what their RFCs say, and a document that would be too much for them is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound

Call = Callable[..., Any]

RFC_6901 = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}
"""The example of section 5."""

STORE = {
    "store": {
        "book": [
            {"category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553", "price": 8.99},
            {"category": "fiction", "author": "J. R. R. Tolkien", "title": "Rings", "isbn": "0-395", "price": 22.99},
        ],
        "bicycle": {"color": "red", "price": 399},
    }
}
"""The example of RFC 9535, section 1.5, with shorter titles."""


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC_6901),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_a_pointer_points(call: Call, pointer: str, value: Any) -> None:
    """As RFC 6901 shows it."""
    assert call("Json.Get", document=RFC_6901, pointer=pointer)["value"] == value


def test_a_pointer_to_nothing_says_where_the_way_ends(call: Call) -> None:
    """And what is there instead."""
    with pytest.raises(NotFound, match='/foo is a list of 2, and "2" is none of its places'):
        call("Json.Get", document=RFC_6901, pointer="/foo/2")
    with pytest.raises(NotFound, match='the document has no "c"; it has a, b'):
        call("Json.Get", document={"a": 1, "b": 2}, pointer="/c/d")
    with pytest.raises(NotFound, match="none of its places"):
        call("Json.Get", document=[1, 2], pointer="/01")
    with pytest.raises(BadRequest, match="is no pointer"):
        call("Json.Get", document={}, pointer="a")


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("$", [""]),
        ("$.store.book[*].author", [f"/store/book/{at}/author" for at in range(4)]),
        ("$..author", [f"/store/book/{at}/author" for at in range(4)]),
        ("$.store.*", ["/store/book", "/store/bicycle"]),
        ("$..book[2]", ["/store/book/2"]),
        ("$..book[-1]", ["/store/book/3"]),
        ("$..book[0,1]", ["/store/book/0", "/store/book/1"]),
        ("$..book[:2]", ["/store/book/0", "/store/book/1"]),
        ("$..book[::-2]", ["/store/book/3", "/store/book/1"]),
        ("$..book[5:]", []),
        ("$..book[?@.isbn]", ["/store/book/2", "/store/book/3"]),
        ("$..book[?@.price < 10 && @.category == 'fiction'].title", ["/store/book/2/title"]),
        ('$["store"]["bicycle"]["color"]', ["/store/bicycle/color"]),
        ("$.store.book[?!(@.isbn) || @.price > 20].price", [f"/store/book/{at}/price" for at in (0, 1, 3)]),
        ("$..[?@.price == $.store.book[0].price]", ["/store/book/0"]),
    ],
)
def test_a_path_selects(call: Call, path: str, pointers: list[str]) -> None:
    """As RFC 9535 shows it."""
    found = call("Json.Query", document=STORE, path=path)

    assert [one["pointer"] for one in found["matches"]] == pointers
    assert found["count"] == len(pointers)


@pytest.mark.parametrize(
    "path",
    ["", "store", "$.", "$[", "$['a", "$[?@.a == ]", "$[?length(@) > 1]", "$[?(@.a]", "$.a b", "$[?@.a]]", "$[1.5]"],
)
def test_a_path_that_is_none_is_refused(call: Call, path: str) -> None:
    """With the place where it goes wrong."""
    with pytest.raises(BadRequest, match="path: "):
        call("Json.Query", document=STORE, path=path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1, "b": {"c": [1, 2, 3]}}, {"b": {"c": [1, 3], "d": None}, "e": "x"}),
        ([1, 2, 3, 4], [0, 1, 2, 4, 5]),
        ([], [[], {}]),
        ({"a/b": 1, "m~n": 2}, {"a/b": 2}),
        (1, {"whole": "other"}),
        ([{"id": 1, "n": "x"}, {"id": 2}], [{"id": 1, "n": "y"}, {"id": 2}]),
        (None, [None]),
    ],
)
def test_a_difference_is_a_patch(call: Call, before: Any, after: Any) -> None:
    """Whoever applies it has the other document."""
    found = call("Json.Diff", before=before, after=after)

    assert not found["equal"]
    assert call("Json.Patch", document=before, patch=found["patch"])["document"] == after


def test_equal_documents_have_no_difference(call: Call) -> None:
    """Members in any order, and 1.0 is 1; large whole numbers are compared by all their digits."""
    assert call("Json.Diff", before={"a": 1, "b": 1.0}, after={"b": 1, "a": 1})["equal"]
    assert not call("Json.Diff", before=2**53, after=2**53 + 1)["equal"]


def test_a_patch_does_each_of_its_operations(call: Call) -> None:
    """Add, remove, replace, move, copy and test, as RFC 6902 shows them."""
    patch = [
        {"op": "test", "path": "/a", "value": [1, 2]},
        {"op": "add", "path": "/a/1", "value": "between"},
        {"op": "add", "path": "/a/-", "value": "end"},
        {"op": "copy", "from": "/a/0", "path": "/b"},
        {"op": "move", "from": "/a", "path": "/c"},
        {"op": "replace", "path": "/b", "value": {"x": 1}},
        {"op": "remove", "path": "/c/0"},
    ]

    assert call("Json.Patch", document={"a": [1, 2]}, patch=patch)["document"] == {
        "b": {"x": 1},
        "c": ["between", 2, "end"],
    }


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "test", "path": "/a", "value": 2}, "does not hold that value"),
        ({"op": "remove", "path": "/b"}, "nothing is at"),
        ({"op": "remove", "path": ""}, "cannot be removed"),
        ({"op": "replace", "path": "/b", "value": 1}, "nothing is at"),
        ({"op": "add", "path": "/a/b", "value": 1}, "inside a number"),
        ({"op": "add", "path": "/l/2", "value": 1}, "no place in a list of 1"),
        ({"op": "move", "from": "/l", "path": "/l/0"}, "into itself"),
        ({"op": "destroy", "path": "/a"}, "is no operation"),
        ({"op": "add", "path": "/a"}, "says no value"),
        ({"op": "add", "value": 1}, "says no path"),
    ],
)
def test_a_patch_that_cannot_be_applied_is_refused(call: Call, operation: dict[str, Any], message: str) -> None:
    """The operation is named by its place."""
    patch = [{"op": "add", "path": "/n", "value": 1}, operation]
    with pytest.raises(BadRequest, match=rf"patch\[1\]: .*{message}"):
        call("Json.Patch", document={"a": 1, "l": [1]}, patch=patch)


def test_a_merge_patch_merges(call: Call) -> None:
    """The example of RFC 7396, section 3."""
    document = {"title": "Goodbye!", "author": {"given": "John", "family": "Doe"}, "tags": ["a", "b"], "content": "x"}
    patch = {"title": "Hello!", "phone": "+01", "author": {"family": None}, "tags": ["a"]}

    assert call("Json.Merge", document=document, patch=patch)["document"] == {
        "title": "Hello!",
        "author": {"given": "John"},
        "tags": ["a"],
        "content": "x",
        "phone": "+01",
    }
    assert call("Json.Merge", document=[1], patch={"a": {"b": None}})["document"] == {"a": {}}


def test_json_is_written_anew(call: Call) -> None:
    """Numbers keep every digit, members their order unless they are to be sorted."""
    text = '{"b": 1.50, "a": [12345678901234567890, "\\u00e9\\ud83d\\ude00", {}, []]}'

    assert call("Json.Format", text=text, indent=0)["text"] == '{"b":1.50,"a":[12345678901234567890,"é😀",{},[]]}'
    assert call("Json.Format", text='{"b":1,"a":[2]}', sort=True)["text"] == '{\n  "a": [\n    2\n  ],\n  "b": 1\n}'


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"a": 1,}', 1, 9),
        ('{\n  "a": tru\n}', 2, 8),
        ("[1, 2", 1, 6),
        ('{"é": 01}', 1, 8),
        ('"\\x"', 1, 2),
        ('"\\ud800"', 1, 8),
        ("", 1, 1),
        ("1 2", 1, 3),
        ("\ufeff1", 1, 1),
        ('"a\tb"', 1, 3),
        ("[" * 5_000, 1, 130),
        ("NaN", 1, 1),
    ],
)
def test_what_is_no_json_is_shown_where_it_goes_wrong(call: Call, text: str, line: int, column: int) -> None:
    """By line and column, and in words."""
    found = call("Json.Check", text=text)

    assert (found["valid"], found["line"], found["column"]) == (False, line, column)
    assert found["detail"]
    with pytest.raises(BadRequest, match=f"text: line {line}, column {column}"):
        call("Json.Format", text=text)


def test_members_that_are_there_twice_are_named(call: Call) -> None:
    """It is JSON all the same."""
    found = call("Json.Check", text='{"a": [{"b/c": 1, "b/c": 2}], "x": 1, "x": 2}')
    assert (found["valid"], found["type"], found["repeated"]) == (True, "object", ["/a/0/b~1c", "/x"])


SCHEMA = {
    "type": "object",
    "required": ["name", "age"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "maxItems": 2},
        "next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]},
    },
}


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({"name": "Ann", "age": 31, "tags": ["a", "b"], "next": {"name": "Bob", "age": 1.0}}, []),
        ({"name": "", "age": 150}, ["/name", "/age"]),
        ({"name": "Ann"}, [""]),
        ({"name": "Ann", "age": 1.5}, ["/age"]),
        ({"name": "Ann", "age": 1, "more": 1}, ["/more"]),
        ({"name": "Ann", "age": 1, "tags": ["a", "a", "c"]}, ["/tags", "/tags/2", "/tags"]),
        ({"name": "Ann", "age": 1, "next": {"name": 5}}, ["/next"]),
        ([], [""]),
    ],
)
def test_a_document_is_checked_by_a_schema(call: Call, document: Any, pointers: list[str]) -> None:
    """Everything that is wrong is listed, with its place."""
    found = call("Json.Validate", document=document, schema=SCHEMA)

    assert [one["pointer"] for one in found["problems"]] == pointers
    assert found["valid"] is (not pointers)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"pattern": "^a"}, "not checked here"),
        ({"$ref": "https://example.com/schema"}, "only places in the schema itself"),
        ({"$ref": "#/nowhere"}, "nothing is at"),
        ({"$ref": "#"}, "without an end"),
        ({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, "without an end"),
        ({"type": "text"}, "is no type"),
        ({"minimum": "1"}, "expected a number"),
        (5, "expected an object"),
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused(call: Call, schema: Any, message: str) -> None:
    """Nothing is called valid that was not looked at."""
    with pytest.raises(BadRequest, match=message):
        call("Json.Validate", document=1, schema=schema)


def test_copies_of_copies_come_to_an_end(call: Call) -> None:
    """Each operation would double the document."""
    doubling = [{"op": "copy", "from": "", "path": f"/{number}"} for number in range(60)]
    with pytest.raises(BadRequest, match=r"moves more than|inside each other"):
        call("Json.Patch", document={"a": "x" * 1_000}, patch=doubling)


def test_a_path_that_takes_too_long_is_ended(call: Call) -> None:
    """Filters in filters, over everything below everything."""
    deep: list[Any] = [0]
    for _ in range(26):
        deep = [deep, 0, 0, 0]
    with pytest.raises(BadRequest, match="takes more than 3000000 steps"):
        call("Json.Query", document=deep, path="$..[?@..[?@..[?@..[?@..[?@..[?@ == 1]]]]]]")
    with pytest.raises(BadRequest, match="more than 10000 values match"):
        call("Json.Query", document=[[0] * 200] * 60, path="$..*")


def test_large_documents_are_done_in_time(call: Call) -> None:
    """A hundred thousand members, and texts of half a million letters."""
    many = {f"member{number}": number for number in range(40_000)}
    assert call("Json.Diff", before=many, after={**many, "member7": "x"})["patch"] == [
        {"op": "replace", "path": "/member7", "value": "x"}
    ]
    text = json.dumps(["é" * 250_000])
    assert call("Json.Check", text=text)["valid"]
