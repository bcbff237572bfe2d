"""Beginnings of node ids."""

from __future__ import annotations

import pytest

from micro.errors import Conflict, NotFound
from micro.trust.beginning import is_beginning, whole_nid
from micro.trust.identity import nid_of, short

ONE, OTHER = nid_of(b"\x01" * 32), nid_of(b"\xfe" * 32)
TWIN = nid_of(b"\x01" * 31 + b"\x02")


@pytest.mark.parametrize("beginning", [ONE[:8], ONE[4:12], short(ONE), ONE[:55], ONE[4:40]])
def test_a_beginning_means_the_one_that_begins_so(beginning: str) -> None:
    """With or without the four characters that all of them begin with."""
    assert whole_nid(beginning, [OTHER, ONE, ONE]) == ONE


@pytest.mark.parametrize("beginning", ["b5ua", ONE[:7], ONE[4:11], "", "b", "latest", "1.2.0", ONE[4:12].upper(), ONE])
def test_what_is_too_short_or_something_else_is_no_beginning(beginning: str) -> None:
    """A version may stand behind an @ too."""
    assert not is_beginning(beginning)
    with pytest.raises(NotFound):
        whole_nid(beginning, [ONE])


def test_a_node_that_is_not_known_is_not_found() -> None:
    """However many others are."""
    with pytest.raises(NotFound, match="micro network nodes"):
        whole_nid(short(OTHER), [ONE, TWIN])


def test_several_that_begin_so_are_told_apart() -> None:
    """In as many characters as that takes."""
    with pytest.raises(Conflict, match=f"2 nodes begin with {ONE[:9]}: ") as raised:
        whole_nid(ONE[:9], [ONE, OTHER, TWIN])
    assert ONE in str(raised.value)
    assert TWIN in str(raised.value)
