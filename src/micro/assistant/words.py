"""The words of a sentence: which of them tell what it is about, and which language it is in.

Pure.

Function words tell nothing about a wish, but much about the language: a sentence is in the language that most of its
function words belong to. Languages that are written without blanks are told by their letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from micro.service.registry.words import fold

__all__ = ["FUNCTION_WORDS", "LANGUAGES", "content_words", "language_of", "plain", "spaced", "split_words"]

LANGUAGES: Final = ("en", "de", "es", "fr", "it", "pt")
"""The languages it answers in; it understands more."""

FUNCTION_WORDS: Final[Mapping[str, frozenset[str]]] = {
    language: frozenset(text.split())
    for language, text in {
        "en": "a an the is it in on at to of for my me i im ive do does did what whats which who whose how this that "
        "these "
        "those and or be are am was were can could would will shall you your some with need want get give please there "
        "from by as so if when where not no all any up out his her their its our we us he she they let have has had "
        "into onto under about just now right again too very",
        "de": "der die das den dem des ein eine einen einem einer ist sind war bin es in im am an auf zu zum zur von "
        "vom für "
        "mit und oder mir mich ich du er sie wir mein meine meinen meiner dein ihr was wie wer wo wann welche welcher "
        "welches wieviel wieviele bitte nicht kein keine alle dass ob um aus bei nach gibt gerade jetzt mal auch "
        "noch viel viele",
        "es": "el la los las un una unos unas es son está están en de del al a para por con y o mi mis me yo tu su se "
        "que qué "
        "cómo cuál cuáles quién dónde cuándo por favor no todos todas este esta esto ese hay ahora lo le les nos",
        "fr": "le la les un une des du de d l est sont en dans à au aux pour par avec et ou mon ma mes me moi je tu "
        "il elle "
        "nous vous son sa ses ce cet cette ces que qu quoi quel quelle quels quelles qui comment où quand ne pas tous "
        "toutes s il te plaît y a c est-ce t j n maintenant sur",
        "it": "il lo la i gli le un uno una è sono in di del della dei delle al alla ai alle a da dal per con e o mio "
        "mia "
        "miei mie mi io tu suo sua si che cosa come quale quali chi dove quando per favore non tutti tutte questo "
        "questa ci ora adesso nel nella sul sulla",
        "pt": "o a os as um uma uns umas é são está estão em no na nos nas de do da dos das ao à para por com e ou "
        "meu minha "
        "meus minhas me eu tu você seu sua se que qual quais quem como onde quando por favor não todos todas este esta "
        "isto isso há agora",
        "nl": "de het een is zijn in op aan te van voor met en of mijn me ik jij hij zij wij wat wie hoe waar wanneer "
        "welke "
        "alsjeblieft niet geen alle er dit dat deze die nu",
        "pl": "i w na z do od o jest są to ten ta czy co kto jak gdzie kiedy jaki jaka jakie mi mój moja nie",
        "ru": "и в на с к от о из у это этот эта что кто как где когда какой какая какое какие мне мой моя не сейчас",
    }.items()
}

WORDS_MAX: Final = 400
"""So many words of a sentence are looked at."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_.]")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_SCRIPTS = (("ja", re.compile(r"[\u3040-\u30ff]")), ("zh", re.compile(r"[\u3400-\u9fff]")))
_OTHER_SCRIPTS = (
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_EVERY_FUNCTION_WORD = frozenset().union(*FUNCTION_WORDS.values())


def spaced(name: str) -> str:
    """Returns a name of code as words: `OpenOnly` and `open_only` are "open only"."""
    return _HUMPS.sub(" ", name).strip().lower()


def split_words(text: str) -> list[str]:
    """Returns the words of a text in lower case, numbers among them; an apostrophe ends a word but for its ending."""
    return list(_words(text))


def _words(text: str) -> Iterator[str]:
    for number, found in enumerate(_WORD.finditer(text.lower())):
        if number >= WORDS_MAX:
            return
        word, _, ending = found.group().replace("’", "'").partition("'")
        if ending and len(word) <= 2:  # l'image, d'aria, j'ai
            yield word
            yield ending
        else:
            yield word


def content_words(text: str) -> list[str]:
    """Returns the words that tell what a text is about, each once, without numbers."""
    return list(dict.fromkeys(_content(split_words(text))))


def _content(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word in _EVERY_FUNCTION_WORD or not any(letter.isalpha() for letter in word):
            continue
        if len(word) > 1 or _DENSE.match(word):
            yield word


def language_of(text: str) -> str:
    """Returns the language of a sentence as ISO 639-1, or "" where nothing tells."""
    for language, script in (*_SCRIPTS, *_OTHER_SCRIPTS):
        if script.search(text):
            return language
    words = split_words(text)
    counts = {language: sum(word in known for word in words) for language, known in FUNCTION_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else ""


def plain(word: str) -> str:
    """Returns a word without case and accents, as it is compared."""
    return fold(word)
