"""Whoever passes a connection on and whoever ends it must not read two names from the same first words."""

from __future__ import annotations

import ssl

import pytest

from micro.network.passage.greeting import Greeting, NoGreeting
from micro.trust.authority import CHANCE_BYTES, Authority
from tests.conftest import Fuzzing
from tests.fuzz.mutation import mutants
from tests.unit.network.passage.hellos import body_of, extension, hello_of_openssl, message, named, records

NAME = "b5uazx6zabcd.nodes.example"
OFFERED = (
    extension(43, b"\x02\x03\x04"),  # TLS 1.3
    extension(10, b"\x00\x02\x00\x1d"),  # X25519
    extension(13, b"\x00\x02\x04\x03"),  # ECDSA
    extension(51, b"\x00\x24\x00\x1d\x00\x20" + bytes(range(1, 33))),
)
SEEDS = [
    hello_of_openssl(NAME),
    *(
        records(message(body_of(named(*names) + b"".join(OFFERED), session=bytes(32))), size)
        for names in ((NAME.encode(),), (NAME.encode(), b"bank.example"), (NAME.upper().encode(),), ())
        for size in (2**14, 90)
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, list[str | None]]:
    """Returns a server of OpenSSL, and where it puts the names that it reads."""
    file = tmp_path_factory.mktemp("leaf") / "leaf.pem"
    authority = Authority.make("Micro", 1_700_000_000, bytes(range(2 * CHANCE_BYTES)))
    file.write_bytes(authority.leaf(["10.0.0.1"], 1_700_000_000, bytes(range(CHANCE_BYTES))).pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    named_so: list[str | None] = []

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        named_so.append(name)

    context.sni_callback = note  # type: ignore[assignment]
    return context, named_so


def test_openssl_reads_the_same_name(server: tuple[ssl.SSLContext, list[str | None]], fuzzing: Fuzzing) -> None:
    """Or refuses what was passed on: it never takes the connection for one to another name."""
    context, named_so = server
    agreed = 0
    for data in [*SEEDS, *mutants(SEEDS, fuzzing("greetings read by two", share=5_000), 7)]:
        try:
            ours = Greeting().hear(data)
        except NoGreeting:
            continue
        named_so.clear()
        came = ssl.MemoryBIO()
        came.write(data)
        try:
            context.wrap_bio(came, ssl.MemoryBIO(), server_side=True).do_handshake()
        except ssl.SSLError:
            pass
        if ours is not None and named_so:
            assert (named_so[0] or "").lower() == ours, data.hex()
            agreed += 1
    assert agreed > len(SEEDS) // 3
