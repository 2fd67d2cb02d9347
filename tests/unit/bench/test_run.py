"""A case that fails has no figures, and spoils nobody else's."""

import pytest

from bench.cases import Case, Key, Work
from bench.measure import Figures, Timing
from bench.options import parsed
from bench.run import Bench, _run_cases

ENGINE = Key("sqlite", Work.ENGINE, 32, hot=False)
BARE = Key("sqlite", Work.BARE_GROUP, 32, hot=False)
FIGURES = Figures(per_second=1, p50_ms=1, p99_ms=1, worst_ms=1, counted=1, acknowledged=1)


def test_a_case_that_fails_in_a_later_round_loses_its_figures_and_the_others_keep_theirs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds: list[Timing] = []

    def wrong_the_second_time(timing: Timing) -> Figures:
        rounds.append(timing)
        if len(rounds) > 1:
            raise ValueError("3 balances are not the sum of their transfers")
        return FIGURES

    bench = Bench(parsed(["--rounds", "3"]))
    bench.cases = [Case(*ENGINE, run=wrong_the_second_time), Case(*BARE, run=lambda _: FIGURES)]
    _run_cases(bench)
    assert bench.has_failed
    assert "not the sum" in bench.missing[ENGINE]
    assert [run.key for run in bench.runs] == [BARE] * 3
    assert len(rounds) == 2
    assert "sqlite/engine/random/32 FAILED" in capsys.readouterr().err
