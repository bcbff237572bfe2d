"""A node's own certificate authority, which can vouch for nothing but addresses of houses.

Pure.

A phone talks to a node of the same house over HTTPS, and no public authority signs for `192.168.1.5`. So the node has
one of its own, and the phone is told to trust it: two certificates, made together.

    root  --signs-->  issuer  --signs-->  leaf, for the addresses that the node has now
     |                  |
     |                  +-- its key is kept; it is held to the same names
     +-- trusted by phones; its key is forgotten at once, so nobody can ever sign with it again

Another authority of the same kind vouches for one name of DNS and nothing else: the one under which the node is reached
through a super node. All carry critical name constraints (RFC 5280, 4.2.1.10). Constraints of a trusted root may be
passed over by whoever checks a chain (RFC 5280, 6.1.1 d), those of an issuer below it may not: whoever steals the key
is held by them.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from micro.errors import ConfigError, LocalProtocolError

__all__ = ["CHANCE_BYTES", "LEAF_SECONDS", "PRIVATE_NETWORKS", "ROOT_SECONDS", "Authority", "Leaf", "is_private"]

DAY: Final = 86_400
CHANCE_BYTES: Final = 64
"""So much chance is drawn for a key (48) and a serial number (16)."""
ROOT_SECONDS: Final = 3_650 * DAY
LEAF_SECONDS: Final = 90 * DAY
"""Less than the 398 days that Apple accepts at most."""
EARLY_SECONDS: Final = DAY
"""Certificates are good since yesterday: the clock of a phone may be behind."""
LEAF_NAME: Final = "A Micro node"
"""No address: a common name that could be a host's is held to the constraints of host names, too."""
NAMES_MAX: Final = 64
NAME_CHARACTERS_MAX: Final = 64
"""A common name has no more (RFC 5280, appendix A)."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""RFC 1918 and RFC 4193: the same addresses are in many houses, and lead to another machine in each."""
LINK_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text) for text in ("169.254.0.0/16", "fe80::/10")
)
"""RFC 3927 and RFC 4291: they lead no further than the next cable."""
LOCAL_DOMAIN: Final = "local"
"""RFC 6762: names below it mean something in one network only."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.local")


def is_private(address: str) -> bool:
    """Returns whether an address is one of a house."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if "%" in address:  # it means something on one interface alone
        return False
    return any(found.version == network.version and found in network for network in PRIVATE_NETWORKS)


@dataclass(frozen=True)
class Leaf:
    """What a server shows.

    Attributes:
        pem: its key, its certificate and that of the issuer.
        names: what it is good for.
        ends: until when, in seconds since 1970.
    """

    pem: bytes
    names: tuple[str, ...]
    ends: float


class Authority:
    """An authority that was made before.

    Args:
        pem: what `make` returned as `pem`.

    Attributes:
        pem: the issuer's key, its certificate and the root's; a secret.
        root: the certificate that phones trust, in DER.
        fingerprint: its SHA-256, as phones show it: pairs of digits with colons between them.
        ends: until when it is good, in seconds since 1970.
        host: the one name that it vouches for, "" where it vouches for addresses of houses.

    Raises:
        ConfigError: the bytes are none.
    """

    def __init__(self, pem: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(pem, None)
            self._issuer, root = x509.load_pem_x509_certificates(pem)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"this is no authority of a node: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != self._issuer.public_key():
            raise ConfigError("this is no authority of a node: its key belongs to another certificate")
        self._key = key
        self.pem: Final = pem
        self.root: Final = root.public_bytes(serialization.Encoding.DER)
        self.fingerprint: Final = root.fingerprint(SHA256()).hex(":").upper()
        self.ends: Final = root.not_valid_after_utc.timestamp()
        self.host: Final = _host_of(self._issuer)

    @classmethod
    def make(cls, name: str, now: float, chance: bytes, *, host: str = "") -> Authority:
        """Makes one; the root's key is gone when this returns.

        Args:
            name: what phones call it in their list.
            now: seconds since 1970.
            chance: `2 * CHANCE_BYTES` bytes that nobody can guess.
            host: the one name that it is to vouch for, in lower case; "" for addresses of houses.
        """
        first, second = _halves(chance)
        root_key, key = _key(first), _key(second)
        root_name, issuer_name = _named(name), _named(f"{name[: NAME_CHARACTERS_MAX - 8]} issuer")
        names = _only(host) if host else _HOUSES
        root = _certificate(root_name, root_name, root_key, root_key, first, now, names, below=1)
        issuer = _certificate(issuer_name, root_name, key, root_key, second, now, names, below=0)
        return cls(_pem(key) + issuer + root)

    def leaf(self, names: Sequence[str], now: float, chance: bytes) -> Leaf:
        """Returns a certificate for a server, with a key of its own.

        Args:
            names: addresses of a house, and names below `.local`; or the one host.
            now: seconds since 1970.
            chance: `CHANCE_BYTES` bytes that nobody can guess.

        Raises:
            LocalProtocolError: there is no name, or one that this authority cannot vouch for.
        """
        if not 0 < len(names) <= NAMES_MAX or len(chance) != CHANCE_BYTES:
            raise LocalProtocolError(f"a leaf has 1 to {NAMES_MAX} names, and {CHANCE_BYTES} bytes of chance")
        key, ends = _key(chance), min(now + LEAF_SECONDS, self.ends)
        built = (
            _began(_named(LEAF_NAME), self._issuer.subject, key, self._key, chance, now, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([self._spelled(name) for name in names]), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
        )
        signed = built.sign(self._key, SHA256(), ecdsa_deterministic=True)
        issuer = self._issuer.public_bytes(serialization.Encoding.PEM)
        return Leaf(_pem(key) + signed.public_bytes(serialization.Encoding.PEM) + issuer, tuple(names), ends)

    def _spelled(self, name: str) -> x509.GeneralName:
        if not self.host:
            return _spelled(name)
        if name != self.host:
            raise LocalProtocolError(f"this authority vouches for {self.host} and nothing else, not for {name!r}")
        return x509.DNSName(name)


def _halves(chance: bytes) -> tuple[bytes, bytes]:
    if len(chance) != 2 * CHANCE_BYTES:
        raise LocalProtocolError(f"an authority takes {2 * CHANCE_BYTES} bytes of chance, not {len(chance)}")
    return chance[:CHANCE_BYTES], chance[CHANCE_BYTES:]


_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points the curve P-256 has (SEC 2, 2.4.2)."""


def _key(chance: bytes) -> ec.EllipticCurvePrivateKey:
    """Returns a key of P-256, by reducing more bits than needed (FIPS 186-5, A.2.1)."""
    return ec.derive_private_key(int.from_bytes(chance[16:]) % (_ORDER - 1) + 1, ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _named(name: str) -> x509.Name:
    common = x509.NameAttribute(NameOID.COMMON_NAME, name[:NAME_CHARACTERS_MAX])
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Micro"), common])


def _spelled(name: str) -> x509.GeneralName:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        if not _LABEL.fullmatch(name):
            raise LocalProtocolError(
                f"this authority vouches for addresses and names in .local, not {name!r}"
            ) from None
        return x509.DNSName(name)
    if not is_private(name):
        raise LocalProtocolError(f"this authority vouches for addresses of a house, not {name}")
    return x509.IPAddress(address)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)


def _began(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    chance: bytes,
    now: float,
    ends: float,
) -> x509.CertificateBuilder:
    """Returns what all three certificates have: each is for servers only."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(chance[:16]) >> 1 | 1)
        .not_valid_before(_moment(now - EARLY_SECONDS))
        .not_valid_after(_moment(ends))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


_HOUSES: Final = x509.NameConstraints(
    [*(x509.IPAddress(network) for network in (*PRIVATE_NETWORKS, *LINK_NETWORKS)), x509.DNSName(LOCAL_DOMAIN)], None
)


def _only(host: str) -> x509.NameConstraints:
    """Returns constraints to one name; addresses would be free if none were excluded (RFC 5280, 4.2.1.10)."""
    nowhere = [x509.IPAddress(ipaddress.ip_network(text)) for text in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints([x509.DNSName(host)], nowhere)


def _host_of(issuer: x509.Certificate) -> str:
    try:
        permitted = issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return ""
    names = [each.value for each in permitted if isinstance(each, x509.DNSName)]
    return names[0] if len(permitted) == len(names) == 1 else ""


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    chance: bytes,
    now: float,
    names: x509.NameConstraints,
    *,
    below: int,
) -> bytes:
    """Returns the certificate of an authority in PEM; `below` is how many authorities may follow it in a chain."""
    built = (
        _began(subject, issuer, key, signer, chance, now, now + ROOT_SECONDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(names, critical=True)
    )
    return built.sign(signer, SHA256(), ecdsa_deterministic=True).public_bytes(serialization.Encoding.PEM)
