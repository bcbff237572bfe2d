"""What misbehaviour costs."""

from __future__ import annotations

from micro.service.registry.penalties import BANISHED_SECONDS, Penalties, Verdict


def test_two_forgeries_are_too_much() -> None:
    """And the sender is refused for a while."""
    penalties = Penalties()

    assert not penalties.charge("eve", Verdict.FORGED, 0.0)
    assert penalties.charge("eve", Verdict.FORGED, 0.0)
    assert penalties.banished_seconds("eve", 1.0) == BANISHED_SECONDS - 1
    assert penalties.banished_seconds("ann", 1.0) == 0.0


def test_a_ban_ends() -> None:
    """And the account begins anew."""
    penalties = Penalties()
    for _ in range(2):
        penalties.charge("eve", Verdict.FORGED, 0.0)

    assert penalties.banished_seconds("eve", BANISHED_SECONDS) == 0.0
    assert penalties.account("eve", BANISHED_SECONDS) == 0.0


def test_what_is_honest_is_free() -> None:
    """However much of it there is."""
    penalties = Penalties()

    for verdict in (Verdict.TAKEN, Verdict.KNOWN, Verdict.UNKNOWN):
        for _ in range(1000):
            assert not penalties.charge("ann", verdict, 0.0)
    assert len(penalties) == 0


def test_small_mistakes_are_forgotten() -> None:
    """One late record a second never adds up; a thousand at once do."""
    penalties = Penalties()

    assert not any(penalties.charge("ann", Verdict.OUTDATED, float(second)) for second in range(1000))
    assert any(penalties.charge("eve", Verdict.OUTDATED, 0.0) for _ in range(1000))


def test_the_table_is_bounded() -> None:
    """A thousand senders do not make a thousand accounts."""
    penalties = Penalties(senders_max=10)

    for number in range(1000):
        penalties.charge(f"sybil {number}", Verdict.FORGED, 0.0)
        penalties.charge(f"sybil {number}", Verdict.FORGED, 0.0)
        penalties.charge(f"other {number}", Verdict.EXPIRED, 0.0)

    assert len(penalties) <= 20
