"""Who keeps the copies of a log: silence counts from the question, not from when the question has failed."""

from __future__ import annotations

from micro.service.copies.replication import SILENT_SECONDS, Replication


def opened() -> Replication:
    replication = Replication(1)
    replication.place(["one", "other"], 1, 0.0)
    replication.opened("one", 3, 0.0)
    return replication


def test_silence_counts_from_the_question() -> None:
    """Whoever is asked and says nothing is replaced in time, while the call to it is still open."""
    replication = opened()
    replication.tick(100.0)
    replication.asked("one", 100.0)
    replication.tick(100.0 + SILENT_SECONDS - 0.1)
    assert replication.chosen == ("one",)
    replication.tick(100.0 + SILENT_SECONDS)
    assert replication.chosen == ("other",)


def test_an_answer_ends_the_silence() -> None:
    """And so does leaving: a super node that is chosen again is asked anew."""
    replication = opened()
    replication.asked("one", 100.0)
    replication.answered("one")
    replication.tick(200.0)
    assert replication.chosen == ("one",)
    replication.asked("one", 200.0)
    replication.place(["other"], 1, 201.0)
    replication.place(["one"], 1, 202.0)
    replication.place(["one", "other"], 1, 300.0)
    replication.tick(300.0)
    assert replication.chosen == ("one",)


def test_old_copies_outlive_a_restart_of_their_node() -> None:
    """What was safe before is not known, so all that the log had by then counts as if it had been."""
    replication = Replication(2, chosen=("A", "B"), generation=3, last=17)
    replication.place(("A", "C"), 2, 0.0)
    replication.opened("A", 17, 1.0)
    replication.opened("C", 0, 1.0)
    assert replication.droppable() == []
    replication.stored("C", 16, 2.0)
    assert replication.droppable() == []
    replication.stored("C", 17, 3.0)
    assert replication.droppable() == ["B"]
