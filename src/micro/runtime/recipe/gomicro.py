"""Whether a Go program serves by go-micro, which of its two languages it speaks, and what can be asked of it.

Pure.

`go.mod` says which go-micro, and the source that its root package is used and that the service runs. A program that
only calls others has no `Run`, and one that serves pages uses the package `web` instead.
"""

from __future__ import annotations

import re

from micro.runtime.manifest import Serves
from micro.runtime.recipe.evidence import sources
from micro.runtime.recipe.plan import Files

__all__ = ["GO_MICRO", "SPEAKS_GRPC", "go_micro", "handlers", "topics"]

SPEAKS_GRPC: Serves = "go-micro-grpc"
"""What a program serves whose client asks others by gRPC, as that of go-micro 2 does by itself."""

GO_MICRO: tuple[Serves, ...] = ("go-micro", SPEAKS_GRPC)

MODULE = r"(?:go-micro\.dev/v(?:4|5|6)|github\.com/asim/go-micro/v3|github\.com/micro/go-micro(?:/v2)?)"
REQUIRED = re.compile(rf"^\s*(?:require\s+)?({MODULE})\s+v\S+", re.MULTILINE)
RUNS = re.compile(r"\.Run\(\)")
GRPC_BY_ITSELF = "github.com/micro/go-micro/v2"
"""The one generation that speaks gRPC unless it is told otherwise."""

HANDLER = re.compile(
    r"^func \(\s*(?:\w+\s+)?\*?(\w+)\s*\) ([A-Z]\w*)\(\s*(?:\w+\s+)?context\.Context\s*,[^)]*\) error\b", re.MULTILINE
)
HANDLERS_MAX = 50

PUBLISHES = re.compile(r"(?:\bNewEvent|\bNewPublisher|\bNewMessage|\bPublish)\(\s*(?:\"([^\"\n]+)\"|(\w+)\s*,)")
NAMED = re.compile(r"\b(\w+)(?:\s+string)?\s*:?=\s*\"([^\"\n]+)\"")
TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
TOPICS_MAX = 16


def go_micro(files: Files) -> tuple[Serves, str] | None:
    """Returns what a program serves by go-micro, and the words that say so; None where it does not."""
    required = REQUIRED.search(files.text("go.mod"))
    if required is None:
        return None
    module = required[1]
    texts = [files.text(path) for path in sources("go", files)]
    if not any(f'"{module}"' in text and RUNS.search(text) for text in texts):
        return None
    told = "mucp" if GRPC_BY_ITSELF == module else "grpc"
    is_told = any(f'"{module}/client/{told}"' in text for text in texts)
    speaks_grpc = is_told != (GRPC_BY_ITSELF == module)
    return SPEAKS_GRPC if speaks_grpc else "go-micro", f"it requires {module}, and runs a service of it"


def handlers(files: Files) -> tuple[str, ...]:
    """Returns what can be asked of a go-micro program, as far as its text tells: `Struct.Method`."""
    found: dict[str, None] = {}
    for path in sources("go", files):
        for match in HANDLER.finditer(files.text(path)):
            found[f"{match[1]}.{match[2]}"] = None
    return tuple(found)[:HANDLERS_MAX]


def topics(files: Files) -> tuple[str, ...]:
    """Returns what a go-micro program publishes on, as far as its text tells: topics in quotes, and names for such."""
    texts = [files.text(path) for path in sources("go", files)]
    named = {match[1]: match[2] for text in texts for match in NAMED.finditer(text)}
    found: dict[str, None] = {}
    for text in texts:
        for match in PUBLISHES.finditer(text):
            topic = match[1] or named.get(match[2], "")
            if TOPIC.fullmatch(topic):
                found[topic] = None
    return tuple(found)[:TOPICS_MAX]
