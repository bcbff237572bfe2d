"""What an owner allows a service."""

from __future__ import annotations

import pytest

from micro.errors import SourceError
from micro.runtime.grants import check_grants, check_needs


def test_what_can_be_allowed() -> None:
    """The network; anything else is refused by its name."""
    assert check_grants(["network", "network"]) == {"network"}
    with pytest.raises(SourceError, match="'disk' cannot be allowed: there is network"):
        check_grants(["network", "disk"])


def test_a_need_that_was_not_allowed_is_told_with_what_to_type() -> None:
    """And one that was is not."""
    check_needs(frozenset(), frozenset(), "./weather")
    check_needs(frozenset({"network"}), frozenset({"network"}), "./weather")
    with pytest.raises(SourceError, match=r"needs the machine's network.*micro run ./weather --allow network"):
        check_needs(frozenset({"network"}), frozenset(), "./weather")
