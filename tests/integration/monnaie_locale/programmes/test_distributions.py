"""Distributions: two people, funds first, posted once, resumed where they stopped."""

import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entries, head_of, purses_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes import errors, queries
from monnaie_locale.programmes.model import DistributionState, LegalBasis
from monnaie_locale.programmes.operations import distributing, opening, paying_out
from tests.factories import programmes as made
from tests.factories import wallets
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import CHECKER, MAKER, NOW

TOWN = {"territory_id": TERRITORY_ID}


@pytest.fixture
def lines(db_engine: Engine) -> list[tuple[int, int]]:
    """Give five wallets and what each receives."""
    open_world(db_engine)
    keys = wallets.keyring()
    return [(wallets.wallet(db_engine, keys, f"M-{number}").wallet_id, 1_000 + number) for number in range(5)]


def post(engine: Engine, distribution_id: int, **more: Any) -> Any:
    return paying_out.post_distribution(
        engine, **TOWN, distribution_id=distribution_id, actor=CHECKER, **({"now": NOW} | more)
    )


def entry_count(engine: Engine) -> int:
    with reading(engine) as db:
        return len(list(entries(db, **TOWN)))


def funds(engine: Engine, programme_id: int) -> int:
    with reading(engine) as db:
        return queries.funds_of(db, **TOWN, programme_id=programme_id)


def test_a_distribution_moves_the_programmes_funds_into_purses(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    programme = made.programme(db_engine)
    done = made.distributed(db_engine, programme.programme_id, lines)
    assert done.state is DistributionState.POSTED
    assert done.total_cents == sum(amount for _, amount in lines)
    assert funds(db_engine, programme.programme_id) == 0
    with reading(db_engine) as db:
        for wallet_id, amount in lines:
            (purse,) = purses_of(db, **TOWN, wallet_id=wallet_id)
            assert (purse.balance_cents, purse.programme_id) == (amount, programme.programme_id)
        written = list(entries(db, **TOWN))
        assert head_of(db, **TOWN).owed_cents == done.total_cents
    assert [posted.entry.reference for posted in written][1:] == ["D1"] * len(lines)
    assert {posted.entry.caller for posted in written[1:]} == {CHECKER}


def test_posting_again_changes_nothing(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    done = made.distributed(db_engine, made.programme(db_engine).programme_id, lines)
    before = entry_count(db_engine)
    assert post(db_engine, done.distribution_id) == done
    assert entry_count(db_engine) == before


def test_it_resumes_where_it_stopped(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    programme = made.programme(db_engine)
    made.fund(db_engine, programme.programme_id, 100_000)
    waiting = made.approved(db_engine, programme.programme_id, lines)

    class PowerCut(Exception):
        pass

    def cut(done: int, _total: int) -> None:
        if done >= 4:
            raise PowerCut

    with pytest.raises(PowerCut):
        post(db_engine, waiting.distribution_id, progress=cut, lines_per_chunk=2)
    assert entry_count(db_engine) == 1 + 4
    seen: list[tuple[int, int]] = []
    done = post(db_engine, waiting.distribution_id, progress=lambda *step: seen.append(step), lines_per_chunk=2)
    assert done.state is DistributionState.POSTED
    assert seen == [(5, 5)]
    assert entry_count(db_engine) == 1 + len(lines)
    assert funds(db_engine, programme.programme_id) == 100_000 - done.total_cents


def test_an_unfunded_distribution_posts_nothing_and_says_what_is_missing(
    db_engine: Engine, lines: list[tuple[int, int]]
) -> None:
    programme = made.programme(db_engine)
    waiting = made.approved(db_engine, programme.programme_id, lines)
    made.fund(db_engine, programme.programme_id, waiting.total_cents - 1)
    with pytest.raises(errors.DistributionUnfunded) as refused:
        post(db_engine, waiting.distribution_id, lines_per_chunk=2)
    assert refused.value.details["missing_cents"] == 1
    assert "0,01" in refused.value.sentence()
    assert entry_count(db_engine) == 1
    made.fund(db_engine, programme.programme_id, 1)
    assert post(db_engine, waiting.distribution_id).state is DistributionState.POSTED


def test_what_a_half_posted_distribution_still_needs_is_not_free(
    db_engine: Engine, lines: list[tuple[int, int]]
) -> None:
    programme = made.programme(db_engine)
    first = made.approved(db_engine, programme.programme_id, lines)
    second = made.approved(db_engine, programme.programme_id, lines[:1])
    made.fund(db_engine, programme.programme_id, first.total_cents)

    class PowerCut(Exception):
        pass

    def cut(_done: int, _total: int) -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        post(db_engine, first.distribution_id, progress=cut, lines_per_chunk=2)
    with pytest.raises(errors.DistributionUnfunded):
        post(db_engine, second.distribution_id)
    assert post(db_engine, first.distribution_id).state is DistributionState.POSTED


def test_what_is_not_approved_is_not_posted(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    programme = made.programme(db_engine)
    made.fund(db_engine, programme.programme_id, 100_000)
    waiting = made.prepared(db_engine, programme.programme_id, lines)
    with pytest.raises(errors.DistributionNotApproved):
        post(db_engine, waiting.distribution_id)
    assert entry_count(db_engine) == 1


def test_who_prepared_it_may_not_approve_it(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    waiting = made.prepared(db_engine, made.programme(db_engine).programme_id, lines)
    asked = {**TOWN, "distribution_id": waiting.distribution_id, "now": NOW}
    with pytest.raises(errors.MakerIsChecker):
        transact(db_engine, distributing.approve_distribution, **asked, actor=MAKER)
    approved = transact(db_engine, distributing.approve_distribution, **asked, actor=CHECKER)
    assert (approved.prepared_by, approved.approved_by) == (MAKER, CHECKER)
    with pytest.raises(errors.DistributionNotPrepared):
        transact(db_engine, distributing.approve_distribution, **asked, actor="staff:9")


def test_a_cancelled_distribution_never_comes_back(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    waiting = made.approved(db_engine, made.programme(db_engine).programme_id, lines)
    asked = {**TOWN, "distribution_id": waiting.distribution_id, "actor": CHECKER, "now": NOW}
    assert transact(db_engine, distributing.cancel_distribution, **asked).state is DistributionState.CANCELLED
    for again in (distributing.cancel_distribution, distributing.approve_distribution):
        with pytest.raises(errors.DistributionNotPrepared):
            transact(db_engine, again, **asked)
    with pytest.raises(errors.DistributionNotApproved):
        post(db_engine, waiting.distribution_id)


def test_units_that_expired_before_they_were_posted_are_refused(
    db_engine: Engine, lines: list[tuple[int, int]]
) -> None:
    programme = made.programme(db_engine)
    made.fund(db_engine, programme.programme_id, 100_000)
    today = made.TODAY
    waiting = made.approved(db_engine, programme.programme_id, lines, expires_on=today)
    with pytest.raises(errors.ExpiryPast):
        post(db_engine, waiting.distribution_id, now=NOW + datetime.timedelta(days=1))
    assert post(db_engine, waiting.distribution_id).state is DistributionState.POSTED


def test_a_closed_programme_gives_nothing_more(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    programme = made.programme(db_engine)
    made.fund(db_engine, programme.programme_id, 100_000)
    waiting = made.approved(db_engine, programme.programme_id, lines)
    closing = {**TOWN, "programme_id": programme.programme_id, "actor": MAKER, "now": NOW}
    transact(db_engine, opening.close_programme, **closing)
    with pytest.raises(errors.ProgrammeClosed):
        post(db_engine, waiting.distribution_id)
    with pytest.raises(errors.ProgrammeClosed):
        made.prepared(db_engine, programme.programme_id, lines)
    with pytest.raises(errors.ProgrammeClosed):
        made.fund(db_engine, programme.programme_id, 1)
    with pytest.raises(errors.ProgrammeClosed):
        transact(db_engine, opening.close_programme, **closing)


def refused(engine: Engine, programme_id: int, lines: list[tuple[int, int]], **more: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        made.prepared(engine, programme_id, lines, **more)
    with reading(engine) as db:
        assert queries.distributions_of(db, **TOWN) == []
    return refusal.value.code


def test_each_bad_preparation_has_its_reason(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    programme_id = made.programme(db_engine).programme_id
    one = lines[:1]
    assert refused(db_engine, programme_id, []) == "distribution_empty"
    assert refused(db_engine, programme_id, [(1, 0)]) == "amount_not_positive"
    assert refused(db_engine, programme_id, [(1, 2**53)]) == "amount_too_large"
    assert refused(db_engine, programme_id, [*one, *one]) == "distribution_wallet_twice"
    assert refused(db_engine, programme_id, [(999, 100)]) == "distribution_wallet_unknown"
    assert refused(db_engine, 99, one) == "programme_unknown"
    assert refused(db_engine, programme_id, one, expires_on=datetime.date(2026, 10, 4)) == "expiry_past"


def test_a_cap_expires_within_its_calendar_year(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    cap = made.programme(db_engine, legal_basis=LegalBasis.CAP)
    next_year = datetime.date(2027, 1, 1)
    assert refused(db_engine, cap.programme_id, lines, expires_on=next_year) == "expiry_beyond_year"
    other = made.programme(db_engine, "Autre")
    assert made.prepared(db_engine, other.programme_id, lines, expires_on=next_year).line_count == len(lines)


def test_every_step_leaves_a_line_in_the_audit_trail(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.distributed(db_engine, made.programme(db_engine).programme_id, lines)
    with reading(db_engine) as db:
        actions = list(db.scalars(text("SELECT action FROM audit_events WHERE target = 'distribution:1' ORDER BY id")))
    assert actions == ["distribution.prepare", "distribution.approve", "distribution.post"]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_the_server_knows_of_the_first_purses_as_soon_as_they_are_there(
    db_engine: Engine, lines: list[tuple[int, int]]
) -> None:
    programme = made.programme(db_engine)
    made.fund(db_engine, programme.programme_id, 100_000)
    waiting = made.approved(db_engine, programme.programme_id, lines)
    # Without it, whoever charges while a hundred thousand purses are filled reads all of them at each payment.
    kinds = text("SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'accounts' AND attname = 'kind'")

    def known() -> str | None:
        with reading(db_engine) as db:
            return db.scalar(kinds)

    assert known() is None
    post(db_engine, waiting.distribution_id, lines_per_chunk=2, goes_on=lambda: False)
    assert str(int(AccountKind.PURSE)) in (known() or "")
