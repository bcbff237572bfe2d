"""Reads forms: what a browser or `curl -d` and `curl -F` send.

Pure.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from micro.doors.api.fields import FIELDS_MAX, Field
from micro.errors import BadRequest

__all__ = ["read_multipart", "read_urlencoded"]

PART_HEAD_BYTES_MAX = 4096
BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_NAME = re.compile(r';\s*name="((?:[^"\\\r\n]|\\.)*)"', re.IGNORECASE)
_FILE = re.compile(r";\s*filename\*?=", re.IGNORECASE)


def read_urlencoded(text: bytes) -> list[Field]:
    """Returns names and texts of a query or of a form in the body.

    Raises:
        BadRequest: it is no UTF-8, or has too many fields.
    """
    try:
        found = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX, separator="&"
        )
    except UnicodeDecodeError as error:
        raise BadRequest("a query or form is ASCII, with everything else as %XX of its UTF-8") from error
    except ValueError as error:
        raise BadRequest(f"at most {FIELDS_MAX} fields are read; send JSON instead") from error
    return list(found)


def read_multipart(content_type: str, body: bytes) -> list[Field]:
    """Returns names and values of a form with files (RFC 7578): text for a plain field, bytes for a file.

    Raises:
        BadRequest: it is malformed, or has too many parts.
    """
    found = _BOUNDARY.search(content_type)
    boundary = (found[1] or found[2] or "") if found is not None else ""
    if not BOUNDARY.fullmatch(boundary):
        raise BadRequest("Content-Type: multipart/form-data names its boundary, of 1 to 70 characters")
    delimiter = b"\r\n--" + boundary.encode()
    pieces = (b"\r\n" + body).split(delimiter, FIELDS_MAX + 2)
    if len(pieces) > FIELDS_MAX + 2:
        raise BadRequest(f"at most {FIELDS_MAX} fields are read; send JSON instead")
    if len(pieces) < 2 or pieces[0] or not pieces[-1].startswith(b"--"):
        raise BadRequest("the form is cut short: it begins and ends with its boundary, and `--` after the last one")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Field:
    head, blank, data = piece.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"\r\n") or len(head) > PART_HEAD_BYTES_MAX:
        raise BadRequest(
            f"a part of the form has headers of at most {PART_HEAD_BYTES_MAX} bytes, a blank line, and data"
        )
    for line in head[2:].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return _named(value.decode("utf-8", "replace"), data)
    raise BadRequest("a part of the form has no Content-Disposition, so it has no name")


def _named(disposition: str, data: bytes) -> Field:
    found = _NAME.search(disposition)
    if found is None or not disposition.strip().lower().startswith("form-data"):
        raise BadRequest('a part of the form says: Content-Disposition: form-data; name="..."')
    name = re.sub(r"\\(.)", r"\1", found[1])
    if _FILE.search(disposition):
        return name, data
    try:
        return name, data.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{name[:60]!a}: expected text in UTF-8, got other bytes; send it as a file") from error
