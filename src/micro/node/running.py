"""The runtime of a node, with what the node has to give it."""

from __future__ import annotations

import os

from micro.node.config import NodeConfig
from micro.node.engines import Ports
from micro.node.herald import Herald
from micro.node.home import Home
from micro.node.reception import Reception
from micro.node.sandboxes import guest_bounds
from micro.runtime.engine.engine import Engine
from micro.runtime.household import Lifetimes
from micro.runtime.runtime import Evolution, Guard, SourceRules, open_supervisor
from micro.runtime.sandbox.isolator import Isolator
from micro.runtime.supervisor import Supervisor
from micro.service.broker.broker import Broker
from micro.service.identifier import Identifiers
from micro.service.trial import Trials
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

__all__ = ["open_running"]


def open_running(
    key: NodeKey,
    config: NodeConfig,
    home: Home,
    ports: Ports,
    *,
    sources: SourceRules,
    reception: Reception,
    broker: Broker,
    trials: Trials,
    guests: Engine,
    isolator: Isolator | None,
) -> Supervisor:
    """Returns the supervisor of what a node runs; nothing is started yet.

    Args:
        key: signs what is stated about builds.
        sources: what the settings say of sources.
        reception: what the node does for each instance.
        broker: where it is told what became of generations.
        trials: the trials of newcomers, which the router of the node reads.
        guests: runs what became WebAssembly.
        isolator: confines what runs, None where the owner wants none.
    """
    herald = Herald(broker, nid_of(key.public), Identifiers(ports.clock, ports.entropy))
    lifetimes = Lifetimes(config.generation_seconds, config.generation_idle_seconds, config.trial_lapse_seconds)
    return open_supervisor(
        home.path,
        reception,
        processes=ports.processes,
        disk=ports.disk,
        clock=ports.clock,
        entropy=ports.entropy,
        signer=key,
        engines={"wasm": guests},
        settings=os.environ,
        kits=config.kits,
        sources=sources,
        guard=Guard(isolator.confinement if isolator else None, guest_bounds(config)),
        evolution=Evolution(trials, herald.announce, lifetimes),
    )
