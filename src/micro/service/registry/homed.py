"""A node whose home a super node is, as that one sees it.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from micro.service.registry.outbox import Living

__all__ = ["Homed", "news_in"]


@dataclass(slots=True)
class Homed:
    """The node; its records are kept as the bytes that came, which the shards share where they can.

    Attributes:
        living: where it is, and its last beat; None before it has said so.
        records: its records, by mark.
        is_silent: whether its link broke, and it did not come back in time.
    """

    living: Living | None = None
    records: dict[str, bytes] = field(default_factory=dict)
    is_silent: bool = False


def news_in(homed: Homed, said: Mapping[str, Any]) -> int:
    """Returns how many things a message says that its home does not hold just so; each message says at least one."""
    held = frozenset(homed.records.values())
    records = sum(sealed not in held for sealed in said["records"])
    return max(1, records + bool(said["presence"]) + (said["beat"] is not None))
