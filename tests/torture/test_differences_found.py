"""Worlds drawn from seeds: every difference is found, exactly, and nothing else.

    pytest tests/torture/test_differences_found.py --dose full -s      200 worlds with faults, 50 clean ones

A world is a month lived through the service's own operations (tests/worlds). Its faults hide among look-alikes. What is
found is graded by kind, entry or bank line, amount and state; what is proposed, by lines and by what they are.
Controls: each rule taken away is missed; one cent off, or one alarm too many, is seen by the grader.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import URL, Engine

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.reconciliation.differences import proposals, reserve_rules, rules
from monnaie_locale.reconciliation.differences.rules import Rule
from tests.conftest import SqliteFiles
from tests.torture.conftest import Dose
from tests.worlds.faults import FAULTS
from tests.worlds.grading import Lived, compared, lived
from tests.worlds.lookalikes import LOOKALIKES
from tests.worlds.town import Town, found_town

FIRST_SEED, FIRST_CLEAN_SEED = 1, 10_000
# Six worlds have every fault between them, and three clean ones every look-alike.
HANDS, CLEAN_HANDS = 6, 3
# Nothing that happens in these worlds leaves the reserve short: unit/…/differences/test_rules.py has it.
NOT_IN_THE_WORLDS = {reserve_rules.reserve_short}
WANTED = [rule for rule in rules.RULES if rule not in NOT_IN_THE_WORLDS]


@pytest.fixture(scope="module")
def founded(sqlite_databases: SqliteFiles) -> tuple[URL, Town]:
    """Found the town once; each world is a copy of its file."""
    url = sqlite_databases.empty()
    engine = _open(url)
    upgrade(engine)
    town = found_town(engine)
    engine.dispose()
    return url, town


@pytest.fixture(scope="module")
def live_world(sqlite_databases: SqliteFiles, founded: tuple[URL, Town]) -> Callable[..., Lived]:
    """Give the function that lives the world of a seed."""
    template, town = founded

    def live(seed: int, *, is_clean: bool = False) -> Lived:
        url = sqlite_databases.copy_of(template)
        engine = _open(url)
        try:
            must = LOOKALIKES[seed % CLEAN_HANDS :: CLEAN_HANDS] if is_clean else FAULTS[seed % HANDS :: HANDS]
            return lived(engine, town, seed, is_clean=is_clean, must=must)
        finally:
            engine.dispose()
            sqlite_databases.drop(url)

    return live


@pytest.fixture(scope="module")
def some_worlds(live_world: Callable[..., Lived]) -> list[Lived]:
    """Give the worlds of the short dose, which have every fault between them."""
    return [live_world(seed) for seed in range(FIRST_SEED, FIRST_SEED + HANDS)]


@pytest.fixture(scope="module")
def some_clean_worlds(live_world: Callable[..., Lived]) -> list[Lived]:
    """Give three months in which all is well, however it looks."""
    return [live_world(seed, is_clean=True) for seed in range(FIRST_CLEAN_SEED, FIRST_CLEAN_SEED + CLEAN_HANDS)]


def _open(url: URL) -> Engine:
    return open_engine(url.render_as_string(hide_password=False))


def _wrong(world: Lived) -> list[str]:
    return [
        f"world {world.seed} {world.names}: missed {grade.missed}, false alarms {grade.false_alarms}"
        for grade in (world.grade(), world.grade_proposals())
        if not grade.is_perfect
    ]


def _dosed(first: list[Lived], live: Callable[[int], Lived], start: int, count: int) -> Iterator[Lived]:
    yield from first[:count]
    for seed in range(start + len(first), start + count):
        yield live(seed)


def test_every_difference_is_found_and_nothing_else(
    some_worlds: list[Lived], live_world: Callable[..., Lived], dose: Dose, figures: Callable[..., None]
) -> None:
    wrong: list[str] = []
    happened: set[str] = set()
    worlds = found = proposed = 0
    for world in _dosed(some_worlds, live_world, FIRST_SEED, dose(short=HANDS, full=200)):
        worlds += 1
        found += len(world.truth)
        proposed += len(world.expected)
        happened |= set(world.names)
        wrong += _wrong(world)
    figures(worlds=worlds, differences=found, proposals=proposed, wrong_worlds=len(wrong))

    assert not wrong, "\n".join(wrong)
    assert {fault.__name__ for fault in FAULTS} <= happened


def test_a_month_in_which_all_is_well_gives_no_alarm(
    some_clean_worlds: list[Lived], live_world: Callable[..., Lived], dose: Dose, figures: Callable[..., None]
) -> None:
    wrong: list[str] = []
    happened: set[str] = set()
    worlds = 0
    for world in _dosed(
        some_clean_worlds,
        lambda seed: live_world(seed, is_clean=True),
        FIRST_CLEAN_SEED,
        dose(short=CLEAN_HANDS, full=50),
    ):
        worlds += 1
        happened |= set(world.names)
        assert all(expected.state == "explained" for expected in world.truth)
        wrong += _wrong(world)
    figures(clean_worlds=worlds, false_alarms=len(wrong))

    assert not wrong, "\n".join(wrong)
    assert {each.__name__ for each in LOOKALIKES} <= happened


@pytest.mark.parametrize("rule", WANTED, ids=lambda rule: rule.__name__)
def test_without_one_rule_something_is_missed(some_worlds: list[Lived], rule: Rule) -> None:
    others = [each for each in rules.RULES if each is not rule]

    assert any(world.grade(others).missed for world in some_worlds)


@pytest.mark.parametrize("rule", proposals.RULES, ids=lambda rule: rule.__name__.strip("_"))
def test_without_one_rule_something_is_not_proposed(
    some_worlds: list[Lived], some_clean_worlds: list[Lived], rule: proposals.ProposalRule
) -> None:
    others = [each for each in proposals.RULES if each is not rule]

    assert any(world.grade_proposals(others).missed for world in (*some_worlds, *some_clean_worlds))


def test_the_grader_sees_one_cent_and_one_alarm_too_many(some_worlds: list[Lived]) -> None:
    truth = some_worlds[0].truth
    assert compared(truth, truth).is_perfect
    assert not compared(truth, [*truth, truth[0]]).is_perfect
    assert not compared(truth, truth[1:]).is_perfect
    off = replace(truth[0], amount_cents=truth[0].amount_cents + 1)
    assert not compared(truth, [off, *truth[1:]]).is_perfect


def test_nothing_looked_for_is_nothing_found(some_worlds: list[Lived]) -> None:
    assert all(len(world.grade([]).missed) == len(world.truth) for world in some_worlds)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_the_same_is_found_on_postgresql(db_engine: Engine) -> None:
    world = lived(db_engine, found_town(db_engine), FIRST_SEED, must=FAULTS[FIRST_SEED::HANDS])

    assert _wrong(world) == []
