"""What bytes are, told from the bytes: only kinds that a browser can be trusted to show.

Pure.
"""

from __future__ import annotations

import re

from micro.mucp.codec import BYTES

__all__ = ["media_type"]

PNG = b"\x89PNG\r\n\x1a\n"
LOOKED_AT_BYTES_MAX = 1024

_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--[^>]*-->\s*)?<svg[\s>]")


def media_type(body: bytes) -> str:
    """Returns `image/png`, `image/svg+xml`, or that they are just bytes.

    The answer says `nosniff` and a policy of `sandbox`, so that an image with a script in it stays an image.
    """
    if body.startswith(PNG):
        return "image/png"
    if _SVG.match(body[:LOOKED_AT_BYTES_MAX]):
        return "image/svg+xml"
    return BYTES
