"""Figures and their text."""

from __future__ import annotations

from micro.doors.api.metrics import PAIRS_MAX, Figures, Sample, exposition


def lines(figures: Figures) -> list[str]:
    return exposition(figures.samples()).splitlines()


def test_requests_errors_and_durations_are_counted_by_endpoint() -> None:
    """Rate, errors, durations: what tells how an endpoint is."""
    figures = Figures()
    for code, seconds in ((200, 0.002), (200, 0.3), (503, 20.0)):
        figures.record("greeter", "Say.Hello", code, seconds)

    text = lines(figures)

    labels = 'service="greeter",endpoint="Say.Hello"'
    assert f'micro_http_requests_total{{{labels},code="200"}} 2' in text
    assert f'micro_http_requests_total{{{labels},code="503"}} 1' in text
    assert f'micro_http_request_seconds_bucket{{{labels},le="0.005"}} 1' in text
    assert f'micro_http_request_seconds_bucket{{{labels},le="+Inf"}} 3' in text
    assert f"micro_http_request_seconds_sum{{{labels}}} 20.302" in text


def test_endpoints_beyond_the_cap_share_figures() -> None:
    """However many names somebody calls, figures stay few."""
    figures = Figures()
    for number in range(PAIRS_MAX + 50):
        figures.record(f"s{number}", "A.B", 200, 0.1)

    counts = [line for line in lines(figures) if line.startswith("micro_http_requests_total")]

    assert len(counts) == PAIRS_MAX + 1
    assert counts[-1] == 'micro_http_requests_total{service="other",endpoint="other",code="200"} 50'


def test_a_family_is_announced_once_and_stands_together() -> None:
    """Prometheus reads no family twice."""
    text = exposition(
        [Sample("a", 1, {"x": "1"}, meaning="A."), Sample("b", 2.5), Sample("a", 3, {"x": "2"}, meaning="A.")]
    )

    assert text == '# HELP a A.\n# TYPE a gauge\na{x="1"} 1\na{x="2"} 3\n# TYPE b gauge\nb 2.5\n'


def test_labels_cannot_end_a_line() -> None:
    """A name with quotes or line ends stays within its quotes."""
    assert exposition([Sample("a", 1, {"x": 'q"\n\\'})]) == '# TYPE a gauge\na{x="q\\"\\n\\\\"} 1\n'
