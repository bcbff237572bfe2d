"""Requests to a program: what its operations are given, and what of that fits into them."""

from __future__ import annotations

import pytest

from micro.doors.adapter.asking import TARGET_CHARACTERS_MAX, operating
from micro.doors.adapter.openapi import Field, Operation
from micro.errors import BadRequest

FIELDS = tuple(Field(name, "query", name, str, required=True, description="") for name in ("value", "from_"))
CONVERT = Operation(
    "Units.Convert", "GET", "/convert", form=False, is_object=True, is_stream=False, fields=FIELDS, description=""
)


def test_an_error_tells_no_value_of_what_was_asked() -> None:
    """It goes to logs and other people; the path is enough to find it by."""
    assert str(operating(CONVERT, {"value": "secret", "from_": "km"})) == "GET /convert"


def test_a_text_that_is_too_long_for_an_address_names_its_field() -> None:
    """The program itself would say that the request is none."""
    with pytest.raises(BadRequest, match=r"^from_: it is too long"):
        operating(CONVERT, {"value": "1", "from_": "k" * TARGET_CHARACTERS_MAX})
