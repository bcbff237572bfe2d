"""What every test gets: a home that is not the owner's, Hypothesis profiles, and campaigns that tell their length.

Under `--prove` the campaigns are written down too, as a page.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest

from tests.proofs import Ran, page_of, together

CAMPAIGNS = pytest.StashKey[list[Ran]]()
OUTCOMES = pytest.StashKey[dict[str, str]]()
HOME = pytest.StashKey[str]()
UNCONFINED = pytest.StashKey[list[str]]()
KITS = Path(__file__).parents[1] / ".venv" / "kits"
"""What `tests.kits` fetches, so that no test does."""

INPUTS = 1_000_000
"""So many inputs a proof fuzzes each parser with, unless it is told another number."""

PROOFS = Path(__file__).parents[1] / "docs" / "reference" / "proofs.md"


class Campaign(Protocol):
    """Tells a long test how far to go."""

    def __call__(self, what: str, *, share: int, full: int, parts: int = 1) -> int:
        """Returns `share` under `make test` and `full` under `make prove`, and has it printed at the end.

        Where several tests lead one campaign, each is told its part: both numbers divided by `parts`.
        """


class Fuzzing(Protocol):
    """Tells a test that fuzzes a parser how many inputs to make up."""

    def __call__(self, what: str, *, share: int) -> int:
        """Returns `share` under `make test`, a million under `make prove`, and what `--inputs` says under either."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inputs", type=int, metavar="N", help="fuzz each parser with so many inputs, whatever else runs")
    parser.addoption("--prove", action="store_true", help="run the campaigns at full length (`make prove`)")
    parser.addoption("--proofs", type=Path, default=PROOFS, metavar="FILE", help="where --prove writes what it ran")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CAMPAIGNS], config.stash[OUTCOMES], config.stash[UNCONFINED] = [], {}, []
    config.stash[HOME] = tempfile.mkdtemp(prefix="micro-")
    os.environ["MICRO_HOME"] = config.stash[HOME]
    os.environ["MICRO_KITS"] = str(KITS)
    for name in ("MICRO_ADDRESS", "MICRO_TOKEN", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    sys.dont_write_bytecode = False  # else each of a thousand processes would compile all that it loads
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a script leaves it to what it starts with `&`
        signal.signal(signal.SIGINT, signal.default_int_handler)  # else no process of a test could be interrupted
    # No deadlines: a busy machine is no bug. The guard of a commit gives the same verdict twice; a proof looks further.
    hypothesis.settings.register_profile("commit", deadline=None, derandomize=True, print_blob=True)
    hypothesis.settings.register_profile("prove", deadline=None, max_examples=2_000, print_blob=True)
    hypothesis.settings.load_profile("prove" if config.getoption("--prove") else "commit")


def pytest_unconfigure(config: pytest.Config) -> None:
    if HOME in config.stash:
        shutil.rmtree(config.stash[HOME], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--prove"):
        return
    left_out = [item for item in items if item.get_closest_marker("prove")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[UNCONFINED]:
        terminalreporter.write_line(line)
    if config.stash[CAMPAIGNS]:
        terminalreporter.section("campaigns")
        for line in sorted(ran.line for ran, _ in together(config.stash[CAMPAIGNS])):
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    outcomes = item.config.stash[OUTCOMES]
    if report.when == "call" or report.outcome != "passed":  # what fails before or after a test fails it
        outcomes[item.nodeid] = report.outcome
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if config.getoption("--prove") and config.stash[CAMPAIGNS]:
        part = [*config.option.file_or_dir, *([f"-k {config.option.keyword}"] if config.option.keyword else [])]
        path: Path = config.getoption("--proofs")
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        day = datetime.now(UTC).date().isoformat()
        page = page_of(config.stash[CAMPAIGNS], config.stash[OUTCOMES], part, day, before)
        path.write_text(page, encoding="utf-8")


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Campaign:
    """Returns the function that tells a long test how far to go."""

    def choose(what: str, *, share: int, full: int, parts: int = 1) -> int:
        count, rest = divmod(full if request.config.getoption("--prove") else share, parts)
        assert not rest, f"{what} cannot be divided into {parts} equal parts"
        request.config.stash[CAMPAIGNS].append(Ran(request.node.nodeid, what, count, full, is_part=parts > 1))
        return count

    return choose


@pytest.fixture
def fuzzing(request: pytest.FixtureRequest) -> Fuzzing:
    """Returns the function that tells a test how many inputs a parser is fuzzed with."""

    def choose(what: str, *, share: int) -> int:
        config = request.config
        wanted: int | None = config.getoption("--inputs")
        count = wanted or (INPUTS if config.getoption("--prove") else share)
        config.stash[CAMPAIGNS].append(Ran(request.node.nodeid, what, count, max(count, INPUTS)))
        return count

    return choose


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Returns an empty node's home, with a path short enough for sockets, and names it in `MICRO_HOME`."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("MICRO_HOME", folder)
        yield Path(folder)


@pytest.fixture(scope="session")
def sandbox_of_here(pytestconfig: pytest.Config) -> Iterator[str]:
    """Says what confines services on this machine; where nothing does, those of tests run unconfined, which is told."""
    from tests.contract.yard import CONFINING, forbidden  # most tests start no service

    permitted = next((kind for kind in CONFINING if not forbidden(kind)), "none")
    with pytest.MonkeyPatch.context() as patch:
        if permitted == "none":
            patch.setenv("MICRO_SANDBOX", permitted)
            why = "; ".join(f"{kind}: {forbidden(kind)}" for kind in CONFINING)
            pytestconfig.stash[UNCONFINED].append(
                f"no service of these tests was confined, for nothing holds here: {why}"
            )
        yield permitted
