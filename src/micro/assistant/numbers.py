"""Numbers as people say them, with what they count: digits, words, and lengths of time.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from micro.assistant.words import plain

__all__ = ["Amount", "amounts_in", "articles_in", "number_of"]

_SMALL: Final = (
    "zero|null|cero|zéro|zero",
    "one|eins|uno|un|um|één|один",
    "two|zwei|zwo|dos|deux|due|dois|duas|twee|два|две|dwa",
    "three|drei|tres|trois|tre|três|drie|три|trzy",
    "four|vier|cuatro|quatre|quattro|quatro|четыре|cztery",
    "five|fünf|cinco|cinq|cinque|vijf|пять|pięć",
    "six|sechs|seis|sei|zes|шесть|sześć",
    "seven|sieben|siete|sept|sette|sete|zeven|семь|siedem",
    "eight|acht|ocho|huit|otto|oito|восемь|osiem",
    "nine|neun|nueve|neuf|nove|negen|девять|dziewięć",
    "ten|zehn|diez|dix|dieci|dez|tien|десять|dziesięć",
    "eleven|elf|once|onze|undici",
    "twelve|zwölf|doce|douze|dodici|doze|twaalf",
    "thirteen|dreizehn|trece|treize|tredici|treze",
    "fourteen|vierzehn|catorce|quatorze|quattordici|catorze",
    "fifteen|fünfzehn|quince|quinze|quindici",
    "sixteen|sechzehn|dieciséis|seize|sedici|dezesseis",
    "seventeen|siebzehn|diecisiete|diciassette|dezessete",
    "eighteen|achtzehn|dieciocho|diciotto|dezoito",
    "nineteen|neunzehn|diecinueve|diciannove|dezenove",
    "twenty|zwanzig|veinte|vingt|venti|vinte",
)
_TENS: Final = {
    30: "thirty|dreißig|treinta|trente|trenta|trinta",
    40: "forty|vierzig|cuarenta|quarante|quaranta|quarenta",
    50: "fifty|fünfzig|cincuenta|cinquante|cinquanta|cinquenta",
    60: "sixty|sechzig|sesenta|soixante|sessanta|sessenta",
    70: "seventy|siebzig|setenta|settanta",
    80: "eighty|achtzig|ochenta|ottanta|oitenta",
    90: "ninety|neunzig|noventa|novanta",
    100: "hundred|hundert|cien|cent|cento|cem",
    1000: "thousand|tausend|mil|mille",
}
NUMBER_WORDS: Final = {
    plain(word): value
    for value, words in (*enumerate(_SMALL), *_TENS.items())
    for word in words.split("|")
    if plain(word) not in ("un", "um", "null", "once", "sei", "otto", "elf")  # more often articles, verbs, names
}

_SECONDS: Final = {
    0.001: "ms milliseconds millisecond",
    1.0: "s sec second seconds sekunde sekunden seconde secondes segundo segundos secondo secondi",
    60.0: "min minute minutes minuten minuto minutos minuti",
    3600.0: "h hour hours stunde stunden heure heures hora horas ora ore",
    86400.0: "day days tag tage tagen jour jours día días dia dias giorno giorni",
    604800.0: "week weeks woche wochen semaine semaines semana semanas settimana settimane",
}
UNIT_SECONDS: Final = {plain(word): seconds for seconds, words in _SECONDS.items() for word in words.split()}
_ARTICLES: Final = frozenset(["a", "an", "ein", "eine", "einer", "un", "une", "una", "uno", "um", "uma"])

_HALVES: Final = frozenset(
    ["half", "halbe", "halber", "halben", "halbes", "demi", "media", "medio", "mezzo", "mezza", "meia", "meio"]
)
_EACH: Final = frozenset(["every", "each", "jede", "jeden", "chaque", "cada", "ogni"])
_ARTICLE: Final = re.compile(r"\s+an?\b")
_NOT_HALVED: Final = frozenset(["of", "the", "der", "des", "de", "del", "du", "di", "past", "way"])
_HUNDREDS: Final = frozenset([100, 1000])

_NUMBER = re.compile(r"(?<![\w.,:/-])[-+]?\d{1,15}(?:[.,]\d{3})*(?:[.,]\d{1,9})?(?!\w)(?![-/:]\w)")
_DIGITS = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_NEXT_WORD = re.compile(r"\s*([^\W\d_]+)")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in a sentence.

    Attributes:
        start, end: where it stands, without what it counts.
        value: the number.
        counted: the word behind it in small letters without accents, "" where there is none.
        seconds: the length of time that it is with that word, None where it is none.
    """

    start: int
    end: int
    value: int | float
    counted: str
    seconds: float | None


def number_of(text: str) -> int | float | None:
    """Returns the number that a text is, in digits or one word; None where it is none."""
    text = text.strip()
    if plain(text) in NUMBER_WORDS:
        return NUMBER_WORDS[plain(text)]
    return _read(text) if _DIGITS.fullmatch(text) or re.fullmatch(r"\d{1,3}([.,]\d{3})+", text) else None


def _read(text: str) -> int | float:
    if re.fullmatch(r"[-+]?\d{1,3}([.,]\d{3})+", text):  # thousands
        return int(re.sub(r"[.,]", "", text))
    text = text.replace(",", ".") if text.count(",") + text.count(".") == 1 else re.sub(r"[.,](?=.*[.,])", "", text)
    number = float(text.replace(",", "."))
    return int(number) if number.is_integer() and "." not in text else number


def amounts_in(text: str) -> list[Amount]:
    """Returns the numbers of a sentence, in order."""
    found = [*_in_digits(text), *_in_words(text), *_in_articles(text)]
    return sorted(found, key=lambda amount: amount.start)


def _in_digits(text: str) -> Iterator[Amount]:
    for match in _NUMBER.finditer(text):
        yield _amount(text, match.start(), match.end(), _read(match.group()))
    for match in re.finditer(r"(?<![\w.,-])(\d{1,9})(?=[x×]\d)|(?<=\d[x×])(\d{1,9})(?!\w)", text):  # 800x600
        yield _amount(text, match.start(), match.end(), int(match.group()))
    for match in re.finditer(
        r"(?<![\w.,-])(\d{1,9}(?:[.,]\d{1,6})?)([A-Za-zµ]{1,3}|文字|%)(?!\w)|(?<!\w)(\d{1,9})(?=[\u3040-\u9fff])", text
    ):
        number = match.group(1) or match.group(3)
        yield _amount(text, match.start(), match.start() + len(number), _read(number))


def _in_words(text: str) -> Iterator[Amount]:
    """Yields numbers in words; `two hundred` and `twenty five` are one."""
    start, end, value = -1, -1, 0
    for match in _WORD.finditer(text):
        found = NUMBER_WORDS.get(plain(match.group()))
        is_next = found is not None and start >= 0 and text[end : match.start()] in (" ", "-")
        joined = _joined(value, found) if is_next and found is not None else None
        if joined is not None:
            end, value = match.end(), joined
            continue
        if start >= 0:
            yield _amount(text, start, end, value)
        start, end, value = (match.start(), match.end(), found) if found is not None else (-1, -1, 0)
    if start >= 0:
        yield _amount(text, start, end, value)


def _joined(left: int, right: int) -> int | None:
    """Returns the number that two words in a row say together, None where they are two numbers."""
    if right in _HUNDREDS and 0 < left < right:
        return left * right
    if (0 < right < 10 and left in _TENS.keys() | {20}) or (0 < right < left and left % 100 == 0 and left > 0):
        return left + right
    return None


def _in_articles(text: str) -> Iterator[Amount]:
    """Yields `an hour`, for an article counts only before a unit of time, and `half a mile`."""
    end = -1
    for match in _WORD.finditer(text):
        word = plain(match.group())
        if word in _HALVES:
            article = _ARTICLE.match(text, match.end())
            end = article.end() if article else match.end()
            amount = _amount(text, match.start(), end, 0.5)
            if amount.counted and amount.counted not in _NOT_HALVED:
                yield amount
        elif match.start() >= end and (word in _ARTICLES or word in _EACH):
            amount = _amount(text, match.start(), match.end(), 1)
            if amount.seconds is not None:
                yield amount


def articles_in(text: str) -> list[Amount]:
    """Returns what is spoken of as one: `a gallon`; it is a number only for who asks for one."""
    articles = (match for match in _WORD.finditer(text) if plain(match[0]) in _ARTICLES)
    found = (_amount(text, match.start(), match.end(), 1) for match in articles)
    return [amount for amount in found if amount.counted and amount.counted not in _NOT_HALVED]


def _amount(text: str, start: int, end: int, value: float) -> Amount:
    match = _NEXT_WORD.match(text, end)
    counted = plain(match.group(1)) if match else ""
    unit = UNIT_SECONDS.get(counted)
    return Amount(start, end, value, counted, None if unit is None else _short(value * unit))


def _short(seconds: float) -> int | float:
    return int(seconds) if float(seconds).is_integer() else seconds
