"""What the engine promised, derived from the runs: medians of ratios taken round by round."""

from bench.cases import Key, Work
from bench.measure import Figures
from bench.promises import needed, promises, rows
from bench.rows import Row, Verdict
from bench.table import Run, medians, ratios, ratios_by_round

ENGINE = Key("sqlite", Work.ENGINE, 32, hot=False)
BARE = Key("sqlite", Work.BARE_GROUP, 32, hot=False)
HOT = Key("sqlite", Work.ENGINE, 32, hot=True)


def run(key: Key, round_no: int, per_second: float) -> Run:
    figures = Figures(per_second, p50_ms=1, p99_ms=2, worst_ms=3, counted=1, acknowledged=1)
    return Run(round_no, *key, figures=figures, cpu_ms_per_posting=0.1, others_percent=0)


def runs(speeds: dict[Key, list[float]]) -> list[Run]:
    return [run(key, round_no, speed) for key, all_ in speeds.items() for round_no, speed in enumerate(all_, start=1)]


def found(speeds: dict[Key, list[float]], **missing: str) -> dict[str, Row]:
    why = dict.fromkeys(needed("sqlite"), missing["why"]) if missing else {}
    return {row.measure: row for row in rows(["sqlite"], runs(speeds), missing=why)}


BESIDE_BARE = "engine / bare group commit, random accounts"


def test_a_ratio_is_taken_within_a_round_and_the_middle_is_kept() -> None:
    # The machine was half as fast in the second round: the ratio of medians would say 6000 / 9000.
    speeds = {ENGINE: [6_000.0, 3_500.0, 7_000.0], BARE: [10_000.0, 5_000.0, 9_000.0]}
    assert ratios_by_round(runs(speeds), ENGINE, BARE) == [0.6, 0.7, 7 / 9]
    assert found(speeds)[BESIDE_BARE].value == 0.7


def test_a_round_without_the_other_side_gives_no_ratio() -> None:
    speeds = {ENGINE: [6_000.0, 6_000.0], BARE: [10_000.0]}
    assert ratios_by_round(runs(speeds), ENGINE, BARE) == [0.6]


def test_a_promise_at_its_limit_is_met_and_just_below_it_is_not() -> None:
    assert found({ENGINE: [6_000.0], BARE: [10_000.0]})[BESIDE_BARE].verdict is Verdict.MET
    assert found({ENGINE: [5_999.0], BARE: [10_000.0]})[BESIDE_BARE].verdict is Verdict.NOT_MET


def test_a_hot_account_is_held_against_random_ones() -> None:
    collapsed = found({ENGINE: [10_000.0], HOT: [1_000.0]})
    assert collapsed["engine, all to one merchant / random accounts"].verdict is Verdict.NOT_MET


def test_every_promise_has_its_row_even_when_nothing_ran() -> None:
    nothing = found({}, why="the disk was full")
    assert {promise.measure for promise in promises("sqlite")} < set(nothing)
    assert {row.verdict for row in nothing.values()} == {Verdict.NOT_MEASURED}
    assert all("the disk was full" in row.detail for row in nothing.values())


def test_a_case_that_was_not_chosen_is_said_to_be_left_out() -> None:
    assert "bare group commit/random/32: left out of this run" in found({ENGINE: [6_000.0]})[BESIDE_BARE].detail


def test_the_same_promise_stands_once_for_each_database() -> None:
    both = list(rows(["sqlite", "postgresql"], [], missing={}))
    assert [row.database for row in both if row.measure == BESIDE_BARE] == ["sqlite", "postgresql"]
    # What compares us with other people's programs can only be asked where they run.
    assert {row.database for row in both if "hordak" in row.measure or "pgbench" in row.measure} == {"postgresql"}


def test_what_was_asked_is_what_the_issue_says() -> None:
    asked = [promise.asked for promise in promises("postgresql")]
    assert asked == [0.6, None, 0.9, 5, None, None, 1.3, 10, 20, None, None]
    assert [promise.asked for promise in promises("sqlite")] == asked[:6]


def test_medians_keep_how_far_the_runs_lie_apart() -> None:
    (middle,) = medians(runs({ENGINE: [5_000.0, 9_000.0, 6_000.0]}))
    assert (middle.per_second, middle.lowest, middle.highest) == (6_000, 5_000, 9_000)


def test_the_table_of_ratios_is_made_the_same_way() -> None:
    (ratio,) = ratios(runs({ENGINE: [6_000.0, 3_500.0, 7_000.0], BARE: [10_000.0, 5_000.0, 9_000.0]}))
    assert (ratio.limit, ratio.ratio) == (Work.BARE_GROUP, 0.7)
