"""The secrets in a home: what is refused, and what is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from micro.errors import ConfigError
from micro.node.home import Home
from micro.system import SystemDisk, SystemEntropy


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x9d", b"mt_1\nmt_2\n", b"mt_ 1", "mt_ä".encode()])
def test_a_token_that_no_header_can_carry_is_refused(tmp_path: Path, content: bytes) -> None:
    """It says which file, and what to do; what is there stays there."""
    (tmp_path / "token").write_bytes(content)

    with pytest.raises(ConfigError, match="token is no token; remove it, and the next start makes another one"):
        Home(tmp_path).token(SystemDisk(), SystemEntropy())

    assert (tmp_path / "token").read_bytes() == content


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_token_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """A disk that was full leaves such a file, and nothing is lost with it."""
    (tmp_path / "token").write_bytes(content)

    token = Home(tmp_path).token(SystemDisk(), SystemEntropy())

    assert token.startswith("mt_")
    assert Home(tmp_path).token(SystemDisk(), SystemEntropy()) == token


@pytest.mark.parametrize("name", ["key", "token"])
def test_a_secret_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """With the file, and the command that closes it; a closed one is not worth a word."""
    home, disk, entropy = Home(tmp_path), SystemDisk(), SystemEntropy()

    def start() -> None:
        home.key(disk, entropy)
        home.token(disk, entropy)

    with caplog.at_level(logging.WARNING):
        start()
        start()
        assert caplog.messages == []

        (tmp_path / name).chmod(0o644)
        start()

    assert [text for text in caplog.messages if f"chmod 600 {tmp_path / name}" in text] == caplog.messages
    assert len(caplog.messages) == 1
