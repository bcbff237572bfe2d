"""Ids are what their kind promises."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from micro.errors import BadRequest

FORMS = {
    "uuid7": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "uuid4": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "ulid": r"[0-7][0-9A-HJKMNP-TV-Z]{25}",
    "nanoid": r"[A-Za-z0-9_-]{21}",
    "short": r"[2-9a-hjkmnp-z]{8}",
}


@pytest.mark.parametrize("kind", FORMS)
def test_every_kind_has_its_form(main: ModuleType, kind: str) -> None:
    """And no two are the same."""
    made = main.generate(kind, 200)

    assert all(re.fullmatch(FORMS[kind], id) for id in made)
    assert len(set(made)) == 200


@pytest.mark.parametrize("kind", ["uuid7", "ulid"])
def test_some_kinds_sort_by_time(main: ModuleType, kind: str) -> None:
    """Within one call, and from one call to a later one."""
    made = [*main.generate(kind, 50), *main.generate(kind, 50)]

    assert made[:50] == sorted(made[:50])
    assert main.inspect(made[0]).time <= main.inspect(made[-1]).time


def test_the_example_of_the_standard(main: ModuleType) -> None:
    """RFC 9562, appendix A.6."""
    made = uuid.UUID(main.uuid7(0x017F22E279B0, bytes.fromhex("0cc3" + "18c4dc0c0c07398f")))

    assert str(made) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize(
    ("id", "kind", "time"),
    [
        ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "uuid7", "2022-02-22T19:22:22.000+00:00"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "ulid", "2016-07-30T23:54:10.259+00:00"),
        ("919108f7-52d1-4320-9bac-f847db4148a8", "uuid4", ""),
        ("00000000-0000-0000-0000-000000000000", "uuid", ""),
        ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "ulid", ""),
        ("V1StGXR8_Z5jdHi6B-myT", "nanoid", ""),
        ("hello", "unknown", ""),
        ("", "unknown", ""),
    ],
)
def test_an_id_tells_what_it_is(main: ModuleType, id: str, kind: str, time: str) -> None:
    """And when it was made, where it knows."""
    assert main.inspect(id) == main.Inspection(kind, time)


@pytest.mark.parametrize("kind", ["uuid7", "ulid"])
def test_the_time_in_an_id_is_now(main: ModuleType, kind: str) -> None:
    """It was just made."""
    made = datetime.fromisoformat(main.inspect(main.generate(kind)[0]).time)

    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_the_number_of_ids_is_bounded(main: ModuleType, count: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="1 to 1000"):
        main.generate("uuid4", count)


def test_every_kind_is_listed_with_an_example(main: ModuleType) -> None:
    """That is of this kind."""
    assert {kind.kind for kind in main.kinds()} == set(FORMS)
    assert all(re.fullmatch(FORMS[kind.kind], kind.example) for kind in main.kinds())


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
