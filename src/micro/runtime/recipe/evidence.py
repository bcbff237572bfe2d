"""What the text of a program says about what it does: whether it listens, whether it reads, what can be asked of it.

Pure.

These are guesses by words, good enough to choose between two ways to talk to a program; `serves` in `micro.toml` is
the author's last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from micro.runtime.manifest import Serves
from micro.runtime.recipe.plan import Files

__all__ = ["description_of", "evidence", "routes", "sources"]

LISTENS = {
    "go": re.compile(
        r"http\.(ListenAndServe|Serve)\b|ListenAndServe\(|net\.Listen\(|gin-gonic/gin|labstack/echo|gofiber/fiber"
    ),
    "rust": re.compile(r"TcpListener|\b(axum|actix_web|warp|rocket|hyper|tiny_http|poem|salvo|tide)\b"),
    "node": re.compile(
        r"createServer\s*\(|\.listen\s*\(|['\"](express|fastify|koa|@hapi/hapi|hono|polka|restify)['\"]"
    ),
    "c": re.compile(r"\blisten\s*\(.*?\)|microhttpd|mongoose\.h|libwebsockets|civetweb"),
}
READS = {
    "go": re.compile(r"os\.Stdin"),
    "rust": re.compile(r"\bstdin\b"),
    "node": re.compile(r"process\.stdin|readFileSync\(\s*(0|['\"]/dev/stdin)"),
    "c": re.compile(r"\b(stdin|getchar|scanf|getline|std::cin)\b"),
}
SUFFIXES = {
    "go": (".go",),
    "rust": (".rs",),
    "node": (".js", ".mjs", ".cjs", ".ts"),
    "c": (".c", ".cc", ".cpp", ".h"),
}
TESTS = re.compile(r"(^|/)(tests?|node_modules|vendor|target|examples?|dist)/|_test\.|\.test\.|\.spec\.")
ROUTES = (
    re.compile(
        r"\b(?:app|router|server|api|r|e|mux)\.(get|post|put|delete|patch|GET|POST|PUT|DELETE|PATCH)\(\s*[\"'`](/[^\"'`]{0,99})"
    ),
    re.compile(r"\.(?:route|Handle|HandleFunc)\(\s*\"(?:(GET|POST|PUT|DELETE|PATCH) )?(/[^\"]{0,99})\""),
)
ROUTES_MAX = 50
DESCRIPTION_CHARACTERS_MAX = 200


def evidence(language: str, files: Files, otherwise: Serves) -> tuple[Serves, str]:
    """Returns what a program of this language is, and the words that say so."""
    reads = ""
    for path in sources(language, files):
        text = files.text(path)
        found = LISTENS[language].search(text)
        if found:
            return "http", f"`{found[0].strip()[:40]}` in {path} listens"
        read = READS[language].search(text)
        reads = reads or (f"`{read[0][:40]}` in {path} reads its standard input" if read else "")
    return ("program", reads) if reads else (otherwise, "")


def routes(language: str, files: Files) -> tuple[str, ...]:
    """Returns what can be asked of an HTTP program, as far as its text tells: `GET /path`."""
    found: dict[str, None] = {}
    for path in sources(language, files):
        text = files.text(path)
        for pattern in ROUTES:
            for match in pattern.finditer(text):
                found[f"{(match[1] or 'GET').upper()} {match[2]}"] = None
    return tuple(found)[:ROUTES_MAX]


def description_of(files: Files) -> str:
    """Returns the first sentence that a README says about itself."""
    name = files.first("README.md", "README", "README.rst", "README.txt", "readme.md")
    for line in files.text(name).splitlines()[:40] if name else []:
        plain = re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", line).strip()
        if re.match(r"[A-Za-z][^|<>=]{15,}$", plain) and not plain.startswith(("http", "!")):
            return plain[:DESCRIPTION_CHARACTERS_MAX]
    return ""


def sources(language: str, files: Files) -> Iterable[str]:
    """Returns the source files of a language, without those of tests and of others."""
    return [path for path in files.ending(*SUFFIXES[language], depth_max=4) if not TESTS.search(path)]
