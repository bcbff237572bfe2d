"""Which headers of a request or event travel on to whoever serves it, or is given it.

Pure.
"""

from __future__ import annotations

__all__ = ["OURS", "travels"]

OURS = frozenset(
    (
        *("Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Connection", "Content-Length"),
        *("Content-Type", "Cookie", "Expect", "Forwarded", "Host", "Keep-Alive", "Local", "Origin", "Referer"),
        *("Remote", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Te", "Timeout", "Trailer"),
        *("Transfer-Encoding", "Upgrade", "User-Agent", "Via"),
    )
)
"""What concerns this connection, or proves who asks, and so does not travel on."""

_PASSED = frozenset(("Micro-Trace", "Micro-Trace-Id", "Micro-Span-Id", "Micro-Namespace"))
_PASSED_PREFIX = "Micro-Meta-"


def travels(name: str) -> bool:
    """Says whether a header, in its one spelling, concerns more than its connection, and proves nothing of who asks."""
    if name.startswith(("Micro-", "X-Micro-", "X-Forwarded-", "X-Real-")):
        return name in _PASSED or name.startswith(_PASSED_PREFIX)
    return name not in OURS
