"""The exceptions to the house's rules, each with its reason: whoever needs one more adds a line here and defends it."""

from __future__ import annotations

CLOCK, DISK, ENTROPY, NETWORK, PROCESSES = "clock", "disk", "entropy", "network", "processes"

SEAMS: dict[str, tuple[set[str], str]] = {
    "micro.system": ({CLOCK, DISK, ENTROPY, NETWORK, PROCESSES}, "the real ports; a child is handed a socket"),
    "micro.child": ({DISK, PROCESSES}, "how the real ports start a child, and see that its program is there"),
    "micro.handing": (
        {DISK, NETWORK},
        "what the real ports hand to a child: files without a name, sockets that listen",
    ),
    "micro.network.transport.*": ({DISK, NETWORK}, "the network's port, `Transport`, and its socket files"),
    "micro.network.relay.server": ({NETWORK}, "what strangers connect to so that the network reaches them"),
    "micro.network.passage.server": ({NETWORK}, "where browsers come in whose connections are passed on"),
    "micro.service.registry.commons.opendht": ({NETWORK}, "OpenDHT has sockets and threads of its own"),
    "micro.runtime.sandbox.groups": ({DISK, PROCESSES}, "control groups, and who is in them, are files of the kernel"),
    "micro.runtime.sandbox.calls": ({DISK}, "libseccomp writes a program into a file only, here one without a name"),
    "micro.runtime.sandbox.landlocked": ({DISK}, "a program of its own, which reads what it was handed"),
    "micro.runtime.sandbox.trial": ({DISK, NETWORK, PROCESSES}, "a program of its own, which tries to touch the world"),
    "micro.voice.program": ({DISK, PROCESSES}, "a program that stays loaded is spoken to over its input"),
    "micro.voice.listening": ({DISK}, "a process of its own, which reads its model"),
    "micro.node.voicing": ({DISK, PROCESSES}, "looks for what is installed, before anybody speaks"),
    "micro.voice.wyoming": ({NETWORK}, "its protocol is spoken over TCP to a server that the owner named"),
    "micro.node.posting": ({NETWORK}, "the real `Post`"),
    "micro.node.place": ({DISK}, "the name of the folder for temporary files, where the path of a socket is too long"),
    "micro.testing.*": ({ENTROPY}, "a world's chance comes from its seed"),
    "micro.doors.*": ({CLOCK, DISK, NETWORK, PROCESSES}, "here people and programs come in"),
}
"""Module pattern -> which parts of the world it may touch, and why."""

LATE_IMPORTS: dict[tuple[str, str], str] = {
    ("micro.node.engines", "micro.service.registry.commons.opendht.*"): "an extra that may not be installed",
    ("micro.doors.api.machines", "micro.doors.mcp.*"): "an extra that takes memory, loaded when somebody speaks MCP",
    ("micro.doors.opening", "micro.doors.grpc.*"): "an extra that may not be installed, and takes memory",
    ("micro.doors.adapter.speaking", "micro.doors.grpc.*"): "an extra that may not be installed, and takes memory",
    ("micro.doors.opening", "micro.doors.legacy.*"): "an extra that may not be installed, and takes memory",
    ("micro.doors.phone.opening", "micro.*"): "certificates take 2 MB of memory, needed when a phone is paired",
    ("micro.node.assisting", "micro.assistant.semantic.*"): "an extra that may not be installed",
    ("micro.voice.worker", "micro.voice.listening.*"): "an extra; what it cannot load is told to the node",
    ("micro.__main__", "micro.doors.cli.main.*"): "Ctrl-C may come while it is loaded, and ends it without a traceback",
    ("micro.doors.cli.*", "micro.*"): "a command loads only what it uses: the command line starts within 150 ms",
}
"""(module pattern, imported pattern) -> why this import of ours may stand inside a function."""

PURE_ALWAYS = ("micro.errors", "micro.ports", "micro.mucp", "micro.mucp.*", "micro.trust", "micro.trust.*")
"""Patterns of modules that must be marked `Pure.`."""

IMPURE_ALLOWED: dict[tuple[str, str], str] = {
    ("micro.ports", "pathlib"): "a type in the signatures; nothing is opened",
}
"""(module, imported module) -> why a pure module may import it."""
