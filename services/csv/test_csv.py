"""Tables are read as they are written, and a table that is none says where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import BadRequest, Fault, NotFound

Call = Callable[..., Any]

PEOPLE = 'name,age,city\nAnn,31,Rome\n"Bob, Jr.",7,Oslo\nCleo,,"New\nYork"\n'


def test_rows_are_objects(call: Call) -> None:
    """Quoted fields hold delimiters and line breaks, and everything is text."""
    found = call("Csv.Parse", text=PEOPLE)

    assert found["columns"] == ["name", "age", "city"]
    assert found["rows"][1] == {"name": "Bob, Jr.", "age": "7", "city": "Oslo"}
    assert found["rows"][2]["city"] == "New\nYork"
    assert (found["count"], found["delimiter"]) == (3, ",")


def test_types_are_found_where_they_are_asked_for(call: Call) -> None:
    """Numbers keep their digits; what begins with a zero is a text, and nothing is null."""
    (row,) = call("Csv.Parse", text="a,b,c,d,e\n1.50,true,,007,12345678901234567890\n", types=True)["rows"]

    assert row == {"a": 1.5, "b": True, "c": None, "d": "007", "e": 12345678901234567890}


@pytest.mark.parametrize(("delimiter", "spelled"), [(";", ";"), ("\t", "tab"), ("|", "|"), (",", ",")])
def test_the_delimiter_is_found_out(call: Call, delimiter: str, spelled: str) -> None:
    """Also with a byte order mark in front, and the other signs in a field."""
    text = "\ufeff" + delimiter.join(["a", "b"]) + "\n" + delimiter.join(["1 2", "x"]) + "\n"

    found = call("Csv.Parse", text=text)

    assert (found["delimiter"], found["rows"]) == (spelled, [{"a": "1 2", "b": "x"}])


def test_a_part_of_the_rows_is_asked_for(call: Call) -> None:
    """The count is that of all."""
    text = "n\n" + "".join(f"{number}\n" for number in range(2_000))

    found = call("Csv.Parse", text=text, offset=1_995, limit=10)

    assert [row["n"] for row in found["rows"]] == ["1995", "1996", "1997", "1998", "1999"]
    assert found["count"] == 2_000
    assert len(call("Csv.Parse", text=text)["rows"]) == 1_000


def test_columns_have_names_that_differ(call: Call) -> None:
    """Without a header they are numbered."""
    assert call("Csv.Parse", text="a,,a\n1,2,3\n")["columns"] == ["a", "column_2", "a_2"]
    assert call("Csv.Parse", text="1,2\n", header=False)["rows"] == [{"column_1": "1", "column_2": "2"}]


def test_what_is_written_is_read_again(call: Call) -> None:
    """Objects with everything in them that must be quoted."""
    rows = [{"a": 'say "hi"', "b": "1,2"}, {"a": "line\nbreak", "b": ""}, {"a": " blank ", "b": "é😀"}]

    assert call("Csv.Parse", text=call("Csv.Write", rows=rows)["text"])["rows"] == rows


def test_rows_are_written_as_they_come(call: Call) -> None:
    """Lists need no columns, members may be missing, and what is nested is written as JSON."""
    assert call("Csv.Write", rows=[[1, None], [True, "x"]])["text"] == "1,\ntrue,x\n"
    assert call("Csv.Write", rows=[{"b": [1]}], columns=["a", "b"], delimiter="tab")["text"] == "a\tb\n\t[1]\n"


def test_formulas_are_disarmed_where_that_is_asked_for(call: Call) -> None:
    """A spreadsheet shows them instead of running them; numbers stay."""
    text = call("Csv.Write", rows=[["=1+1", "-5", "@x", "+a"]], guard=True)["text"]

    assert text == "'=1+1,-5,'@x,'+a\n"


def test_columns_are_described(call: Call) -> None:
    """By type, by how many are filled, and by their ends."""
    name, age, _ = call("Csv.Describe", text=PEOPLE)["columns"]

    assert (name["type"], name["distinct"], name["least"], name["greatest"]) == ("text", 3, "Ann", "Cleo")
    assert (age["type"], age["filled"], age["empty"], age["mean"]) == ("integer", 2, 1, 19)
    kinds = call("Csv.Describe", text="a,b,c,d\n2026-01-31,true,1.5,\n2025-12-01,FALSE,2,\n")["columns"]
    assert [one["type"] for one in kinds] == ["date", "boolean", "number", "empty"]


def test_rows_and_columns_are_selected(call: Call) -> None:
    """Sorted by value, where columns hold what is wanted, and written with another delimiter."""
    text = "n,k\n10,a\n9,b\n2,a\n"

    assert call("Csv.Select", text=text, where={"k": "a"}, sort="n", columns=["n"])["text"] == "n\n2\n10\n"
    found = call("Csv.Select", text=text, sort="n", descending=True, limit=1, to=";")
    assert found == {"text": "n;k\n10;a\n", "rows": 1, "count": 3}


def test_a_table_is_checked_line_by_line(call: Call) -> None:
    """Every line that is too long or too short is named."""
    assert call("Csv.Check", text=PEOPLE)["valid"]
    found = call("Csv.Check", text="a,b\n1\n1,2\n1,2,3\n", delimiter=",")
    assert [(one["line"], one["detail"]) for one in found["problems"]] == [
        (2, "1 field instead of 2 fields"),
        (4, "3 fields instead of 2 fields"),
    ]
    (broken,) = call("Csv.Check", text='a,b\n"1,2\n')["problems"]
    assert broken["line"] == 2


@pytest.mark.parametrize(
    ("endpoint", "fields", "message"),
    [
        ("Csv.Parse", {}, "no row"),
        ("Csv.Parse", {"text": "a,b\n1\n"}, "line 2 has 1 fields"),
        ("Csv.Parse", {"text": 'a\nx"y\n'}, "line 2, column 2"),
        ("Csv.Parse", {"text": "a", "delimiter": "ab"}, "delimiter: expected one character"),
        ("Csv.Parse", {"text": "a", "delimiter": '"'}, "delimiter"),
        ("Csv.Parse", {"text": 5}, "text: expected a text"),
        ("Csv.Parse", {"text": "a", "colour": 1}, "colour"),
        ("Csv.Parse", {"text": "a", "limit": 0}, "limit: expected 1 to 10000"),
        ("Csv.Parse", {"text": "a", "offset": -1}, "offset"),
        ("Csv.Parse", {"text": "a\x00b"}, "zero byte"),
        ("Csv.Parse", {"text": "x" * 1_000_001}, "at most 1000000"),
        ("Csv.Parse", {"text": "," * 2_000}, "at most 1000"),
        ("Csv.Parse", {"text": "a\n" * 100_002}, "more than 100000 rows"),
        ("Csv.Select", {"text": "a\n1\n", "sort": "b"}, 'no column "b"; there are a'),
        ("Csv.Select", {"text": "a\n1\n", "where": {"a": 1}}, "where"),
        ("Csv.Write", {"rows": []}, "rows: expected 1 to"),
        ("Csv.Write", {"rows": [{}]}, "has no columns"),
        ("Csv.Write", {"rows": [{"a": 1}, {"b": 1}]}, r'rows\[1\]: there is no column "b"'),
        ("Csv.Write", {"rows": [[1], [1, 2]]}, r"rows\[1\]: 2 fields instead of 1 field"),
        ("Csv.Write", {"rows": [[1], {"a": 1}]}, r"rows\[1\]: expected a list"),
        ("Csv.Write", {"rows": "abc"}, "rows: expected a list"),
    ],
)
def test_what_is_wrong_is_named(call: Call, endpoint: str, fields: dict[str, Any], message: str) -> None:
    """With its place and what was expected."""
    with pytest.raises(BadRequest, match=message):
        call(endpoint, **fields)


def test_an_answer_that_would_be_too_large_is_refused(call: Call) -> None:
    """Column names of every row make it larger than the table; it asks for fewer rows."""
    text = "n" * 1_000 + "\n" + "1\n" * 10_000

    with pytest.raises(Fault, match="ask for fewer rows") as caught:
        call("Csv.Parse", text=text, limit=10_000)
    assert caught.value.code == 413
    assert len(call("Csv.Parse", text=text, limit=10)["rows"]) == 10


def test_hostile_requests_leave_the_service_whole(call: Call) -> None:
    """Depth, quotes without an end, and endpoints that are not there."""
    deep: list[Any] = []
    for _ in range(60):
        deep = [deep]
    assert call("Csv.Write", rows=[[deep]])["rows"] == 1
    with pytest.raises(BadRequest):
        call("Csv.Parse", text='"' * 500_001)
    with pytest.raises(NotFound):
        call("Csv.Burn")
    assert call("Csv.Parse", text="a\n1\n")["count"] == 1
