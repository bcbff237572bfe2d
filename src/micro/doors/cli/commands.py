"""The commands there are, where each one lives, and what it does in a line: known without loading any of them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ENTRIES", "SECTIONS", "Entry"]


class Entry(NamedTuple):
    """A command.

    Attributes:
        module: the module below `micro.doors.cli` that defines it.
        name: its name there.
        section: under which heading the help shows it.
        summary: the first sentence of its help.
    """

    module: str
    name: str
    section: str
    summary: str


RUN, TALK, LOOK, KEEP, MORE = "Run", "Talk", "Look", "Keep", "More"
SECTIONS = (RUN, TALK, LOOK, KEEP, MORE)

ENTRIES: dict[str, Entry] = {
    "server": Entry("server", "server", RUN, "Start a node, and stop it with Ctrl-C."),
    "web": Entry("web", "web", RUN, "Open the web app of the node, signed in."),
    "new": Entry("new", "new", RUN, "Write the folder of a new service."),
    "run": Entry("runtime", "run", RUN, "Run a service from its source."),
    "detect": Entry("building", "detect", RUN, "Say what a source is, and how it would start."),
    "build": Entry("building", "build", RUN, "Build a source without running it."),
    "verify": Entry("building", "verify", RUN, "Check what a service was built from."),
    "update": Entry("runtime", "update", RUN, "Move a service to the newest revision of its source."),
    "evolution": Entry(
        "evolution", "evolution", RUN, "Show the generations of a service, and why each gets what it gets."
    ),
    "rollback": Entry("evolution", "rollback", RUN, "Give all calls of a service to a generation that lives."),
    "kill": Entry("runtime", "kill", RUN, "Stop a service and forget it."),
    "chat": Entry("chat", "chat", TALK, "Say what you want, and have it done by a service."),
    "call": Entry("call", "call", TALK, "Call an endpoint."),
    "stream": Entry("call", "stream", TALK, "Open a stream and print what comes."),
    "publish": Entry("events", "publish", TALK, "Publish an event on a topic."),
    "subscribe": Entry("events", "subscribe", TALK, "Print the events of a topic as they come."),
    "mcp": Entry("mcp", "mcp", TALK, "Speak MCP on the standard input and output."),
    "status": Entry("runtime", "status", LOOK, "Show the node and the services it runs, or one of them."),
    "services": Entry("services", "services", LOOK, "List the services in reach, or search the network."),
    "describe": Entry("services", "describe", LOOK, "Show what a service offers."),
    "logs": Entry("runtime", "logs", LOOK, "Print what a service wrote."),
    "health": Entry("debug", "health", LOOK, "Ask services whether they are well."),
    "stats": Entry("debug", "stats", LOOK, "Show what services have done so far."),
    "events": Entry(
        "kept",
        "events",
        LOOK,
        "List the events that are kept, replay them, drop queues, and open topics to other nodes.",
    ),
    "flow": Entry("flow", "flow", LOOK, "Draw how events flow from function to function."),
    "store": Entry("store", "store", KEEP, "Read and write the keys of a store."),
    "config": Entry("config", "config", KEEP, "Read and write the settings that services see."),
    "auth": Entry("auth", "auth", KEEP, "Say who may call what: accounts, tokens, rules."),
    "network": Entry("network", "network", KEEP, "Link this node with others."),
    "testnet": Entry("testnet_command", "testnet", MORE, "Run a network of nodes on this machine."),
    "bench": Entry("bench_command", "bench", MORE, "Measure calls on this machine."),
    "doctor": Entry("doctor", "doctor", MORE, "Check this machine, and say what to do about what is wrong."),
    "conformance": Entry("conformance", "conformance", MORE, "Try an implementation of MUCP from outside."),
    "completion": Entry("completion", "completion", MORE, "Print what makes a shell complete what is typed."),
    "version": Entry("version", "version", MORE, "Print the version."),
}
"""Command -> where it is."""
