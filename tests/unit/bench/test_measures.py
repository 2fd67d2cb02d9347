"""The measures of other modules: what fails or stays silent is told, and the others go on."""

from collections.abc import Iterator
from pathlib import Path

from bench.measure import Timing
from bench.measures import MEASURES, Measure, promised, taken
from bench.places import Place, SqliteFiles
from bench.rows import Row, Verdict

TIMING = Timing(warm_up_s=0, seconds=1)
PROMISES = (promised("fast", 2, "×"), promised("short", 100, "ms", at_most=True))


def fast(place: Place) -> Row:
    return Row(measure="fast", database=place.name, value=3, asked=2, unit="×")


def only_fast(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    yield fast(place)


def fast_then_wrong(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    yield fast(place)
    raise ValueError("the books do not add up")


def verdicts(found: list[Row]) -> list[tuple[str, str, Verdict]]:
    return [(row.measure, row.database, row.verdict) for row in found]


def test_a_promise_without_a_row_is_not_left_out(tmp_path: Path) -> None:
    outcome = taken(Measure("a", only_fast, PROMISES), SqliteFiles(tmp_path), TIMING, quick=True)
    assert verdicts(outcome.rows) == [("fast", "sqlite", Verdict.MET), ("short", "sqlite", Verdict.NOT_MEASURED)]
    assert not outcome.error


def test_a_measure_that_fails_keeps_what_it_found_and_says_why(tmp_path: Path) -> None:
    outcome = taken(Measure("a", fast_then_wrong, PROMISES), SqliteFiles(tmp_path), TIMING, quick=True)
    assert verdicts(outcome.rows) == [("fast", "sqlite", Verdict.MET), ("short", "sqlite", Verdict.NOT_MEASURED)]
    assert outcome.error == outcome.rows[1].detail == "ValueError: the books do not add up"


def test_a_measure_that_is_not_written_has_its_rows(tmp_path: Path) -> None:
    outcome = taken(Measure("a", None, PROMISES), SqliteFiles(tmp_path), TIMING, quick=True)
    assert {row.verdict for row in outcome.rows} == {Verdict.NOT_MEASURED}
    assert len(outcome.rows) == len(PROMISES)


def test_every_measure_has_a_name_of_its_own_and_something_asked() -> None:
    names = [measure.name for measure in MEASURES]
    assert len(names) == len(set(names))
    assert all(promise.asked is not None for measure in MEASURES for promise in measure.promises)
