"""What the tests with go-micro programs share: which generations there are, and the table of what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import programs
from tests.interop.matrix import Matrix
from tests.interop.programs import BUILD_SECONDS, GENERATIONS, Built, Generation

SHARE = "v4"
BUILD_SECONDS_PROVE = 900


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """Keeps what was seen; under `--prove` it becomes a page."""
    found = Matrix()
    yield found
    if request.config.getoption("--prove"):
        found.write()


@pytest.fixture(
    params=[pytest.param(each, marks=[] if each.name == SHARE else pytest.mark.prove) for each in GENERATIONS],
    ids=lambda each: each.name,
)
def generation(request: pytest.FixtureRequest) -> Generation:
    """Each generation of which a program can be built."""
    found = request.param
    assert isinstance(found, Generation)
    return found


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest) -> Built:
    """Builds the program of a generation, once, or skips where it is not done in time."""
    found: dict[str, Path | None] = {}
    seconds = BUILD_SECONDS_PROVE if request.config.getoption("--prove") else BUILD_SECONDS

    def program(wanted: Generation) -> Path:
        if wanted.name not in found:
            found[wanted.name] = programs.build(wanted, seconds)
        path = found[wanted.name]
        if path is None:
            pytest.skip(f"go-micro {wanted.name} is not compiled within {seconds} s; run this again to go on")
        return path

    return program
