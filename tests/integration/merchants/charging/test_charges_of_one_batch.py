"""Charges without PIN are worked out by the writer, those of a batch together: each is still decided by itself."""

import pytest
from sqlalchemy import Engine

from merchants.charging.plan import ChargeOrder, ChargePlan
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.plans import Planned, post_requests
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Posted
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import HOST, Market, open_market
from tests.factories.merchants import MANAGER, chance
from tests.factories.vandal import run
from tests.integration.merchants.charging.test_charge_costs import watched
from wallets.codes.card_token import card_url, draw_token, parse_card_code
from wallets.errors import CardRefused, PinLocked, PinRequired
from wallets.operations.cards import replace_card
from wallets.paying.card_reading import read_cards

LOOK = "SELECT cards.tries_left"


def planned(market: Market, amount_cents: int, *, key: str, token: str = "") -> Planned:
    """Return a charge at the market's till, of its card unless another token is given."""
    card_code = card_url(host=HOST, token=token or market.card.token)
    order = ChargeOrder(
        till=market.till, card_code=card_code, amount_cents=amount_cents, pin=None, partial=False,
        happened_at=market.now, received_at=market.now, caller=market.till.caller, idempotency_key=key,
    )  # fmt: skip
    code = parse_card_code(card_code, host=HOST)
    plan = ChargePlan(market.engine, market.keyring, order, code, territory_id=TERRITORY_ID, host=HOST)
    return Planned(TERRITORY_ID, plan)


def posted(market: Market, *requests: Planned) -> list[Posted | Exception]:
    """Post the requests as one batch."""
    return transact(market.engine, post_requests, requests, recorded_at_ms=instant_ms(market.now))


def test_each_charge_of_a_batch_is_decided_by_itself(db_engine: Engine):
    market = open_market(db_engine, cents=3_000)
    stranger = draw_token(lambda size: b"\x07" * size)

    first, refused, again, other, too_much, last = posted(
        market,
        planned(market, 1_000, key="k1"),
        planned(market, 1_000, key="k2", token=stranger),
        planned(market, 1_000, key="k1"),
        planned(market, 1_100, key="k1"),
        # Each may pay this by what it was shown; not both.
        planned(market, 2_500, key="k3"),
        planned(market, 1_500, key="k4"),
    )

    assert isinstance(first, Posted)
    assert isinstance(refused, CardRefused)
    assert isinstance(again, Posted)
    assert (again.replayed, again.entry) == (True, first.entry)
    assert isinstance(other, IdempotencyKeyReused)
    assert isinstance(too_much, InsufficientFunds)
    assert isinstance(last, Posted)
    assert (last.left_cents, market.owed(), market.purse()) == (500, 2_500, 500)
    # A retry in a later batch is found, whoever works it out; the control: under a fresh key it pays again.
    (retry,) = posted(market, planned(market, 1_500, key="k4"))
    assert retry == last._replace(replayed=True, left_cents=None)
    (fresh,) = posted(market, planned(market, 500, key="k5"))
    assert isinstance(fresh, Posted)
    assert not fresh.replayed
    market.writer.stop()


def test_the_limit_without_pin_is_counted_through_a_batch(db_engine: Engine):
    market = open_market(db_engine, cents=50_000)

    answers = posted(market, *(planned(market, 100, key=f"k{number}") for number in range(6)))

    assert [type(answer) for answer in answers] == [Posted] * 5 + [PinRequired]
    assert market.owed() == 500
    market.writer.stop()


def test_a_fault_of_one_charge_is_not_that_of_its_neighbours(db_engine: Engine):
    market = open_market(db_engine)
    broken = planned(market, 100, key="k1")
    # A moment without its time zone is refused by no rule: it is a fault of the program.
    order = broken.plan._order._replace(happened_at=market.now.replace(tzinfo=None))
    broken.plan._order = order

    fault, fine = posted(market, broken, planned(market, 200, key="k2"))

    assert isinstance(fault, Exception)
    assert not isinstance(fault, Posted)
    assert isinstance(fine, Posted)
    assert market.owed() == 200
    market.writer.stop()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_nobody_waits_in_a_batch_for_a_card_whose_tries_are_gone(db_engine: Engine):
    market = open_market(db_engine)
    run(db_engine, "UPDATE cards SET tries_left = 0")
    stranger = draw_token(lambda size: b"\x07" * size)

    with watched(db_engine) as in_a_batch:
        refused, fine = posted(market, planned(market, 100, key="k1"), planned(market, 200, key="k2", token=stranger))
    # The control: by itself, the till's thread looks again for a try that others are about to give back.
    with watched(db_engine) as alone, pytest.raises(PinLocked):
        market.charge(100, key="k3")

    assert (type(refused), type(fine)) == (PinLocked, CardRefused)
    assert not any(text.startswith(LOOK) for text in in_a_batch)
    assert any(text.startswith(LOOK) for text in alone)
    market.writer.stop()


def test_two_cards_of_one_wallet_in_a_batch_show_its_purses_once(db_engine: Engine):
    market = open_market(db_engine, cents=1_000)
    new = transact(
        market.engine, replace_card, territory_id=TERRITORY_ID, card_id=market.card.card_id, keyring=market.keyring,
        random_bytes=chance("another card"), actor=MANAGER, now=market.now,
    )  # fmt: skip
    codes = [parse_card_code(card_url(host=HOST, token=token), host=HOST) for token in (market.card.token, new.token)]

    with reading(market.engine) as db:
        read = read_cards(db, territory_id=TERRITORY_ID, host=HOST, codes=codes)

    assert [[purse.balance_cents for purse in each.purses] for each in read] == [[1_000], [1_000]]
    refused, paid = posted(market, planned(market, 600, key="k1"), planned(market, 600, key="k2", token=new.token))
    assert isinstance(refused, CardRefused)
    assert isinstance(paid, Posted)
    market.writer.stop()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_batch_is_read_by_as_many_statements_as_one_charge(db_engine: Engine):
    market = open_market(db_engine, cents=50_000)
    reads: list[int] = []
    for amounts in ([100], [110, 120]):
        with watched(db_engine) as said:
            posted(market, *(planned(market, cents, key=f"k{cents}") for cents in amounts))
        reads.append(sum(text.startswith(("SELECT", "\nSELECT", "WITH")) for text in said))

    assert reads[0] == reads[1] > 0
    # The control: apart, two charges are read twice.
    with watched(db_engine) as said:
        for cents in (140, 150):
            posted(market, planned(market, cents, key=f"k{cents}"))
    assert sum(text.startswith(("SELECT", "\nSELECT", "WITH")) for text in said) == 2 * reads[0]
    market.writer.stop()
