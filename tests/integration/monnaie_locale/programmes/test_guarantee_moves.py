"""Money for the offline guarantee: out of the programme's funds and back, by two people, never more than there is."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entry_of, head_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes.guarantee_queries import guarantee_moves_of
from monnaie_locale.programmes.model import GuaranteeMoveKind, GuaranteeMoveState
from monnaie_locale.programmes.operations.guaranteeing import cancel_guarantee_move
from monnaie_locale.programmes.operations.opening import close_programme
from monnaie_locale.programmes.operations.paying_out import post_distribution
from monnaie_locale.programmes.queries import funds_of
from tests.factories import programmes as made
from tests.factories.guarantee import TOWN, approved_move, guarantee_cents, guaranteed, prepared_move
from tests.factories.ledger import open_world
from tests.factories.merchants import MANAGER, NOW
from tests.factories.programmes import CHECKER
from tests.factories.vandal import run
from tests.factories.wallets import holder, keyring

RETURN = GuaranteeMoveKind.RETURN


@pytest.fixture
def engine(db_engine: Engine) -> Engine:
    open_world(db_engine)
    food = made.programme(db_engine)
    made.fund(db_engine, food.programme_id, 10_000)
    return db_engine


def funds(engine: Engine) -> int:
    with reading(engine) as db:
        return funds_of(db, **TOWN, programme_id=1)


POSTED_BY = (
    "UPDATE guarantee_moves SET state = 'posted', approved_by = '{}', ended_at_ms = 1, entry_id = 1 WHERE id = 2"
)


def code_of(asked: object, *args: object, **more: object) -> str:
    with pytest.raises(Refusal) as refused:
        asked(*args, **more)  # type: ignore[operator]
    return refused.value.code


def cancel(engine: Engine, move_id: int) -> object:
    return transact(engine, cancel_guarantee_move, **TOWN, move_id=move_id, actor=MANAGER, now=NOW)


def test_nothing_moves_before_another_person_approves_and_then_it_is_owed(engine: Engine) -> None:
    move = prepared_move(engine, 4_000)
    assert (move.state, funds(engine), guarantee_cents(engine)) == (GuaranteeMoveState.PREPARED, 10_000, 0)
    assert code_of(approved_move, engine, move, actor=MANAGER) == "maker_is_checker"
    posted = approved_move(engine, move)
    assert (funds(engine), guarantee_cents(engine), posted.state) == (6_000, 4_000, GuaranteeMoveState.POSTED)
    with reading(engine) as db:
        entry = entry_of(db, **TOWN, entry_id=posted.entry_id or 0).entry
        assert head_of(db, **TOWN).owed_cents == 4_000
    assert (entry.kind, entry.caller, entry.reference) == (EntryKind.GUARANTEE_FUNDED, "staff:4", "G1")
    assert code_of(approved_move, engine, move) == "guarantee_move_ended"
    assert code_of(cancel, engine, move.move_id) == "guarantee_move_ended"
    approved_move(engine, prepared_move(engine, 1_500, kind=RETURN))
    assert (funds(engine), guarantee_cents(engine)) == (7_500, 2_500)
    with reading(engine) as db:
        assert [each.amount_cents for each in guarantee_moves_of(db, **TOWN)] == [1_500, 4_000]
        assert head_of(db, **TOWN).owed_cents == 2_500


def test_no_more_moves_than_there_is_neither_when_prepared_nor_when_approved(engine: Engine) -> None:
    assert code_of(prepared_move, engine, 10_001) == "guarantee_move_unfunded"
    assert code_of(prepared_move, engine, 1, kind=RETURN) == "guarantee_move_unfunded"
    assert code_of(prepared_move, engine, 0) == "amount_not_positive"
    both = [prepared_move(engine, 6_000) for _ in range(2)]
    approved_move(engine, both[0])
    assert code_of(approved_move, engine, both[1]) == "guarantee_move_unfunded"
    cancel(engine, both[1].move_id)
    assert code_of(cancel, engine, 99) == "guarantee_move_unknown"
    assert (funds(engine), guarantee_cents(engine)) == (4_000, 6_000)


def test_a_distribution_stopped_half_way_keeps_what_it_still_has_to_take(engine: Engine) -> None:
    keys = keyring()
    people = [holder(engine, keys, reference).wallet.wallet_id for reference in ("D-1", "D-2")]
    distribution = made.approved(engine, 1, [(wallet_id, 3_000) for wallet_id in people])
    post_distribution(
        engine, **TOWN, distribution_id=distribution.distribution_id, actor=CHECKER, now=NOW, lines_per_chunk=1,
        goes_on=lambda: False,
    )  # fmt: skip
    assert funds(engine) == 7_000
    assert code_of(prepared_move, engine, 4_001) == "guarantee_move_unfunded"
    guaranteed(engine, 4_000)


def test_a_closed_programme_takes_back_and_is_given_nothing_more(engine: Engine) -> None:
    guaranteed(engine, 2_000)
    waiting = prepared_move(engine, 100)
    transact(engine, close_programme, **TOWN, programme_id=1, actor=MANAGER, now=NOW)
    assert code_of(prepared_move, engine, 100) == "programme_closed"
    assert code_of(approved_move, engine, waiting) == "programme_closed"
    assert code_of(prepared_move, engine, 100, programme=7) == "programme_unknown"
    approved_move(engine, prepared_move(engine, 2_000, kind=RETURN))
    assert (funds(engine), guarantee_cents(engine)) == (10_000, 0)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE guarantee_moves SET amount_cents = 9000 WHERE id = 2",
        "UPDATE guarantee_moves SET prepared_by = 'staff:9' WHERE id = 2",
        "UPDATE guarantee_moves SET kind = 'return' WHERE id = 2",
        "UPDATE guarantee_moves SET state = 'prepared', approved_by = NULL, ended_at_ms = NULL, entry_id = NULL",
        "UPDATE guarantee_moves SET state = 'posted', approved_by = prepared_by, ended_at_ms = 1, entry_id = 9",
        "UPDATE guarantee_moves SET state = 'posted', approved_by = 'staff:8', ended_at_ms = 1 WHERE id = 2",
        # Neither a person's name, nor who prepared it under a blank more.
        POSTED_BY.format(" staff:3"),
        POSTED_BY.format("Camille"),
        "DELETE FROM guarantee_moves WHERE id = 2",
        "INSERT INTO guarantee_moves VALUES (1, 3, 1, 'fund', 5, 'posted', 'staff:1', 0, 'staff:2', 1, 1)",
        "INSERT INTO guarantee_moves VALUES (1, 3, 1, 'fund', 0, 'prepared', 'staff:1', 0, NULL, NULL, NULL)",
        "INSERT INTO guarantee_moves VALUES (1, 3, 1, 'fund', 5, 'prepared', 'Camille Exemple', 0, NULL, NULL, NULL)",
    ],
)
def test_the_database_itself_keeps_who_prepared_what(engine: Engine, attack: str) -> None:
    guaranteed(engine, 1_000)
    prepared_move(engine, 500)
    with engine.connect() as db, pytest.raises(DBAPIError, match=r"guarantee_move|ck_guarantee_moves"):
        db.execute(text(attack))
    # The control: a well-formed one passes.
    run(engine, "INSERT INTO guarantee_moves VALUES (1, 3, 1, 'fund', 5, 'prepared', 'staff:1', 0, NULL, NULL, NULL)")
