"""A month of the town, lived through the service's own operations; the bank's truth and what is to be found are apart.

 1  fundings announced      11 first statement      12 aid distributed      12-23 charges and refunds
24  first payout prepared   25 approved             26-27 debited           29 second statement (11 to 28)
29  later charges           30 second payout        31 debited              2 November third statement (29 to 31)
"""

import datetime
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine

from merchants.charging.charge import charge
from merchants.charging.refund import refund
from merchants.model import Merchant, Payout, PayoutLine, Receipt
from merchants.payouts import operations as payouts
from monnaie_locale.database.transaction import transact
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes.operations.distributing import approve_distribution, prepare_distribution
from monnaie_locale.programmes.operations.paying_out import post_distribution
from monnaie_locale.reconciliation.differences.model import DifferenceKind, DifferenceState
from monnaie_locale.reconciliation.differences.operations import import_noting_refusals
from monnaie_locale.reconciliation.model import Item, StoredMatch
from tests.factories.ledger import TERRITORY_ID, World, territory
from tests.factories.month import CHECKER, MAKER, BankLine, moment, statement_xml
from tests.worlds.town import Town, october
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard

DEBIT = ("PMNT", "ICDT", "ESCT")
SOON = october(16)
LATER = datetime.date(2026, 12, 31)
PERIODS = ((1, 10, moment(11)), (11, 28, moment(29, hour=7)), (29, 31, moment(2, 11)))
FIRST_MOMENT = moment(5)
Hook = Callable[[], None]
Debits = Callable[[PayoutLine], list[BankLine]]


@dataclass(frozen=True, order=True)
class Expected:
    """A difference that is there to be found, exactly."""

    kind: DifferenceKind
    subject: str
    amount_cents: int
    state: DifferenceState = DifferenceState.OPEN
    cancels_with: str = ""


@dataclass(frozen=True)
class ExpectedProposal:
    """What must be proposed about some lines, and whether it is right: then the accountant accepts it."""

    subjects: frozenset[str]
    items: tuple[Item, ...]
    is_right: bool = True


@dataclass
class Life:
    """One world; what happens in it is told to `bank` and, apart, to `truth`."""

    engine: Engine
    town: Town
    rng: random.Random
    writer: Writer
    now: datetime.datetime = FIRST_MOMENT
    bank: list[BankLine] = field(default_factory=list)
    truth: list[Callable[[], Expected]] = field(default_factory=list)
    proposals: list[Callable[[], ExpectedProposal]] = field(default_factory=list)
    hooks: dict[str, list[Hook]] = field(default_factory=lambda: defaultdict(list))
    debits: dict[tuple[int, int], Debits] = field(default_factory=dict)
    imported: dict[int, StoredMatch] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)
    # The second funding comes on the 8th unless something else happens to it.
    second_funding_comes: bool = True
    # The second payout is one line without a reference: the bank's way of some banks.
    is_batched: bool = False
    opening_cents: int = 0
    keys: int = 0
    refusals: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.free_shops = list(self.town.shops)
        self.free_cards = list(self.town.cards)
        self.rng.shuffle(self.free_shops)
        self.rng.shuffle(self.free_cards)
        # Shops whose sales are decided by what happens to them; the others sell at random.
        self.exact: set[int] = set()
        self.later: list[Merchant] = []
        # The second payout always pays somebody.
        self.later_shop()

    @property
    def world(self) -> World:
        """Return the journal's own factory, for what the service would refuse."""
        world = World(self.engine, now_ms=instant_ms(self.now))
        # Two factories of one world never use the same key.
        self.keys += 1
        world.keys = 1_000_000 + 1_000 * self.keys
        return world

    def shop(self) -> Merchant:
        """Return a shop to which nothing else happens."""
        return self.free_shops.pop()

    def later_shop(self) -> Merchant:
        """Return such a shop that also sells on the 29th, so that the second payout pays it."""
        shop = self.shop()
        self.later.append(shop)
        return shop

    def card(self) -> IssuedCard:
        """Return a card that nobody else uses."""
        return self.free_cards.pop()

    def charge(self, card: IssuedCard, shop: Merchant, cents: int, **more: object) -> Receipt:
        """Charge at the shop's till, by the scanned code."""
        self.keys += 1
        values: dict[str, object] = {"now": self.now, "idempotency_key": f"c{self.keys}"}
        return charge(
            engine=self.engine, keyring=self.town.keyring, writer=self.writer, territory_id=TERRITORY_ID,
            host=territory().host, till=self.town.tills[shop.id],
            card_code=card_url(host=territory().host, token=card.token), amount_cents=cents,
            **(values | more),  # type: ignore[arg-type]
        )  # fmt: skip

    def refund(self, shop: Merchant, receipt: Receipt, cents: int | None) -> Receipt:
        """Give back at the shop's till."""
        self.keys += 1
        return refund(
            engine=self.engine, writer=self.writer, territory_id=TERRITORY_ID, till=self.town.tills[shop.id],
            charge_entry_id=receipt.entry_id, amount_cents=cents, idempotency_key=f"r{self.keys}", now=self.now,
        )  # fmt: skip

    def line(self, number: int, shop: Merchant) -> PayoutLine:
        """Return a shop's transfer in a payout, 0 or 1."""
        return next(line for line in self.payouts[number].lines if line.merchant_id == shop.id)

    def matched(self, line: BankLine) -> StoredMatch:
        """Return what the import made of a line of the bank."""
        return self.imported[id(line)]

    def subject(self, line: BankLine) -> str:
        """Return a line as a difference names it."""
        match = self.matched(line)
        return f"line:{match.bank_statement_id}/{match.line_no}.{match.part_no}"

    def import_(self, content: bytes) -> None:
        """Import a statement as the back office does: a refusal is noted."""
        report = import_noting_refusals(
            self.engine, territory_id=TERRITORY_ID, content=content, actor=MAKER, now=self.now
        )
        self.matches = report.matches


def live(life: Life) -> Life:
    """Live the month."""
    town = life.town
    life.bank.append(BankLine(cents=town.order.amount_cents, on=october(5), text=f"CCAS {town.order.reference}"))
    if life.second_funding_comes:
        second = town.second_order
        life.bank.append(BankLine(cents=second.amount_cents, on=october(8), text=f"CCAS {second.reference}"))
    _statement(life, 0)
    life.now = moment(12, hour=6)
    _distribute(life, LATER, 9_500)
    _distribute(life, SOON, 1_500)
    _sell(life)
    _pay(life, 0, cutoff_on=october(23), prepared=moment(24, hour=16), approved=moment(25), executed=26)
    _statement(life, 1)
    for shop in life.later:
        life.now += datetime.timedelta(minutes=11)
        life.charge(life.town.cards[shop.id % len(town.cards)], shop, life.rng.randint(210, 690))
    _run(life, "later")
    _pay(life, 1, cutoff_on=october(29), prepared=moment(30, hour=7), approved=moment(30, hour=8), executed=31)
    _statement(life, 2)
    return life


def _run(life: Life, phase: str) -> None:
    for hook in life.hooks[phase]:
        hook()


def _distribute(life: Life, expires_on: datetime.date, cents: int) -> None:
    common = {"territory_id": TERRITORY_ID, "now": life.now}
    made = transact(
        life.engine, prepare_distribution, programme_id=1, expires_on=expires_on, label="Aide", actor=MAKER,
        lines=[(card.wallet_id, cents) for card in life.town.cards], **common,
    )  # fmt: skip
    number = {"distribution_id": made.distribution_id, "actor": CHECKER}
    transact(life.engine, approve_distribution, **number, **common)
    post_distribution(life.engine, **number, **common)


def _sell(life: Life) -> None:
    """Let every shop that is not spoken for sell to a card or two, minutes apart; some of it is given back."""
    cards = [card for card in life.town.cards if card in life.free_cards]
    sales = [shop for shop in life.town.shops if shop.id not in life.exact for _ in range(2)]
    life.rng.shuffle(sales)
    life.now = moment(12, hour=8)
    given_back: set[int] = set()
    for number, shop in enumerate(sales):
        life.now += datetime.timedelta(minutes=life.rng.randint(5, 300))
        receipt = life.charge(cards[number % len(cards)], shop, life.rng.randint(250, 990))
        if life.rng.random() < 0.2:
            # Only one of a shop's sales is given back whole: something is left to pay.
            whole = [None] if shop.id not in given_back else []
            cents = life.rng.choice([*whole, 1, 100])
            if cents is None:
                given_back.add(shop.id)
            life.refund(shop, receipt, cents)
    # What happens at the tills happens one after another, on a day of its own.
    life.now = max(life.now, moment(20))
    for hook in life.hooks["till"]:
        life.now += datetime.timedelta(hours=1)
        hook()


def _pay(
    life: Life,
    number: int,
    *,
    cutoff_on: datetime.date,
    prepared: datetime.datetime,
    approved: datetime.datetime,
    executed: int,
) -> None:
    """Order a payout by two people; the bank debits each transfer, unless something happens to it."""
    life.now = prepared
    made = transact(
        life.engine, payouts.prepare_payout, label=f"Octobre {number + 1}", cutoff_on=cutoff_on,
        execution_on=october(executed), actor=MAKER, territory_id=TERRITORY_ID, now=life.now,
    )  # fmt: skip
    life.now = approved
    ordered = transact(
        life.engine, payouts.approve_payout, payout_id=made.id, actor=CHECKER, territory_id=TERRITORY_ID, now=life.now
    )
    life.payouts.append(ordered)
    if number == 1 and life.is_batched:
        life.bank.append(BankLine(cents=-ordered.total_cents, on=october(31), text="VIR SEPA EMIS", code=DEBIT))
    else:
        for line in ordered.lines:
            happens = life.debits.get((number, line.merchant_id))
            life.bank += happens(line) if happens else [debited(line, executed)]
    _run(life, f"paid{number}")


def debited(line: PayoutLine, day: int, *, cents: int | None = None) -> BankLine:
    """Return the debit of a transfer."""
    amount = line.amount_cents if cents is None else cents
    return BankLine(cents=-amount, on=october(day), end_to_end_id=line.end_to_end_id, code=DEBIT)


def _statement(life: Life, number: int) -> None:
    """Write the bank's lines of a period, in their order, and import them."""
    first, last, now = PERIODS[number]
    life.now = max(now, life.now)
    _run(life, f"before{number}")
    lines = sorted((line for line in life.bank if october(first) <= line.on <= october(last)), key=lambda line: line.on)
    content = statement_xml(
        *lines, identifier=f"REL-{number}", opening=life.opening_cents, from_on=october(first), to_on=october(last)
    )
    life.files.append(content)
    life.import_(content)
    by_number = {match.line_no: match for match in life.matches}
    life.imported |= {id(line): by_number[place] for place, line in enumerate(lines, start=1)}
    life.opening_cents += sum(line.cents for line in lines)
    life.now += datetime.timedelta(minutes=30)
    _run(life, f"after{number}")


def refused(life: Life, content: bytes, code: str) -> None:
    """Import a file that must be refused."""
    with pytest.raises(Refusal) as caught:
        life.import_(content)
    assert caught.value.code == code
    life.refusals.append(code)
