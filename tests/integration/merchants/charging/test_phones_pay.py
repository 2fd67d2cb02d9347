"""A phone's code at the till: once, within a minute, under the rules of its card; the database holds it too."""

import datetime
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.commands.verification_trail import check_trail
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes.model import PinRule
from tests.factories.market import Market, issue, open_market
from tests.factories.merchants import MANAGER, NOW, paired
from tests.factories.phones import PocketPhone, bound_phone, pocket_phone
from tests.factories.vandal import take_the_guards_down
from wallets import errors, phone_register
from wallets.model import PHONES_MAX
from wallets.operations.cards import block_card
from wallets.operations.phones import bind_phone, revoke_phone

SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def market(db_engine: Engine) -> Iterator[Market]:
    found = open_market(db_engine)
    yield found
    found.writer.stop()


@pytest.fixture
def phone(market: Market) -> PocketPhone:
    return bound_phone(market.engine, market.card.card_id)


def refused(market: Market, code: str, *, key: str = "refused", **more: object) -> str:
    with pytest.raises(Refusal) as refusal:
        market.charge(500, key=key, card_code=code, **more)
    return refusal.value.code


def revoke(market: Market, phone: PocketPhone, **more: object) -> None:
    transact(
        market.engine, revoke_phone, territory_id=1, phone_id=phone.phone_id, actor=MANAGER, now=NOW, **more
    )  # fmt: skip


def test_a_phone_pays_in_place_of_the_card_and_the_receipt_can_be_asked_for_again(
    market: Market, phone: PocketPhone
) -> None:
    code = phone.code()
    receipt = market.charge(1_250, key="one", card_code=code)
    assert (receipt.amount_cents, receipt.remaining_cents) == (1_250, 8_750)
    market.clock[0] += datetime.timedelta(hours=1)
    again = market.charge(1_250, key="one", card_code=code)
    assert (again.entry_id, again.replayed) == (receipt.entry_id, True)
    assert market.owed() == 1_250


def test_a_code_pays_once_whichever_of_its_signatures_is_shown(market: Market, phone: PocketPhone) -> None:
    market.charge(500, key="first", card_code=phone.code())
    assert refused(market, phone.code()) == "phone_code_used"
    assert refused(market, phone.code(twin=True)) == "phone_code_used"
    assert refused(market, phone.code(), pin=market.card.pin) == "phone_code_used"
    assert market.charge(500, key="second", card_code=phone.code(chance=2)).amount_cents == 500
    assert market.owed() == 1_000


def test_two_tills_that_scan_one_code_at_once_take_one_payment(market: Market, phone: PocketPhone) -> None:
    tills = [market.till, paired(market.world, market.merchant, label="Caisse 2")]
    code, answers = phone.code(), []

    def scan(number: int) -> None:
        try:
            market.charge(500, key=f"till {number}", till=tills[number], card_code=code)
            answers.append("paid")
        except Refusal as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=scan, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["paid", "phone_code_used"]
    assert market.owed() == 500


def test_after_a_minute_it_is_too_late_whatever_the_till_says_of_the_time(market: Market, phone: PocketPhone) -> None:
    market.clock[0] += 61 * SECOND
    assert refused(market, phone.code()) == "phone_code_expired"
    assert refused(market, phone.code(), happened_at=NOW) == "phone_code_expired"
    assert refused(market, phone.code(), pin="0000") == "phone_code_expired"
    assert refused(market, phone.code(market.now + 6 * SECOND)) == "phone_code_expired"
    assert market.charge(500, card_code=phone.code(market.now - 60 * SECOND)).amount_cents == 500


def test_a_forged_a_foreign_and_an_unknown_code_pay_nothing(market: Market, phone: PocketPhone) -> None:
    thief = pocket_phone()
    thief.phone_id = phone.phone_id
    assert refused(market, thief.code()) == "phone_refused"
    assert refused(market, thief.code(), pin=market.card.pin) == "phone_refused"
    assert refused(market, phone.code(host="monnaie.autre-ville.fr")) == "card_of_another_town"
    # A number that no column holds, too: it must not break the batch of whoever pays at the same moment.
    for unknown in (99, 2**31, 2**32 - 1):
        thief.phone_id = unknown
        assert refused(market, thief.code()) == "phone_refused"
        assert refused(market, thief.code(), pin=market.card.pin) == "phone_refused"
    assert market.owed() == 0


def test_a_phone_that_was_taken_away_pays_nothing_and_the_other_one_still_pays(
    market: Market, phone: PocketPhone
) -> None:
    other = bound_phone(market.engine, market.card.card_id)
    revoke(market, phone)
    assert refused(market, phone.code()) == "phone_refused"
    assert market.charge(500, card_code=other.code()).amount_cents == 500
    with pytest.raises(errors.PhoneEnded):
        revoke(market, phone)


def test_a_blocked_card_stops_its_phones(market: Market, phone: PocketPhone) -> None:
    transact(market.engine, block_card, territory_id=1, card_id=market.card.card_id, actor=MANAGER, now=NOW)
    assert refused(market, phone.code()) == "card_refused"


def test_the_limits_without_pin_are_those_of_the_card(market: Market, phone: PocketPhone) -> None:
    for count in range(3):
        market.charge(100, key=f"card {count}")
        if count < 2:
            market.charge(100, key=f"phone {count}", card_code=phone.code(chance=count))
    # Five payments by the card and its phone together: the sixth asks, on either.
    code = phone.code(chance=9)
    assert refused(market, code) == "pin_required"
    assert market.charge(500, key="with pin", card_code=code, pin=market.card.pin).amount_cents == 500


def test_a_programme_that_always_asks_for_the_pin_asks_a_phone_too(db_engine: Engine) -> None:
    market = open_market(db_engine, pin_rule=PinRule.ALWAYS)
    phone = bound_phone(db_engine, market.card.card_id)
    assert refused(market, phone.code()) == "pin_required"
    assert refused(market, phone.code(), pin="0000") == "card_refused"
    assert market.charge(500, card_code=phone.code(), pin=market.card.pin).amount_cents == 500
    market.writer.stop()


def test_a_household_binds_a_few_phones_and_takes_away_its_own_only(market: Market, phone: PocketPhone) -> None:
    others = [bound_phone(market.engine, market.card.card_id) for _ in range(PHONES_MAX - 1)]
    with pytest.raises(errors.PhonesTooMany):
        bound_phone(market.engine, market.card.card_id)
    neighbour = issue(market.world, market.keyring, reference="M-002")
    with pytest.raises(errors.PhoneUnknown):
        revoke(market, phone, card_id=neighbour.card_id)
    revoke(market, others[0], card_id=market.card.card_id)
    bound_phone(market.engine, market.card.card_id)
    with reading(market.engine) as db:
        bound = phone_register.phones_of_card(db, territory_id=1, card_id=market.card.card_id)
        written = db.execute(text("SELECT action, actor, target FROM audit_events WHERE action LIKE 'phone.%'")).all()
    assert [one.number for one in bound] == [1, 3, 4, 5, 6]
    assert ("phone.revoke", MANAGER, f"phone:{others[0].phone_id}") in {tuple(row) for row in written}
    assert len(written) == PHONES_MAX + 2


def test_a_lost_answer_binds_no_second_phone_and_a_key_serves_one_card(market: Market, phone: PocketPhone) -> None:
    again = {"territory_id": 1, "public_key": phone.public_key, "actor": "holder:1", "now": NOW}
    assert transact(market.engine, bind_phone, card_id=market.card.card_id, **again).phone_id == phone.phone_id
    neighbour = issue(market.world, market.keyring, reference="M-002")
    with pytest.raises(errors.PhoneKeyInvalid):
        transact(market.engine, bind_phone, card_id=neighbour.card_id, **again)


ATTACKS = {
    "give the phone another key": ("UPDATE phones SET public_key = code_digest || code_digest FROM phone_payments",
                                   ("phone_frozen", "ck_phones_public_key")),
    "give the phone to a neighbour": ("UPDATE phones SET card_id = 2", ("phone_frozen",)),
    "bring it back": ("UPDATE phones SET revoked_at_ms = NULL", ("phone_ended",)),
    "forget the phone": ("DELETE FROM phones", ("phone_frozen", "fk_", "FOREIGN KEY")),
    "free the code": ("DELETE FROM phone_payments", ("phone_payment_frozen",)),
    "use it for another entry": ("UPDATE phone_payments SET entry_id = 1", ("phone_payment_frozen",)),
    "use it again": ("INSERT INTO phone_payments SELECT territory_id, code_digest, phone_id, 1 FROM phone_payments",
                     ("pk_phone_payments", "UNIQUE constraint failed")),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_raw_sql_cannot_use_a_code_twice_nor_bring_a_phone_back(name: str, market: Market, phone: PocketPhone) -> None:
    market.charge(500, card_code=phone.code())
    revoke(market, phone)
    statement, reasons = ATTACKS[name]
    with pytest.raises(DBAPIError) as broken, market.engine.connect() as db:
        db.execute(text(statement))
    assert any(reason in str(broken.value.orig) for reason in reasons), broken.value.orig


def test_the_same_sql_on_a_phone_that_was_not_taken_away_passes(market: Market, phone: PocketPhone) -> None:
    with market.engine.connect() as db:
        assert db.execute(text("UPDATE phones SET revoked_at_ms = NULL")).rowcount == 1


# What was done by hand -> the SQL -> the code and the subject that verify must give.
FORGED_PHONES = {
    "a key put in the place of a phone's": ("UPDATE phones SET public_key = :key WHERE id = 1", "phone_altered"),
    "a phone put on another card": ("UPDATE phones SET card_id = 2 WHERE id = 1", "phone_altered"),
    "a phone that was taken away, given back": ("UPDATE phones SET revoked_at_ms = NULL", "phone_revived"),
    "a phone that nobody bound": ("UPDATE phones SET id = 9 WHERE id = 1", "phone_never_bound"),
    "a phone that disappeared": ("DELETE FROM phones WHERE id = 1", "phone_missing"),
}


@pytest.mark.parametrize("fault", FORGED_PHONES)
def test_a_phone_that_is_not_the_one_that_was_bound_is_named(market: Market, phone: PocketPhone, fault: str) -> None:
    def codes() -> list[str]:
        public_key_pem = market.keyring.public_key_pem
        with reading(market.engine) as db:
            return [found.code for found in check_trail(db, territory_id=1, public_key_pem=public_key_pem)]

    issue(market.world, market.keyring, reference="M-002")
    revoke(market, bound_phone(market.engine, market.card.card_id))
    take_the_guards_down(market.engine)
    assert codes() == []  # the control
    statement, code = FORGED_PHONES[fault]
    with market.engine.begin() as db:
        db.execute(text(statement), {"key": pocket_phone().public_key} if ":key" in statement else {})
    assert code in codes()
