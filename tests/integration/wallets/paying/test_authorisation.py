"""May this card pay here: each refusal, in its fixed order, and the right purses in the right order."""

import datetime
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import purses_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes.model import Category, PinRule, Programme
from tests.factories import programmes as made
from tests.factories.ledger import EXPIRES_ON, TERRITORY_ID, World, open_world
from tests.factories.programmes import NOW, TODAY
from tests.factories.wallets import AGENT, HOST, CountingKeyring, Holder, ask, holder, keyring, pay, random_bytes
from wallets import errors
from wallets.codes.card_token import card_url, draw_card_number, draw_token
from wallets.operations.cards import block_card, replace_card, reset_pin
from wallets.paying.authorisation import look_up

SOON = datetime.date(2026, 10, 31)
TOWN = {"territory_id": TERRITORY_ID}


@dataclass
class Town:
    """A holder with food money: 30 € until the end of October, 70 € until the end of the year."""

    engine: Engine
    world: World
    keys: CountingKeyring
    holder: Holder
    food: Programme

    def ask(self, amount_cents: int = 1_000, code: str | None = None, **more: object) -> object:
        return ask(self.engine, self.keys, self.holder.card.token if code is None else code, amount_cents, **more)  # type: ignore[arg-type]

    def refusal(self, amount_cents: int = 1_000, code: str | None = None, **more: object) -> Refusal:
        with pytest.raises(Refusal) as refused:
            self.ask(amount_cents, code, **more)
        return refused.value

    def give(self, programme_id: int, amount_cents: int, expires_on: datetime.date) -> None:
        lines = [(self.holder.wallet.wallet_id, amount_cents)]
        made.distributed(self.engine, programme_id, lines, expires_on=expires_on)


@pytest.fixture
def town(db_engine: Engine) -> Town:
    world = open_world(db_engine)
    keys = keyring()
    food = made.programme(db_engine)
    given = Town(db_engine, world, keys, holder(db_engine, keys), food)
    given.give(food.programme_id, 7_000, EXPIRES_ON)
    given.give(food.programme_id, 3_000, SOON)
    return given


def test_the_purse_that_expires_first_pays_first(town: Town) -> None:
    authorised = town.ask(4_500, pin=town.holder.card.pin)
    with reading(town.engine) as db:
        purses = purses_of(db, **TOWN, wallet_id=town.holder.wallet.wallet_id)
    assert authorised.purse_account_ids == tuple(purse.account_id for purse in purses)
    assert [purse.expires_on for purse in purses] == [SOON, EXPIRES_ON]
    assert authorised.available_cents == 10_000
    posted = pay(town.world, authorised, 4_500)
    assert [line.amount_cents for line in posted.entry.transfers] == [3_000, 1_500]


@pytest.mark.parametrize("spelling", ["url", "URL", "token", "lower", "number", "spaced"])
def test_a_card_is_known_by_its_address_its_code_or_its_number(spelling: str, town: Town) -> None:
    card = town.holder.card
    address = card_url(host=HOST, token=card.token)
    shown = f"{card.number[:3]} {card.number[3:6]} {card.number[6:9]} {card.number[9:]}"
    code = {
        "url": address.lower(),
        "URL": address,
        "token": card.token,
        "lower": card.token.lower(),
        "number": card.number,
        "spaced": shown,
    }[spelling]
    assert town.ask(500, code, pin=card.pin).card_id == card.card_id


def test_refusals_come_in_their_order(town: Town) -> None:
    card = town.holder.card
    unknown = draw_token(random_bytes)
    assert town.refusal(0, "nonsense").code == "amount_not_positive"
    assert town.refusal(2**53, "nonsense").code == "amount_too_large"
    assert town.refusal(100, "nonsense").code == "card_malformed"
    assert town.refusal(100, f"HTTPS://AILLEURS.FR/W/{card.token}").code == "card_of_another_town"
    assert town.refusal(100, card.number[:-1] + str((int(card.number[-1]) + 1) % 10)).code == "card_malformed"
    assert town.refusal(100, unknown, pin="12a4").code == "pin_malformed"
    assert town.refusal(100, unknown).code == "card_refused"
    # Nothing pays transport here: the PIN comes first all the same.
    assert town.refusal(99_999, category=Category.TRANSPORT).code == "pin_required"
    assert town.refusal(99_999, category=Category.TRANSPORT, pin=town.holder.wrong_pin).code == "card_refused"
    assert town.refusal(99_999, category=Category.TRANSPORT, pin=card.pin).code == "merchant_not_eligible"
    short = town.refusal(99_999, pin=card.pin)
    assert (short.code, short.details["available_cents"]) == ("insufficient_funds", 10_000)


def test_unknown_blocked_and_wrong_pin_get_one_answer_for_one_evaluation(town: Town) -> None:
    card = town.holder.card
    answers = []
    asked = [(draw_token(random_bytes), "1357"), (card.token, town.holder.wrong_pin)]
    for code, pin in asked:
        before = town.keys.evaluations
        refusal = town.refusal(1_000, code, pin=pin)
        answers.append((type(refusal), refusal.details, refusal.sentence(), town.keys.evaluations - before))
    transact(town.engine, block_card, **TOWN, card_id=card.card_id, actor=AGENT, now=NOW)
    before = town.keys.evaluations
    refusal = town.refusal(1_000, pin=card.pin)
    answers.append((type(refusal), refusal.details, refusal.sentence(), town.keys.evaluations - before))
    assert answers == [(errors.CardRefused, {}, errors.CardRefused().sentence(), 1)] * 3


def test_a_typed_number_always_needs_the_pin(town: Town) -> None:
    assert town.refusal(100, town.holder.card.number).code == "pin_required"
    assert town.ask(100).with_pin is False


def test_without_pin_a_number_that_exists_answers_as_one_that_does_not(town: Town) -> None:
    card = town.holder.card
    unknown = next(number for number in (draw_card_number(random_bytes) for _ in range(9)) if number != card.number)

    def answers() -> list[tuple[type[Refusal], dict[str, object], str]]:
        asked = {**TOWN, "host": HOST, "now": NOW, "category": Category.FOOD, "pin": None}
        refused = []
        for number in (card.number, unknown):
            with pytest.raises(Refusal) as left:
                look_up(town.engine, town.keys, **asked, card_code=number)
            refused += [left.value, town.refusal(100, number), town.refusal(99_999, number)]
        return [(type(refusal), refusal.details, refusal.sentence()) for refusal in refused]

    same = [(errors.PinRequired, {}, errors.PinRequired().sentence())] * 6
    assert answers() == same
    for _ in range(5):
        assert town.refusal(1_000, pin=town.holder.wrong_pin).code == "card_refused"
    assert answers() == same, "locked"
    transact(town.engine, block_card, **TOWN, card_id=card.card_id, actor=AGENT, now=NOW)
    assert answers() == same, "blocked"


def test_a_programme_that_asks_above_an_amount_asks_above_it(town: Town) -> None:
    assert town.ask(2_000).with_pin is False
    assert town.refusal(2_001).code == "pin_required"
    assert town.ask(2_001, pin=town.holder.card.pin).with_pin is True


def test_a_programme_that_always_asks_always_asks(town: Town) -> None:
    transport = made.transport(town.engine)
    town.give(transport.programme_id, 1_000, EXPIRES_ON)
    assert town.refusal(1, category=Category.TRANSPORT).code == "pin_required"
    assert town.ask(1, category=Category.TRANSPORT, pin=town.holder.card.pin).available_cents == 1_000


def test_the_rule_of_a_purse_that_is_not_drawn_does_not_count(town: Town) -> None:
    strict = made.programme(town.engine, "Strict", pin_rule=PinRule.ALWAYS)
    town.give(strict.programme_id, 1_000, datetime.date(2027, 3, 31))
    assert town.ask(1_500).with_pin is False


def test_when_the_books_draw_on_a_purse_that_asks_the_posting_is_refused(town: Town) -> None:
    strict = made.programme(town.engine, "Strict", pin_rule=PinRule.ALWAYS)
    town.give(strict.programme_id, 1_000, datetime.date(2027, 3, 31))
    small = town.ask(1_500)
    for _ in range(2):
        pay(town.world, town.ask(5_000, pin=town.holder.card.pin), 4_500)
    with pytest.raises(errors.PinRequired):
        pay(town.world, small, 1_500)


def test_expired_units_are_said_to_be_expired(town: Town) -> None:
    last_day = datetime.datetime(2026, 12, 31, 22, 59, tzinfo=datetime.UTC)
    assert town.ask(100, now=last_day).available_cents == 7_000
    late = town.refusal(100, now=last_day + datetime.timedelta(minutes=1))
    assert late.code == "purse_expired"
    assert "31/12/2026" in late.sentence()


def test_a_shop_of_another_kind_is_told_what_the_card_pays(town: Town) -> None:
    refusal = town.refusal(100, category=Category.CULTURE)
    assert refusal.code == "merchant_not_eligible"
    assert "Culture et loisirs" in refusal.sentence()
    assert "Alimentation, Hygiène" in refusal.sentence()


def test_a_card_without_any_purse_has_nothing_left(town: Town) -> None:
    empty = holder(town.engine, town.keys, "M-VIDE")
    refusal = town.refusal(100, empty.card.token)
    assert (refusal.code, refusal.details["available_cents"]) == ("insufficient_funds", 0)


def test_what_is_left_is_told_per_kind_of_shop(town: Town) -> None:
    asked = {**TOWN, "host": HOST, "now": NOW}
    left = look_up(town.engine, town.keys, **asked, card_code=town.holder.card.token, category=Category.FOOD, pin=None)
    assert [(purse.programme_name, purse.balance_cents) for purse in left.purses] == [
        ("Aide alimentaire", 3_000),
        ("Aide alimentaire", 7_000),
    ]
    assert left.available_cents == 10_000
    with pytest.raises(errors.PinRequired):
        look_up(town.engine, town.keys, **asked, card_code=town.holder.card.number, category=Category.FOOD, pin=None)


def test_the_old_card_stops_at_once_and_the_new_one_has_the_balance(town: Town) -> None:
    asked = {**TOWN, "keyring": town.keys, "random_bytes": random_bytes, "actor": AGENT, "now": NOW}
    new = transact(town.engine, replace_card, card_id=town.holder.card.card_id, **asked)
    assert town.refusal(100).code == "card_refused"
    assert town.ask(100, new.token).available_cents == 10_000
    with pytest.raises(errors.CardEnded):
        transact(town.engine, replace_card, card_id=town.holder.card.card_id, **asked)


def test_a_card_blocked_after_the_authorisation_does_not_pay(town: Town) -> None:
    authorised = town.ask(100)
    transact(town.engine, block_card, **TOWN, card_id=town.holder.card.card_id, actor=AGENT, now=NOW)
    with pytest.raises(errors.CardRefused):
        pay(town.world, authorised, 100)
    with pytest.raises(errors.CardEnded):
        transact(town.engine, block_card, **TOWN, card_id=town.holder.card.card_id, actor=AGENT, now=NOW)


def test_a_new_pin_replaces_the_old_one_and_gives_the_tries_back(town: Town) -> None:
    for _ in range(5):
        assert town.refusal(1_000, pin=town.holder.wrong_pin).code == "card_refused"
    assert town.refusal(1_000, pin=town.holder.card.pin).code == "pin_locked"
    assert town.refusal(1_000).code == "pin_locked"
    asked = {**TOWN, "keyring": town.keys, "random_bytes": random_bytes, "actor": AGENT, "now": NOW}
    new = transact(town.engine, reset_pin, card_id=town.holder.card.card_id, **asked)
    assert town.ask(1_000, pin=new.pin).with_pin is True


def test_today_is_the_day_in_paris() -> None:
    assert datetime.date(2026, 10, 5) == TODAY
