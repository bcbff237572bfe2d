"""What a node and a super node say to each other of connections that are passed on: messages of the service `backbone`.

Pure.
"""

from __future__ import annotations

from typing import Final

from micro.service.registry.layout import Layout, Part

__all__ = ["ADDRESS_CHARACTERS_MAX", "CALLED", "DOMAIN_CHARACTERS_MAX", "PASSAGE", "PASSAGE_REQUEST", "TAKING"]

DOMAIN_CHARACTERS_MAX: Final = 200
"""Room is left for the label of a node (RFC 1035, 2.3.4)."""
ADDRESS_CHARACTERS_MAX: Final = 45
NAME_BYTES_MAX: Final = 32

PASSAGE_REQUEST: Final = Layout("the question for the passage", 64)

PASSAGE: Final = Layout(
    "the answer with the passage",
    512,
    domain=Part(1, "text", bytes_max=DOMAIN_CHARACTERS_MAX),
    port=Part(2, "number"),
)
"""Below which domain nodes are named, and which port browsers use; no domain where there is no passage."""

CALLED: Final = Layout(
    "the word of a connection",
    256,
    name=Part(1, "bytes", bytes_max=NAME_BYTES_MAX),
    address=Part(2, "text", bytes_max=ADDRESS_CHARACTERS_MAX),
)
"""By which name a connection is taken, and from which address it comes, as the super node says."""

TAKING: Final = Layout("the taking of a connection", 64, name=Part(1, "bytes", bytes_max=NAME_BYTES_MAX))
"""Which connection the stream is for."""
