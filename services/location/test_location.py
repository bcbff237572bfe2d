"""Distances are those that others measured, and a place that is none is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound

Call = Callable[..., Any]


def test_the_textbook_distance_comes_out_to_the_metre(call: Call) -> None:
    """Flinders Peak to Buninyong, as Geoscience Australia publishes it for Vincenty's formulae: 54,972.271 m."""
    found = call("Location.Distance", **{"from": "-37.951033417,144.424867889", "to": "-37.652821139,143.926495528"})

    assert found["kilometres"] == 54.972
    assert (found["bearing"], found["final_bearing"]) == (306.87, 307.17)
    assert (found["compass"], found["method"]) == ("NW", "ellipsoid")


def test_places_have_names(call: Call) -> None:
    """With or without marks and countries, and by geohash."""
    found = call("Location.Distance", **{"from": "paris", "to": "Sao Paulo, br"})

    assert (found["from"]["name"], found["to"]["name"]) == ("Paris", "São Paulo")
    assert 9_300 < found["kilometres"] < 9_500
    assert found["miles"] == pytest.approx(found["kilometres"] / 1.609344, abs=0.001)
    assert call("Location.Distance", **{"from": "geohash:u4pruydqqvj", "to": "57.64911,10.40744"})["kilometres"] == 0


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ("0,0", "0,180", 20_015),
        ("90,0", "-90,0", 20_004),
        ("0,0", "0.5,179.7", 19_944),
        ("0,179.5", "0,-179.5", 111.319),
    ],
)
def test_the_far_ends_of_the_earth_are_measured(call: Call, one: str, other: str, kilometres: float) -> None:
    """Poles, opposite points and the date line; 19,944 km is Karney's for points that are nearly opposite."""
    assert call("Location.Distance", **{"from": one, "to": other})["kilometres"] == pytest.approx(kilometres, rel=2e-3)


def test_the_same_place_is_no_way_off(call: Call) -> None:
    """It has a direction all the same."""
    found = call("Location.Distance", **{"from": "Oslo", "to": "Oslo"})
    assert (found["kilometres"], found["compass"]) == (0, "N")


def test_one_comes_where_the_bearing_leads(call: Call) -> None:
    """And the way there is as long as was said."""
    there = call("Location.Destination", **{"from": "Wellington", "bearing": 45, "kilometres": 1_000})
    back = call("Location.Distance", **{"from": "Wellington", "to": f"{there['latitude']},{there['longitude']}"})

    assert back["kilometres"] == pytest.approx(1_000, abs=0.001)
    assert back["bearing"] == pytest.approx(45, abs=0.01)
    assert there["longitude"] < -170, "it goes over the date line"


def test_the_nearest_cities_come_first(call: Call) -> None:
    """With how far and where they are."""
    first, second = call("Location.Nearest", place="48.80,2.13", limit=2)["cities"]

    assert (first["name"], first["country"], first["compass"]) == ("Paris", "FR", "ENE")
    assert first["kilometres"] < second["kilometres"]
    assert call("Location.Nearest", place="-48,-123", kilometres=500)["cities"] == []


def test_cities_are_found_by_a_beginning(call: Call) -> None:
    """Of the name, or of a word in it."""
    assert [city["name"] for city in call("Location.Find", name="munch")["cities"]] == []
    assert [city["name"] for city in call("Location.Find", name="gdan")["cities"]] == ["Gdańsk"]
    assert [city["name"] for city in call("Location.Find", name="delhi", country="in")["cities"]] == ["Delhi"]
    found = call("Location.Find", country="NZ")
    assert (found["count"], found["cities"][0]["country"]) == (3, "NZ")


def test_every_city_is_where_it_can_be() -> None:
    """Four columns, a country in two letters, degrees in their bounds, and no city twice."""
    rows = [line.split("\t") for line in Path(__file__).with_name("cities.tsv").read_text().splitlines()]

    assert len(rows) >= 300
    for name, country, latitude, longitude in rows:
        assert name.strip() == name
        assert len(country) == 2
        assert -60 < float(latitude) < 80
        assert -180 <= float(longitude) <= 180
    assert len({(name, country) for name, country, _, _ in rows}) == len(rows)


def test_a_geohash_and_its_place(call: Call) -> None:
    """The example that everybody gives; more letters say more exactly where."""
    found = call("Location.Geohash", place="57.64911,10.40744", precision=11)

    assert found["geohash"] == "u4pruydqqvj"
    assert found["box"]["south"] <= 57.64911 <= found["box"]["north"]
    assert found["height_metres"] < 1
    five = call("Location.Locate", geohash="EZS42")
    assert (round(five["latitude"], 1), round(five["longitude"], 1)) == (42.6, -5.6)
    assert five["around"] == ["ezs48", "ezs49", "ezs43", "ezs41", "ezs40", "ezefp", "ezefr", "ezefx"]


def test_beyond_a_pole_is_nothing(call: Call) -> None:
    """A cell there has five neighbours; round the date line there are eight."""
    assert len(call("Location.Locate", geohash="zzzzz")["around"]) == 5
    assert len(set(call("Location.Locate", geohash="xbpbp")["around"])) == 8


@pytest.mark.parametrize(
    ("endpoint", "fields", "message"),
    [
        ("Location.Distance", {"from": "Paris"}, "to: expected latitude and longitude"),
        ("Location.Distance", {"from": "91,0", "to": "0,0"}, "from: a latitude is from -90 to 90"),
        ("Location.Distance", {"from": "0,361", "to": "0,0"}, "longitude"),
        ("Location.Distance", {"from": "NaN,0", "to": "0,0"}, "latitude"),
        ("Location.Distance", {"from": "0,Inf", "to": "0,0"}, "longitude"),
        ("Location.Distance", {"from": "1e999,0", "to": "0,0"}, "from"),
        ("Location.Distance", {"from": "48.86,x", "to": "0,0"}, "no latitude and longitude"),
        ("Location.Distance", {"from": "P" * 201, "to": "0,0"}, "from"),
        ("Location.Distance", {"from": 5, "to": "0,0"}, "from: expected a text"),
        ("Location.Distance", {"from": "0,0", "to": "0,0", "unit": "km"}, "unit"),
        ("Location.Destination", {"from": "0,0", "bearing": 361, "kilometres": 1}, "bearing"),
        ("Location.Destination", {"from": "0,0", "bearing": 1}, "kilometres: expected"),
        ("Location.Destination", {"from": "0,0", "bearing": 1, "kilometres": -1}, "kilometres: expected"),
        ("Location.Nearest", {"place": "0,0", "limit": 101}, "limit: expected 1 to 100"),
        ("Location.Nearest", {"place": "0,0", "kilometres": -5}, "kilometres"),
        ("Location.Find", {"name": "x" * 201}, "name: at most"),
        ("Location.Find", {"country": "FRA"}, "country: expected two letters"),
        ("Location.Geohash", {"place": "0,0", "precision": 13}, "precision"),
        ("Location.Locate", {"geohash": "ezs4a"}, "no letter of a geohash"),
        ("Location.Locate", {"geohash": ""}, "1 to 12 letters"),
        ("Location.Locate", {"geohash": "0" * 13}, "1 to 12 letters"),
    ],
)
def test_what_is_wrong_is_named(call: Call, endpoint: str, fields: dict[str, Any], message: str) -> None:
    """With what was expected."""
    with pytest.raises(BadRequest, match=message):
        call(endpoint, **fields)


def test_a_city_that_is_not_known_brings_what_is_near(call: Call) -> None:
    """Or says how to give the place instead."""
    with pytest.raises(NotFound, match="near it are Santiago, CL; San Francisco, US; San Diego, US"):
        call("Location.Nearest", place="San")
    with pytest.raises(NotFound, match="latitude,longitude"):
        call("Location.Nearest", place="Atlantis")
    with pytest.raises(NotFound):
        call("Location.Nearest", place="Paris, US")
