"""A close verifies what the close before it did not: it finds there what `verify` finds, and trusts what is signed."""

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.closing.checklist import checklist
from monnaie_locale.closing.facts import facts_of
from monnaie_locale.closing.kept import verification_start
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal import verify_scan
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import Verdict, verify
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.month import NOVEMBER, Month2026, moment, open_month
from tests.factories.vandal import take_the_guards_down

SMALL_SPAN = 2
LAST = "(SELECT MAX(id) FROM journal_entries)"
AFTER_THE_CLOSE = {
    "nothing": [],
    "an amount": [f"UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = {LAST}"],
    "a caller": [f"UPDATE journal_entries SET caller = 'x' WHERE id = {LAST}"],
    "an entry dated back into the closed month": [
        f"UPDATE journal_entries SET accounted_on = '2026-10-30' WHERE id = {LAST}"
    ],
    "the last entry gone": [
        f"DELETE FROM transfers WHERE entry_id = {LAST}",
        f"DELETE FROM journal_entries WHERE id = {LAST}",
    ],
    "a counter": ["UPDATE balances SET credits_cents = credits_cents + 1 WHERE kind = 3"],
    "a chain": [f"UPDATE transfers SET debit_previous_id = 1 WHERE entry_id = {LAST}"],
    "a root": ["UPDATE log_heads SET root = accounts_root WHERE size = (SELECT MAX(size) FROM log_heads)"],
}


@pytest.fixture(autouse=True)
def small_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_scan, "SPAN_ENTRIES", SMALL_SPAN)


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Return October closed on the 3rd of November, with a charge of November before that and three after."""
    month = open_month(db_engine)
    month.live()
    sealed(month)
    shop = month.shops[0].id
    month.world.now_ms = instant_ms(moment(1, 11))
    month.world.charge(7, shop, 100)
    month.approve(month.prepare())
    month.world.now_ms = instant_ms(moment(5, 11))
    for cents in (100, 150, 200):
        month.world.charge(7, shop, cents)
    sealed(month)
    return month


def sealed(month: Month2026) -> None:
    transact(month.engine, seal, territory_id=1, sign=month.keyring.sign, now_ms=month.world.now_ms)


def verified(month: Month2026, *by_hand: str, since_the_close: bool) -> Verdict:
    """Return the verdict on the books as statements change them, for as long as it takes."""
    key = {"territory_id": 1, "public_key_pem": month.keyring.public_key_pem}
    with month.engine.connect() as db:
        for statement in by_hand:
            db.execute(text(statement))
        verdict = verify(db, start=verification_start(db, **key) if since_the_close else None, **key)
        db.rollback()
    return verdict


def test_of_what_came_since_both_say_the_same(month: Month2026) -> None:
    take_the_guards_down(month.engine)
    for fault, by_hand in AFTER_THE_CLOSE.items():
        since, whole = (verified(month, *by_hand, since_the_close=each) for each in (True, False))

        assert 0 < since.after_entry_id < whole.entries - 3, fault
        assert since.entries == whole.entries - since.after_entry_id, fault
        assert {each.code for each in since.findings} == {each.code for each in whole.findings}, fault
        assert bool(since.findings) is (fault != "nothing"), fault


def test_the_checklist_says_from_where_the_entries_were_read(month: Month2026) -> None:
    since = verified(month, since_the_close=True)
    with reading(month.engine) as db:
        facts = facts_of(db, territory_id=1, month=NOVEMBER, verdict=since)
    (said,) = [each.sentence_fr for each in checklist(facts) if each.code == "books_verified"]

    assert f"depuis la n° {since.after_entry_id + 1}" in said


def test_nothing_is_trusted_that_is_not_signed(month: Month2026) -> None:
    take_the_guards_down(month.engine)
    assert verified(month, since_the_close=True).after_entry_id > 0

    for broken in (
        "UPDATE closes SET certificate = REPLACE(certificate, 'staff:3', 'staff:9')",
        "UPDATE period_balances SET credits_cents = credits_cents + 1 WHERE kind = 3",
        # One hash for two: the root is right, the frontier is no frontier.
        "UPDATE log_heads SET frontier = root WHERE size < 13",
        "DELETE FROM period_balances",
    ):
        assert verified(month, broken, since_the_close=True).after_entry_id == 0, broken


def test_what_the_close_before_verified_is_left_to_the_whole_verification(month: Month2026) -> None:
    take_the_guards_down(month.engine)
    by_hand = "UPDATE journal_entries SET caller = 'x' WHERE id = 3"

    assert verified(month, by_hand, since_the_close=True).ok
    assert {each.code for each in verified(month, by_hand, since_the_close=False).findings} == {"entry_altered"}
