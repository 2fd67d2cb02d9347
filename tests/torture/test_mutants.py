"""Guards taken away one by one in a copy of the tree: for each, tests named beforehand fail; with all of them, none."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.mutants import (
    FAILED,
    MUTANTS,
    PASSED,
    PROJECT,
    Aimless,
    Mutant,
    applied,
    copy_of_the_tree,
    run_tests,
)


def test_each_guard_taken_away_is_noticed(tmp_path: Path, dose, seed, figures) -> None:
    copy_of_the_tree(tmp_path)
    drawn = random.Random(seed).sample(MUTANTS, dose(short=4, full=len(MUTANTS)))
    alive = []
    for mutant in drawn:
        with applied(mutant, tmp_path):
            code, said = run_tests(tmp_path, mutant.tests, mutant.only)
        # Anything but a failed test (no test found, a module that does not load) kills nothing.
        alive += [] if code == FAILED else [f"{mutant.name}: pytest says {code}\n{said}"]
    figures(mutants=len(drawn), alive=len(alive))

    assert alive == []
    # The negative control: the tree as it is passes the same selections.
    for only in {mutant.only for mutant in drawn}:
        tests = [test for mutant in drawn if mutant.only == only for test in mutant.tests]
        code, said = run_tests(tmp_path, tests, only)
        assert code == PASSED, said


def test_every_mutant_still_finds_what_it_changes(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    for mutant in MUTANTS:
        with applied(mutant, tmp_path):
            pass
    lost = Mutant("lost", (("pyproject.toml", "a text that is nowhere", ""),), ())
    with pytest.raises(Aimless), applied(lost, tmp_path):
        pass


def test_nine_changes_in_ten_of_the_pure_ledger_are_noticed(dose, figures) -> None:
    if dose(short=1, full=100) == 1:
        pytest.skip("mutmut takes minutes: it has its turn in the full dose, and by `python scripts/mutation.py`")
    run = subprocess.run(
        [sys.executable, "scripts/mutation.py"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    figures(mutmut=run.stdout.partition(";")[0])
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
