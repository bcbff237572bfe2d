"""Every setting of a node: its name, meaning, default, and where it may be set.

A setting comes from, in rising order: its default, `config.toml` in the node's home, the environment variable
`MICRO_<NAME>`, the command line. A name that does not exist is an error, not a comment; in the environment, which other
programs share, it is a warning.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from micro.errors import ConfigError
from micro.node.bounds import CHOICES, RANGES

__all__ = ["PREFIX", "NodeConfig", "setting_names"]


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


PREFIX = "MICRO_"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The settings of a node; each field's meaning is its documentation."""

    home: str = _setting(
        "~/.micro",
        "The folder of the node's key, databases, logs and sockets. "
        "Only the environment (MICRO_HOME) and the command line can set it.",
    )
    api: bool = _setting(True, "Whether the HTTP API is served.")
    api_host: str = _setting(
        "127.0.0.1",
        "The address the HTTP API listens on. Anything but loopback opens it to others, who then need the token.",
    )
    api_port: int = _setting(
        8080, "The port of the HTTP API; if it is taken, any free one is used. 0 takes any free one."
    )
    api_hosts: str = _setting(
        "",
        "More names under which the HTTP API may be asked, as `name` or `name:port`, separated by commas. "
        "Loopback names are always allowed.",
    )
    phone: bool = _setting(
        True,
        "Whether the owner may pair phones of the house, in Settings of the web app or by `micro web --phone`; until "
        "he does, and after he stops it there, nothing is listened on.",
    )
    phone_host: str = _setting(
        "",
        "The private address on which paired phones reach the web app over HTTPS; empty for all private addresses of "
        "this machine, as they change.",
    )
    phone_port: int = _setting(
        8443,
        "The port for paired phones; if it is taken at the first time, any free one is used and kept. 0 takes any free "
        "one.",
    )
    phone_page_port: int = _setting(
        8444,
        "The port of the page without encryption that gives phones the certificate, for ten minutes after pairing was "
        "begun; if it is taken, any free one is used. 0 takes any free one.",
    )
    phone_outside: bool = _setting(
        True, "Whether the owner may let phones in from outside too, through a super node that passes sealed bytes on."
    )
    mucp: bool = _setting(
        True, "Whether go-micro programs can ask this node: MUCP over HTTP is served, for their MICRO_PROXY."
    )
    mucp_host: str = _setting(
        "127.0.0.1",
        "The address on which go-micro programs are served. Anything but loopback opens it to others, who then need a "
        "token, and a name of it in `api_hosts`.",
    )
    mucp_port: int = _setting(
        8081, "The port on which they are served; if it is taken, any free one is used. 0 takes any free one."
    )
    grpc: bool = _setting(
        False,
        "Whether programs that speak gRPC can ask this node: any typed service, with server reflection; "
        "and whether it calls services of gRPC servers that are found or registered. It is an extra: "
        "`pip install 'micro-network[grpc]'`.",
    )
    grpc_host: str = _setting(
        "127.0.0.1",
        "The address on which gRPC is served. Anything but loopback opens it to others, who then need a token, and "
        "something in front of it that encrypts.",
    )
    grpc_port: int = _setting(
        50_051, "The port on which gRPC is served; if it is taken, any free one is used. 0 takes any free one."
    )
    mdns: bool = _setting(
        False,
        "Whether go-micro programs of this machine find all services in reach of this node by multicast DNS, as those "
        "of each other: they need no MICRO_PROXY then. go-micro services that are found become services of this node; "
        "strangers are offered none of them before `micro network offer NAME`.",
    )
    mucp_trust: bool = _setting(
        False,
        "Whether go-micro programs of this machine may register services, publish and subscribe at this node without a "
        "token, as they do among each other. Every program and user of the machine can do so then.",
    )
    hook_secret: str = _setting(
        "",
        "The secret with which git forges sign what they post to `/hook` of the HTTP API when somebody pushed, of at "
        "least 16 characters. Without one nothing is taken from them.",
    )
    legacy_network: str = _setting(
        "",
        "Nodes of a go-micro v2 network as HOST:PORT, separated by commas: this node joins it as a peer, by its gRPC "
        "transport. Services that strangers may ask become services there, and those there of this node. It needs "
        "`pip install 'micro-network[grpc]'`.",
    )
    legacy_token: str = _setting(
        "",
        "The token of that network, by which its nodes hide what they say. Keep it out of the command line, where "
        "others of the machine see it.",
    )
    network: bool = _setting(True, "Whether the node can be reached by, and reach, other nodes.")
    network_host: str = _setting("0.0.0.0", "The address the network listens on.")  # noqa: S104 - to be reached
    network_port: int = _setting(0, "The UDP port of the network; 0 chooses one once and keeps it.")
    relay: bool = _setting(
        False,
        "Whether this node passes sealed datagrams on between nodes that cannot reach each other. "
        "A super node always does.",
    )
    relay_port: int = _setting(
        3340, "The TCP port of the relay; if it is taken, any free one is used. 0 takes any free one."
    )
    relay_url: str = _setting(
        "", "The URL under which others reach the relay; by default http, this machine's first address and the port."
    )
    passage_domain: str = _setting(
        "",
        "The domain of a super node under which phones reach nodes that have their home here, as `nodes.example.org`; "
        "all names below it lead to this machine. Their connections are passed on, sealed. With `:PORT` behind it "
        "phones use another port than 443.",
    )
    passage_port: int = _setting(
        443, "The TCP port at which those connections come in here, if `passage_domain` is set; 0 takes any free one."
    )
    relays: str = _setting(
        "", "URLs of relays through which this node can be reached, separated by commas, beside those of its network."
    )
    peers_max: int = _setting(
        64,
        "How many other nodes may be linked at once. 16 of these places, half of a smaller number, are for those that "
        "this node asked for: nobody who comes by himself takes them.",
    )
    trusted_networks: str = _setting(
        "",
        "Networks such as `192.168.0.0/16`, separated by commas, from which many nodes may come at once because their "
        "owner is known: they are not counted by address prefix. Each address of theirs still is.",
    )
    stranger_calls_per_second: float = _setting(
        1000.0,
        "How many calls, streams and subscriptions this node takes in a second of one node that its owner did not "
        "connect to; five times as many after a silence. More are refused with 429.",
    )
    stranger_events_per_second: float = _setting(
        1000.0,
        "How many events such a node may publish here in a second; five times as many after a silence. More are "
        "refused with 429, or dropped where nobody waits for an answer.",
    )
    stranger_lookups_per_second: float = _setting(
        20.0,
        "How much such a node may ask a super node for in a second: names, words, nodes and maps; twenty times as "
        "much after a silence. More is refused with 429.",
    )
    stranger_writes_per_second: float = _setting(
        5.0,
        "How many records, presences and beats a super node takes in a second of one node that has its home there; "
        "600 after a silence. More are refused, and charged to the sender.",
    )
    stranger_bytes_per_second: float = _setting(
        33_554_432.0,
        "How many bytes this node reads in a second of one node that its owner did not connect to; five times as many "
        "after a silence. More wait.",
    )
    super_node: bool = _setting(
        False, "Whether the node is a super node: it holds a part of its network's registry. Alone it founds a network."
    )
    offer: bool = _setting(
        True,
        "Whether services that do not say otherwise are offered to nodes that the owner did not connect to, and "
        "announced in the network that the node is in.",
    )
    owner_label: str = _setting(
        "",
        "What the owner of a super node is called in the shard map, so that no shard is held by one owner alone: "
        "lower-case letters, digits and ._@-, with a letter or a digit first and last. Without it the node counts as "
        "an owner of its own.",
    )
    super_away_seconds: float = _setting(
        600.0,
        "How long a super node may be silent before the keeper of its network takes it out of the shard map; it comes "
        "in again by itself. While most do not answer, the map stays as it is.",
    )
    join: str = _setting(
        "",
        "The ticket of a node whose network is joined at the start, and remembered; with dht the network's id will do.",
    )
    dht: bool = _setting(
        False,
        "Whether the node has a second path to its network, over OpenDHT: it is found there, and finds there, while "
        "super nodes are gone or silent. Needs the extra: `pip install 'micro-network[dht]'`.",
    )
    dht_port: int = _setting(0, "The UDP port of OpenDHT; 0 chooses one once and keeps it.")
    dht_bootstrap: str = _setting(
        "",
        "Nodes of OpenDHT to begin with, as `ip:port`, separated by commas; others are learned from super nodes "
        "and remembered.",
    )
    allow_private_sources: bool = _setting(False, "Whether `micro run` may fetch from private and loopback addresses.")
    source_authorities: str = _setting(
        "",
        "A file of certificates (PEM) to trust for sources instead of the system's, for a git host whose certificate "
        "is signed by itself or by your company.",
    )
    source_look_seconds_min: float = _setting(
        60.0, "How long a source that services follow is left alone, at least, between two looks for a new commit."
    )
    source_look_seconds_max: float = _setting(
        3600.0,
        "The same at most, where it has been quiet for long or does not answer; chance adds up to a quarter.",
    )
    evolve: bool = _setting(
        True,
        "Whether services from git repositories without a pinned commit move to new commits by themselves where "
        "`micro run` does not say whether they shall.",
    )
    sandbox: str = _setting(
        "auto",
        "What keeps services from the machine: `bubblewrap`, `sandlock`, or `auto` for the first of them that holds "
        "here; where none does, no service is started. `none` lets them run with all the rights of the node's owner.",
    )
    guest_memory_bytes: int = _setting(
        1_073_741_824, "How much memory a service may use, with what it keeps in its private folder."
    )
    guest_processes: int = _setting(256, "How many processes and threads a service may have.")
    guest_processors: float = _setting(
        0.0, "How many processors a service may keep busy, such as 0.5; 0 shares all of them evenly."
    )
    guest_private_bytes: int = _setting(
        268_435_456, "How much a service may keep in its private folder, `/tmp`, which ends with it."
    )
    trial: bool = _setting(
        True,
        "Whether a new commit that a service follows is tried beside what runs, and gets more calls as it is shown to "
        "be no worse; otherwise it takes over as soon as it has come up.",
    )
    generation_seconds: float = _setting(
        86_400.0,
        "How long a generation of a service lives on that gets no traffic any more, for callers that ask for it by "
        "its number. What is open on it then is finished, however long that takes.",
    )
    generation_idle_seconds: float = _setting(
        600.0, "After how long such a generation ends that nobody asks for, without waiting for the time above."
    )
    trial_lapse_seconds: float = _setting(
        86_400.0,
        "After how long a trial ends to which nobody's calls come: the newcomer gets nothing then, or everything if it "
        "had been shown to be no worse before.",
    )
    wasm_workers: int = _setting(
        0, "How many processes run WebAssembly guests; 0 is one for each core. They start when they are needed."
    )
    kits: str = _setting(
        "",
        "The folder of the compilers of guests, which are fetched when they are first needed; nodes of one owner may "
        "share it. By default `micro/kits` in his cache, `~/.cache`.",
    )
    wasm_memory_bytes: int = _setting(268_435_456, "How much memory one instance of a guest may have.")
    wasm_worker_memory_bytes: int = _setting(
        4_294_967_296, "How much memory one process that runs WebAssembly guests may use, with all of them."
    )
    wasm_fuel: int = _setting(
        50_000_000_000,
        "How much a guest may compute for one exchange, and for each message of a stream: about one unit an "
        "instruction. A guest that uses it up is dead, and its caller told so.",
    )
    wasm_seconds: float = _setting(
        60.0, "How long a guest may take for a call or an event, waiting included; a stream may last."
    )
    assistant_price_max: float = _setting(
        0.0, "Up to which price of one call the assistant does not ask first; it asks before what changes something."
    )
    model_url: str = _setting(
        "",
        "A language model that chooses among the endpoints which the assistant found, and fills them in, for the owner "
        "and accounts: the URL of a server that speaks as OpenAI's does, such as `http://HOST:PORT/v1?model=NAME`. It "
        "is sent what they say. Nothing needs it, and the assistant asks before a call as without it.",
    )
    model_key: str = _setting("", "The secret that it is shown, as `Authorization: Bearer`.")
    voice_hearing: str = _setting(
        "",
        "What hears: `whisper:FOLDER` for a model of yours as CTranslate2 converts it, `wyoming://HOST:PORT`, or the "
        "URL of a server that speaks as OpenAI's does, such as `http://HOST:PORT/v1?model=NAME`, which is sent what "
        "people say. By default the English model of `pip install 'micro-network[voice]'`, where it is installed.",
    )
    voice_speaking: str = _setting(
        "",
        "What speaks where a browser has no voice of its own: `piper:FILE` for a voice of yours, `espeak-ng:`, "
        "`wyoming://HOST:PORT`, or a URL as above, such as `http://HOST:PORT/v1?model=NAME&voice=NAME`. By default the "
        "English voice of `pip install 'micro-network[piper]'`, then espeak-ng, where they are installed.",
    )
    voice_key: str = _setting("", "The secret that those URLs are shown, as `Authorization: Bearer`.")
    kept_days: float = _setting(7.0, "How long events are kept, in days.")
    copies_bytes: int = _setting(
        4_294_967_296, "How many bytes of events a super node keeps for other nodes, whose logs have copies there."
    )
    copies_bytes_per_node: int = _setting(
        268_435_456, "How many of them may be of one node; one that needs more room goes to another super node."
    )
    log_level: str = _setting("info", "How much the node tells about itself: debug, info, warning or error.")

    @staticmethod
    def load(text: str | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> NodeConfig:
        """Returns the settings from the text of `config.toml`, the environment and the command line.

        Raises:
            ConfigError: a setting does not exist, or its value is of another type or out of its bounds.
        """
        config = NodeConfig()
        config = _apply(config, _parse(text), "config.toml")
        prefixed = {
            name: environment[variable]
            for name in setting_names()
            if (variable := f"{PREFIX}{name.upper()}") in environment
        }
        config = _apply(config, prefixed, "the environment")
        return _apply(config, {k: v for k, v in flags.items() if v is not None}, "the command line")


def setting_names() -> list[str]:
    """Returns the names of all settings."""
    return [item.name for item in fields(NodeConfig)]


def _parse(text: str | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text) if text else {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config.toml cannot be read: {error}") from error


def _apply(config: NodeConfig, values: Mapping[str, Any], where: str) -> NodeConfig:
    known = {item.name: item for item in fields(NodeConfig)}
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known or (name == "home" and where == "config.toml"):
            raise ConfigError(f"{where} sets {name}, which is no setting there; there are {', '.join(sorted(known))}")
        changed[name] = _convert(name, value, type(getattr(config, name)), where)
    for name, value in changed.items():
        choices = CHOICES.get(name, ())
        if choices and value.lower() not in choices:
            raise ConfigError(f"{where} sets {name} to {value!r}; it is {', '.join(choices[:-1])} or {choices[-1]}")
        least, most = RANGES.get(name, (value, value))
        if not least <= value <= most:
            raise ConfigError(f"{where} sets {name} to {value!r}; it is from {least:g} to {most:g}")
    return replace(config, **changed)


def _convert(name: str, value: Any, kind: type, where: str) -> Any:
    if (
        kind is bool
        and isinstance(value, str)
        and value.lower() in ("true", "false", "1", "0", "yes", "no", "on", "off")
    ):
        return value.lower() in ("true", "1", "yes", "on")
    if kind is bool or isinstance(value, bool):
        if kind is bool and isinstance(value, bool):
            return value
    elif kind is str and isinstance(value, str):
        return value
    elif kind in (int, float):
        try:
            return kind(value)
        except (TypeError, ValueError):
            pass
    raise ConfigError(f"{where} sets {name} to {value!r}; a value of type {kind.__name__} is expected")
