"""What phones are given before they trust anything."""

from __future__ import annotations

import plistlib
import re

import pytest

from micro.doors.phone.page import POLICY, trust_page
from micro.doors.phone.profile import profile
from micro.doors.phone.words import WORDS, language_of
from micro.trust.authority import CHANCE_BYTES, Authority

AUTHORITY = Authority.make("Micro node abcd", 1_700_000_000.0, bytes(range(2 * CHANCE_BYTES)))


@pytest.mark.parametrize(
    ("languages", "language"),
    [
        ("de-CH,de;q=0.9", "de"),
        ("fr-FR, es;q=0.8, en;q=0.7", "es"),
        ("fr", "en"),
        ("", "en"),
        ("*", "en"),
        ("x" * 10_000 + "de", "en"),
        ("made, under", "en"),
    ],
)
def test_the_first_language_that_is_spoken_here_is_taken(languages: str, language: str) -> None:
    """As a browser orders them; else English."""
    assert language_of(languages) == language


def test_every_language_says_the_same() -> None:
    """Each has every text, with the same steps and names."""
    shape = {key: (text.count("\n"), text.count("{name}")) for key, text in WORDS["en"].items()}

    for words in WORDS.values():
        assert {key: (text.count("\n"), text.count("{name}")) for key, text in words.items()} == shape


@pytest.mark.parametrize("language", WORDS)
def test_the_page_runs_and_fetches_nothing(language: str) -> None:
    """It shows the fingerprint, and leads to the certificate alone."""
    page = trust_page("Micro <b>node", AUTHORITY.fingerprint, language)

    assert AUTHORITY.fingerprint in page
    assert re.findall(r"href='([^']*)'", page) == ["/micro.crt", "/micro.mobileconfig"]
    assert not re.search(r"<script|src=|://|Micro <b>node", page)
    assert "{" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)
    assert "'unsafe" not in POLICY


@pytest.mark.parametrize("language", WORDS)
def test_the_page_of_one_name_says_what_it_is_good_for(language: str) -> None:
    """It names that, and no addresses of houses; so does the profile."""
    outside = Authority.make("Micro", 1_700_000_000.0, bytes(range(2 * CHANCE_BYTES)), host="b5ua.nodes.example")
    page = trust_page("Micro", outside.fingerprint, language, outside.host)
    house = trust_page("Micro", AUTHORITY.fingerprint, language)

    assert "<b>b5ua.nodes.example</b>" in page
    assert ".local" not in page
    assert ".local" in house
    assert "{" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)
    assert b"vouches for b5ua.nodes.example only" in profile(outside, "Micro")
    assert b"vouches for private addresses only" in profile(AUTHORITY, "Micro")


def test_a_profile_installs_the_root_and_replaces_itself() -> None:
    """The same certificate makes the same profile."""
    read = plistlib.loads(profile(AUTHORITY, "Micro node abcd"))
    [payload] = read["PayloadContent"]

    assert profile(AUTHORITY, "Micro node abcd") == profile(AUTHORITY, "Micro node abcd")
    assert (payload["PayloadType"], payload["PayloadContent"]) == ("com.apple.security.root", AUTHORITY.root)
    assert payload["PayloadUUID"] != read["PayloadUUID"]
    assert read["PayloadType"] == "Configuration"
