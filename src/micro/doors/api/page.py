"""The page at `/`: who is here, and what to try; plain HTML, for a person who has just opened the address.

Pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["POLICY", "home_page"]

SERVICES_MAX = 200
EXAMPLE_CHARACTERS_MAX = 400

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin:1.6rem 0 .2rem}code,pre{font:14px ui-monospace,monospace}
pre{background:#f3f3f3;padding:.7rem;overflow:auto;border-radius:6px}ul{padding-left:1.2rem}small{color:#555}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#242424}small{color:#aaa}a{color:#8bf}}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What the page may do: look as it does, and nothing else."""


def home_page(services: Sequence[Mapping[str, Any]], descriptions: Iterable[Mapping[str, Any]], url: str) -> str:
    """Returns the page.

    Args:
        services: summaries of all services.
        descriptions: of those that are shown in full.
        url: where the door is, for the examples.
    """
    shown = "".join(_service(description, url) for description in descriptions)
    if not shown:
        shown = "<p>No service runs yet. Start one:</p><pre>micro run github.com/micro/services/helloworld</pre>"
    more = len(services) - SERVICES_MAX
    rest = f"<p>And {more} more: <a href='/api'>/api</a> lists them all.</p>" if more > 0 else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Micro node</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        f"<h1>A Micro node</h1><p>These services answer here. Call one by name, over HTTP as shown, or with"
        f" <code>micro call</code>.</p>{shown}{rest}"
        f"<p>There is an app for this page, which this node has not built: <code>make ui</code> in its checkout does,"
        f" with Node.js 20 or newer and npm.</p>"
        f"<h2>For programs</h2><p><a href='/openapi.json'>/openapi.json</a> describes all of this,"
        f" <a href='/api'>/api</a> lists the services, <a href='/healthz'>/healthz</a> and"
        f" <a href='/readyz'>/readyz</a> tell how the node is.</p></body></html>\n"
    )


def _service(description: Mapping[str, Any], url: str) -> str:
    name = str(description["name"])
    endpoints: Sequence[Mapping[str, Any]] = description.get("endpoints", ())
    lines = "".join(_endpoint(name, endpoint) for endpoint in endpoints)
    first = next((endpoint for endpoint in endpoints if endpoint.get("kind") != "stream"), None)
    tried = f"<pre>{escape(_command(name, first, url))}</pre>" if first is not None else ""
    version = f" <small>{escape(str(description.get('version', '')))}</small>"
    return (
        f"<h2 id='{escape(name)}'>{escape(name)}{version}</h2>"
        f"<p>{escape(str(description.get('description', '')))}</p><ul>{lines}</ul>{tried}"
    )


def _endpoint(service: str, endpoint: Mapping[str, Any]) -> str:
    text = str(endpoint.get("description", "")).strip().partition("\n")[0]
    kind = " <small>stream</small>" if endpoint.get("kind") == "stream" else ""
    price = f" <small>costs {escape(str(endpoint['price']))}</small>" if endpoint.get("price") else ""
    return f"<li><code>{escape(str(endpoint['name']))}</code>{kind}{price} {escape(text)}</li>"


def _command(service: str, endpoint: Mapping[str, Any], url: str) -> str:
    """Returns a command that calls an endpoint with its first example."""
    path = f"{url}/api/{service}/{endpoint['name']}"
    if (endpoint.get("request") or {}).get("format") == "binary":
        return f"curl --data-binary @FILE {path}"
    examples = endpoint.get("examples") or [{}]
    body = json.dumps(examples[0], ensure_ascii=False)[:EXAMPLE_CHARACTERS_MAX]
    return f"curl -d {shlex.quote(body)} {path}"
