"""The card of a node as an agent: where its assistant is spoken to, and what it can do, from what services say.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["agent_card"]

SKILLS_MAX: Final = 200
EXAMPLES_MAX: Final = 3
TEXT_CHARACTERS_MAX: Final = 500
TEXT, DATA = "text/plain", "application/json"


def agent_card(descriptions: Iterable[Mapping[str, Any]], *, version: str, url: str) -> dict[str, Any]:
    """Returns the card.

    Args:
        descriptions: the services.
        version: the node's own version.
        url: where the door is.
    """
    skills: list[dict[str, Any]] = []
    for description in descriptions:
        if len(skills) >= SKILLS_MAX:
            break
        skills.append(_skill(description))
    where = f"{url}/a2a"
    return {
        "name": "Micro node",
        "description": "An assistant that does what you say with the services of a node of the Micro network: it "
        "finds the one that is meant, asks for what is missing, and before it does what costs or changes something.",
        "version": version,
        "supportedInterfaces": [
            {"url": where, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": where, "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
        ],
        "url": where,
        "preferredTransport": "JSONRPC",
        "protocolVersion": "0.3.0",
        "capabilities": {"streaming": True, "pushNotifications": False},
        "defaultInputModes": [TEXT, DATA],
        "defaultOutputModes": [TEXT, DATA],
        "skills": skills,
        "securitySchemes": {
            "token": {"httpAuthSecurityScheme": {"scheme": "bearer", "description": "A token of the node."}}
        },
    }


def _skill(description: Mapping[str, Any]) -> dict[str, Any]:
    name = str(description.get("name", ""))
    metadata = description.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
    words = [tags] if isinstance(tags, str) else tags if isinstance(tags, list) else []
    says = [str(endpoint.get("description", "")) for endpoint in description.get("endpoints", ())]
    examples = [text.strip().partition("\n")[0][:TEXT_CHARACTERS_MAX] for text in says if text.strip()][:EXAMPLES_MAX]
    return {
        "id": name,
        "name": name,
        "description": (str(description.get("description", "")) or name)[:TEXT_CHARACTERS_MAX],
        "tags": [str(word) for word in words] or [name],
        **({"examples": examples} if examples else {}),
    }
