"""A distribution's chunk: many postings at once, sent ahead in parts, and the plans that keep it flat."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal import post as posting_engine
from monnaie_locale.journal.directory import open_purses
from monnaie_locale.journal.post import post_batch
from monnaie_locale.journal.queries import head_of
from monnaie_locale.journal.verify import verify
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import InsufficientFunds, Refusal
from monnaie_locale.ledger.posting import Draw, Posted
from tests.factories.ledger import EXPIRES_ON, NOON_MS, TERRITORY_ID, open_world, posting
from tests.factories.vandal import run

KEYRING = Keyring.generate(lambda size: bytes(range(size)))
LINES = 2 * posting_engine.DECIDED_AT_ONCE + 3
ACCOUNT = "INSERT INTO accounts VALUES (:territory, 900, 3, 1, 900, 0, '2026-12-31', 0, :leaf)"


def _distribute(world, *, funds: int) -> list[Posted | Refusal]:
    def chunk(db):
        purses = open_purses(
            db, territory_id=TERRITORY_ID, programme_id=1, expires_on=EXPIRES_ON,
            wallet_ids=range(1, LINES + 1), now_ms=NOON_MS,
        )  # fmt: skip
        asked = [
            posting(EntryKind.DISTRIBUTION, Draw((funds,), purse, 100), key=f"line:{wallet}")
            for wallet, purse in purses.items()
        ]
        return post_batch(db, asked, recorded_at_ms=NOON_MS)

    return transact(world.engine, chunk)


def _entries(engine: Engine) -> int:
    with reading(engine) as db:
        assert verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem).findings == ()
        return head_of(db, territory_id=TERRITORY_ID).last_entry_id


def test_each_line_of_a_big_batch_sees_those_before_it_and_the_books_are_whole(db_engine: Engine) -> None:
    world = open_world(db_engine)
    world.fund((LINES - 1) * 100)

    answers = _distribute(world, funds=world.funds())

    # The money ends one line before the batch does: the last part was decided on what the first ones left.
    assert all(isinstance(answer, Posted) for answer in answers[:-1])
    assert isinstance(answers[-1], InsufficientFunds)
    assert _entries(db_engine) == 1 + LINES - 1


def test_what_breaks_in_a_part_sent_ahead_takes_all_of_them_back(db_engine: Engine, monkeypatch) -> None:
    world = open_world(db_engine)
    world.fund(LINES * 100)
    funds = world.funds()
    with monkeypatch.context() as patched:
        insert = posting_engine.insert_columns

        def break_the_fifth(db, table, columns):
            leaf_hashes = [b"" if entry_id == 5 else b"x" * 32 for entry_id in columns[1]]
            insert(db, table, [*columns[:-1], leaf_hashes])

        patched.setattr(posting_engine, "insert_columns", break_the_fifth)
        with pytest.raises((DBAPIError, Refusal)) as caught:
            _distribute(world, funds=funds)
    assert "ck_journal_entries_digests" in f"{caught.value} {caught.value.__cause__}"
    assert _entries(db_engine) == 1

    # The control: the same chunk, unbroken, is posted on the same connection.
    assert all(isinstance(answer, Posted) for answer in _distribute(world, funds=funds))


def test_an_account_belongs_to_a_town_that_has_books(db_engine: Engine) -> None:
    open_world(db_engine)

    with pytest.raises(DBAPIError) as caught:
        run(db_engine, ACCOUNT, territory=2, leaf=b"x" * 32)
    assert "foreign key" in str(caught.value).lower()

    run(db_engine, ACCOUNT, territory=TERRITORY_ID, leaf=b"x" * 32)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_no_plan_of_the_posting_functions_reads_all_the_balances(db_engine: Engine) -> None:
    """The planner is told so for good: what a session planned in a small town must not outlive its smallness."""
    settings = text("SELECT proconfig FROM pg_proc WHERE proname = :name")
    with reading(db_engine) as db:
        for name in ("ledger_count_transfers", "ledger_number_entries", "ledger_open_batch"):
            assert "enable_seqscan=off" in db.scalar(settings, {"name": name}), name
            assert "enable_hashjoin=off" in db.scalar(settings, {"name": name}), name
