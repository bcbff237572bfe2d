"""What is to be done, in one of few kinds: the verbs of a sentence and of an endpoint, compared.

Pure.

Endpoints of one service are about the same things, and differ in what they do with them: show, add, delete, count.
Sentence embeddings hardly see that difference, so it is looked up: each word below belongs to one or a few acts, in
every language. An endpoint's act is told by its name and by how its first sentence begins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from micro.assistant.words import spaced, split_words

__all__ = ["CHANGING", "KNOWN_WORDS", "act_likeness", "acts_of_endpoint", "acts_of_sentence", "changes_by_name"]

_ACTS: Final[Mapping[str, str]] = {
    "list": """list lists which names kinds all every overview exist available there
        liste welche alle auflisten auflistung | quelles quels lister toutes tous | cuáles qué listar todas todos hay |
        quali che elenca tutti tutte sono | quais listar há | welke lijst | какие список | jakie | 一覧""",
    "read": """read show get fetch tell display view see open what whats print history last latest recent said current
    now
        zeig zeige lies lesen anzeigen gib was spät | montre affiche lire lis donne | muestra muéstrame enseña lee dame
        |
        mostra leggi dammi | mostre mostra lê | toon lees laat | покажи прочитай | pokaż | 見せて 読んで""",
    "delete": """delete remove drop forget clear erase throw discard away void strip unlearn destroy rid wipe undo
    clean off
        lösche löschen entferne entfernen vergiss wirf leere | supprime efface oublie enlève retire vide |
        borra elimina quita olvida vacía | cancella elimina rimuovi dimentica svuota togli | apaga remove esquece |
        verwijder wis vergeet | удали забудь очисти | usuń | 削除 消して""",
    "create": """create make add new put insert write generate append push enqueue register sign draw set keep store
    remember
        save note jot produce compose fresh invent record post up
        erstelle erzeuge mach mache neu neue füge schreib schreibe leg merke setze |
        crée créer fais ajoute mets écris génère nouveau nouvelle | crea haz añade pon agrega escribe genera guarda
        nueva |
        crea fai aggiungi metti scrivi genera nuovo nuova salva | cria faz adiciona põe escreve gera guarda nova novo |
        maak voeg zet schrijf nieuw | создай сделай добавь запиши | stwórz zrób dodaj | 作って 追加""",
    "update": """change update edit rename replace modify set correct alter adjust
        ändere ändern bearbeite ersetze | change modifie remplace | cambia modifica edita reemplaza |
        cambia modifica sostituisci | muda altera | wijzig verander | измени | zmień | 変更""",
    "count": """count many number size large big amount status much total
        viele anzahl groß zähle | combien nombre taille | cuántos cuántas número tamaño | quanti quante numero |
        quantos quantas | hoeveel | сколько | ile | いくつ""",
    "find": """find search look query contain contains mention mentions match where about
        finde suche such enthält | cherche trouve recherche contient | busca encuentra contiene | cerca trova contiene |
        procura encontra | zoek vind | найди | znajdź | 探して 検索""",
    "check": """check verify is validate estimate whether good strong test does could sounds sound rate analyze judge
    valid
        secure safe guess right
        prüfe ist überprüfe stark sicher gut klingt | vérifie est | comprueba verifica es segura fuerte |
        controlla verifica è sicura | verifica é | controleer is | проверь | sprawdź | 確認""",
    "convert": """convert turn into as transform rotate resize shrink translate version flip
        wandle konvertiere drehe verkleinere | convertis tourne transforme | convierte gira transforma |
        converti gira trasforma | converte gira | zet draai | преобразуй | zamień | 変換""",
    "say": """say greet hello hi speak announce send post shout repeat echo greeting
        sag sage begrüße grüße sende | dis salue envoie bonjour | di saluda envía | saluta invia | diz saúda envia |
        zeg groet stuur | скажи поздоровайся | powiedz przywitaj | 言って""",
}

CHANGING: Final = frozenset(
    [
        "acknowledge",
        "add",
        "append",
        "assign",
        "book",
        "buy",
        "cancel",
        "change",
        "charge",
        "clear",
        "close",
        "commit",
        "create",
        "deactivate",
        "delete",
        "deploy",
        "destroy",
        "disable",
        "drop",
        "edit",
        "enable",
        "enter",
        "erase",
        "execute",
        "forget",
        "grant",
        "hide",
        "insert",
        "install",
        "join",
        "kill",
        "learn",
        "leave",
        "lock",
        "login",
        "logout",
        "mark",
        "merge",
        "move",
        "order",
        "overwrite",
        "pay",
        "pin",
        "post",
        "publish",
        "purge",
        "push",
        "put",
        "refund",
        "register",
        "release",
        "remove",
        "rename",
        "replace",
        "reserve",
        "reset",
        "restart",
        "revive",
        "revoke",
        "save",
        "schedule",
        "sell",
        "send",
        "set",
        "share",
        "sign",
        "start",
        "stop",
        "store",
        "submit",
        "subscribe",
        "terminate",
        "tick",
        "transfer",
        "trash",
        "unlearn",
        "unlock",
        "unpin",
        "unregister",
        "unsubscribe",
        "update",
        "upload",
        "withdraw",
        "write",
    ]
)
"""An endpoint whose name or first sentence begins with one of these is believed to change something."""

FIRST_WORDS: Final = 8
"""The act stands among the first words of a sentence."""

HARMLESS: Final = frozenset(
    [
        "analyze",
        "ask",
        "calculate",
        "check",
        "compare",
        "compute",
        "convert",
        "count",
        "decode",
        "describe",
        "detect",
        "draw",
        "encode",
        "estimate",
        "explain",
        "find",
        "format",
        "get",
        "hash",
        "info",
        "inspect",
        "list",
        "look",
        "measure",
        "parse",
        "preview",
        "query",
        "read",
        "render",
        "resize",
        "rotate",
        "search",
        "show",
        "simulate",
        "summarize",
        "tell",
        "translate",
        "validate",
        "verify",
        "view",
    ]
)
"""An endpoint whose name begins with one of these is believed to change nothing, however its text begins."""

KINSHIP: Final = 0.5
_KINDRED: Final = (("read", "list"), ("read", "find"), ("list", "find"), ("list", "count"), ("create", "update"))
"""Acts that one word may mean as well as the other."""

NAME_WEIGHT, TEXT_WEIGHT = 2.0, 1.0
BEGINNING_WEIGHT, LATER_WEIGHT = 1.0, 0.5


def _lexicon() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for act, text in _ACTS.items():
        for word in dict.fromkeys(text.replace("|", " ").split()):
            found.setdefault(word, []).append(act)
    return {word: tuple(acts) for word, acts in found.items()}


_LEXICON: Final = _lexicon()
KNOWN_WORDS: Final = frozenset(_LEXICON)
"""All words that tell an act."""


def _acts(words: Sequence[str], count: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for place, word in enumerate(words[:count]):
        acts = _LEXICON.get(word, ())
        for act in acts:
            weight = BEGINNING_WEIGHT if place < 2 else LATER_WEIGHT
            found[act] = found.get(act, 0.0) + weight / len(acts)
    return found


def _normal(acts: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(weight * weight for weight in acts.values()))
    return {act: weight / length for act, weight in acts.items()} if length else {}


def acts_of_sentence(text: str) -> dict[str, float]:
    """Returns act -> weight of what is said, of length 1; empty where no word tells."""
    return _normal(_acts(split_words(text), FIRST_WORDS))


def acts_of_endpoint(name: str, description: str) -> dict[str, float]:
    """Returns act -> weight of an endpoint, by its name `Struct.Method` and its description, of length 1."""
    method = split_words(spaced(name.rpartition(".")[2]))
    found: dict[str, float] = {}
    for acts, weight in ((_acts(method, 1), NAME_WEIGHT), (_acts(split_words(description), 4), TEXT_WEIGHT)):
        for act, value in acts.items():
            found[act] = found.get(act, 0.0) + weight * value
    return _normal(found)


def act_likeness(left: Mapping[str, float], right: Mapping[str, float]) -> float:
    """Returns how alike two are, from 0 to 1; who wants to see something may mean to read it, or to list it."""
    same = sum(weight * right.get(act, 0.0) for act, weight in left.items())
    near = sum(
        KINSHIP * (left.get(one, 0.0) * right.get(other, 0.0) + left.get(other, 0.0) * right.get(one, 0.0))
        for one, other in _KINDRED
    )
    return min(1.0, same + near)


def changes_by_name(name: str, description: str) -> bool:
    """Says whether an endpoint's own words say that it changes something."""
    method = split_words(spaced(name.rpartition(".")[2]))
    if HARMLESS.intersection(method[:1]):
        return False
    return bool(CHANGING.intersection((*method[:1], *split_words(description)[:1])))
