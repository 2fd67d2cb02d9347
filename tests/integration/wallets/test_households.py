"""Households: sealed, found by a keyed digest, enrolled from a file all or none, erased for good."""

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import purses_of
from monnaie_locale.ledger.errors import Refusal
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import NOW
from tests.factories.wallets import AGENT, ask, holder, keyring, random_bytes
from wallets import errors, queries
from wallets.model import CardState
from wallets.operations import cards, enrolling

TOWN = {"territory_id": TERRITORY_ID}


def enrol(engine: Engine, keys: object, reference: str, **more: object) -> int:
    return transact(
        engine,
        enrolling.enrol_household,
        **TOWN,
        reference=reference,
        keyring=keys,
        actor=AGENT,
        now=NOW,
        **more,
    )


def import_csv(engine: Engine, keys: object, content: bytes) -> list[tuple[str, int]]:
    return transact(engine, enrolling.enrol_from_csv, **TOWN, content=content, keyring=keys, actor=AGENT, now=NOW)


def test_the_same_reference_is_the_same_household(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    first = enrol(db_engine, keys, "D-1", alias="Un", channel="courrier")
    assert enrol(db_engine, keys, " D-1 ", alias="Autre") == first
    assert enrol(db_engine, keys, "D-2") != first
    with reading(db_engine) as db:
        found = queries.household_by_reference(db, **TOWN, reference="D-1", keyring=keys)
        assert queries.household_by_reference(db, **TOWN, reference="d-1", keyring=keys) is None
    assert found
    assert (found.household_id, found.alias, found.channel) == (first, "Un", "courrier")


def test_a_household_has_one_wallet_however_often_it_is_opened(db_engine: Engine) -> None:
    open_world(db_engine)
    household_id = enrol(db_engine, keyring(), "D-1")
    asked = {**TOWN, "household_id": household_id, "actor": AGENT, "now": NOW}
    first = transact(db_engine, enrolling.open_wallet, **asked)
    assert transact(db_engine, enrolling.open_wallet, **asked) == first
    with pytest.raises(errors.HouseholdUnknown):
        transact(db_engine, enrolling.open_wallet, **(asked | {"household_id": 99}))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reference": " "}, "household_field_invalid"),
        ({"reference": "x" * 41}, "household_field_invalid"),
        ({"reference": "D", "alias": "x" * 81}, "household_field_invalid"),
        ({"reference": "D", "channel": "x" * 81}, "household_field_invalid"),
    ],
)
def test_a_field_too_long_or_missing_is_refused(db_engine: Engine, fields: dict[str, str], code: str) -> None:
    open_world(db_engine)
    with pytest.raises(Refusal) as refused:
        enrol(db_engine, keyring(), **fields)
    assert refused.value.code == code


def test_a_file_is_enrolled_whole_and_may_be_sent_again(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    content = b"reference;alias;contact\nD-1;Un;\nD-2;;courrier\n"
    first = import_csv(db_engine, keys, content)
    assert [reference for reference, _ in first] == ["D-1", "D-2"]
    assert import_csv(db_engine, keys, content) == first


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"reference;alias\nD-1;Un\nD-1;Deux\n", 3, "reference"),
        (b"reference;alias\nD-1;Un\n" + b"x" * 41 + b";Deux\n", 3, "reference"),
        (b"reference;alias\nD-1;" + b"x" * 81 + b"\n", 2, "alias"),
        (b"reference;contact\nD-1;" + b"x" * 81 + b"\n", 2, "contact"),
        (b"reference;nom\nD-1;Martin\n", 1, "nom"),
    ],
)
def test_a_bad_line_is_named_and_nobody_is_enrolled(db_engine: Engine, content: bytes, line: int, column: str) -> None:
    open_world(db_engine)
    with pytest.raises(Refusal) as refused:
        import_csv(db_engine, keyring(), content)
    assert refused.value.code == "csv_line_invalid"
    assert (refused.value.details["line"], refused.value.details["column"]) == (line, column)
    with reading(db_engine) as db:
        assert queries.count_households(db, **TOWN) == 0


def test_an_erasure_leaves_the_books_and_nobody_in_them(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    gone = holder(db_engine, keys, "D-1")
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(gone.wallet.wallet_id, 1_000)])
    asked = {**TOWN, "household_id": gone.household_id, "actor": AGENT, "now": NOW}
    transact(db_engine, enrolling.erase_household, **asked)
    with reading(db_engine) as db:
        found = queries.household_of(db, **TOWN, household_id=gone.household_id, keyring=keys)
        assert (found.reference, found.alias, found.is_erased) == ("", "", True)
        assert queries.household_by_reference(db, **TOWN, reference="D-1", keyring=keys) is None
        assert queries.card_of(db, **TOWN, card_id=gone.card.card_id).state is CardState.BLOCKED
        (purse,) = purses_of(db, **TOWN, wallet_id=gone.wallet.wallet_id)
        assert purse.balance_cents == 1_000
        assert db.scalar(text("SELECT length(sealed) FROM households")) == 0
    with pytest.raises(errors.CardRefused):
        ask(db_engine, keys, gone.card.token, 100)
    for again in (enrolling.erase_household, enrolling.open_wallet):
        with pytest.raises(errors.HouseholdErased):
            transact(db_engine, again, **asked)
    assert enrol(db_engine, keys, "D-1") != gone.household_id


def test_a_batch_of_cards_is_issued_whole_or_not_at_all(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    opened = [wallet_id for _, wallet_id in import_csv(db_engine, keys, b"reference\nD-1\nD-2\nD-3\n")]
    secrets = cards.draw_secrets(count=3, keyring=keys, random_bytes=random_bytes)
    asked = {**TOWN, "secrets": secrets, "random_bytes": random_bytes, "actor": AGENT, "now": NOW}
    with pytest.raises(errors.WalletUnknown):
        transact(db_engine, cards.issue_cards, wallet_ids=[*opened[:2], 99], **asked)
    with pytest.raises(errors.WalletHasCard):
        transact(db_engine, cards.issue_cards, wallet_ids=[opened[0], opened[1], opened[0]], **asked)
    with reading(db_engine) as db:
        assert queries.wallets_without_card(db, **TOWN, limit=10) == opened
    issued = transact(db_engine, cards.issue_cards, wallet_ids=opened, **asked)
    assert [card.wallet_id for card in issued] == opened
    assert len({card.token for card in issued} | {card.number for card in issued}) == 6
    with reading(db_engine) as db:
        assert queries.wallets_without_card(db, **TOWN, limit=10) == []


def test_a_number_that_is_taken_is_drawn_again(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    first = holder(db_engine, keys, "D-1")
    ((_, wallet_id),) = import_csv(db_engine, keys, b"reference\nD-2\n")
    (drawn,) = cards.draw_secrets(count=1, keyring=keys, random_bytes=random_bytes)
    twin = cards.CardSecrets(token=drawn.token, number=first.card.number, pin=drawn.pin, pin_hash=drawn.pin_hash)
    (issued,) = transact(
        db_engine,
        cards.issue_cards,
        **TOWN,
        wallet_ids=[wallet_id],
        secrets=[twin],
        random_bytes=random_bytes,
        actor=AGENT,
        now=NOW,
    )
    assert issued.number != first.card.number


def test_the_audit_trail_names_nobody(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    holder(db_engine, keys, "DOSSIER-77")
    with reading(db_engine) as db:
        rows = [str(row) for row in db.execute(text("SELECT * FROM audit_events"))]
    assert len(rows) == 3
    assert not any("DOSSIER" in row or "Famille" in row for row in rows)
