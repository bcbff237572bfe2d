"""Records of instances, and the order of versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from micro.errors import BadRequest
from micro.service.registry.instance import (
    Instance,
    check_service,
    matches,
    newest_first,
    shown,
    split_version,
)

HERE = "b" + "a" * 55
GREETER = Instance("greeter", "1.2.0", "7f3a", HERE, address="/run/s/7f3a.sock", local=True, generation=3)


def test_a_good_record_passes() -> None:
    """Nothing is complained of."""
    GREETER.check()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", "a" * 63),
        ("version", "1" * 64),
        ("id", "0" * 64),
        ("address", "x" * 512),
        ("address", None),
        ("weight", 0),
        ("weight", 10_000),
        ("sequence", 2**63 - 1),
    ],
)
def test_what_just_fits_is_taken(field: str, value: object) -> None:
    """A bound is the greatest that may be."""
    replace(GREETER, **{field: value}).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", "Greeter"),
        ("service", "greeter-"),
        ("service", "greeter\n"),
        ("service", "a" * 64),
        ("service", ""),
        ("version", ""),
        ("version", "1 0"),
        ("version", "1" * 65),
        ("id", "../etc"),
        ("nid", ""),
        ("address", ""),
        ("address", "x" * 513),
        ("state", "dead"),
        ("generation", -1),
        ("generation", True),
        ("weight", 10_001),
        ("sequence", 2**63),
        ("sequence", 1.5),
    ],
)
def test_every_field_is_checked(field: str, value: object) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match="service name" if field == "service" else field):
        replace(GREETER, **{field: value}).check()  # type: ignore[arg-type]


def test_a_record_has_a_size() -> None:
    """All fields at their longest exceed what a record may be, so an address of many bytes is refused."""
    with pytest.raises(BadRequest, match="larger than 1024 bytes"):
        replace(GREETER, address="€" * 400).check()


def test_a_peers_record_comes_back_without_what_is_ours() -> None:
    """Neither the socket nor being local travels."""
    assert Instance.parse(GREETER.to_record(), HERE) == replace(GREETER, address=None, local=False)


def test_a_peer_cannot_call_itself_local() -> None:
    """Fields that are no business of a peer are ignored, and its nid is the link's."""
    record = {**GREETER.to_record(), "local": True, "address": "/etc/passwd", "nid": HERE}

    found = Instance.parse(record, "bother")

    assert (found.local, found.address, found.nid) == (False, None, "bother")


@pytest.mark.parametrize(
    "record", [None, [], "x", {}, {"service": "a", "version": "1"}, {"service": 1, "version": 2, "id": 3}]
)
def test_a_malformed_record_is_refused(record: object) -> None:
    """Whatever a peer sends ends in a record or in its fault."""
    with pytest.raises(BadRequest):
        Instance.parse(record, HERE)


def test_names_are_those_of_the_house() -> None:
    """Lower-case words joined by single dashes."""
    assert check_service("image-resize2") == "image-resize2"


@pytest.mark.parametrize("value", ["\x1b[2J", "x" * 1000, [["deep"]], 1 << 20000, None, 1.5, b"bytes"], ids=type)
def test_a_wrong_value_is_shown_short_and_harmless(value: object) -> None:
    """An error's detail can be printed anywhere."""
    assert shown(value).isprintable()
    assert len(shown(value)) < 100


def test_newer_versions_come_first() -> None:
    """Numbers by value, a release before its pre-releases, words last."""
    versions = ["latest", "1.9.0-rc1", "1.10.0", "1", "1.9.0-beta", "1.9.0", "1.9.1", "1.9.0-rc2", "2.0.0"]

    assert " ".join(sorted(versions, key=newest_first)) == (
        "2.0.0 1.10.0 1.9.1 1.9.0 1.9.0-rc2 1.9.0-rc1 1.9.0-beta 1 latest"
    )


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("1.2.3", "", True),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2", True),
        ("1.2.3", "1", True),
        ("1.20.0", "1.2", False),
        ("1.2.3", "1.2.3.4", False),
        ("1.2-rc1", "1.2", True),
        ("2.1.2", "1.2", False),
    ],
)
def test_a_pin_means_a_version_and_all_below_it(version: str, wanted: str, expected: bool) -> None:
    """1.2 means any 1.2.x and never 1.20."""
    assert matches(version, wanted) is expected


@pytest.mark.parametrize(("text", "expected"), [("greeter@1.2", ("greeter", "1.2")), ("greeter", ("greeter", ""))])
def test_a_name_may_carry_a_version(text: str, expected: tuple[str, str]) -> None:
    """The at sign separates them."""
    assert split_version(text) == expected
