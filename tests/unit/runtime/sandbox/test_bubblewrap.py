"""What bubblewrap is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import EngineError
from micro.runtime.sandbox.bubblewrap import Bubblewrap
from micro.runtime.sandbox.sandbox import DIRECT, Policy, Wrapped

HOME = Path("/srv/owner/.micro")
SANDBOX = Bubblewrap(Path("/usr/bin/bwrap"), (HOME,), b"filter")


def wrapped(policy: Policy, directory: str = "/srv/code", **environment: str) -> Wrapped:
    return SANDBOX.wrap(("/usr/bin/env",), Path(directory), environment, policy, counted=True)


def arguments(found: Wrapped) -> list[str]:
    """Returns what it reads from the file that it is handed."""
    data = found.handed["@arguments"]
    assert isinstance(data, bytes)
    return data.decode().rstrip("\0").split("\0")


def place_of(words: list[str], option: str, path: str) -> int:
    """Returns where `option path` or `option path path` stands."""
    return next(n for n, word in enumerate(words) if word == option and words[n + 1] == path)


def test_no_secret_is_on_a_command_line() -> None:
    """Whoever lists processes sees them."""
    found = wrapped(Policy(), MICRO_TOKEN="5ecret", LD_PRELOAD="./evil.so")

    assert "5ecret" not in " ".join(found.command)
    assert found.environment == {}
    assert "5ecret" in arguments(found)


def test_the_network_is_shared_only_if_it_was_granted() -> None:
    """Else the guest has one that holds nothing but itself."""
    assert "--share-net" not in arguments(wrapped(Policy()))
    assert "--share-net" in arguments(wrapped(Policy(network=True)))


def test_a_home_within_the_source_is_covered_and_what_it_lends_is_shown() -> None:
    """First the folder around, then the cover, then what lies below it."""
    tree = HOME / "sources" / "tree"
    words = arguments(wrapped(Policy(readable=(tree,)), "/srv/owner"))

    around = place_of(words, "--ro-bind", "/srv/owner")
    cover = place_of(words, "--tmpfs", str(HOME))
    lent = place_of(words, "--ro-bind", str(tree))
    shut = place_of(words, "--remount-ro", str(HOME))
    assert around < cover < lent < shut


def test_a_home_elsewhere_needs_no_cover() -> None:
    """It is not there in the first place."""
    assert str(HOME) not in arguments(wrapped(Policy()))


@pytest.mark.parametrize("directory", ["/", "/tmp", "/proc", "/dev"])
def test_what_would_show_everything_is_refused(directory: str) -> None:
    """Or take the place of what is the guest's own."""
    with pytest.raises(EngineError, match="use a folder below"):
        wrapped(Policy(), directory)


def test_what_may_be_written_is_shown_after_what_may_be_read() -> None:
    """A folder to build in may lie in the source."""
    words = arguments(wrapped(Policy(writable=(Path("/srv/code/built"),))))

    assert place_of(words, "--ro-bind", "/srv/code") < place_of(words, "--bind", "/srv/code/built")


def test_a_socket_is_handed_by_its_number() -> None:
    """The variable that names it gets the number, which is known only when it is open."""
    found = wrapped(Policy(direct=Path("/srv/run/x.d")), MICRO_SOCKET=DIRECT)

    assert found.handed[DIRECT] == Path("/srv/run/x.d")
    assert found.command[found.command.index(DIRECT) - 2 :][:3] == ("--setenv", "MICRO_SOCKET", DIRECT)
    assert DIRECT not in arguments(found)


def test_processes_are_limited_within_where_nobody_counts_them() -> None:
    """A limit set outside would count those of the owner, too."""
    counted = SANDBOX.wrap(("/usr/bin/env",), Path("/srv"), {}, Policy(), counted=True)
    uncounted = SANDBOX.wrap(("/usr/bin/env",), Path("/srv"), {}, Policy(), counted=False)

    assert "--nproc=256:256" not in counted.command
    assert "--nproc=256:256" in uncounted.command
