"""What was seen between go-micro and us, as a table, and the page it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.interop.programs import GENERATIONS

__all__ = ["PAGE", "Cell", "Matrix"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "interop.md"
HEAD = """# go-micro and we

What real go-micro programs and ours say to each other: written by `make prove`, from what its run saw. The programs
are built by the Go toolchain from go-micro's published modules, and run beside a node in a network namespace.

*Go asks us* goes through the node, which the Go program is told in `MICRO_PROXY` and nowhere else; *we ask Go* goes to
the server's address. Where one *finds* the other nobody is told anything: it is found by multicast DNS, with `--mdns`.
*In our registry* the Go program has the node as its registry over RPC, and is told nothing else. Events are those of
go-micro's HTTP broker, with `--mdns` and `--mucp-trust`: what is published is heard once by everybody, and by one
member of each queue. *Our services* are the node's under the names of go-micro's own, which only v2 has clients for.
*As it is* v2 speaks gRPC. *In its network* both go through the tunnel of a v2 network node, whose peer the node is;
that network carries no events of its own. *By micro run* the Go program is an unchanged service of the node,
[confined](../howto/run-a-go-micro-program.md), with nothing else started beside it.

"""
TAIL = """
Of v5.10.0 and v6.10.0 no program is built: the module proxy that this was made with does not serve them. What recorded
programs of both said to each other is replayed in both roles, at every chunking, by
`tests/unit/mucp/http/test_captures.py`; [MUCP](mucp.md#the-http-spelling) tells what that was.
"""


class Cell(NamedTuple):
    """One thing that was tried, in one direction, with one generation."""

    what: str
    direction: str
    generation: str


class Matrix:
    """All that was tried."""

    def __init__(self) -> None:
        self._seen: dict[Cell, bool] = {}

    def note(self, cell: Cell, *, well: bool) -> None:
        """Keeps what came of a cell."""
        self._seen[cell] = well

    def page(self) -> str:
        """Returns the page."""
        names = [each.name for each in GENERATIONS]
        rows = list(dict.fromkeys((cell.what, cell.direction) for cell in self._seen))
        lines = [f"| what | direction | {' | '.join(f'{each.name} ({each.release})' for each in GENERATIONS)} |"]
        lines.append("| --- " * (2 + len(names)) + "|")
        for what, direction in rows:
            found = (self._seen.get(Cell(what, direction, name)) for name in names)
            words = ("" if well is None else "yes" if well else "**no**" for well in found)
            lines.append(f"| {what} | {direction} | {' | '.join(words)} |")
        return HEAD + "\n".join(lines) + "\n" + TAIL

    def write(self) -> None:
        """Writes the page."""
        if self._seen:
            PAGE.write_text(self.page(), encoding="utf-8")
