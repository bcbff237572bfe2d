"""The packages that a Python service asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.errors import SourceError
from micro.runtime.requirements import read_project, read_requirements

HASH = "--hash=sha256:" + "a" * 64


def test_pinned_packages() -> None:
    """Names with versions, extras and markers are taken; comments and blank lines are not."""
    text = "# packages\n\nrequests==2.32.3\nuvicorn[standard] >=0.30, <1 ; python_version >= '3.11'  # web\n"
    found = read_requirements(text.encode())

    assert found.lines == ("requests==2.32.3", "uvicorn[standard] >=0.30, <1 ; python_version >= '3.11'")
    assert (found.loose, found.hashed) == (("uvicorn",), False)


def test_hashes_over_several_lines() -> None:
    """A requirement goes on after a backslash, as pip-compile writes it."""
    found = read_requirements(f"requests==2.32.3 \\\n    {HASH} \\\n    {HASH}\n".encode())

    assert (found.lines, found.hashed) == ((f"requests==2.32.3 {HASH} {HASH}",), True)


def test_our_own_package_is_not_installed() -> None:
    """The node brings `micro-network` itself, whatever spelling a service uses."""
    assert read_requirements(b"micro-network\nMicro_Network==1.0\n").lines == ()


def test_a_project_file() -> None:
    """The dependencies of `[project]` are read."""
    assert read_project(b'[project]\ndependencies = ["humanize==4.9.0"]').lines == ("humanize==4.9.0",)


def test_order_does_not_matter() -> None:
    """The same packages in another order are the same environment."""
    assert read_requirements(b"a==1\nb==2").digest == read_requirements(b"b==2\na==1").digest


@pytest.mark.parametrize(
    "line",
    [
        "--" + "index-url https://evil.example/simple",
        "--" + "extra-index-url=https://evil.example/simple",
        "-i https://evil.example",
        "--find-links .",
        "--trusted-host evil.example",
        "-r ../../secrets.txt",
        "-c other.txt",
        "-e .",
        ".",
        "./wheel.whl",
        "/tmp/wheel.whl",
        "file:///etc/passwd",
        "git+https://evil.example/x",
        "x @ https://evil.example/x.whl",
        "https://evil.example/x.whl",
        "x==1 --global-option=evil",
        "x==1 --config-settings=a=b",
        "x==1 `touch /tmp/x`",
        "${EVIL}==1",
        "x==1 --hash=md5:00",
        "x" * 60_000,
    ],
)
def test_more_than_a_requirement_is_refused(line: str) -> None:
    """Whatever would choose another place, another file or other code is refused with its line."""
    with pytest.raises(SourceError, match=r"requirements\.txt, line 2"):
        read_requirements(f"a==1\n{line}\n".encode())


def test_half_of_the_hashes_are_none() -> None:
    """Hashes for some packages only would protect nobody."""
    with pytest.raises(SourceError, match="1 of 2 packages are named by hash"):
        read_requirements(f"a==1 {HASH}\nb==1\n".encode())


def test_too_many_packages() -> None:
    """The number of packages is bounded."""
    with pytest.raises(SourceError, match="more than 1000 packages"):
        read_requirements("\n".join(f"a{number}==1" for number in range(1001)).encode())


@pytest.mark.parametrize("text", [b"[project", b"\xff", b"[project]\ndependencies = 1", b"project = 1"])
def test_a_project_file_that_is_none(text: bytes) -> None:
    """A project file that cannot be read is named."""
    with pytest.raises(SourceError, match=r"pyproject\.toml"):
        read_project(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text is worse than a clear refusal, and none comes out as an option."""
    try:
        found = read_requirements(text.encode("utf-8", "surrogatepass"))
    except SourceError:
        return
    assert not [line for line in found.lines if line.startswith("-") or "://" in line]
