"""Raw SQL against households, wallets and cards: the database refuses what the code would never ask."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.errors import Refusal
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import NOW
from tests.factories.wallets import AGENT, Holder, holder, keyring
from wallets.operations.cards import block_card
from wallets.operations.enrolling import erase_household

TOWN = {"territory_id": TERRITORY_ID}


@pytest.fixture
def victim(db_engine: Engine) -> Holder:
    open_world(db_engine)
    return holder(db_engine, keyring())


def attack(engine: Engine, statement: str, **values: object) -> str:
    """Run one statement as an attacker would; return what the database said, "" when it let it pass."""
    try:
        transact(engine, lambda db: db.execute(text(statement), values))
    except (DBAPIError, Refusal) as error:
        return str(error.__cause__ or error)
    return ""


ATTACKS = {
    "UPDATE cards SET token_digest = :digest": "card_secret_frozen",
    "UPDATE cards SET number = '1111111111'": "card_secret_frozen",
    "UPDATE cards SET wallet_id = 2": "card_secret_frozen",
    "UPDATE cards SET pin_hash = '1234'": "ck_cards_pin_hash",
    "UPDATE cards SET tries_left = 6": "ck_cards_tries_left",
    "UPDATE cards SET tries_left = -1": "ck_cards_tries_left",
    "UPDATE cards SET unpinned_count = 6": "ck_cards_unpinned_count",
    "UPDATE cards SET unpinned_cents = 15001": "ck_cards_unpinned_cents",
    "UPDATE cards SET state = 'gold'": "ck_cards",
    "UPDATE cards SET state = 'blocked'": "ck_cards_ended",
    "DELETE FROM cards": "card_ended",
}


@pytest.mark.parametrize("statement", ATTACKS)
def test_a_card_resists(statement: str, db_engine: Engine, victim: Holder) -> None:
    values = {"digest": b"x" * 32} if ":digest" in statement else {}
    assert ATTACKS[statement] in attack(db_engine, statement, **values)


def test_an_ended_card_never_becomes_active_again(db_engine: Engine, victim: Holder) -> None:
    transact(db_engine, block_card, **TOWN, card_id=victim.card.card_id, actor=AGENT, now=NOW)
    for revival in (
        "UPDATE cards SET state = 'active', ended_at_ms = NULL",
        "UPDATE cards SET state = 'replaced'",
        "UPDATE cards SET ended_at_ms = 5",
    ):
        assert "card_ended" in attack(db_engine, revival)
    # The counters of an ended card are nobody's secret: the trigger guards what it says, not everything.
    assert attack(db_engine, "UPDATE cards SET unpinned_count = 0") == ""


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_insert_or_replace_does_not_make_another_card_of_it(db_engine: Engine, victim: Holder) -> None:
    statement = (
        "INSERT OR REPLACE INTO cards SELECT territory_id, id, wallet_id, :digest, number, pin_hash, 5, 0, 0, 'active',"
        " issued_at_ms, NULL FROM cards"
    )
    assert "card_not_fresh" in attack(db_engine, statement, digest=b"y" * 32)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_truncate_is_refused(db_engine: Engine, victim: Holder) -> None:
    assert "card_ended" in attack(db_engine, "TRUNCATE cards CASCADE")


def test_an_erased_household_stays_erased(db_engine: Engine, victim: Holder) -> None:
    assert "ck_households_erased" in attack(db_engine, "UPDATE households SET erased_at_ms = 5")
    transact(db_engine, erase_household, **TOWN, household_id=victim.household_id, actor=AGENT, now=NOW)
    revival = "UPDATE households SET erased_at_ms = NULL, sealed = :sealed, reference_digest = :digest"
    assert "household_erased" in attack(db_engine, revival, sealed=b"name", digest=b"z" * 32)


def test_a_household_has_one_open_wallet(db_engine: Engine, victim: Holder) -> None:
    second = f"INSERT INTO wallets VALUES ({TERRITORY_ID}, 9, {victim.household_id}, 1, {{closed}})"
    assert "UNIQUE" in attack(db_engine, second.format(closed="NULL")).upper()
    assert attack(db_engine, second.format(closed="5")) == ""
