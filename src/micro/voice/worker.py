"""A process that hears for the node: `python -m micro.voice.worker MODEL THREADS`, gone with its input.

Each message is `length kind` in five bytes, most significant first, and then that many bytes of JSON or sound:

    node -> worker   q {"rate", "language"}, then s samples       heard as soon as both are there
    worker -> node   r {}                                         it is loaded
                     a {"text"}  |  f {"detail"}                  what was said, or why it does not know
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

__all__ = ["HEAD", "framed", "main"]

HEAD: Final = struct.Struct(">Ic")


def framed(kind: bytes, body: bytes) -> bytes:
    """Returns a message."""
    return HEAD.pack(len(body), kind) + body


def _said(kind: bytes, value: dict[str, Any]) -> bytes:
    return framed(kind, json.dumps(value).encode())


def _message(source: BinaryIO) -> bytes | None:
    """Returns what the next message holds, None at the end."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    length, _ = HEAD.unpack(head)
    return source.read(length)


def main(words: list[str]) -> None:
    """Hears until the input ends."""
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing else may write between the messages
    folder, threads = words

    def tell(message: bytes) -> None:
        answers.write(message)
        answers.flush()

    try:
        from micro.voice.listening import Listener

        listener = Listener(Path(folder), int(threads))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        tell(_said(b"f", {"detail": f"the model in {folder} cannot be loaded: {error}"}))
        return
    tell(_said(b"r", {}))
    while (asked := _message(source)) is not None and (samples := _message(source)) is not None:
        wanted = json.loads(asked)
        try:
            tell(_said(b"a", {"text": listener.hear(samples, wanted["rate"], wanted["language"])}))
        except (RuntimeError, ValueError) as error:
            tell(_said(b"f", {"detail": str(error)}))


if __name__ == "__main__":
    main(sys.argv[1:])
