"""What a run measures, and which file it may write."""

import pytest

from bench.cases import Case, Key, Work
from bench.measure import Figures, Timing
from bench.options import ROUNDS, parsed
from bench.promises import needed
from bench.run import in_order

ENGINE = Key("sqlite", Work.ENGINE, 32, hot=False)


def never_run(timing: Timing) -> Figures:
    raise AssertionError(timing)


def case(key: Key) -> Case:
    return Case(*key, run=never_run)


def test_a_run_takes_what_the_promises_need_and_all_takes_the_rest() -> None:
    assert parsed([]).takes_case(ENGINE)
    assert not parsed([]).takes_case(ENGINE._replace(callers=8))
    assert parsed(["--all"]).takes_case(ENGINE._replace(callers=8))


def test_only_and_skip_choose_by_name() -> None:
    options = parsed(["--only", "sqlite", "--skip", "http", "--skip", "scale"])
    assert options.takes("sqlite/bulk")
    assert not options.takes("postgresql/bulk")
    assert not options.takes("sqlite/http")
    assert not options.takes("sqlite/scale")
    assert ENGINE.name == "sqlite/engine/random/32"


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ([], "results.json"),
        (["--all"], "results.json"),
        (["--quick"], "results.quick.json"),
        (["--only", "http"], "results.part.json"),
        (["--skip", "scale"], "results.part.json"),
        (["--database", "sqlite"], "results.part.json"),
    ],
)
def test_a_part_of_a_run_does_not_take_the_place_of_a_whole_one(arguments: list[str], file: str) -> None:
    assert parsed(arguments).out.name == file


def test_a_quick_run_is_one_short_round_unless_told_otherwise() -> None:
    assert (parsed(["--quick"]).rounds, parsed([]).rounds, parsed(["--quick", "--rounds", "2"]).rounds) == (
        1,
        ROUNDS,
        2,
    )
    assert parsed(["--warm-up", "0"]).timing.warm_up_s == 0


def test_compared_cases_follow_each_other() -> None:
    ordered = [found.key for found in in_order(case(key) for key in sorted(needed("postgresql")))]
    engine = ENGINE._replace(database="postgresql")
    for beside in (engine._replace(work=Work.BARE_GROUP), engine._replace(hot=True)):
        assert abs(ordered.index(engine) - ordered.index(beside)) == 1
    function = Key("postgresql", Work.FUNCTION, 8, hot=True)
    assert abs(ordered.index(engine._replace(hot=True)) - ordered.index(function)) <= 2
    assert set(ordered) == needed("postgresql")
