"""QR codes."""

from __future__ import annotations

from micro.doors.phone.square import square, terminal_lines

LINK = "https://192.168.178.123:8443/#login=" + "0123456789abcdef" * 4
FINDER = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]


def test_a_link_is_a_square_with_its_finders() -> None:
    """ISO/IEC 18004: in three corners, and small enough for a camera."""
    rows = square(LINK)

    assert {len(row) for row in rows} == {len(rows)}
    assert len(rows) <= 45
    assert [row[:7] for row in rows[:7]] == [row[-7:] for row in rows[:7]] == [row[:7] for row in rows[-7:]] == FINDER


def test_a_terminal_shows_the_same_modules() -> None:
    """Two rows in each line; what is dark stays as dark as the background."""
    rows = square("http://10.0.0.1:8444/")
    lines = terminal_lines(rows, colors=False)
    halves = {"█": "00", "▀": "01", "▄": "10", " ": "11"}
    drawn = ["".join(halves[sign][half] for sign in line) for line in lines for half in (0, 1)]

    assert [row[2:-2] for row in drawn[2 : 2 + len(rows)]] == rows
    assert set("".join(drawn[:2])) == {"0"}
    assert all(line.startswith("\x1b[97;40m") for line in terminal_lines(rows, colors=True))
