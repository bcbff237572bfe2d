"""Search: the right service first, at a bounded cost."""

from __future__ import annotations

import pytest

from micro.service.registry.search import MATCHES_MAX, READS_MAX, TERMS_PER_SERVICE_MAX, SearchIndex

CATALOGUE = {
    "weather": {"tags": "forecast", "summary": "The weather of today.", "endpoint": "Weather.Now Weather.Forecast"},
    "weather-maps": {"summary": "Maps of rain.", "endpoint": "Maps.Draw", "text": "Draws the weather as maps."},
    "password": {"tags": "security", "summary": "Strong passwords.", "endpoint": "Password.Generate Password.Phrase"},
    "notes": {"summary": "Keeps notes of each caller.", "endpoint": "Notes.Create Notes.Search", "text": "The notes."},
    "lists": {"summary": "Keeps lists of each caller.", "endpoint": "Lists.Add Lists.Show"},
    "cafe": {"summary": "Où est le café?", "text": "The café next door."},
}


@pytest.fixture
def index() -> SearchIndex:
    found = SearchIndex()
    for name, texts in CATALOGUE.items():
        found.put(name, {"name": name, **texts})
    return found


def names(index: SearchIndex, query: str, limit: int = 20) -> list[str]:
    return [match.name for match in index.search(query, limit)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("weather", ["weather", "weather-maps"]),
        ("weather maps", ["weather-maps", "weather"]),
        ("forecast ", ["weather"]),
        ("generate ", ["password"]),
        ("SECURITY ", ["password"]),
        ("note ", ["notes"]),
        ("keeps caller ", ["lists", "notes"]),
        ("café ", ["cafe"]),
        ("cafe ", ["cafe"]),
        ("nothing-like-that ", []),
        ("", []),
        ("   ", []),
        ("\x00\ud800", []),
    ],
)
def test_services_are_found_by_their_words(index: SearchIndex, query: str, expected: list[str]) -> None:
    """The best fit comes first."""
    assert names(index, query)[: len(expected)] == expected
    assert bool(names(index, query)) is bool(expected)


@pytest.mark.parametrize("query", ["p", "pa", "pass", "passw", "password", "passwords"])
def test_a_service_is_found_while_its_name_is_typed(index: SearchIndex, query: str) -> None:
    """Every beginning of the name leads to it."""
    assert names(index, query)[0] == "password"


def test_a_name_with_spaces_is_the_name(index: SearchIndex) -> None:
    """People do not type dashes."""
    assert names(index, "weather ma")[0] == "weather-maps"


def test_a_space_finishes_a_word(index: SearchIndex) -> None:
    """After it, the word is no beginning of others."""
    assert names(index, "pass ") == []


def test_a_word_in_a_name_counts_more_than_one_in_prose() -> None:
    """Fields have weights."""
    index = SearchIndex()
    index.put("a-prose", {"name": "a-prose", "text": "rain rain rain rain"})
    index.put("z-rain", {"name": "z-rain"})

    assert names(index, "rain ") == ["z-rain", "a-prose"]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    """What everybody says, tells nothing."""
    index = SearchIndex()
    for number in range(50):
        index.put(f"common-{number}", {"name": "", "summary": "shop"})
    index.put("rare", {"name": "", "summary": "zebra"})

    assert names(index, "shop zebra ")[0] == "rare"


def test_equals_come_in_the_order_of_their_names() -> None:
    """The same search has the same answer."""
    index = SearchIndex()
    for name in ("d", "b", "a", "c"):
        index.put(name, {"name": "", "text": "same"})

    assert names(index, "same ", limit=3) == ["a", "b", "c"]


def test_putting_again_replaces(index: SearchIndex) -> None:
    """A service is found by what it says now, and only once."""
    index.put("weather", {"name": "weather", "summary": "Storms."})

    assert (names(index, "forecast "), names(index, "storms "), len(index)) == ([], ["weather"], len(CATALOGUE))


def test_what_was_taken_out_is_not_found(index: SearchIndex) -> None:
    """Neither by name nor by word."""
    index.remove("weather")

    assert "weather" not in {*names(index, "weather"), *names(index, "forecast ")}


def test_taking_all_out_leaves_nothing(index: SearchIndex) -> None:
    """No word stays behind to take memory."""
    for name in CATALOGUE:
        index.remove(name)

    assert (len(index), index._postings, index._sorted_terms, index._sorted_names) == (0, {}, [], [])


def test_taking_out_a_stranger_changes_nothing(index: SearchIndex) -> None:
    """It may have been taken out before."""
    index.remove("nobody")

    assert len(index) == len(CATALOGUE)


def test_the_words_of_a_service_are_bounded() -> None:
    """A description full of words costs no more than others, and its name still counts."""
    index = SearchIndex()
    index.put("spam", {"name": "spam", "text": " ".join(f"word{number}" for number in range(5000))})

    assert (len(index._postings), names(index, "spam ")) == (TERMS_PER_SERVICE_MAX, ["spam"])


@pytest.mark.parametrize("limit", [-1, 0, 1, 7, 10**9])
def test_the_number_of_matches_is_bounded(limit: int) -> None:
    """Whatever is asked for."""
    index = SearchIndex()
    for number in range(300):
        index.put(f"service-{number}", {"name": "", "text": "thing"})

    assert len(index.search("thing ", limit)) == max(0, min(limit, MATCHES_MAX))


def test_every_word_of_a_query_adds_to_the_score(index: SearchIndex) -> None:
    """Two words that fit are better than the better one of them."""
    both, first, second = (index.search(query)[0].score for query in ("keeps caller ", "keeps ", "caller "))

    assert max(first, second) < both <= first + second + 1e-9


@pytest.mark.parametrize(
    ("query", "expected"), [("forec", "weather"), ("today forec", "weather"), ("securi", "password")]
)
def test_any_word_may_be_unfinished(index: SearchIndex, query: str, expected: str) -> None:
    """Not only that of a name."""
    assert names(index, query)[0] == expected


def test_a_name_comes_before_all_who_talk_about_it() -> None:
    """Whoever types a service's name means it."""
    index = SearchIndex()
    index.put("z", {"name": "z"})
    for number in range(20):
        index.put(f"talk-{number}", {"name": "", "tags": "z", "summary": "z z z", "endpoint": "Z.Z", "text": "z"})

    assert names(index, "z ")[0] == "z"


def test_a_name_is_found_behind_many_words_with_its_beginning() -> None:
    """However many words an unfinished one may become, names are looked up for themselves."""
    index = SearchIndex()
    index.put("st-zebra", {"name": ""})
    index.put("talk", {"name": "", "text": " ".join(f"st{number}" for number in range(60))})

    assert "st-zebra" in names(index, "st")


def test_a_common_word_brings_no_new_candidates_but_decides_between_them() -> None:
    """With candidates enough, the commonest words are only looked up for those."""
    index = SearchIndex()
    for number in range(4000):
        rare = "zebra" if number < 300 or number == 3999 else ""
        index.put(f"s-{number:04}", {"name": "", "summary": rare, "text": "shop" if 299 <= number < 3999 else ""})

    assert names(index, "shop zebra ", limit=MATCHES_MAX)[:2] == ["s-0299", "s-0000"]


def test_a_word_beyond_what_a_search_reads_is_found_all_the_same() -> None:
    """The bound on reading cuts the list of candidates, never the answer to nothing."""
    index = SearchIndex()
    for number in range(25_000):
        index.put(f"s-{number}", {"name": "", "text": "shop"})

    assert len(index.search("shop ", 5)) == 5


def test_a_search_reads_no_more_than_it_may() -> None:
    """The last of too many is not read, even if it were the best."""
    index = SearchIndex()
    for number in range(READS_MAX + 10):
        index.put(f"s-{number}", {"name": "", "tags" if number == READS_MAX else "text": "shop"})

    assert names(index, "shop ", 1) == ["s-0"]
