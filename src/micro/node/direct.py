"""Which sockets callers of the owner may use directly: the way around the node, see decision 0004."""

from __future__ import annotations

from micro.service.registry.catalog import Catalog
from micro.service.registry.instance import split_version
from micro.service.trial import Trials

__all__ = ["direct_addresses"]


def direct_addresses(catalog: Catalog, trials: Trials, name: str) -> list[str]:
    """Returns the sockets of a service's instances, where callers of the owner may use them.

    Only where all instances that get traffic are of one generation and none is of another node, where no newcomer is on
    trial, whose calls are counted even while its parent is away, and where no endpoint has a price. Who asks for a
    generation goes through the node, which knows who is still asked for.
    """
    service, version = split_version(name)
    view = catalog.lookup(service)
    if view is None or version or service in trials:
        return []
    serving = (instance for instance in view.instances if instance.state == "serving" and instance.local)
    instances = [instance for instance in serving if instance.weight > 0]
    priced = any(endpoint.price for endpoint in view.endpoints.values())
    if priced or len({instance.generation for instance in instances}) != 1:
        return []
    return [instance.address for instance in instances if instance.address is not None]
