"""Which engine stands behind which noun; the concrete ones are named here and nowhere else."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version

import msgspec

from micro.errors import ConfigError
from micro.network.passage.server import PassageServer
from micro.network.prefix import Prefixes, read_networks
from micro.network.relay.server import RelayServer
from micro.network.transport import stream
from micro.network.transport.admission import Limits as Admitted
from micro.network.transport.iroh import IrohEndpoint
from micro.network.transport.transport import Relay, Sockets, Transport
from micro.node.config import NodeConfig
from micro.node.home import Home
from micro.node.posting import post
from micro.node.sandboxes import system_sandboxes
from micro.ports import Clock, Disk, Entropy, Post, Processes
from micro.runtime.engine.cell import Cells
from micro.runtime.engine.compiling import Compiling
from micro.runtime.engine.wasm import WasmEngine
from micro.runtime.engine.worker import BOUNDS, Hut
from micro.runtime.environments import Interpreter
from micro.runtime.guest.grant import Grant
from micro.runtime.sandbox.groups import Groups
from micro.runtime.sandbox.isolator import Isolator
from micro.runtime.sandbox.probe import Probe
from micro.runtime.sandbox.sandbox import Sandbox
from micro.service.broker.broker import Limits
from micro.service.broker.copied import CopyBroker
from micro.service.broker.restored import Restorable, RestoringBroker
from micro.service.copies.keeping import Copies, CopyLimits
from micro.service.copies.naming import parts_of
from micro.service.registry.commons.commons import Commons
from micro.store.auth import AuthStore
from micro.store.settings import Settings
from micro.store.stores import Stores
from micro.system import SystemClock, SystemDisk, SystemEntropy, SystemProcesses
from micro.trust.keys import NodeKey

__all__ = [
    "Ports",
    "open_auth",
    "open_broker",
    "open_copies",
    "open_guests",
    "open_isolator",
    "open_settings",
    "open_stores",
    "system_ports",
]

DAY_SECONDS = 86_400.0
SUPER_LIMITS = Admitted(
    connections_max=12_000,
    connections_per_origin_max=128,
    connections_per_prefix_max=1_024,
    connections_per_relay_max=6_000,
    handshakes_max=512,
    handshakes_per_prefix_max=128,
)
"""How many connections a super node takes: thousands of nodes have their home there."""


def _open_opendht(config: NodeConfig, port: int, known: Sequence[str]) -> Commons:
    """Opens the commons of the world, which is an extra."""
    try:
        from micro.service.registry.commons.opendht import OpenDhtCommons
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the setting dht needs OpenDHT, which is not there ({error}): pip install 'micro-network[dht]'"
        ) from error
    host = "0.0.0.0" if config.network_host == "::" else config.network_host  # noqa: S104 - it speaks IPv4 alone
    if ":" in host:
        raise ConfigError(
            f"the setting dht needs an IPv4 address, and network_host is {host}: "
            "choose one there, such as 0.0.0.0 for all, or set dht to false"
        )
    return OpenDhtCommons(port, host, known)


@dataclass(frozen=True, slots=True)
class Ports:
    """The openings to the world that a node is given.

    Attributes:
        clock, entropy, disk, processes: see `micro.ports`.
        sockets: for programs on this machine.
        open_transport: opens the network of strangers for a node's key, by its settings, at a port, 0 for any.
        threaded: whether databases may have threads of their own.
        open_relay: makes a relay that is not open yet; without it even a super node runs none.
        open_passage: makes what passes browsers' connections on below a domain, not open yet.
        open_commons: takes a node's place in a commons, by its settings, at a port, 0 for any, with known addresses.
        sandboxes: returns what may confine guests, by the settings, the best first; without it nothing has to be.
        post: asks web servers that the settings name.
    """

    clock: Clock
    entropy: Entropy
    disk: Disk
    processes: Processes
    sockets: Sockets
    open_transport: Callable[[NodeKey, NodeConfig, int], Awaitable[Transport]]
    threaded: bool = True
    open_relay: Callable[[Entropy], Relay] | None = RelayServer
    open_passage: Callable[[str, Entropy], PassageServer] = PassageServer
    open_commons: Callable[[NodeConfig, int, Sequence[str]], Commons] = _open_opendht
    sandboxes: Callable[[NodeConfig, Home], Sequence[Sandbox]] | None = None
    post: Post = post


def system_ports() -> Ports:
    """Returns the real ones."""
    return Ports(
        SystemClock(),
        SystemEntropy(),
        SystemDisk(),
        SystemProcesses(),
        stream,
        _open_iroh,
        sandboxes=system_sandboxes,
    )


def open_isolator(config: NodeConfig, home: Home, ports: Ports) -> Isolator | None:
    """Returns what confines the guests of a node, None where nothing has to."""
    if ports.sandboxes is None:
        return None
    interpreter = Interpreter.of_this_process()
    probe = Probe(
        interpreter.program,
        interpreter.folders(),
        home.run / "trial",
        disk=ports.disk,
        entropy=ports.entropy,
        sockets=ports.sockets,
    )
    candidates = partial(ports.sandboxes, config, home)
    groups = Groups(hashlib.blake2b(os.fsencode(home.path), digest_size=6).hexdigest())
    return Isolator(candidates, probe, groups, processes=ports.processes, entropy=ports.entropy)


def open_broker(config: NodeConfig, home: Home, ports: Ports) -> Restorable:
    """Returns the broker of a home, not started yet."""
    limits = Limits(kept_seconds=config.kept_days * DAY_SECONDS)
    return RestoringBroker(ports.disk, home.path / "broker.db", ports.clock, limits=limits, threaded=ports.threaded)


def open_copies(config: NodeConfig, home: Home, ports: Ports) -> Copies:
    """Returns the copies of other nodes' logs that a super node keeps in its home, not started yet."""
    broker = CopyBroker(ports.disk, home.path / "copies.db", ports.clock, check=parts_of, threaded=ports.threaded)
    limits = CopyLimits(bytes=config.copies_bytes, node_bytes=config.copies_bytes_per_node)
    return Copies(broker, ports.disk, home.path / "copies", ports.clock, limits)


def open_auth(home: Home, ports: Ports) -> AuthStore:
    """Returns the accounts and rules of a home, not opened yet."""
    return AuthStore(ports.disk, home.path / "auth.db", threaded=ports.threaded)


def open_settings(home: Home, ports: Ports, key: bytes) -> Settings:
    """Returns the settings of a home, not opened yet; secrets are encrypted under `key`."""
    return Settings(ports.disk, home.path / "node.db", ports.entropy, key, threaded=ports.threaded)


def open_stores(home: Home, ports: Ports) -> Stores:
    """Returns the stores of the services of a home."""
    return Stores(ports.disk, home.path / "kv", ports.clock, threaded=ports.threaded)


def open_guests(config: NodeConfig, home: Home, ports: Ports, isolator: Isolator | None) -> WasmEngine:
    """Returns what runs WebAssembly guests, which is an extra: without it no guest starts, and says why."""
    python = Interpreter.of_this_process()
    grant = Grant(memory_bytes=config.wasm_memory_bytes, fuel=config.wasm_fuel, seconds=config.wasm_seconds)
    granted = msgspec.json.encode(grant).decode()
    confinement = isolator.confinement if isolator is not None else None
    cells = Cells(ports.processes, confinement, python.folders(), python.environment())
    hut = Hut(
        cells,
        (str(python.program), "-m", "micro.node.worker", granted),
        home.run,
        home.path / "guests",
        ports.sockets,
        ports.disk,
        bounds=replace(BOUNDS, memory_bytes=config.wasm_worker_memory_bytes),
    )
    compiler = (str(python.program), "-m", "micro.node.compile", granted)
    engine = cache(lambda: f"wasmtime-{version('wasmtime')}")
    is_there = importlib.util.find_spec("wasmtime") is not None
    return WasmEngine(
        hut,
        Compiling(cells, compiler, home.path / "guests", ports.disk, engine=engine),
        workers=config.wasm_workers or os.cpu_count() or 1,
        missing="" if is_there else "guests need wasmtime, which is not there: pip install 'micro-network[wasm]'",
    )


async def _open_iroh(key: NodeKey, config: NodeConfig, port: int) -> Transport:
    """Opens the network of strangers."""
    limits = SUPER_LIMITS if config.super_node else None
    prefixes = Prefixes(read_networks(config.trusted_networks))
    return await IrohEndpoint.bind(key.seed, port, config.network_host, limits=limits, prefixes=prefixes)
