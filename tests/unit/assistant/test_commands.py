"""What is said to the assistant itself is told from wishes, in its languages."""

from __future__ import annotations

import pytest

from micro.assistant.commands import Command, command_of, truth_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("yes", "yes"),
        ("Ja, bitte!", "yes"),
        ("Yes, do it.", "yes"),
        ("No, thanks.", "no"),
        ("ja bitte", "yes"),
        ("D'accord.", "yes"),
        ("Nein", "no"),
        ("never mind", "cancel"),
        ("laisse tomber", "cancel"),
        ("again", "again"),
        ("Noch einmal!", "again"),
        ("why that one?", "why"),
        ("¿por qué?", "why"),
        ("was kannst du?", "help"),
        ("yes we have no bananas", None),
        ("again and again greet Bob", None),
    ],
)
def test_a_whole_saying_is_a_command(text: str, kind: str | None) -> None:
    """Capitals, accents and marks do not matter, and more words make it a wish."""
    found = command_of(text)
    assert (found.kind if found else None) == kind


def test_a_chip_is_chosen_by_its_place() -> None:
    """A number, or an ordinal."""
    assert [found.place for text in ("1", "the second one", "drei") if (found := command_of(text))] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "what", "to"),
    [
        ("change the zone to Europe/Rome", "zone", "Europe/Rome"),
        ("change Tokyo to Paris", "Tokyo", "Paris"),
        ("ändere die Länge auf 20", "Länge", "20"),
        ("cambia la lista a compras", "lista", "compras"),
        ("change le titre en Fête", "titre", "Fête"),
    ],
)
def test_a_change_names_what_and_to_what(text: str, what: str, to: str) -> None:
    """The article does not count."""
    assert command_of(text) == Command("change", what=what, to=to)


def test_truth_is_told_in_many_words() -> None:
    """What is neither is None."""
    assert [truth_of(text) for text in ("oui", "off", "Não", "maybe")] == [True, False, False, None]
