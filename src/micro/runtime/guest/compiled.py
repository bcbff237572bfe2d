"""What kind of artefact it is, and the name of what was compiled from it.

Pure.

Compiled code is code of this machine's processor. It depends on the artefact, on the engine and its settings, and on
what the processor can do: all of it is in its name, so that it is found only where it can be run.
"""

from __future__ import annotations

import hashlib

from micro.errors import EngineError

__all__ = ["ARTEFACT_BYTES_MAX", "COMPONENT", "CORE", "EXIT_REFUSED", "MAGIC", "compiled_name", "kind_of"]

ARTEFACT_BYTES_MAX = 134_217_728

EXIT_REFUSED = 71
"""The exit code by which a compiler says that an artefact is no guest."""

CORE, COMPONENT = "core", "component"

MAGIC = b"\0asm"
VERSIONS = {bytes((1, 0, 0, 0)): CORE, bytes((13, 0, 1, 0)): COMPONENT}
"""What stands behind the mark, as the component model's binary format has it."""

SETTINGS = 1
"""Counts our settings of the engine: others need other code."""


def kind_of(artefact: bytes) -> str:
    """Returns the kind of an artefact, by its first bytes.

    Raises:
        EngineError: it is no WebAssembly, or none that is known here.
    """
    if len(artefact) > ARTEFACT_BYTES_MAX:
        raise EngineError(f"the artefact has more than {ARTEFACT_BYTES_MAX} bytes, which is the most that is taken")
    if artefact[:4] != MAGIC:
        raise EngineError("the artefact is no WebAssembly: it does not begin with its mark")
    kind = VERSIONS.get(artefact[4:8])
    if kind is None:
        raise EngineError("the artefact is of a kind of WebAssembly that is not known here")
    return kind


def compiled_name(artefact: bytes, engine: str, processor: bytes) -> str:
    """Returns the name of the file that holds what an artefact was compiled to.

    Args:
        engine: the engine and its version.
        processor: what tells this processor from others.

    Raises:
        EngineError: as for `kind_of`.
    """
    kind = kind_of(artefact)
    found = hashlib.sha256(artefact).hexdigest()
    able = hashlib.sha256(processor).hexdigest()[:12]
    return f"{found}-{engine}-{SETTINGS}-{able}.{kind}.cwasm"
