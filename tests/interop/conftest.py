"""What the tests with go-micro programs share: which generations there are, and the table of what was seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.matrix import Matrix
from tests.interop.programs import GENERATIONS, Generation

SHARE = "v4"


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
