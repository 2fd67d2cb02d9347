"""Who holds the till: asked where a shop has cashiers, written beside each charge, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants import cashier_errors as errors
from merchants.model import Cashier, Till
from merchants.offline.charges import take_offline
from merchants.offline.signing import register_till_key
from merchants.shops.cashiers import (
    add_cashier,
    cashiers_of,
    cashiers_of_charges,
    change_cashier_code,
    remove_cashier,
    shift_of,
    take_till,
)
from merchants.shops.operations import pair_till, renew_pairing
from monnaie_locale.database.transaction import reading, transact
from tests.factories.market import HOST, Market, open_market
from tests.factories.merchants import MANAGER, MINUTE, admit, chance, paired
from tests.factories.till_device import Device
from wallets.codes.card_token import card_url

CODE, OTHER_CODE, WRONG = "4821", "7390", "5283"


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine)
    yield opened
    opened.writer.stop()


def add(market: Market, name: str = "Léa", code: str = CODE, *, merchant_id: int = 1) -> Cashier:
    return transact(
        market.engine, add_cashier, territory_id=1, merchant_id=merchant_id, name=name, code=code,
        keyring=market.keyring, actor=MANAGER, now=market.now,
    )  # fmt: skip


def hold(market: Market, cashier: Cashier, code: str = CODE, *, till: Till | None = None) -> None:
    take_till(
        market.engine, market.keyring, territory_id=1, till=till or market.till, cashier_id=cashier.id, code=code,
        now=market.now,
    )  # fmt: skip


def end(market: Market, cashier: Cashier) -> None:
    transact(
        market.engine, remove_cashier, territory_id=1, merchant_id=1, cashier_id=cashier.id, actor=MANAGER,
        now=market.now,
    )  # fmt: skip


def who_took(market: Market, *numbers: int) -> dict[int, str]:
    with reading(market.engine) as db:
        return cashiers_of_charges(db, territory_id=1, merchant_id=1, entry_ids=numbers, keyring=market.keyring)


def test_a_shop_without_cashiers_is_asked_nothing_and_stamps_nothing(market: Market):
    receipt = market.charge(500)
    assert who_took(market, receipt.entry_id) == {}
    assert not shift_of(market.engine, market.keyring, territory_id=1, till=market.till).asks_cashier


def test_each_charge_keeps_who_held_its_till(market: Market):
    lea, noe = add(market), add(market, "Noé", OTHER_CODE)
    with pytest.raises(errors.CashierRequired):
        market.charge(500, key="nobody")
    second = paired(market.world, market.merchant, label="Terrasse")
    hold(market, lea)
    hold(market, noe, OTHER_CODE, till=second)
    first, other = market.charge(500, key="a"), market.charge(600, key="b", till=second)
    hold(market, noe, OTHER_CODE)
    later = market.charge(700, key="c")
    # The same key again is the same charge, taken by the same person.
    assert market.charge(500, key="a").entry_id == first.entry_id
    assert who_took(market, first.entry_id, other.entry_id, later.entry_id) == {
        first.entry_id: "Léa",
        other.entry_id: "Noé",
        later.entry_id: "Noé",
    }
    assert market.owed() == 1_800


def test_a_cashier_who_leaves_is_nobody_and_the_number_stays(market: Market):
    lea = add(market)
    add(market, "Noé", OTHER_CODE)
    hold(market, lea)
    receipt = market.charge(500)
    end(market, lea)
    assert who_took(market, receipt.entry_id) == {receipt.entry_id: f"caissier n° {lea.id}"}
    assert shift_of(market.engine, market.keyring, territory_id=1, till=market.till).cashier is None
    with pytest.raises(errors.CashierRequired):
        market.charge(500, key="after")
    with pytest.raises(errors.CashierUnknown):
        hold(market, lea)
    with market.engine.connect() as db:
        assert db.execute(text("SELECT sealed_name, code_hash FROM cashiers WHERE id = 1")).one() == (None, None)
    add(market, "Léa", WRONG)  # the name is free again


def test_another_device_asks_again(market: Market):
    lea = add(market)
    hold(market, lea)
    more = {"territory_id": 1, "now": market.now, "random_bytes": chance("again")}
    code = transact(market.engine, renew_pairing, till_id=market.till.id, actor=MANAGER, **more)
    assert shift_of(market.engine, market.keyring, territory_id=1, till=market.till).cashier == lea
    transact(market.engine, pair_till, code=code, **more)
    assert shift_of(market.engine, market.keyring, territory_id=1, till=market.till).cashier is None


def test_five_wrong_codes_lock_also_in_parallel_until_the_office_gives_another(market: Market):
    lea = add(market)
    hold(market, lea)
    gate = threading.Barrier(8)

    def guess(_: int) -> type[Exception]:
        gate.wait()
        with pytest.raises((errors.CashierCodeWrong, errors.CashierLocked)) as refused:
            hold(market, lea, WRONG)
        return refused.type

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(8)))
    assert answers.count(errors.CashierCodeWrong) == 5
    with pytest.raises(errors.CashierLocked):
        hold(market, lea)
    with reading(market.engine) as db:
        assert [each.is_locked for each in cashiers_of(db, territory_id=1, merchant_id=1, keyring=market.keyring)] == [
            True
        ]
    transact(
        market.engine, change_cashier_code, territory_id=1, merchant_id=1, cashier_id=lea.id, code=OTHER_CODE,
        keyring=market.keyring, actor=MANAGER, now=market.now,
    )  # fmt: skip
    with pytest.raises(errors.CashierCodeWrong):
        hold(market, lea)
    hold(market, lea, OTHER_CODE)


def test_names_and_codes_are_checked(market: Market):
    add(market)
    for name, code, refusal in (
        ("  ", CODE, errors.CashierNameInvalid),
        ("L" * 31, CODE, errors.CashierNameInvalid),
        ("léa", OTHER_CODE, errors.CashierNameTaken),
        ("Noé", "1234", errors.CashierCodeInvalid),
        ("Noé", "48210", errors.CashierCodeInvalid),
    ):
        with pytest.raises(refusal):
            add(market, name, code)
    with reading(market.engine) as db:
        rows = db.execute(text("SELECT sealed_name, code_hash FROM cashiers")).all()
        trail = str(db.execute(text("SELECT * FROM audit_events")).all())
    assert b"L\xc3\xa9a" not in bytes(rows[0][0])
    assert CODE not in rows[0][1]
    assert "Léa" not in trail


def test_a_device_without_network_says_who_held_it_then(market: Market):
    lea, noe = add(market), add(market, "Noé", OTHER_CODE)
    stranger = add(market, "Ana", WRONG, merchant_id=admit(market.world, 2).id)
    device = Device(market.till)
    transact(
        market.engine, register_till_key, territory_id=1, till=market.till, public_key=device.public_key,
        now=market.now,
    )  # fmt: skip
    card = card_url(host=HOST, token=market.card.token)
    said = [
        device.sign(card, 100 * number, at=market.now - (9 - number) * MINUTE, cashier_id=cashier_id)
        for number, cashier_id in enumerate((lea.id, None, stranger.id, 999), start=1)
    ]
    # Meanwhile another person holds the till, and the first one has left the shop.
    hold(market, noe, OTHER_CODE)
    end(market, lea)
    answers = [
        take_offline(
            engine=market.engine, keyring=market.keyring, writer=market.writer, territory_id=1, host=HOST,
            till=market.till, signed=signed, now=market.now,
        )
        for signed in said
    ]  # fmt: skip
    numbers = [answer.receipt.entry_id for answer in answers if answer.receipt]
    assert len(numbers) == 4  # what was taken offline is never refused for that
    assert who_took(market, *numbers) == {numbers[0]: f"caissier n° {lea.id}"}


def test_the_database_holds_it(market: Market):
    lea = add(market)
    add(market, "Ana", WRONG, merchant_id=admit(market.world, 2).id)
    hold(market, lea)
    market.charge(500)
    end(market, lea)
    for statement in (
        "UPDATE charge_cashiers SET cashier_id = 2",
        "DELETE FROM charge_cashiers",
        "UPDATE cashiers SET merchant_id = 1 WHERE id = 2",
        "UPDATE cashiers SET removed_at_ms = NULL, sealed_name = code_hash WHERE id = 1",
        "UPDATE cashiers SET tries_left = 6 WHERE id = 2",
        "UPDATE cashiers SET removed_at_ms = 5 WHERE id = 2",
        "DELETE FROM cashiers WHERE id = 2",
        "INSERT INTO till_shifts VALUES (1, 1, 2, 5)",  # a cashier of another shop
        "INSERT INTO till_shifts VALUES (1, 1, 1, 5)",  # one who left
    ):
        with pytest.raises(DBAPIError), market.engine.begin() as db:
            db.execute(text(statement))
    # The same row for a cashier at work of the same shop passes: the trigger refuses for its reason only.
    noe = add(market, "Noé", OTHER_CODE)
    with market.engine.begin() as db:
        db.execute(text(f"INSERT INTO till_shifts VALUES (1, 1, {noe.id}, 5)"))
