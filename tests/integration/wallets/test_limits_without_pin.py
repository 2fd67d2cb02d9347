"""Without PIN: 50 € a payment, 150 € and five payments in a row at most, counted with the posting itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.posting import Posted
from monnaie_locale.programmes.model import PinRule
from tests.factories import programmes as made
from tests.factories.ledger import World, open_world
from tests.factories.wallets import CountingKeyring, Holder, ask, holder, keyring, pay
from wallets.errors import PinRequired


@pytest.fixture
def keys() -> CountingKeyring:
    return keyring()


@pytest.fixture
def world(db_engine: Engine) -> World:
    return open_world(db_engine)


@pytest.fixture
def rich(db_engine: Engine, world: World, keys: CountingKeyring) -> Holder:
    """Give a holder with 500 € of a programme that never asks for the PIN by itself."""
    found = holder(db_engine, keys)
    programme = made.programme(db_engine, pin_rule=PinRule.NEVER)
    made.distributed(db_engine, programme.programme_id, [(found.wallet.wallet_id, 50_000)])
    return found


def counters(engine: Engine) -> tuple[int, int]:
    with reading(engine) as db:
        row = db.execute(text("SELECT unpinned_count, unpinned_cents FROM cards")).one()
    return row[0], row[1]


def test_fifty_euros_pass_and_one_cent_more_does_not(db_engine: Engine, rich: Holder, keys: CountingKeyring) -> None:
    assert ask(db_engine, keys, rich.card.token, 5_000).with_pin is False
    with pytest.raises(PinRequired):
        ask(db_engine, keys, rich.card.token, 5_001)


def test_the_sixth_payment_in_a_row_asks_for_the_pin(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    for _ in range(5):
        pay(world, ask(db_engine, keys, rich.card.token, 100), 100)
    assert counters(db_engine) == (5, 500)
    with pytest.raises(PinRequired):
        ask(db_engine, keys, rich.card.token, 100)
    pay(world, ask(db_engine, keys, rich.card.token, 100, pin=rich.card.pin), 100)
    assert counters(db_engine) == (0, 0)
    pay(world, ask(db_engine, keys, rich.card.token, 100), 100)
    assert counters(db_engine) == (1, 100)


def test_a_hundred_and_fifty_euros_pass_and_one_cent_more_does_not(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    for _ in range(3):
        pay(world, ask(db_engine, keys, rich.card.token, 5_000), 5_000)
    assert counters(db_engine) == (3, 15_000)
    with pytest.raises(PinRequired):
        ask(db_engine, keys, rich.card.token, 1)


def test_a_replayed_payment_is_counted_once(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    authorised = ask(db_engine, keys, rich.card.token, 100)
    first = pay(world, authorised, 100, key="same")
    again = pay(world, authorised, 100, key="same")
    assert (again.replayed, again.entry) == (True, first.entry)
    assert counters(db_engine) == (1, 100)


def test_twelve_tills_at_once_get_five_payments_out_of_it(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    authorisations = [ask(db_engine, keys, rich.card.token, 100) for _ in range(12)]
    shop = world.shop(3)
    assert shop

    def one(number: int) -> Posted | Refusal:
        try:
            return pay(world, authorisations[number], 100, key=f"till{number}")
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, range(12)))
    assert sum(isinstance(answer, Posted) for answer in answers) == 5
    assert {type(answer) for answer in answers if isinstance(answer, Refusal)} == {PinRequired}
    assert counters(db_engine) == (5, 500)
