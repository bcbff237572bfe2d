"""The card of a node as an agent."""

from __future__ import annotations

from typing import Any

from a2a.client.card_resolver import parse_agent_card

from micro.doors.a2a.card import SKILLS_MAX, agent_card


def card(*descriptions: dict[str, Any]) -> dict[str, Any]:
    return agent_card(descriptions, version="1.0.0", url="http://127.0.0.1:8080")


def test_the_official_parser_reads_it() -> None:
    """It finds both versions at one address, and a skill for each service."""
    endpoints = [{"name": "Say.Hello", "description": "Greet someone.\nAt length."}, {"name": "Say.Bye"}]
    greeter = {"name": "greeter", "description": "Greets.", "metadata": {"tags": ["hello"]}, "endpoints": endpoints}
    found = parse_agent_card(card(greeter, {"name": "notes", "metadata": {"tags": "text"}}))
    assert {each.protocol_version for each in found.supported_interfaces} == {"1.0", "0.3"}
    assert {each.url for each in found.supported_interfaces} == {"http://127.0.0.1:8080/a2a"}
    skills = {skill.id: skill for skill in found.skills}
    assert (list(skills["greeter"].tags), list(skills["greeter"].examples)) == (["hello"], ["Greet someone."])
    assert (list(skills["notes"].tags), skills["notes"].description) == (["text"], "notes")
    assert found.security_schemes["token"].http_auth_security_scheme.scheme == "bearer"


def test_skills_are_bounded() -> None:
    """A card is read whole by whoever finds it."""
    assert len(card(*({"name": f"s{number}"} for number in range(SKILLS_MAX + 9)))["skills"]) == SKILLS_MAX
