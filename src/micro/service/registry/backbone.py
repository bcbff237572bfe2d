"""What nodes and super nodes say to each other: the messages of the service `backbone`.

Pure.

Every message is protobuf in its one spelling (`layout`), bounded as a whole and in each part. Answers carry the number
of the newest map that the answerer knows, so that whoever has an older one asks for it.
"""

from __future__ import annotations

from typing import Final

from micro.service.registry.layout import Layout, Part
from micro.service.registry.presence import PRESENCE_BYTES_MAX
from micro.service.registry.record import HASH_BYTES, RECORD_BYTES_MAX, TERMS_MAX
from micro.service.registry.shardmap import MAP_BYTES_MAX, OWNER_CHARACTERS_MAX
from micro.trust.keys import KEY_BYTES
from micro.trust.ticket import ADDRESSES_MAX, RELAY_CHARACTERS_MAX

__all__ = [
    "ANNOUNCE",
    "ANNOUNCE_RECORDS_MAX",
    "ANSWER_BYTES_MAX",
    "COMMONS",
    "COMMONS_REQUEST",
    "EVENTS",
    "FIND",
    "FOUND",
    "HEARD",
    "JOIN",
    "KEYS_MAX",
    "LOCATED",
    "MAP_ANSWER",
    "MAP_REQUEST",
    "NAMES_MAX",
    "NEWS",
    "PASSES",
    "PRESENCE",
    "PRESENT",
    "SEARCH",
    "SERVICE",
    "SILENCE",
    "STORE",
    "STORED",
    "STORE_ITEMS_MAX",
    "WATCH",
    "WRITES",
]

SERVICE: Final = "backbone"

WRITES: Final = frozenset(
    {
        "Backbone.Home",
        "Backbone.Store",
        "Backbone.Silence",
        "Backbone.Join",
        "Copy.Open",
        "Copy.Cursors",
        "Copy.Learn",
        "Copy.Drop",
        "Copy.List",
    }
)
"""The endpoints that change what a super node holds, or cost it a file."""

EVENTS: Final = frozenset({"Copy.Write", "Copy.Read"})
"""Those that bring it events, or have it send some; all others only ask."""

PASSES: Final = frozenset({"Backbone.Await", "Backbone.Pass"})
"""Those that carry what a browser and a node say to each other."""

ANNOUNCE_RECORDS_MAX: Final = 50
"""A node sends its home so many records in one message."""

STORE_ITEMS_MAX: Final = 400
"""A super node sends another so many records, presences or beats in one message."""

KEYS_MAX: Final = 64
"""So many nodes are asked for at once."""

NAMES_MAX: Final = 64
"""So many names are watched on one stream."""

NAME_BYTES_MAX: Final = 200
"""A mark has at most so many: `subscription:`, a nid, a colon and a topic."""
WORD_BYTES_MAX: Final = 127
TEXT_BYTES_MAX: Final = 512
REQUEST_BYTES_MAX: Final = 65_536
ANSWER_BYTES_MAX: Final = 1_048_576
MAP_ANSWER_BYTES_MAX: Final = 4_100_000
"""Every node takes a message of 4 MiB."""

_BEAT = Layout(
    "the beat",
    128,
    key=Part(1, "bytes", bytes_max=KEY_BYTES),
    sequence=Part(2, "number"),
    step=Part(3, "number"),
    value=Part(4, "bytes", bytes_max=HASH_BYTES),
)
_LIVING = Layout(
    "the presence with its last beat",
    PRESENCE_BYTES_MAX + 128,
    sealed=Part(1, "bytes", bytes_max=PRESENCE_BYTES_MAX),
    step=Part(2, "number"),
    value=Part(3, "bytes", bytes_max=HASH_BYTES),
)

MAP_REQUEST: Final = Layout("the request for the map", 64, version=Part(1, "number"))
"""The number of the newest map that the asker has."""

MAP_ANSWER: Final = Layout(
    "the answer with maps",
    MAP_ANSWER_BYTES_MAX,
    current=Part(1, "bytes", bytes_max=MAP_BYTES_MAX),
    previous=Part(2, "bytes", bytes_max=MAP_BYTES_MAX),
)
"""The newest map, if it is newer, and, if the asker has none, the one before where both fit into one message."""

ANNOUNCE: Final = Layout(
    "the announcement",
    REQUEST_BYTES_MAX,
    presence=Part(1, "bytes", bytes_max=PRESENCE_BYTES_MAX),
    records=Part(2, "bytes", most=ANNOUNCE_RECORDS_MAX, bytes_max=RECORD_BYTES_MAX),
    beat=Part(3, _BEAT),
)
"""What a node tells its home: a presence, records, or a beat; any of them may be missing."""

HEARD: Final = Layout(
    "the home's word",
    2048,
    now=Part(1, "number"),
    map_version=Part(2, "number"),
    again=Part(3, "flag"),
    trouble=Part(4, "text", bytes_max=TEXT_BYTES_MAX),
)
"""What a home tells a node: its time, the newest map, whether everything is to be said again, what was refused."""

STORE: Final = Layout(
    "the parcel",
    ANSWER_BYTES_MAX,
    map_version=Part(1, "number"),
    records=Part(2, "bytes", most=STORE_ITEMS_MAX, bytes_max=RECORD_BYTES_MAX),
    presences=Part(3, _LIVING, most=STORE_ITEMS_MAX),
    beats=Part(4, _BEAT, most=STORE_ITEMS_MAX),
)
"""What one super node hands to another."""

_SILENT = Layout(
    "the silent node",
    64,
    key=Part(1, "bytes", bytes_max=KEY_BYTES),
    sequence=Part(2, "number"),
    step=Part(3, "number"),
)

SILENCE: Final = Layout(
    "the word of silent nodes",
    REQUEST_BYTES_MAX,
    map_version=Part(1, "number"),
    silent=Part(2, _SILENT, most=STORE_ITEMS_MAX),
)
"""Of which nodes a home has heard nothing since their link broke, each with the last step that it showed.

It is a message of its own, for an endpoint of its own: an older program refuses that, and would take a parcel with one
more field for no message at all.
"""

STORED: Final = Layout(
    "the receipt",
    REQUEST_BYTES_MAX,
    map_version=Part(1, "number"),
    unknown=Part(2, "bytes", most=STORE_ITEMS_MAX, bytes_max=KEY_BYTES),
)
"""Of which nodes beats came without a presence: it is to be sent."""

FIND: Final = Layout(
    "the search for a name",
    512,
    name=Part(1, "text", bytes_max=NAME_BYTES_MAX),
    limit=Part(2, "number"),
    key=Part(3, "bytes", bytes_max=KEY_BYTES),
)
"""A name or mark, how many records at most, and the one node that is meant, if one is."""

SEARCH: Final = Layout(
    "the search for words",
    2048,
    words=Part(1, "text", most=TERMS_MAX, bytes_max=WORD_BYTES_MAX),
    limit=Part(2, "number"),
)
"""Folded words; the first is the one whose shard is asked."""

FOUND: Final = Layout(
    "the records found",
    ANSWER_BYTES_MAX,
    map_version=Part(1, "number"),
    records=Part(2, "bytes", most=STORE_ITEMS_MAX, bytes_max=RECORD_BYTES_MAX),
    total=Part(3, "number"),
)

LOCATED: Final = Layout(
    "the records found, and where their nodes are",
    ANSWER_BYTES_MAX,
    map_version=Part(1, "number"),
    records=Part(2, "bytes", most=STORE_ITEMS_MAX, bytes_max=RECORD_BYTES_MAX),
    total=Part(3, "number"),
    presences=Part(4, _LIVING, most=KEYS_MAX),
)
"""What `FOUND` has, and the presences of the nodes that this super node holds too; of the others their holders tell.

It is the answer of an endpoint of its own: an older program has none, and would take a question with one more field,
or such an answer, for no message at all.
"""

PRESENCE: Final = Layout("the search for nodes", 4096, keys=Part(1, "bytes", most=KEYS_MAX, bytes_max=KEY_BYTES))

PRESENT: Final = Layout(
    "the nodes found",
    ANSWER_BYTES_MAX,
    map_version=Part(1, "number"),
    presences=Part(2, _LIVING, most=KEYS_MAX),
)

WATCH: Final = Layout(
    "the watch",
    REQUEST_BYTES_MAX,
    names=Part(1, "text", most=NAMES_MAX, bytes_max=NAME_BYTES_MAX),
    keys=Part(2, "bytes", most=KEYS_MAX, bytes_max=KEY_BYTES),
)
"""Names and nodes of which changes are to be told."""

NEWS: Final = Layout(
    "the news",
    8192,
    map_version=Part(1, "number"),
    record=Part(2, "bytes", bytes_max=RECORD_BYTES_MAX),
    presence=Part(3, _LIVING),
    gone=Part(4, "bytes", bytes_max=KEY_BYTES),
    missed=Part(5, "flag"),
)
"""A record or presence that changed, a node whose lease ended, or that some news were missed."""

JOIN: Final = Layout(
    "the wish to join",
    4096,
    addresses=Part(1, "text", most=ADDRESSES_MAX, bytes_max=47),
    relay=Part(2, "text", bytes_max=RELAY_CHARACTERS_MAX),
    owner=Part(3, "text", bytes_max=OWNER_CHARACTERS_MAX),
    leaving=Part(4, "flag"),
)
"""Where a node is that wants to be a super node, or that it wants to be none any more."""

COMMONS_REQUEST: Final = Layout("the question for the commons", 64)

COMMONS: Final = Layout("the answer with the port of the commons", 64, port=Part(1, "number"))
"""The UDP port at which a super node takes part in the commons; its address the asker knows."""
