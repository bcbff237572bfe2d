"""Who is asked last, and for how long."""

from __future__ import annotations

from micro.service.registry.doubts import NOTED_MAX, SILENT_SECONDS, Doubts
from tests.unit.service.registry.makings import members_of

FIRST, SECOND, THIRD = MEMBERS = members_of([1, 2, 3])


def test_who_was_silent_is_asked_last_for_a_while() -> None:
    """It may only have been started again."""
    doubts = Doubts()
    doubts.silent(FIRST, 10.0)

    assert doubts.ordered(MEMBERS, 10.0) == [SECOND, THIRD, FIRST]
    assert doubts.ordered(MEMBERS, 10.0 + SILENT_SECONDS) == [FIRST, SECOND, THIRD]


def test_who_answers_again_is_as_good_as_before() -> None:
    """At once."""
    doubts = Doubts()
    doubts.silent(FIRST, 10.0)
    doubts.answered(FIRST)

    assert doubts.ordered(MEMBERS, 11.0) == [FIRST, SECOND, THIRD]


def test_who_passed_on_a_forgery_is_asked_after_the_silent() -> None:
    """An answer does not make up for it, nor does time."""
    doubts = Doubts()
    doubts.distrust(FIRST, 10.0)
    doubts.silent(SECOND, 10.0)
    doubts.answered(FIRST)

    assert doubts.ordered(MEMBERS, 11.0) == [THIRD, SECOND, FIRST]
    assert doubts.ordered(MEMBERS, 10.0 + 2 * SILENT_SECONDS) == [SECOND, THIRD, FIRST]


def test_the_one_noted_first_gives_way() -> None:
    """So that nobody fills the memory of a node with super nodes that are silent."""
    doubts = Doubts()
    many = members_of(range(1, NOTED_MAX + 2))
    for member in many:
        doubts.silent(member, 10.0)

    assert doubts.ordered(many, 11.0)[0] == many[0]
    assert doubts.ordered(many, 11.0)[1:] == list(many[1:])

    doubts.silent(many[1], 12.0)  # known already: nobody gives way
    assert doubts.ordered(many[:2], 13.0) == [many[0], many[1]]
