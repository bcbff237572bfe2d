"""What a node offers to others now: the services in its catalog that it serves itself."""

from __future__ import annotations

from collections.abc import Callable

from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description

__all__ = ["offers_of"]


def offers_of(catalog: Catalog, nid: str, hidden: Callable[[], frozenset[str]]) -> dict[str, Description]:
    """Returns the descriptions of the services that a node offers, by name; of two versions the newer one.

    Args:
        catalog: what there is.
        nid: the node.
        hidden: returns the names of services that it serves and does not offer.
    """
    kept_back = hidden()
    found: dict[str, Description] = {}
    for instance in catalog.holding(nid):
        if instance.state != "serving" or not instance.local or instance.service in found:
            continue
        if instance.service in kept_back:
            continue
        view = catalog.lookup(instance.service)
        serving = [i for i in view.instances if i.local and i.state == "serving"] if view is not None else []
        description = view.description_of(serving[0]) if view is not None and serving else None
        if description is not None:
            found[instance.service] = description
    return found
