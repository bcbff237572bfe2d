"""The page `/llms.txt`: what a language model reads to use this node, in the form of llmstxt.org.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

__all__ = ["llms_text"]

LINE_CHARACTERS_MAX: Final = 200

HEAD: Final = """# A node of the Micro network

> Services of many kinds, each called by its name. This node calls them for you: on this machine, on neighbours', or in
> an open network.

A call is a POST of JSON to `/api/SERVICE/Struct.Method`. A stream comes as server-sent events to whoever accepts
`text/event-stream`, else as a JSON text a line. What fails is `{id, code, detail, status}` with the code as its status;
the detail says what to do. Send a token as `Authorization: Bearer TOKEN`.

## Machine-readable
""".splitlines()


def llms_text(services: Sequence[Mapping[str, Any]], descriptions: Iterable[Mapping[str, Any]], url: str) -> str:
    """Returns the page.

    Args:
        services: summaries of all services.
        descriptions: of those that are shown in full.
        url: where the door is.
    """
    lines = [
        *HEAD,
        f"- [OpenAPI]({url}/openapi.json): every endpoint, with schemas",
        f"- [AsyncAPI]({url}/asyncapi.json): every topic",
        f"- [MCP]({url}/mcp): the same services as tools of the Model Context Protocol",
        f"- [Services]({url}/api): a list; `{url}/api/SERVICE` describes one in full",
        "",
        "## Services",
        "",
    ]
    for description in descriptions:
        name = _plain(description.get("name", ""))
        lines.append(f"- [{name}]({url}/services/{name}/openapi.json): {_plain(description.get('description', ''))}")
        lines += [f"  - `{_plain(e.get('name', ''))}` {_first(e)}".rstrip() for e in description.get("endpoints", ())]
    known = {str(service.get("name", "")) for service in services}
    if not known:
        lines.append("None runs yet.")
    return "\n".join(lines) + "\n"


def _first(endpoint: Mapping[str, Any]) -> str:
    return _plain(str(endpoint.get("description", "")).strip().partition("\n")[0])


def _plain(text: object) -> str:
    """Returns a stranger's words on one line, so that they are no heading, link or line of ours."""
    found = " ".join(str(text).split())[:LINE_CHARACTERS_MAX]
    return found.translate({ord(sign): f"\\{sign}" for sign in "[]<>`"})
