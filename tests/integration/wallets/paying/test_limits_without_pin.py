"""Without PIN: 50 € a payment, 150 € and five payments in a row at most, counted with the posting itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.posting import Posted
from monnaie_locale.programmes.model import PinRule
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID, World, open_world
from tests.factories.wallets import AGENT, CountingKeyring, Holder, ask, holder, keyring, pay
from wallets.errors import CardRefused, PinRequired
from wallets.operations.cards import choose_pin


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


def test_the_last_cent_of_a_hundred_and_fifty_euros_passes(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    for amount_cents in (5_000, 5_000, 4_999):
        pay(world, ask(db_engine, keys, rich.card.token, amount_cents), amount_cents)
    with pytest.raises(PinRequired):
        ask(db_engine, keys, rich.card.token, 2)
    pay(world, ask(db_engine, keys, rich.card.token, 1), 1)
    assert counters(db_engine) == (4, 15_000)
    with pytest.raises(PinRequired):
        ask(db_engine, keys, rich.card.token, 1)


def test_six_payments_of_fifty_euros_at_once_get_three_out_of_it(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    authorisations = [ask(db_engine, keys, rich.card.token, 5_000) for _ in range(6)]

    def one(number: int) -> Posted | Refusal:
        try:
            return pay(world, authorisations[number], 5_000, key=f"till{number}")
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(6)))
    assert sum(isinstance(answer, Posted) for answer in answers) == 3
    assert {type(answer) for answer in answers if isinstance(answer, Refusal)} == {PinRequired}
    assert counters(db_engine) == (3, 15_000)


def test_a_payment_with_the_pin_among_others_at_once_begins_the_count_anew(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    early = [ask(db_engine, keys, rich.card.token, 100) for _ in range(12)]
    for number in range(5):
        pay(world, early[number], 100, key=f"before{number}")
    pinned = ask(db_engine, keys, rich.card.token, 100, pin=rich.card.pin)

    def one(key: str) -> Posted | None:
        try:
            return pay(world, pinned if key == "pinned" else early[int(key)], 100, key=key)
        except PinRequired:
            return None

    at_once = ["5", "6", "7", "pinned", "8", "9", "10", "11"]
    with ThreadPoolExecutor(8) as pool:
        posted = dict(zip(at_once, pool.map(one, at_once), strict=True))
    with_pin = posted.pop("pinned")
    assert with_pin is not None
    after = [each.entry.entry_id for each in posted.values() if each is not None]
    assert all(entry_id > with_pin.entry.entry_id for entry_id in after), "none passed before the PIN"
    assert counters(db_engine) == (len(after), 100 * len(after))
    assert len(after) <= 5


def test_only_a_payment_with_the_pin_begins_the_count_anew(
    db_engine: Engine, world: World, rich: Holder, keys: CountingKeyring
) -> None:
    for _ in range(5):
        pay(world, ask(db_engine, keys, rich.card.token, 100), 100)
    with pytest.raises(CardRefused):
        ask(db_engine, keys, rich.card.token, 100, pin=rich.wrong_pin)
    ask(db_engine, keys, rich.card.token, 100, pin=rich.card.pin)
    desk = {
        "territory_id": TERRITORY_ID,
        "card_id": rich.card.card_id,
        "keyring": keys,
        "actor": AGENT,
        "now": made.NOW,
    }
    transact(db_engine, choose_pin, pin="7305", **desk)
    assert counters(db_engine) == (5, 500)
    with pytest.raises(PinRequired):
        ask(db_engine, keys, rich.card.token, 100)
    pay(world, ask(db_engine, keys, rich.card.token, 100, pin="7305"), 100)
    assert counters(db_engine) == (0, 0)
