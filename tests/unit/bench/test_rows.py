"""The last table of `make bench`: what is met, how it is written, and what is never left out."""

import pytest

from bench.rows import Row, Verdict, exact, rounded, table


def row(value: float | None, asked: float | None = 0.6, *, at_most: bool = False, detail: str = "") -> Row:
    return Row(
        measure="a charge", database="sqlite", value=value, asked=asked, unit="×", at_most=at_most, detail=detail
    )


@pytest.mark.parametrize(
    ("value", "at_most", "verdict"),
    [
        (0.6, False, Verdict.MET),
        (0.5999, False, Verdict.NOT_MET),
        (0.6, True, Verdict.MET),
        (0.6001, True, Verdict.NOT_MET),
        (7.0, False, Verdict.MET),
        (7.0, True, Verdict.NOT_MET),
    ],
)
def test_a_row_at_the_limit_is_met_and_one_beyond_is_not(value: float, *, at_most: bool, verdict: Verdict) -> None:
    found = row(value, at_most=at_most)
    assert found.verdict is verdict
    assert found.is_met is (verdict is Verdict.MET)


def test_what_was_not_measured_is_not_met() -> None:
    assert row(None).verdict is Verdict.NOT_MEASURED
    assert not row(None).is_met


def test_a_figure_that_nobody_promised_breaks_nothing() -> None:
    assert row(0.01, asked=None).verdict is Verdict.NOTHING_ASKED
    assert row(0.01, asked=None).is_met


def test_what_is_not_a_number_is_not_met() -> None:
    assert not row(float("nan")).is_met
    assert not row(float("nan"), at_most=True).is_met


@pytest.mark.parametrize(
    ("figure", "up", "text"),
    [
        (0.5999, False, "0.59"),
        (0.6, False, "0.60"),
        (0.29, False, "0.29"),
        (1.5, True, "1.50"),
        (1.5001, True, "1.51"),
        (14_999.9, False, "14,999"),
        (499.2, True, "500"),
        (99.999, True, "100.00"),
    ],
)
def test_a_figure_is_never_rounded_in_our_favour(figure: float, *, up: bool, text: str) -> None:
    assert rounded(figure, up=up) == text


def test_a_promise_is_written_as_it_was_made() -> None:
    assert [exact(0.6), exact(20), exact(1.3), exact(15_000)] == ["0.6", "20", "1.3", "15,000"]


def test_the_table_is_aligned_and_says_what_was_not_measured() -> None:
    slow = Row(measure="answers, p99", database="postgresql", value=120, asked=100, unit="ms", at_most=True)
    drawn = table([row(0.75, detail="9,000/s beside 12,000/s"), slow, row(None, detail="no wrk")])
    assert drawn.splitlines() == [
        "| measure      | database   | asked    | found  | met          |",
        "|--------------|------------|----------|--------|--------------|",
        "| a charge     | sqlite     | ≥ 0.6 ×  | 0.75 × | yes          |",
        "| a charge     | sqlite     | ≥ 0.6 ×  | -      | not measured |",
        "| answers, p99 | postgresql | ≤ 100 ms | 120 ms | NO           |",
        "",
        "  a charge, sqlite: 9,000/s beside 12,000/s",
        "  a charge, sqlite: no wrk",
    ]
