"""What a node says of itself, and when."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import blake3
import pytest

from micro.service.registry.announcement import RENEW_SECONDS, RETURN_SECONDS, Announcement, Offered, Place
from micro.service.registry.backbone import ANNOUNCE
from micro.service.registry.description import Description, check_description
from micro.service.registry.presence import BEAT_SECONDS, STEPS_MAX, Beat, continues, read_presence
from micro.service.registry.record import SERVICES_MAX, described, is_timely, read_record, terms_of
from tests.unit.service.registry.makings import NOW, key_of

ANN = key_of(1)
HERE, THERE = Place(("192.0.2.7:1",)), Place(("192.0.2.8:1",))


def service(name: str, summary: str = "Says hello", version: str = "1") -> Description:
    return check_description({"name": name, "version": version, "description": summary, "endpoints": []})


@pytest.fixture
def words() -> Announcement:
    numbers, secrets = count(1), count()
    return Announcement(
        ANN, lambda: next(numbers), lambda size: blake3.blake3(str(next(secrets)).encode()).digest(size)
    )


def test_what_is_offered_is_told_once(words: Announcement) -> None:
    """With the hash of its description, and words to find it by."""
    description = service("greeter")
    told = words.offer({"greeter": description}, NOW)

    assert [signed.record.name for signed in told] == ["greeter"]
    assert told[0].is_genuine()
    assert is_timely(told[0].record, NOW)
    assert described(told[0].record, description.decode()) == description
    assert "hello" in told[0].record.terms
    assert words.offer({"greeter": description}, NOW + 60) == []


def test_what_changed_is_told_anew(words: Announcement) -> None:
    """With a greater sequence."""
    first = words.offer({"greeter": service("greeter")}, NOW)[0]
    again = words.offer({"greeter": service("greeter", version="2")}, NOW)

    assert [signed.record.version for signed in again] == ["2"]
    assert again[0].rank > first.rank


def test_other_words_withdraw_the_old_ones_first(words: Announcement) -> None:
    """So that holders of the old words let it go."""
    first = words.offer({"greeter": service("greeter", "Says hello")}, NOW)[0]
    withdrawal, record = words.offer({"greeter": service("greeter", "Waves goodbye")}, NOW)

    assert withdrawal.record.withdrawn
    assert withdrawal.record.terms == first.record.terms
    assert not record.record.withdrawn
    assert record.rank > withdrawal.rank > first.rank


def test_what_is_gone_is_withdrawn(words: Announcement) -> None:
    """Once."""
    words.offer({"greeter": service("greeter"), "weather": service("weather")}, NOW)
    told = words.offer({"weather": service("weather")}, NOW)

    assert [(signed.record.name, signed.record.withdrawn) for signed in told] == [("greeter", True)]
    assert words.offer({"weather": service("weather")}, NOW) == []
    assert [signed.record.name for signed in words.records] == ["weather"]


def test_an_old_record_is_signed_anew(words: Announcement) -> None:
    """Long before it ends."""
    words.offer({"greeter": service("greeter")}, NOW)

    assert words.offer({"greeter": service("greeter")}, NOW + RENEW_SECONDS - 1) == []
    assert len(words.offer({"greeter": service("greeter")}, NOW + RENEW_SECONDS)) == 1


def test_a_node_tells_no_more_than_it_may(words: Announcement) -> None:
    """The first by name."""
    many = {f"service-{number:03}": service(f"service-{number:03}") for number in range(SERVICES_MAX + 5)}

    assert len(words.offer(many, NOW)) == SERVICES_MAX
    assert words.offer(many, NOW) == []


def test_beats_follow_the_presence(words: Announcement) -> None:
    """One each half minute; a new chain when the old one ends."""
    presence = read_presence(words.begin(HERE, NOW))
    held = presence.anchor
    assert words.beat(HERE, NOW + 10) is None
    assert words.next_beat() == NOW + BEAT_SECONDS
    for step in range(1, STEPS_MAX + 1):
        message = words.beat(HERE, NOW + step * BEAT_SECONDS)
        assert message is not None
        fields = ANNOUNCE.decode(message)["beat"]
        beat = Beat(fields["step"], fields["value"])
        assert continues(held, beat)
        held = beat

    message = words.beat(HERE, NOW + (STEPS_MAX + 1) * BEAT_SECONDS)
    assert message is not None
    renewed = read_presence(ANNOUNCE.decode(message)["presence"])
    assert renewed.rank > presence.rank
    assert renewed.record.anchor != presence.record.anchor


@pytest.mark.parametrize(("place", "seconds"), [(THERE, 5), (HERE, -100)], ids=["another place", "a clock set back"])
def test_a_new_presence_is_signed_where_it_must_be(words: Announcement, place: Place, seconds: int) -> None:
    """Where the node is elsewhere, or the chain does not fit the time."""
    words.begin(HERE, NOW)
    words.beat(HERE, NOW + 3 * BEAT_SECONDS)
    message = words.beat(place, NOW + 3 * BEAT_SECONDS + seconds)

    assert message is not None
    assert read_presence(ANNOUNCE.decode(message)["presence"]).record.addresses == place.addresses


def test_a_new_home_is_told_everything(words: Announcement) -> None:
    """The presence first, then all records, in messages of a bounded size."""
    words.offer({f"service-{number}": service(f"service-{number}") for number in range(120)}, NOW)
    messages = [ANNOUNCE.decode(message) for message in words.everything(HERE, NOW)]

    assert messages[0]["presence"]
    assert [len(message["records"]) for message in messages[1:]] == [50, 50, 20]


def test_a_farewell_withdraws_everything(words: Announcement) -> None:
    """And says that the node is nowhere."""
    words.offer({"greeter": service("greeter")}, NOW)
    words.begin(HERE, NOW)
    records, presence = [ANNOUNCE.decode(message) for message in words.farewell(NOW)]

    assert [read_record(sealed).record.withdrawn for sealed in records["records"]] == [True]
    assert read_presence(presence["presence"]).record.is_leaving
    assert words.records == []


def test_a_new_home_is_told_what_was_withdrawn(words: Announcement) -> None:
    """The home that was told of it may be gone, and with it the withdrawal."""
    words.offer({"greeter": service("greeter"), "weather": service("weather")}, NOW)
    words.offer({"weather": service("weather")}, NOW)
    records = ANNOUNCE.decode(words.everything(HERE, NOW)[1])["records"]

    told = [read_record(sealed).record for sealed in records]
    assert [(record.name, record.withdrawn) for record in told] == [("greeter", True), ("weather", False)]
    words.offer({"greeter": service("greeter"), "weather": service("weather")}, NOW)
    assert words.withdrawn == []


def test_what_the_last_run_offered_is_withdrawn_unless_it_comes_back() -> None:
    """A node that was killed could withdraw nothing; what it offers again in time is left alone."""
    kept: list[Mapping[str, Offered]] = []
    terms = terms_of(service("greeter"))
    before = dict.fromkeys(("greeter", "weather"), ("1", terms))
    numbers = count(1)
    words = Announcement(ANN, lambda: next(numbers), bytes, before=before, keep=kept.append)

    told = words.offer({"greeter": service("greeter")}, NOW)
    assert [(signed.record.name, signed.record.withdrawn) for signed in told] == [("greeter", False)]
    assert set(kept[-1]) == {"greeter", "weather"}
    told = words.offer({"greeter": service("greeter")}, NOW + RETURN_SECONDS)
    assert [(signed.record.name, signed.record.withdrawn) for signed in told] == [("weather", True)]


def test_what_a_farewell_withdrew_is_there_for_the_second_path(words: Announcement) -> None:
    """Which says farewell after the home, when nothing is offered any more."""
    words.offer({"greeter": service("greeter")}, NOW)
    words.farewell(NOW)
    assert len(words.farewell(NOW)) == 1

    assert [signed.record.name for signed in words.withdrawn] == ["greeter"]
