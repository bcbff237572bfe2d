"""Writes the bill of a build: every package that is in it, as CycloneDX, which scanners of all kinds read.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from micro.runtime.recipe.plan import Component

__all__ = ["bill_of"]

ALGORITHMS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}


def bill_of(
    service: str, key: str, components: Iterable[Component], now: float, tools: Iterable[Component] = ()
) -> bytes:
    """Returns a CycloneDX 1.6 document in JSON.

    Args:
        service: what the packages are in.
        key: of the build; makes the document's number, so that one build has one.
        components: the packages.
        now: when, in seconds since 1970.
        tools: what built it; one whose kind is empty is the owner's own program, from wherever he has it.
    """
    from cyclonedx.model import HashAlgorithm, HashType  # a node that builds nothing does not pay for it
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion
    from packageurl import PackageURL

    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"micro:build:{key}"))
    bom.metadata.timestamp = datetime.fromtimestamp(now, UTC)
    bom.metadata.component = Part(name=service, type=ComponentType.APPLICATION, bom_ref=f"build:{key}")
    for tool in tools:
        found = PackageURL(type=tool.kind, name=tool.name, version=tool.version) if tool.kind else None
        bom.metadata.tools.components.add(
            Part(name=tool.name, version=tool.version, type=ComponentType.APPLICATION, purl=found)
        )
    for one in components:
        namespace, _, name = one.name.rpartition("/")
        hashes = [
            HashType(alg=HashAlgorithm(ALGORITHMS[algorithm]), content=digest)
            for algorithm, digest in one.hashes.items()
            if algorithm in ALGORITHMS
        ]
        url = PackageURL(type=one.kind, namespace=namespace or None, name=name, version=one.version)
        part = Part(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            purl=url,
            bom_ref=str(url),
            hashes=hashes,
        )
        bom.components.add(part)
    bom.register_dependency(bom.metadata.component, bom.components)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1).encode()
