"""Tells spam from what is wanted, by what its caller marked before: it learns."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import math
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

TEXT_CHARACTERS_MAX = 50_000
WORDS_MAX = 15_000
"""Words that are remembered; those that were seen once give way first."""

MODEL_BYTES_MAX = 900_000
"""What is remembered is one value of the store, which takes a MiB. Words of some scripts take three bytes a letter."""
ENTRY_BYTES = 24
"""What a word takes beside its letters, at most."""

WORD_CHARACTERS_MIN, WORD_CHARACTERS_MAX = 2, 30
TELLING_MIN, TELLING_MAX = 3, 60
"""So many words of a text are looked at: those that tell most. Fewer tell too little."""

LEARNED_MAX = 20_000
"""Texts whose marks are remembered, so that none is learned twice."""

# Robinson's smoothing: a word that was never seen is worth UNKNOWN, with the weight of STRENGTH sightings.
UNKNOWN, STRENGTH = 0.5, 0.45
DULL = 0.1
"""A word nearer to a half than this tells nothing."""

SPAM_FROM, HAM_TO = 0.8, 0.3
"""From here on it is spam, up to there it is not; in between nobody knows."""

REASONS_MAX = 8
MODEL, LEARNED = "model", "learned"
WORD = re.compile(r"https?://([\w.-]+)\S*|[$€£¥]\s?\d[\d.,]*|[^\W_](?:[\w'’.-]*[^\W_])?|!{2,}")

Mark = Literal["spam", "ham"]
Answer = Literal["spam", "ham", "unsure"]

service = Service(
    "spam",
    version="1.0.0",
    description="Tells spam from wanted text (ham), and learns from what you mark. Each caller's own.",
    metadata={"tags": "text, spam, filter, classify, moderation"},
    store="caller",
)


@dataclass
class Reason:
    """A word that told something.

    Attributes:
        word: the word, or `link:HOST`, `sum:` of money, `!!`, and `SHOUTED` words.
        spam: how surely a text with this word is spam: 0 is not at all, 1 surely.
    """

    word: str
    spam: float


@dataclass
class Verdict:
    """What a text seems to be.

    Attributes:
        answer: spam, ham (what is wanted), or unsure.
        probability: how much it looks like spam, 0 to 1; a measure to sort by, not a promise.
        reasons: the words that told most.
    """

    answer: Answer
    probability: float
    reasons: list[Reason]


@dataclass
class Status:
    """What was learned.

    Attributes:
        spam: texts that you marked as spam.
        ham: texts that you marked as wanted.
        words: words that are remembered of them.
        starting: texts that came with the service; they count as much as yours.
    """

    spam: int
    ham: int
    words: int
    starting: int


@dataclass
class Model:
    """In how many texts of each kind a word was.

    Attributes:
        spam: texts that are spam.
        ham: texts that are not.
        words: for each word the number of spam and of ham that it was in.
    """

    spam: int = 0
    ham: int = 0
    words: dict[str, tuple[int, int]] = field(default_factory=dict)

    def learn(self, found: set[str], mark: Mark, times: int = 1) -> None:
        """Counts a text with these words; -1 times takes it back."""
        spam, ham = (times, 0) if mark == "spam" else (0, times)
        self.spam, self.ham = max(0, self.spam + spam), max(0, self.ham + ham)
        for word in found:
            old = self.words.get(word, (0, 0))
            new = max(0, old[0] + spam), max(0, old[1] + ham)
            self.words[word] = new
            if new == (0, 0):
                del self.words[word]

    def forget_rare(self) -> None:
        """Forgets words that were seen least, where there are too many, or they take too much."""
        sizes = {word: len(word.encode("utf-8", "surrogatepass")) + ENTRY_BYTES for word in self.words}
        if len(sizes) <= WORDS_MAX and sum(sizes.values()) <= MODEL_BYTES_MAX:
            return
        kept, left = {}, MODEL_BYTES_MAX * 9 // 10
        often = sorted(self.words.items(), key=lambda item: (-sum(item[1]), item[0]))
        for word, counts in often[: WORDS_MAX * 9 // 10]:
            left -= sizes[word]
            if left < 0:
                break
            kept[word] = counts
        self.words = kept


_changing: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
"""One who learns at a time, or two at once would each undo what the other did."""


@service.endpoint(idempotent=True, examples=[{"text": "You have won a free prize! Click here to claim it."}])
async def check(context: Context, text: str) -> Verdict:
    """Tell whether a text is spam.

    Wishes:
        is this mail spam
        can I trust this message

    Wishes (es):
        me puedo fiar de este correo

    Wishes (de):
        kann ich dieser Mail trauen

    Args:
        text: the text, with its subject if it has one, at most 50,000 characters.
    """
    found = words(text)
    return judge(found, await _read(context))


@service.endpoint(idempotent=True, examples=[{"text": "Cheap pills, order now!", "mark": "spam"}])
async def learn(context: Context, text: str, mark: Mark) -> Status:
    """Mark a text, so that others like it are recognised. Marked again it counts once; the last mark holds.

    Wishes:
        this is spam, remember it
        that was no spam but a real mail

    Args:
        text: the text.
        mark: spam, or ham for what is wanted.
    """
    return await _mark(context, text, mark)


@service.endpoint(idempotent=True, examples=[{"text": "Cheap pills, order now!"}])
async def unlearn(context: Context, text: str) -> Status:
    """Take back the mark of a text.

    Wishes:
        that was wrong, take the spam mark back

    Args:
        text: the text, as it was when it was marked.
    """
    return await _mark(context, text, None)


@service.endpoint(idempotent=True, examples=[{}])
async def status(context: Context) -> Status:
    """Tell how much was learned from you.

    Wishes:
        how many mails did you learn from
    """
    return _status(await _read(context))


@service.endpoint(idempotent=True, examples=[{}])
async def forget(context: Context) -> Status:
    """Forget all that was learned from you; what came with the service stays.

    Wishes:
        unlearn all my spam marks
    """
    async with _lock(context):
        await context.store.delete(MODEL)
        while keys := await context.store.list(limit=64, table=LEARNED):
            await asyncio.gather(*(context.store.delete(key, table=LEARNED) for key in keys))
    return _status(Model())


def words(text: str) -> set[str]:
    """Returns what a text is judged by: its words, hosts of links, sums of money, and what is shouted."""
    if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
        raise errors.BadRequest(f"text: expected 1 to {TEXT_CHARACTERS_MAX} characters, got {len(text)}")
    found: set[str] = set()
    for match in WORD.finditer(unicodedata.normalize("NFKC", text)):
        word = match[0]
        if match[1]:
            found |= {"link:", f"link:{match[1].lower()[:WORD_CHARACTERS_MAX]}"}
        elif word[0] in "$€£¥":
            found.add("sum:")
        elif word[0] == "!":
            found.add("!!")
        elif WORD_CHARACTERS_MIN <= len(word) <= WORD_CHARACTERS_MAX and not word.isdigit():
            found.add(word.casefold().replace("’", "'"))
            if len(word) > 3 and word.isupper():
                found.add("SHOUTED")
    return found


def judge(found: set[str], learned: Model) -> Verdict:
    """Judges words: naive Bayes, each word's share smoothed as Robinson does, all of them joined by Fisher's method.

    G. Robinson, "A Statistical Approach to the Spam Problem", Linux Journal 107, 2003.
    """
    shares = {word: share for word in found if abs((share := _share(word, learned)) - 0.5) >= DULL}
    telling = sorted(shares.items(), key=lambda item: (-abs(item[1] - 0.5), item[0]))[:TELLING_MAX]
    if len(telling) < TELLING_MIN:
        return Verdict("unsure", 0.5, [Reason(word, round(share, 3)) for word, share in telling])
    spam = _fisher([1 - share for _, share in telling])
    ham = _fisher([share for _, share in telling])
    probability = round((1 + ham - spam) / 2, 4)
    answer: Answer = "spam" if probability >= SPAM_FROM else "ham" if probability <= HAM_TO else "unsure"
    return Verdict(answer, probability, [Reason(word, round(share, 3)) for word, share in telling[:REASONS_MAX]])


def _share(word: str, learned: Model) -> float:
    """Returns how surely a text with a word is spam, were both kinds equally frequent."""
    start = starting()
    of_start, of_learned = start.words.get(word, (0, 0)), learned.words.get(word, (0, 0))
    spam, ham = of_start[0] + of_learned[0], of_start[1] + of_learned[1]
    of_spam, of_ham = spam / max(1, start.spam + learned.spam), ham / max(1, start.ham + learned.ham)
    seen = spam + ham
    share = of_spam / (of_spam + of_ham) if seen else UNKNOWN
    return (STRENGTH * UNKNOWN + seen * share) / (STRENGTH + seen)


def _fisher(shares: list[float]) -> float:
    """Returns how likely shares are as small as these by chance: the tail of chi-square with two degrees for each."""
    half = -sum(math.log(max(share, 1e-9)) for share in shares)
    term = total = math.exp(-half)
    for number in range(1, len(shares)):
        term *= half / number
        total += term
    return min(total, 1.0)


@functools.cache
def starting() -> Model:
    """Returns what the service knows before it learns."""
    model = Model()
    for line in Path(__file__).with_name("starting.txt").read_text(encoding="utf-8").splitlines():
        mark, tab, text = line.partition("\t")
        if tab:
            model.learn(words(text), "spam" if mark == "spam" else "ham")
    return model


async def _mark(context: Context, text: str, mark: Mark | None) -> Status:
    found = words(text)
    key = hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()
    async with _lock(context):
        old = await context.store.read(key, table=LEARNED)
        model = await _read(context)
        if old == (mark or "").encode() or (old is None and mark is None):
            return _status(model)
        if mark is not None:  # first of all, for it is counted where it is written
            await _note(context, key, mark)
        if old is not None:
            model.learn(found, "spam" if old == b"spam" else "ham", -1)
        if mark is not None:
            model.learn(found, mark)
        model.forget_rare()
        await context.store.write(MODEL, msgspec.json.encode(model))
        if mark is None:
            await context.store.delete(key, table=LEARNED)
    return _status(model)


async def _note(context: Context, key: str, mark: Mark) -> None:
    """Writes how a text was marked, of at most so many texts."""
    try:
        await context.store.write(key, mark.encode(), table=LEARNED, keys_max=LEARNED_MAX)
    except errors.TooManyRequests:
        reason = f"you have marked {LEARNED_MAX} texts, the most; `spam forget` begins anew"
        raise errors.TooManyRequests(reason) from None


def _status(model: Model) -> Status:
    return Status(model.spam, model.ham, len(model.words), starting().spam + starting().ham)


def _lock(context: Context) -> asyncio.Lock:
    return _changing.setdefault((context.caller.nid, context.caller.service), asyncio.Lock())


async def _read(context: Context) -> Model:
    data = await context.store.read(MODEL)
    return Model() if data is None else msgspec.json.decode(data, type=Model)


if __name__ == "__main__":
    service.run()
