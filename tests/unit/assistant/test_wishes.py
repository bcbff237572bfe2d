"""Wishes as people type them: fields are found by what they point to, and by what a service shows."""

from __future__ import annotations

from typing import Any

import pytest

from micro.assistant.cues import strange_words
from micro.assistant.dates import days_in
from micro.assistant.exemplars import exemplars_of, shown_in
from micro.assistant.lexical import LexicalEngine
from micro.assistant.numbers import amounts_in
from micro.assistant.offers import WISH_CHARACTERS_MAX, WISHES_MAX, Offer, offers_of
from micro.assistant.sentence import Sentence
from micro.assistant.slots import fill
from micro.assistant.spans import spans_in
from micro.assistant.spelling import respelled
from micro.service.schema.fields import assemble
from micro.service.service import Service


def changer(wishes: str = "") -> Offer:
    """Returns an endpoint that changes money, with where it comes from and where it goes."""
    bureau = Service("bureau", description="Changes money.")

    @bureau.endpoint(idempotent=True)
    async def change(value: float, source: str, target: str) -> float:
        return value

    description = bureau.describe()
    (endpoint,) = description["endpoints"]
    endpoint["description"] = f"Changes money.{wishes}"
    endpoint["request"]["properties"]["source"]["description"] = "a currency such as euro, franc or pound"
    (found,) = offers_of(description)
    return found


def filled(text: str) -> dict[str, Any]:
    return dict(assemble(fill(changer(), Sentence(text)).values))


@pytest.mark.parametrize(
    ("text", "value", "source", "target"),
    [
        ("what is 3 crowns in rupees", 3, "crowns", "rupees"),
        ("how many rupees are 3 crowns", 3, "crowns", "rupees"),
        ("12 crowns to rupees please", 12, "crowns", "rupees"),
        ("two hundred crowns into rupees", 200, "crowns", "rupees"),
        ("wieviel Rupien sind 5 Kronen", 5, "Kronen", "Rupien"),
        ("5kr in rupees", 5, "kr", "rupees"),
        ("half a crown in rupees", 0.5, "crown", "rupees"),
    ],
)
def test_both_ends_of_a_conversion_are_found(text: str, value: float, source: str, target: str) -> None:
    """What a number counts is where it begins, and what a preposition leads to is where it ends."""
    assert filled(text) == {"value": value, "source": source, "target": target}


def test_what_lies_between_two_is_from_the_one_to_the_other() -> None:
    """`between X and Y` names both, whatever else is said."""
    assert filled("the difference between crowns and rupees")["source"] == "crowns"
    assert filled("the difference between crowns and rupees")["target"] == "rupees"


def test_one_thing_is_a_number_where_it_is_like_what_the_service_shows() -> None:
    """`a dollar` is one dollar to who asks for a currency, and no number where nothing is known of the word."""
    sentence = Sentence("how many rupees is a dollar")
    sentence.likeness["dollar"] = {"euro": 0.7}
    assert assemble(fill(changer(), sentence).values)["value"] == 1
    assert "value" not in filled("how many rupees is a dollar")


def test_a_service_shows_values_in_its_descriptions() -> None:
    """Behind `such as`, and in quotation marks."""
    assert list(shown_in("a name or symbol such as km, mile or °F; the rest is refused")) == ["km", "mile", "°F"]
    assert list(shown_in('a city ("Paris" or "Paris, FR")')) == ["Paris", "Paris, FR"]
    assert list(shown_in("a shortcode such as :rocket:")) == [":rocket:"]
    assert exemplars_of(changer()) == {("source",): ("euro", "franc", "pound")}


def test_wishes_stand_below_their_heading_in_a_description() -> None:
    """A line is a wish, up to an empty line; so many, and so long."""
    assert changer("\n\nWishes:\n    5 euro in francs\n    how much is it\n\nMore.").wishes == (
        "5 euro in francs",
        "how much is it",
    )
    assert changer().wishes == ()
    assert changer("\n\nNo Wishes: here\nnor here").wishes == ()
    many = changer("\n\nWishes:\n" + "\n".join(str(n) * WISH_CHARACTERS_MAX * 2 for n in range(1, 99)))
    assert len(many.wishes) == WISHES_MAX
    assert {len(wish) for wish in many.wishes} == {WISH_CHARACTERS_MAX}


def test_the_heading_of_wishes_stays_in_the_description_of_a_docstring() -> None:
    """So an author writes them where he writes what his endpoint does."""
    clock = Service("clock")

    @clock.endpoint(idempotent=True)
    async def now(zone: str = "UTC") -> str:
        """Tell the time.

        Wishes:
            how late is it
            time in Oslo

        Args:
            zone: whose time.
        """
        return zone

    (found,) = offers_of(clock.describe())
    assert found.description == "Tell the time."
    assert found.wishes == ("how late is it", "time in Oslo")
    assert found.fields[0].description == "whose time."


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("between 1 March 2026 and 24. Dezember 2026", ["2026-03-01", "2026-12-24"]),
        ("since March 3rd, 2026", ["2026-03-03"]),
        ("el 5 de mayo de 2026", ["2026-05-05"]),
        ("vom 3.4.2026 an", ["2026-04-03"]),
        ("31 February 2026, 5 things 2026 and 3/4/2026", []),
    ],
)
def test_days_are_read_as_people_write_them(text: str, days: list[str]) -> None:
    """In ISO 8601; what is no day, or may be two, is none."""
    assert [day for _, _, day in days_in(text)] == days


def test_numbers_in_words_are_put_together() -> None:
    """Two words in a row may be one number, and two numbers stay two."""
    values = [[amount.value for amount in amounts_in(text)] for text in ("two hundred grams", "twenty five", "one two")]
    assert values == [[200], [25], [1, 2]]
    assert [amount.seconds for amount in amounts_in("half an hour")] == [1800]


def test_cities_are_known_in_small_letters_but_not_where_they_are_words() -> None:
    """`tokyo` is a city; `troll`, which is a station, is not."""
    assert [span.value for span in spans_in("time in new york and tokyo")] == ["America/New_York", "Asia/Tokyo"]
    assert spans_in("a troll in the north") == []


def test_a_slip_of_the_pen_is_known() -> None:
    """One letter too few, too many, wrong, or two that changed places; short words are left alone."""
    known = frozenset(["password", "lists"])
    for slip in ("pasword", "passsword", "pastword", "passwrod"):
        assert respelled(slip, known) == ["password"]
    assert respelled("password", known) == []
    assert respelled("list", known) == []
    engine, found = LexicalEngine(), changer()
    engine.learn([found])
    sentence = Sentence("chnages")
    assert engine.measure(sentence)
    assert sentence.kin["chnages"]


def test_what_stands_behind_a_question_or_a_colon_is_the_text_with_all_its_quotation_marks() -> None:
    """And not the first quotation within it."""
    desk = Service("desk", description="Looks at texts.")

    @desk.endpoint(idempotent=True)
    async def look(text: str) -> str:
        """Look at a text."""
        return text

    (found,) = offers_of(desk.describe())
    for said, text in (
        ('what is wrong with this: {"a": "b",}', '{"a": "b",}'),
        ('tidy up {"a": ["b"]} please', '{"a": ["b"]}'),
        ('how does this sound: he said "no" and left', 'he said "no" and left'),
        ("is this fine? You won a prize", "You won a prize"),
    ):
        assert fill(found, Sentence(said)).values == {("text",): text}


def test_a_comparison_is_a_condition_and_its_number_no_limit() -> None:
    """`age > 30` goes to a field that is called so."""
    office = Service("office", description="Keeps people.")

    @office.endpoint(idempotent=True)
    async def find(team: str, query: str = "", limit: int = 10) -> str:
        """Find people."""
        return query

    (found,) = offers_of(office.describe())
    assert fill(found, Sentence("the team blue with age > 30")).values == {("team",): "blue", ("query",): "age > 30"}


def test_wishes_in_several_languages_are_told_apart() -> None:
    """Each heading is of one, up to an empty line; what is no code of a language is no heading."""
    offer = changer(
        "\n\nWishes:\nchange 5 francs\n\nWishes (de):\nwechsle 5 Franken"
        "\n\nWishes (Swiss):\nnothing\n\nWishes (es):\ncambia"
    )

    assert list(zip(offer.wishes, offer.tongues, strict=True)) == [
        ("change 5 francs", ""),
        ("wechsle 5 Franken", "de"),
        ("cambia", "es"),
    ]


def test_a_word_of_a_wish_is_not_strange_to_its_endpoint() -> None:
    """Who shows that he is asked so has a use for it, whatever his description says."""
    sentence = Sentence("which bureau is open today")

    assert strange_words(changer("\n\nWishes:\n    is it open today"), sentence, ()) == 0
    assert strange_words(changer(), sentence, ()) > 0
