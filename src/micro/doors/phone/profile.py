"""The certificate of a node as phones take it: bare for Android, in a configuration profile for Apple's.

Pure.
"""

from __future__ import annotations

import plistlib
import uuid
from typing import Final

from micro.trust.authority import Authority

__all__ = ["CERTIFICATE_TYPE", "PROFILE_TYPE", "profile"]

CERTIFICATE_TYPE: Final = "application/x-x509-ca-cert"
PROFILE_TYPE: Final = "application/x-apple-aspen-config"

_SPACE: Final = uuid.UUID("7b1b43b5-52b0-5a8c-9f06-0e8b8a9f2f6d")
"""In which names of profiles are drawn: the same certificate makes the same profile, which replaces itself."""


def profile(authority: Authority, name: str) -> bytes:
    """Returns a profile that installs the certificate (Apple, Device Management, `CertificateRoot`).

    Args:
        authority: whose certificate it is.
        name: what a phone calls it in its list.
    """
    what_for = f"{authority.host} only" if authority.host else "private addresses only"
    about = f"Lets this phone talk to your Micro node. It vouches for {what_for}."

    def payload(kind: str, what: str) -> dict[str, object]:
        return {
            "PayloadType": kind,
            "PayloadVersion": 1,
            "PayloadIdentifier": f"micro.{what}.{authority.fingerprint[:11].replace(':', '').lower()}",
            "PayloadUUID": str(uuid.uuid5(_SPACE, f"{what} {authority.fingerprint}")).upper(),
            "PayloadDisplayName": name,
            "PayloadDescription": about,
        }

    root = {**payload("com.apple.security.root", "certificate"), "PayloadContent": authority.root}
    root["PayloadCertificateFileName"] = "micro.cer"
    return plistlib.dumps({**payload("Configuration", "profile"), "PayloadContent": [root]})
