"""What is said to the assistant itself, and not to a service: yes, no, cancel, again, undo, change X to Y, why, help.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from micro.assistant.words import plain

__all__ = ["Command", "Kind", "command_of", "truth_of"]

Kind = Literal["yes", "no", "cancel", "again", "why", "help", "undo", "choose", "change"]

_SAYINGS: Final[dict[Kind, str]] = {
    "yes": """yes|y|yeah|yep|yes please|yes do it|yes go ahead|ok|okay|sure|do it|go ahead|go on|confirm|please do|
        ja|ja bitte|ja mach das|klar|mach das|mach es|jawohl|sí|si|claro|vale|hazlo|adelante|oui|oui merci|d'accord|
        vas-y|bien sûr|sì|certo|va bene|fallo|sim|claro que sim|pode|faz isso|да|tak|はい""",
    "no": """no|n|nope|no thanks|don't|do not|rather not|nein|nein danke|lieber nicht|no gracias|non|non merci|no
    grazie|não|
        não obrigado|nee|нет|nie|いいえ""",
    "cancel": """cancel|cancel it|cancel that|stop|never mind|nevermind|forget it|forget
    that|abort|abbrechen|abbruch|lass es|
        vergiss es|schon gut|halt|cancela|cancelar|olvídalo|déjalo|para|annule|annuler|laisse
        tomber|oublie|arrête|annulla|
        lascia stare|lascia perdere|basta|esquece|deixa|deixa estar|annuleer|отмена|anuluj|やめて""",
    "again": """again|once more|one more time|repeat|repeat that|do it again|same again|nochmal|noch einmal|noch
    mal|wiederhole|
        wiederhole das|otra vez|de nuevo|repite|encore|encore une fois|répète|ancora|di nuovo|un'altra volta|ripeti|
        outra vez|de novo|repete|opnieuw|nog een keer|ещё раз|jeszcze raz|もう一度""",
    "undo": """undo|undo it|undo that|undo this|take it back|take that back|revert|revert it|revert that|rückgängig|
        mach es rückgängig|mach das rückgängig|nimm es zurück|nimm das zurück|deshacer|deshazlo|deshaz eso|défais|
        défais ça|annule ça|reviens en arrière|disfa|disfallo|desfaz|desfaz isso|desfazer|ongedaan maken""",
    "why": """why|why that|why that one|why this one|why this|how come|warum|warum das|warum dieser|warum gerade
    das|wieso|
        por qué|por qué ese|por qué eso|pourquoi|pourquoi celui-là|pourquoi ça|perché|perché quello|perché questo|
        por quê|porquê|por que esse|waarom|почему|dlaczego|なぜ""",
    "help": """help|help me|what can you do|what can i say|what can i ask|hilfe|was kannst du|was kann ich sagen|ayuda|
        qué puedes hacer|aide|à l'aide|que peux-tu faire|que sais-tu faire|aiuto|cosa sai fare|che cosa sai fare|ajuda|
        o que você pode fazer|help mij|wat kun je|помощь|pomoc|ヘルプ""",
}
_ORDINALS: Final = (
    """1|one|first|the first|the first one|eins|das erste|die erste|der erste|erste|el primero|la primera|primero|
        le premier|la première|premier|il primo|la prima|primo|o primeiro|primeiro""",
    """2|two|second|the second|the second one|zwei|das zweite|die zweite|der zweite|zweite|el segundo|la segunda|
        segundo|le deuxième|la deuxième|deuxième|il secondo|la seconda|secondo|o segundo""",
    """3|three|third|the third|the third one|drei|das dritte|die dritte|der dritte|dritte|el tercero|la tercera|tercero|
        le troisième|la troisième|troisième|il terzo|la terza|terzo|o terceiro|terceiro""",
)
_CHANGE: Final = re.compile(
    r"^(?:please |bitte |por favor )?(?:"
    r"(?:change|set|make|switch|correct) (?P<en>.{1,200}?) (?:in)?to (?P<en_to>.{1,1000})|"
    r"(?:ändere|ändre|setze|mach) (?P<de>.{1,200}?) (?:auf|zu|in) (?P<de_to>.{1,1000})|"
    r"(?:cambia|pon) (?P<es>.{1,200}?) (?:a|por|en|in) (?P<es_to>.{1,1000})|"
    r"(?:change|remplace|mets) (?P<fr>.{1,200}?) (?:en|par|à) (?P<fr_to>.{1,1000})|"
    r"(?:muda|troca|altera) (?P<pt>.{1,200}?) (?:para|por) (?P<pt_to>.{1,1000})"
    r")$",
    re.IGNORECASE | re.DOTALL,
)
_ARTICLE: Final = re.compile(r"^(?:the|der|die|das|den|el|la|le|l'|il|lo|o|a|it) +", re.IGNORECASE)
_ENDS: Final = " .!?¿¡,;…。！？"


def _said(texts: str) -> frozenset[str]:
    return frozenset(plain(" ".join(text.split())) for text in texts.split("|"))


_KNOWN: Final = {saying: kind for kind, texts in _SAYINGS.items() for saying in _said(texts)}
_PLACES: Final = {saying: place for place, texts in enumerate(_ORDINALS) for saying in _said(texts)}
_TRUE: Final = _said("true|on|an|1|wahr") | _said(_SAYINGS["yes"])
_FALSE: Final = _said("false|off|aus|0|falsch") | _said(_SAYINGS["no"])


@dataclass(frozen=True, slots=True)
class Command:
    """Something said to the assistant itself.

    Attributes:
        kind: what.
        place: of `choose`, which chip, from 0.
        what, to: of `change`, a field or a value, and its new value.
    """

    kind: Kind
    place: int = 0
    what: str = ""
    to: str = ""


def _bare(text: str) -> str:
    return plain(" ".join(text.strip(_ENDS).replace(",", " ").split()))


def command_of(text: str) -> Command | None:
    """Returns what is said to the assistant itself, or None where it is meant for a service."""
    said = _bare(text)
    if said in _KNOWN:
        return Command(_KNOWN[said])
    if said in _PLACES:
        return Command("choose", place=_PLACES[said])
    match = _CHANGE.match(text.strip(_ENDS))
    if match is None:
        return None
    for language in ("en", "de", "es", "fr", "pt"):
        if match[language]:
            return Command("change", what=_ARTICLE.sub("", match[language].strip()), to=match[f"{language}_to"].strip())
    return None


def truth_of(text: str) -> bool | None:
    """Returns whether a text says yes or no, None where it says neither."""
    said = _bare(text)
    return True if said in _TRUE else False if said in _FALSE else None
