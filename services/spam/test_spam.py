"""Spam is told from what is wanted, a little at once and better with every mark."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, TooManyRequests

SPAM = "Congratulations! You have won a prize of $500. Click here to claim it now: http://x.example/win"
HAM = "Hi Bea, the meeting was moved to Thursday, could you please send me the minutes? Thanks, Ann"
JARGON = "The quux frobnicates the widget"


async def answer(main: ModuleType, context: Any, text: str) -> str:
    return str((await main.check(context, text)).answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SPAM, "spam"),
        (HAM, "ham"),
        ("Could we meet for lunch on Thursday?", "ham"),
        (JARGON, "unsure"),
        ("!", "unsure"),
    ],
)
async def test_it_begins_with_a_little_knowledge(main: ModuleType, context: Any, text: str, expected: str) -> None:
    """And says where it has none."""
    assert await answer(main, context, text) == expected


async def test_reasons_are_told(main: ModuleType, context: Any) -> None:
    """The words that told most, on the side they speak for."""
    spam, ham = await main.check(context, SPAM), await main.check(context, HAM)

    assert {"claim", "won"} & {reason.word for reason in spam.reasons if reason.spam > 0.8}
    assert {"thanks", "meeting"} & {reason.word for reason in ham.reasons if reason.spam < 0.2}
    assert 0 <= ham.probability < spam.probability <= 1


def test_most_of_the_starting_set_is_told_by_the_rest_of_it(main: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message is judged without itself: few are wrong, as the README says."""
    lines = Path(main.__file__).with_name("starting.txt").read_text().splitlines()
    marked = [line.split("\t") for line in lines if "\t" in line]
    answers = []
    for mark, text in marked:
        rest = main.Model()
        for other_mark, other in marked:
            if other != text:
                rest.learn(main.words(other), other_mark)
        monkeypatch.setattr(main, "starting", lambda rest=rest: rest)
        answers.append((mark, main.judge(main.words(text), main.Model()).answer))

    assert sum(mark == answer for mark, answer in answers) >= 0.75 * len(marked)
    assert sum("unsure" != answer != mark for mark, answer in answers) <= 0.05 * len(marked)


async def test_it_learns(main: ModuleType, context: Any) -> None:
    """What nobody knew, and what seemed to be the contrary."""
    for number in range(4):
        await main.learn(context, f"{JARGON} {number} times", "spam")
        await main.learn(context, f"Win a prize at our annual raffle, number {number}, click the gardens link", "ham")

    assert await answer(main, context, "The widget frobnicates your quux") == "spam"
    assert await answer(main, context, "The annual raffle in the gardens, number 9") == "ham"


async def test_a_text_is_learned_once(main: ModuleType, context: Any) -> None:
    """Also by many at once; and its last mark holds."""
    await asyncio.gather(*(main.learn(context, JARGON, "spam") for _ in range(5)))
    once = await main.status(context)
    turned = await main.learn(context, JARGON, "ham")
    undone = await main.unlearn(context, JARGON)

    assert [(status.spam, status.ham, status.words) for status in (once, turned, undone)] == [
        (1, 0, 4),
        (0, 1, 4),
        (0, 0, 0),
    ]
    assert await main.unlearn(context, JARGON) == undone


async def test_what_many_learn_at_once_is_all_learned(main: ModuleType, context: Any) -> None:
    """None undoes what another did."""
    await asyncio.gather(*(main.learn(context, f"word{number}", "ham") for number in range(20)))

    assert (await main.status(context)).ham == 20


async def test_it_can_forget(main: ModuleType, context: Any) -> None:
    """And then can learn the same again."""
    await main.learn(context, JARGON, "spam")
    forgotten = await main.forget(context)

    assert forgotten == await main.status(context) == main.Status(0, 0, 0, main.starting().spam + main.starting().ham)
    assert (await main.learn(context, JARGON, "spam")).spam == 1


async def test_callers_have_their_own(main: ModuleType, context: Any, stranger: Any) -> None:
    """Nobody teaches another's filter."""
    for number in range(4):
        await main.learn(stranger, f"{JARGON} {number}", "spam")

    assert [await answer(main, one, JARGON) for one in (context, stranger)] == ["unsure", "spam"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don’t SHOUT, please", {"don't", "shout", "SHOUTED", "please"}),
        ("https://Evil.example/a?b see it", {"link:", "link:evil.example", "see", "it"}),
        ("only $1,000.50 or € 5!!!", {"only", "sum:", "or", "!!"}),
        ("12 34 a " + "x" * 31, set()),
        ("Grüße 日本", {"grüsse", "日本"}),
    ],
)
def test_words_are_what_can_tell_something(main: ModuleType, text: str, expected: set[str]) -> None:
    """In any script."""
    assert main.words(text) == expected


async def test_rare_words_give_way(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen often stays."""
    monkeypatch.setattr(main, "WORDS_MAX", 10)
    for number in range(10):
        await main.learn(context, f"often rare{number}x and{number}y", "spam")
    model = await main._read(context)

    assert len(model.words) <= 10
    assert model.words["often"] == (10, 0)


@pytest.mark.parametrize(("letter", "least"), [("é", 10_000), ("語", 7_000), ("𐐀", 5_000)])
async def test_a_full_model_fits_into_the_store(main: ModuleType, context: Any, letter: str, least: int) -> None:
    """With the longest words there may be, of two, three and four bytes a letter; the last text is remembered too."""
    for number in range(0, main.WORDS_MAX + 1000, 1000):
        words = (f"{one:05d}" + letter * (main.WORD_CHARACTERS_MAX - 5) for one in range(number, number + 1000))
        status = await main.learn(context, "often " + " ".join(words), "ham")

    assert status.words > least
    assert (await main._read(context)).words["often"] == (0, status.ham) == (0, 16)


@pytest.mark.parametrize("text", ["", " \n", "x" * 50_001])
async def test_a_text_is_bounded(main: ModuleType, context: Any, text: str) -> None:
    """The fault says what is allowed."""
    for ask in (main.check(context, text), main.learn(context, text, "spam"), main.unlearn(context, text)):
        with pytest.raises(BadRequest, match="text: expected"):
            await ask


async def test_marks_are_bounded(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those there are can still be changed."""
    monkeypatch.setattr(main, "LEARNED_MAX", 1)
    await main.learn(context, JARGON, "spam")
    await main.learn(context, JARGON, "ham")
    with pytest.raises(TooManyRequests, match="spam forget"):
        await main.learn(context, "more", "ham")


async def test_marks_of_two_generations_are_counted(
    main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though neither knows what the other is about to write."""
    monkeypatch.setattr(main, "LEARNED_MAX", 2)
    monkeypatch.setattr(main, "_lock", lambda context: asyncio.Lock())
    tried = await asyncio.gather(
        *(main.learn(context, f"word{number}", "ham") for number in range(5)), return_exceptions=True
    )

    assert [type(one) for one in tried].count(TooManyRequests) == 3
    assert len(await context.store.list(table=main.LEARNED)) == 2


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
