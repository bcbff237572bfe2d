"""A text sounds as its words do, and as what stands around them makes them."""

from __future__ import annotations

from types import ModuleType

import pytest

from micro.errors import BadRequest, NotFound


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("I love this place.", "positive"),
        ("What a horrible day", "negative"),
        ("The train leaves at nine.", "neutral"),
        ("The food was not good.", "negative"),
        ("It isn’t bad at all", "positive"),
        ("There was never a problem with them", "positive"),
        ("The room was lovely, but the breakfast was awful.", "negative"),
        ("The breakfast was awful, but the room was lovely.", "positive"),
        ("see you tomorrow :)", "positive"),
        ("see you tomorrow :(", "negative"),
        ("https://example.com/a", "neutral"),
        ("Monday 😡", "negative"),
        ("Monday 🎉", "positive"),
        ("日本 1234 --", "neutral"),
    ],
)
def test_a_text_has_a_mood(main: ModuleType, text: str, mood: str) -> None:
    """As a reader would say."""
    assert main.analyze(text).mood == mood


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("The soup is good.", "The soup is very good."),
        ("The soup is slightly good.", "The soup is good."),
        ("The soup is very tasty and good", "The soup is very very good and tasty"),
        ("The soup is good.", "The soup is GOOD."),
        ("The soup is good.", "The soup is good!"),
        ("The soup is good!", "The soup is good!!!"),
        ("The soup is good.", "The soup is good :D"),
        ("The soup is good.", "The soup is great."),
        ("The soup is bad!", "The soup is bad"),
        ("The soup is very bad", "The soup is bad"),
    ],
)
def test_a_mood_has_a_strength(main: ModuleType, weaker: str, stronger: str) -> None:
    """Around good as around bad words."""
    assert -1 < main.analyze(weaker).score < main.analyze(stronger).score < 1


def test_the_words_that_told_it_are_told(main: ModuleType) -> None:
    """As they sound where they stand, the strongest first; what is turned around has the other sign."""
    found = main.analyze("A good soup, a terrible one, not fine bread.")

    assert [felt.word for felt in found.words] == ["terrible", "good", "fine"]
    assert [felt.rating for felt in found.words] == [-2.1, 1.9, round(0.8 * -0.74, 3)]


def test_sentences_are_told_apart(main: ModuleType) -> None:
    """Each with its own mood."""
    found = main.sentences('The room was lovely. "The breakfast was awful!" he said.\n\nWe left at 9.30 with Mr. Smith')

    assert [(one.text, one.mood) for one in found][:2] == [
        ("The room was lovely.", "positive"),
        ('"The breakfast was awful!', "negative"),
    ]
    assert {one.mood for one in found[2:]} == {"neutral"}


@pytest.mark.parametrize(
    ("word", "rating"), [("lovely", 2.8), (" Lovely ", 2.8), ("awful", -2.0), (":)", 2.0), ("💔", -2.0)]
)
def test_a_word_has_a_rating(main: ModuleType, word: str, rating: float) -> None:
    """In either case."""
    assert main.rating(word) == rating


def test_an_unknown_word_has_none(main: ModuleType) -> None:
    """The fault says what that means."""
    with pytest.raises(NotFound, match="neutral"):
        main.rating("table")


def test_a_shouting_text_does_not_count_as_stressed(main: ModuleType) -> None:
    """Only a word in capitals among others does."""
    assert main.analyze("THE SOUP IS GOOD").score == main.analyze("the soup is good").score


def test_a_long_text_stays_within_bounds(main: ModuleType) -> None:
    """However much is in it; and it says no more than its strongest words."""
    found = main.analyze("good " * 3999)

    assert (0.99 < found.score <= 1, len(found.words)) == (True, main.TELLING_MAX)


@pytest.mark.parametrize("text", ["", "  ", "x" * 20_001])
def test_a_text_is_bounded(main: ModuleType, text: str) -> None:
    """The fault says what is allowed."""
    for ask in (main.analyze, main.sentences):
        with pytest.raises(BadRequest, match="text: expected"):
            ask(text)


def test_sentences_are_bounded(main: ModuleType) -> None:
    """So that an answer is."""
    with pytest.raises(BadRequest, match="at most 200 sentences"):
        main.sentences("Good. " * 201)


def test_the_lexicon_is_whole(main: ModuleType) -> None:
    """Every line has a word and a rating between -4 and 4."""
    lexicon = main._lexicon()

    assert len(lexicon) > 7000
    assert all(word and -4 <= rating <= 4 for word, rating in lexicon.items())


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
