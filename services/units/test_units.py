"""Units are converted by their definitions, and what has no way between it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound

Call = Callable[..., Any]


def convert(call: Call, value: float, one: str, other: str) -> float:
    return float(call("Units.Convert", value=value, **{"from": one, "to": other})["result"])


@pytest.mark.parametrize(
    ("value", "one", "other", "result"),
    [
        (1, "mi", "km", 1.609344),
        (26.2, "miles", "kilometre", 42.1648128),
        (1, "lb", "g", 453.59237),
        (100, "°C", "°F", 212),
        (-40, "fahrenheit", "Celsius", -40),
        (0, "K", "C", -273.15),
        (1, "acre", "m2", 4046.8564224),
        (1, "gal", "L", 3.785411784),
        (90, "deg", "rad", 1.57079632679),
        (1, "kWh", "MJ", 3.6),
        (1, "atm", "hPa", 1013.25),
        (1, "hp", "W", 745.699871582),
        (1, "GiB", "MB", 1073.741824),
        (8, "bit", "B", 1),
        (30, "mpg", "L/100km", 7.84048611111),
        (5, "L/100 km", "km/l", 20),
        (1, "year", "days", 365.25),
        (100, "km/h", "m/s", 27.7777777778),
        (1, "AU", "km", 149597870.7),
        (0.1, "m", "cm", 10),
        (1, "m", "m", 1),
    ],
)
def test_conversions_are_right(call: Call, value: float, one: str, other: str, result: float) -> None:
    """To twelve digits, without the dust that floating point leaves."""
    assert convert(call, value, one, other) == result


def test_a_conversion_is_told_in_words(call: Call) -> None:
    """With the names of what was meant."""
    found = call("Units.Convert", value=5, **{"from": "MILES", "to": "km"})

    assert found == {
        "result": 8.04672,
        "text": "5 mi = 8.04672 km",
        "quantity": "length",
        "from": "mile",
        "to": "kilometre",
    }


def test_every_unit_goes_there_and_back(call: Call) -> None:
    """A value of the first unit of each quantity, told in every other one, comes back as it was."""
    listed = call("Units.List")
    for quantity in listed["quantities"]:
        first, *others = [one["unit"] for one in listed["units"] if one["quantity"] == quantity]
        rows = call("Units.Table", value=300, **{"from": first})["results"]
        assert [row["unit"] for row in rows] == others
        for row in rows:
            assert convert(call, row["result"], row["unit"], first) == pytest.approx(300, rel=1e-9)


def test_no_spelling_means_two_units(call: Call) -> None:
    """Every symbol leads to the unit that it is listed with."""
    for unit in call("Units.List")["units"]:
        found = call("Units.Convert", value=1, **{"from": unit["symbol"], "to": unit["unit"]})
        assert (found["from"], found["to"]) == (unit["unit"], unit["unit"])


def test_units_are_found(call: Call) -> None:
    """By quantity, and by a part of a name or symbol."""
    assert {one["quantity"] for one in call("Units.List", quantity="Data Rate")["units"]} == {"data rate"}
    assert "nautical mile" in [one["unit"] for one in call("Units.Find", text="mile")["units"]]
    assert call("Units.Find", text="zzz")["units"] == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": 1, "from": "kg", "to": "m"}, "kilogram is a unit of mass and metre one of length"),
        ({"value": 1, "from": "mb", "to": "B"}, r"may be Mbit \(megabit\) or MB \(megabyte\)"),
        ({"value": -1, "from": "K", "to": "C"}, "below absolute zero"),
        ({"value": 0, "from": "mpg", "to": "L/100km"}, "cannot be told"),
        ({"value": 1e308, "from": "pc", "to": "nm"}, "cannot be told"),
        ({"value": float("inf"), "from": "m", "to": "km"}, "value"),
        ({"value": "twelve", "from": "m", "to": "km"}, "value"),
        ({"value": 1, "from": "", "to": "km"}, "from: expected a unit"),
        ({"value": 1, "from": "m" * 5_000, "to": "km"}, "from: expected a unit"),
        ({"from": "m", "to": "km"}, "value"),
        ({"value": 1, "from": "m", "to": "km", "x": 1}, "x"),
    ],
)
def test_what_is_wrong_is_named(call: Call, fields: dict[str, Any], message: str) -> None:
    """With what was expected."""
    with pytest.raises(BadRequest, match=message):
        call("Units.Convert", **fields)


def test_an_unknown_unit_brings_what_is_near(call: Call) -> None:
    """Whoever mistyped sees what there is."""
    with pytest.raises(NotFound, match="there is kilometre"):
        convert(call, 1, "kilometer5", "m")
    with pytest.raises(NotFound, match="there are length, mass"):
        call("Units.List", quantity="beauty")


def test_hostile_letters_come_back_as_text(call: Call) -> None:
    """Signs of HTTP, of JSON and of no language at all."""
    for unit in ('"}\r\nX: 1', "%zz&from=m", "\u0000", "😀" * 20, "m\nm"):
        with pytest.raises((BadRequest, NotFound)):
            convert(call, 1, unit, "m")
    assert convert(call, 1, " m ", "cm") == 100
