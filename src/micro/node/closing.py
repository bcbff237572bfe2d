"""What ends with a node although the node knows nothing else of it: a door that was opened for it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Closing"]


class Closing(Protocol):
    """Something that ends with the node."""

    async def stop(self) -> None:
        """Ends it."""
