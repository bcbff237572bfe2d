"""Values as people, programs and pipes read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.doors.cli.output import Column, as_line, cell, clean, fields_text, rows_text, unwrap, value_text

ROWS = [{"name": "echo", "count": 1, "about": "Gives back."}, {"name": "notes", "count": 12, "about": None}]
COLUMNS = [Column("name"), Column("count"), Column("about", "WHAT")]


def test_a_table_is_aligned_under_its_headings() -> None:
    """And no line ends in spaces."""
    assert rows_text(ROWS, COLUMNS, "table") == "NAME   COUNT  WHAT\necho   1      Gives back.\nnotes  12"


def test_plain_rows_are_separated_by_tabs() -> None:
    """No headings, and nothing for nothing."""
    assert rows_text(ROWS, COLUMNS, "plain") == "echo\t1\tGives back.\nnotes\t12\t"


def test_json_rows_are_whole() -> None:
    """All fields, not only the columns."""
    assert json.loads(rows_text(ROWS, COLUMNS[:1], "json")) == ROWS


def test_a_table_fits_its_terminal() -> None:
    """The last column gives way."""
    text = rows_text([{"name": "a", "about": "x" * 100}], [Column("name"), Column("about")], "table", width=40)

    assert text.splitlines()[1] == "a     " + "x" * 33 + "…"


def test_wide_letters_take_two_places() -> None:
    """Columns stand straight under each other."""
    lines = rows_text([{"a": "日本", "b": 1}, {"a": "x", "b": 2}], [Column("a"), Column("b")], "table").splitlines()

    assert lines == ["A     B", "日本  1", "x     2"]


@pytest.mark.parametrize(
    ("value", "table", "plain"),
    [
        ("Hello Ann", "Hello Ann", "Hello Ann"),
        ({"result": "Hello Ann"}, "Hello Ann", "Hello Ann"),
        ({"result": 5}, "5", "5"),
        ({"result": True}, "yes", "true"),
        ({"result": None}, "", ""),
        ({"result": ["a", "b"]}, "a\nb", "a\nb"),
        ({"name": "Ann", "age": 5}, "name  Ann\nage   5", "name\tAnn\nage\t5"),
        ({"notes": [{"id": 1}, {"id": 2}]}, "ID\n1\n2", "1\n2"),
        ([{"id": 1}], "ID\n1", "1"),
        ({"a": {"b": [1]}}, 'a  {"b":[1]}', 'a\t{"b":[1]}'),
        ({"a": 1.25, "b": ["x", "y"]}, "a  1.25\nb  x, y", 'a\t1.25\nb\t["x","y"]'),
        ({}, "", ""),
        ([], "", ""),
        ("line\nline", "line\nline", "line\nline"),
    ],
)
def test_an_answer_is_written_for_its_reader(value: Any, table: str, plain: str) -> None:
    """A lone value as it is, objects by their fields, lists of objects as rows."""
    assert (value_text(value, "table"), value_text(value, "plain")) == (table, plain)


def test_json_shows_what_travelled() -> None:
    """Nothing is unwrapped there."""
    assert value_text({"result": "日"}, "json") == '{\n  "result": "日"\n}'


def test_rows_inside_an_object_stand_below_its_name() -> None:
    """Where it has other fields too."""
    assert fields_text({"total": 1, "rows": [{"a": 1}]}, "table") == "total  1\nrows\n  A\n  1"


def test_only_a_lone_result_is_unwrapped() -> None:
    """An object that happens to have such a field is left alone."""
    assert unwrap({"result": 1}) == 1
    assert unwrap({"result": 1, "more": 2}) == {"result": 1, "more": 2}


def test_a_strangers_text_cannot_move_the_cursor() -> None:
    """Escapes are shown instead of obeyed."""
    assert clean("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\x202ec"
    assert cell("a\nb\tc") == "a b c"


@given(st.text())
def test_clean_text_has_no_control_characters(text: str) -> None:
    """Whatever came in."""
    assert not [letter for letter in clean(text) if letter < " " and letter not in "\t\n"]


@given(st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.integers()}), max_size=5))
def test_plain_rows_stay_one_line_each(rows: list[dict[str, Any]]) -> None:
    """Text cannot forge another row or column, whatever is in it."""
    text = rows_text(rows, [Column("a"), Column("b")], "plain")

    assert text.count("\n") == max(0, len(rows) - 1)
    assert all(line.count("\t") == 1 for line in text.split("\n") if rows)


def test_a_line_of_json_is_one_line() -> None:
    """Line breaks are escaped in it."""
    assert as_line({"a": "x\ny"}) == '{"a":"x\\ny"}'


@given(st.text())
def test_json_has_no_control_characters_and_means_the_same(text: str) -> None:
    """Also those that JSON itself would let pass."""
    line = as_line({"a": text})

    assert clean(line) == line
    assert json.loads(line) == {"a": text}
