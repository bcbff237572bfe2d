"""What the assistant says, in each of its languages.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["PHRASES", "phrase"]

DEFAULT: Final = "en"

PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "none": {
        "en": "I know no service for that.",
        "de": "Dafür kenne ich keinen Dienst.",
        "es": "No conozco ningún servicio para eso.",
        "fr": "Je ne connais aucun service pour cela.",
        "it": "Non conosco nessun servizio per questo.",
        "pt": "Não conheço nenhum serviço para isso.",
    },
    "empty": {
        "en": "No services run here yet.",
        "de": "Hier laufen noch keine Dienste.",
        "es": "Aquí todavía no hay servicios.",
        "fr": "Aucun service ne tourne encore ici.",
        "it": "Qui non c'è ancora nessun servizio.",
        "pt": "Ainda não há serviços aqui.",
    },
    "choices": {
        "en": "Which of these do you mean?",
        "de": "Was davon meinst du?",
        "es": "¿A cuál de estos te refieres?",
        "fr": "Lequel voulez-vous dire ?",
        "it": "Quale di questi intendi?",
        "pt": "Qual destes quer dizer?",
    },
    "ask": {
        "en": "What is “{field}”?",
        "de": "Was ist „{field}“?",
        "es": "¿Cuál es «{field}»?",
        "fr": "Quel est « {field} » ?",
        "it": "Qual è «{field}»?",
        "pt": "Qual é «{field}»?",
    },
    "ask_about": {
        "en": "What is “{field}”? ({about})",
        "de": "Was ist „{field}“? ({about})",
        "es": "¿Cuál es «{field}»? ({about})",
        "fr": "Quel est « {field} » ? ({about})",
        "it": "Qual è «{field}»? ({about})",
        "pt": "Qual é «{field}»? ({about})",
    },
    "expected_number": {
        "en": "I need a number.",
        "de": "Ich brauche eine Zahl.",
        "es": "Necesito un número.",
        "fr": "Il me faut un nombre.",
        "it": "Mi serve un numero.",
        "pt": "Preciso de um número.",
    },
    "expected_integer": {
        "en": "I need a whole number.",
        "de": "Ich brauche eine ganze Zahl.",
        "es": "Necesito un número entero.",
        "fr": "Il me faut un nombre entier.",
        "it": "Mi serve un numero intero.",
        "pt": "Preciso de um número inteiro.",
    },
    "expected_yes_or_no": {
        "en": "Yes or no?",
        "de": "Ja oder nein?",
        "es": "¿Sí o no?",
        "fr": "Oui ou non ?",
        "it": "Sì o no?",
        "pt": "Sim ou não?",
    },
    "expected_choice": {
        "en": "It is one of: {choices}.",
        "de": "Es ist eines von: {choices}.",
        "es": "Es uno de: {choices}.",
        "fr": "C'est l'un de : {choices}.",
        "it": "È uno di: {choices}.",
        "pt": "É um de: {choices}.",
    },
    "expected_bytes": {
        "en": "I need a file.",
        "de": "Ich brauche eine Datei.",
        "es": "Necesito un archivo.",
        "fr": "Il me faut un fichier.",
        "it": "Mi serve un file.",
        "pt": "Preciso de um ficheiro.",
    },
    "expected_json": {
        "en": "I need NAME=VALUE, or JSON.",
        "de": "Ich brauche NAME=WERT, oder JSON.",
        "es": "Necesito NOMBRE=VALOR, o JSON.",
        "fr": "Il me faut NOM=VALEUR, ou du JSON.",
        "it": "Mi serve NOME=VALORE, oppure JSON.",
        "pt": "Preciso de NOME=VALOR, ou JSON.",
    },
    "confirm": {
        "en": "{title}{with_fields}: shall I?",
        "de": "{title}{with_fields}: soll ich?",
        "es": "{title}{with_fields}: ¿lo hago?",
        "fr": "{title}{with_fields} : je le fais ?",
        "it": "{title}{with_fields}: lo faccio?",
        "pt": "{title}{with_fields}: faço?",
    },
    "changes": {
        "en": "It changes something.",
        "de": "Das ändert etwas.",
        "es": "Cambia algo.",
        "fr": "Cela change quelque chose.",
        "it": "Cambia qualcosa.",
        "pt": "Muda alguma coisa.",
    },
    "price": {
        "en": "It costs {price}.",
        "de": "Es kostet {price}.",
        "es": "Cuesta {price}.",
        "fr": "Cela coûte {price}.",
        "it": "Costa {price}.",
        "pt": "Custa {price}.",
    },
    "unverified": {
        "en": "Nobody vouches for the name {service}.",
        "de": "Für den Namen {service} bürgt niemand.",
        "es": "Nadie responde por el nombre {service}.",
        "fr": "Personne ne se porte garant du nom {service}.",
        "it": "Nessuno garantisce per il nome {service}.",
        "pt": "Ninguém responde pelo nome {service}.",
    },
    "failed": {
        "en": "{service} says: {detail}",
        "de": "{service} sagt: {detail}",
        "es": "{service} dice: {detail}",
        "fr": "{service} dit : {detail}",
        "it": "{service} dice: {detail}",
        "pt": "{service} diz: {detail}",
    },
    "cancelled": {
        "en": "All right, I let it be.",
        "de": "Gut, ich lasse es.",
        "es": "De acuerdo, lo dejo.",
        "fr": "D'accord, je laisse.",
        "it": "Va bene, lascio stare.",
        "pt": "Está bem, deixo.",
    },
    "nothing": {
        "en": "There is nothing to do that with yet.",
        "de": "Dafür gibt es noch nichts.",
        "es": "Todavía no hay nada con qué hacerlo.",
        "fr": "Il n'y a encore rien pour cela.",
        "it": "Non c'è ancora niente per farlo.",
        "pt": "Ainda não há nada para isso.",
    },
    "changed": {
        "en": "{field} is now {value}.",
        "de": "{field} ist jetzt {value}.",
        "es": "{field} ahora es {value}.",
        "fr": "{field} est maintenant {value}.",
        "it": "{field} ora è {value}.",
        "pt": "{field} agora é {value}.",
    },
    "why": {
        "en": "I chose {title}, because {reasons}.",
        "de": "Ich habe {title} gewählt, denn {reasons}.",
        "es": "Elegí {title}, porque {reasons}.",
        "fr": "J'ai choisi {title}, car {reasons}.",
        "it": "Ho scelto {title}, perché {reasons}.",
        "pt": "Escolhi {title}, porque {reasons}.",
    },
    "why_meaning": {
        "en": "what you said is near to “{text}”",
        "de": "was du gesagt hast, ist nahe an „{text}“",
        "es": "lo que dijiste se parece a «{text}»",
        "fr": "ce que vous avez dit est proche de « {text} »",
        "it": "ciò che hai detto è vicino a «{text}»",
        "pt": "o que disse é parecido com «{text}»",
    },
    "why_words": {
        "en": "it shares the words {words}",
        "de": "beide haben die Wörter {words}",
        "es": "comparte las palabras {words}",
        "fr": "les mots {words} s'y trouvent",
        "it": "ha in comune le parole {words}",
        "pt": "tem em comum as palavras {words}",
    },
    "why_fields": {
        "en": "it takes what you named: {fields}",
        "de": "es nimmt, was du genannt hast: {fields}",
        "es": "toma lo que nombraste: {fields}",
        "fr": "il prend ce que vous avez nommé : {fields}",
        "it": "prende ciò che hai nominato: {fields}",
        "pt": "aceita o que disse: {fields}",
    },
    "why_learned": {
        "en": "you chose it before for something like this",
        "de": "du hast es für so etwas schon einmal gewählt",
        "es": "ya lo elegiste para algo así",
        "fr": "vous l'avez déjà choisi pour cela",
        "it": "l'hai già scelto per qualcosa di simile",
        "pt": "já o escolheu para algo assim",
    },
    "why_chosen": {
        "en": "you chose it yourself",
        "de": "du hast es selbst gewählt",
        "es": "lo elegiste tú",
        "fr": "vous l'avez choisi vous-même",
        "it": "l'hai scelto tu",
        "pt": "foi você que o escolheu",
    },
    "why_model": {
        "en": "the language model that your node asks chose it",
        "de": "das Sprachmodell, das dein Knoten fragt, hat es gewählt",
        "es": "lo eligió el modelo de lenguaje al que pregunta tu nodo",
        "fr": "le modèle de langage que votre nœud interroge l'a choisi",
        "it": "l'ha scelto il modello linguistico a cui chiede il tuo nodo",
        "pt": "foi o modelo de linguagem a que o seu nó pergunta que o escolheu",
    },
    "why_rivals": {
        "en": "Next came {rivals}.",
        "de": "Danach kam {rivals}.",
        "es": "Después venía {rivals}.",
        "fr": "Ensuite venait {rivals}.",
        "it": "Poi veniva {rivals}.",
        "pt": "A seguir vinha {rivals}.",
    },
    "help": {
        "en": "Say what you want, for instance: {examples}. Say “again”, “change … to …”, “why that one?” or “cancel”.",
        "de": "Sag, was du möchtest, zum Beispiel: {examples}. "
        "Sag „noch einmal“, „ändere … auf …“, „warum das?“ oder „abbrechen“.",
        "es": "Di lo que quieres, por ejemplo: {examples}. Di «otra vez», «cambia … a …», «¿por qué eso?» o «cancela».",
        "fr": "Dites ce que vous voulez, par exemple : {examples}. "
        "Dites « encore », « change … en … », « pourquoi ça ? » ou « annule ».",
        "it": "Di' che cosa vuoi, per esempio: {examples}. "
        "Di' «ancora», «cambia … in …», «perché quello?» o «annulla».",
        "pt": "Diga o que quer, por exemplo: {examples}. Diga «outra vez», «muda … para …», «por quê?» ou «cancela».",
    },
    "gone": {
        "en": "{title} is not there any more.",
        "de": "{title} ist nicht mehr da.",
        "es": "{title} ya no está.",
        "fr": "{title} n'est plus là.",
        "it": "{title} non c'è più.",
        "pt": "{title} já não está.",
    },
    "too_large": {
        "en": "The answer has {count} bytes, which is too much to show here.",
        "de": "Die Antwort hat {count} Bytes, zu viel, um sie hier zu zeigen.",
        "es": "La respuesta tiene {count} bytes, demasiado para mostrarla aquí.",
        "fr": "La réponse fait {count} octets, trop pour être montrée ici.",
        "it": "La risposta ha {count} byte, troppi per mostrarla qui.",
        "pt": "A resposta tem {count} bytes, demais para mostrar aqui.",
    },
    "cut": {
        "en": "There is more; I stopped here.",
        "de": "Es gibt noch mehr; ich habe hier aufgehört.",
        "es": "Hay más; me he detenido aquí.",
        "fr": "Il y en a plus ; je me suis arrêté ici.",
        "it": "C'è dell'altro; mi sono fermato qui.",
        "pt": "Há mais; parei aqui.",
    },
    "done": {
        "en": "Done.",
        "de": "Erledigt.",
        "es": "Hecho.",
        "fr": "C'est fait.",
        "it": "Fatto.",
        "pt": "Feito.",
    },
}


def phrase(name: str, language: str, **words: object) -> str:
    """Returns a phrase in a language, in English where it is not there in that one."""
    known = PHRASES[name]
    return known.get(language, known[DEFAULT]).format(**words)
