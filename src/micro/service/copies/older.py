"""Logs of a topic that lie at copies and that the present log does not go on with: what was not taken back.

Pure.

A node that was set back, or published before it asked for its copies, goes on with a log of another name, and what the
former one had stays where its copies are, until it is too old. Nobody is given it while the node is there, so it is to
be told to whoever runs the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from micro.service.copies.believing import Listed

__all__ = ["OlderLog", "older_logs"]


class OlderLog(msgspec.Struct, frozen=True):
    """One that was not taken back.

    Attributes:
        log: its name.
        first, last: the first and the newest event that a copy has.
        time: when the newest one was taken, in microseconds since 1970.
        copies: the super nodes that have it.
    """

    log: str
    first: int
    last: int
    time: int
    copies: tuple[str, ...]


def older_logs(
    said: Mapping[str, Sequence[Listed]], present: str, dated: Callable[[int], int | None]
) -> list[OlderLog]:
    """Returns the logs of which copies have what the present log does not have, the newest first.

    Args:
        said: what each super node said of its copies.
        present: the name of the log.
        dated: returns when the log's event of a number was taken, in microseconds, None where it does not have that.
            A copy whose newest event is dated as the log's own of that number is taken for a beginning of the log.
    """
    found: dict[str, OlderLog] = {}
    for nid, copies in sorted(said.items()):
        for each in copies:
            if not each.is_possible or each.log == present or dated(each.last) == each.time:
                continue
            known = found.get(each.log) or OlderLog(each.log, each.first, each.last, each.time, ())
            first, last = min(known.first, each.first), max(known.last, each.last)
            found[each.log] = OlderLog(each.log, first, last, max(known.time, each.time), (*known.copies, nid))
    return sorted(found.values(), key=lambda each: -each.time)
