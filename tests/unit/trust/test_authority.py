"""The authority of a node, checked by OpenSSL as a phone would."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from micro.errors import ConfigError, LocalProtocolError
from micro.trust.authority import CHANCE_BYTES, LEAF_SECONDS, ROOT_SECONDS, Authority, is_private

NOW = time.time()
MADE = bytes(range(2 * CHANCE_BYTES))
CHANCE = bytes(range(100, 100 + CHANCE_BYTES))
DAYS_MAX_OF_APPLE = 398


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make("Micro node abcd", NOW, MADE)


HOST = "b5uazx6zabcd.nodes.example"


@pytest.fixture(scope="module")
def outside() -> Authority:
    """Returns an authority for one name."""
    return Authority.make("Micro node abcd outside", NOW, MADE, host=HOST)


def shaken(root: bytes, served: bytes, name: str, folder: Path) -> None:
    """Has a client that trusts a root alone shake hands with a server, by name; raises what OpenSSL says."""
    file = folder / "served.pem"
    file.write_bytes(served)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(file)
    client.load_verify_locations(cadata=root)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(back, there, server_hostname=name)
    answers = server.wrap_bio(there, back, server_side=True)
    sides, done = [asks, answers], 0
    while done < 2:
        done = 0
        for side in sides:
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass


def stolen(authority: Authority, name: x509.GeneralName, *, is_authority: bool = False) -> tuple[bytes, bytes]:
    """Returns what a thief of the kept key signs for a name: the key, and the certificates."""
    signer = serialization.load_pem_private_key(authority.pem, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificates(authority.pem)[0]
    key = ec.generate_private_key(ec.SECP256R1())
    moment = dt.datetime.fromtimestamp(NOW, dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(moment - dt.timedelta(days=1))
        .not_valid_after(moment + dt.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .sign(signer, SHA256())
    )
    pem, pkcs8, none = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(pem, pkcs8, none), signed.public_bytes(pem) + issuer.public_bytes(pem)


@pytest.mark.parametrize("name", ["192.168.1.5", "10.0.0.1", "172.31.255.255", "fd12::1", "kitchen.local"])
def test_whoever_trusts_the_root_alone_believes_its_leaves(authority: Authority, tmp_path: Path, name: str) -> None:
    """By address and by name."""
    shaken(authority.root, authority.leaf(["192.168.7.7", name], NOW, CHANCE).pem, name, tmp_path)


def test_a_leaf_is_believed_for_its_names_only(authority: Authority, tmp_path: Path) -> None:
    """A neighbour's address is not one of them."""
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shaken(authority.root, authority.leaf(["192.168.1.5"], NOW, CHANCE).pem, "192.168.1.6", tmp_path)


@pytest.mark.parametrize(
    "name", ["bank.example", "8.8.8.8", "2606:4700::1", "127.0.0.1", "100.64.0.1", "local.example", "evil-local"]
)
def test_a_thief_of_the_key_vouches_for_no_other_name(authority: Authority, tmp_path: Path, name: str) -> None:
    """The names are constrained, and OpenSSL holds him to it."""
    try:
        spelled: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        spelled = x509.DNSName(name)
    key, signed = stolen(authority, spelled)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shaken(authority.root, key + signed, name, tmp_path)


def test_what_a_thief_may_vouch_for_is_believed(authority: Authority, tmp_path: Path) -> None:
    """So that the refusals above are those of the names, and of nothing else."""
    key, signed = stolen(authority, x509.IPAddress(ipaddress.ip_address("192.168.1.5")))

    shaken(authority.root, key + signed, "192.168.1.5", tmp_path)


def test_a_thief_makes_no_other_authority(authority: Authority, tmp_path: Path) -> None:
    """The issuer's chain ends with it."""
    key, between = stolen(authority, x509.DNSName("a.local"), is_authority=True)
    below = Authority(key + between)

    with pytest.raises(ssl.SSLCertVerificationError, match="path length"):
        shaken(authority.root, below.leaf(["10.0.0.1"], NOW, CHANCE).pem + between, "10.0.0.1", tmp_path)


def test_the_key_of_the_root_is_kept_nowhere(authority: Authority) -> None:
    """Of the one key in the file the certificate is another than the root's."""
    key = serialization.load_pem_private_key(authority.pem, None)
    root = x509.load_der_x509_certificate(authority.root)

    assert authority.pem.count(b"PRIVATE KEY") == 2  # its beginning and its end
    assert key.public_key() != root.public_key()  # type: ignore[union-attr]


def test_certificates_are_good_for_as_long_as_phones_accept(authority: Authority) -> None:
    """The leaf for less than Apple's limit, and never longer than the authority."""
    leaf = authority.leaf(["10.0.0.1"], NOW, CHANCE)
    last = authority.leaf(["10.0.0.1"], NOW + ROOT_SECONDS - 60, CHANCE)
    found = x509.load_pem_x509_certificates(leaf.pem)[0]

    assert found.not_valid_after_utc - found.not_valid_before_utc < dt.timedelta(days=DAYS_MAX_OF_APPLE)
    assert leaf.ends == NOW + LEAF_SECONDS
    assert last.ends == authority.ends


@pytest.mark.parametrize("critical", [x509.NameConstraints, x509.BasicConstraints, x509.KeyUsage])
def test_root_and_issuer_are_bound_critically(authority: Authority, critical: type[x509.ExtensionType]) -> None:
    """Who does not understand what binds them must refuse them."""
    for each in x509.load_pem_x509_certificates(authority.pem):
        assert each.extensions.get_extension_for_class(critical).critical


@pytest.mark.parametrize(
    "names", [[], ["8.8.8.8"], ["127.0.0.1"], ["bank.example"], ["local"], ["*.local"], ["a"] * 99]
)
def test_names_of_no_house_are_not_signed(authority: Authority, names: list[str]) -> None:
    """Not by mistake either."""
    with pytest.raises(LocalProtocolError):
        authority.leaf(names, NOW, CHANCE)


def test_it_is_the_same_after_it_was_kept(authority: Authority) -> None:
    """With the same fingerprint, in pairs of digits."""
    again = Authority(authority.pem)

    assert (again.root, again.fingerprint, again.ends) == (authority.root, authority.fingerprint, authority.ends)
    assert len(authority.fingerprint.split(":")) == 32
    assert again.leaf(["10.0.0.1"], NOW, CHANCE).pem == authority.leaf(["10.0.0.1"], NOW, CHANCE).pem


@pytest.mark.parametrize("cut", [0, 10, 100, 300, 700, -40])
def test_a_spoilt_file_is_no_authority(authority: Authority, cut: int) -> None:
    """And says so."""
    with pytest.raises(ConfigError, match="no authority"):
        Authority(authority.pem[:cut])


def test_a_key_of_another_is_no_authority(authority: Authority) -> None:
    """A file put together from two."""
    other = Authority.make("Other", NOW, MADE[::-1])
    end = b"-----END PRIVATE KEY-----\n"
    mixed = other.pem.partition(end)[0] + end + authority.pem.partition(end)[2]

    with pytest.raises(ConfigError, match="another certificate"):
        Authority(mixed)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("192.168.0.1", True),
        ("172.32.0.1", False),
        ("fd00::1", True),
        ("fd00::1%eth0", False),
        ("fe80::1", False),
        ("169.254.0.1", False),
        ("127.0.0.1", False),
        ("1.1.1.1", False),
        ("kitchen.local", False),
        ("", False),
    ],
)
def test_addresses_of_a_house_are_known(address: str, private: bool) -> None:
    """Those that a network of its own gives."""
    assert is_private(address) is private


def test_an_authority_of_one_name_is_believed_for_it(outside: Authority, tmp_path: Path) -> None:
    """Also after it was kept."""
    again = Authority(outside.pem)

    assert (again.host, again.fingerprint) == (HOST, outside.fingerprint)
    shaken(outside.root, again.leaf([HOST], NOW, CHANCE).pem, HOST, tmp_path)


@pytest.mark.parametrize("names", [[], ["bank.example"], ["10.0.0.1"], ["a.local"], [f"x.{HOST}"], [HOST, "10.0.0.1"]])
def test_an_authority_of_one_name_signs_nothing_else(outside: Authority, names: list[str]) -> None:
    """Not by mistake either."""
    with pytest.raises(LocalProtocolError):
        outside.leaf(names, NOW, CHANCE)


@pytest.mark.parametrize(
    "name",
    [
        *("bank.example", "nodes.example", f"evil{HOST}", "b5uaotherone.nodes.example", "kitchen.local"),
        *("8.8.8.8", "192.168.1.5", "127.0.0.1", "2606:4700::1", "fd12::1", "::1"),
    ],
)
def test_a_thief_of_its_key_vouches_for_no_other_name(outside: Authority, tmp_path: Path, name: str) -> None:
    """Nor for any address: not of the house, and not of the internet."""
    try:
        spelled: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        spelled = x509.DNSName(name)
    key, signed = stolen(outside, spelled)

    with pytest.raises(ssl.SSLCertVerificationError, match="subtree violation"):
        shaken(outside.root, key + signed, name, tmp_path)


def test_the_two_authorities_do_not_vouch_for_each_other(
    authority: Authority, outside: Authority, tmp_path: Path
) -> None:
    """A phone that was paired for the house trusts nothing outside of it, and the other way round."""
    assert authority.host == ""
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(authority.root, outside.leaf([HOST], NOW, CHANCE).pem, HOST, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(outside.root, authority.leaf(["10.0.0.1"], NOW, CHANCE).pem, "10.0.0.1", tmp_path)
    with pytest.raises(LocalProtocolError):
        authority.leaf([HOST], NOW, CHANCE)
