"""What looks wrong in a world and is not: each is legitimate, or was put right within the month."""

import datetime

from merchants.model import PayoutLine
from monnaie_locale.reconciliation.differences.model import DifferenceKind as Kind
from monnaie_locale.reconciliation.differences.model import DifferenceState as State
from monnaie_locale.reconciliation.expectations import TOP_UP_REFERENCE
from monnaie_locale.reconciliation.model import Item, Resolution
from tests.factories.month import BankLine, moment
from tests.worlds.faults import CHARGES, RETURNED, Fault, new_iban, reject, transfer
from tests.worlds.living import DEBIT, SOON, Expected, ExpectedProposal, Life, debited
from tests.worlds.town import october


def rejected_and_paid_again(life: Life) -> None:
    """The bank rejects a transfer and debits nothing; the next order pays the shop."""
    shop = life.shop()
    life.hooks["paid0"].append(lambda: reject(life, shop))
    life.debits[0, shop.id] = lambda _: []


def bought_twice(life: Life) -> None:
    """Two equal charges of one card at one shop, minutes apart: two purchases."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 900)

    def buy() -> None:
        life.charge(card, shop, cents)
        life.now += datetime.timedelta(seconds=life.rng.randint(91, 900))
        life.charge(card, shop, cents)

    life.hooks["till"].append(buy)


def two_in_the_queue(life: Life) -> None:
    """Two cards pay the same amount at one shop, seconds apart."""
    shop, cards, cents = life.shop(), (life.card(), life.card()), life.rng.randint(120, 900)

    def queue() -> None:
        for card in cards:
            life.charge(card, shop, cents)
            life.now += datetime.timedelta(seconds=5)

    life.hooks["till"].append(queue)


def next_door(life: Life) -> None:
    """One card pays the same amount in two shops, seconds apart."""
    shops, card, cents = (life.shop(), life.shop()), life.card(), life.rng.randint(120, 900)

    def walk() -> None:
        for shop in shops:
            life.charge(card, shop, cents)
            life.now += datetime.timedelta(seconds=30)

    life.hooks["till"].append(walk)


def same_key_again(life: Life) -> None:
    """The till asks again under the same key, having lost the answer: one charge."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 900)

    def ask() -> None:
        for _ in range(2):
            life.charge(card, shop, cents, idempotency_key=f"same-{shop.id}")
            life.now += datetime.timedelta(seconds=3)

    life.hooks["till"].append(ask)


def scan_given_back(life: Life) -> None:
    """Scanned twice within seconds, and the shop gives one back: explained."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 900)

    def scan() -> None:
        life.charge(card, shop, cents)
        life.now += datetime.timedelta(seconds=8)
        second = life.charge(card, shop, cents)
        life.now += datetime.timedelta(minutes=3)
        life.refund(shop, second, None)
        life.truth.append(lambda: Expected(Kind.DOUBLE_SCAN, f"entry:{second.entry_id}", cents, State.EXPLAINED))

    life.hooks["till"].append(scan)


def late_offline_charge(life: Life) -> None:
    """A charge of the purse's last day that comes in two days later."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 900)

    def come_in() -> None:
        last_minute = datetime.datetime.combine(SOON, datetime.time(20, 59), datetime.UTC)
        now, life.now = life.now, moment(18, hour=8)
        life.charge(card, shop, cents, happened_at=last_minute)
        life.now = now

    life.hooks["till"].insert(0, come_in)


def refunded_in_two(life: Life) -> None:
    """A charge given back whole, in two refunds."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(200, 900)

    def give_back() -> None:
        receipt = life.charge(card, shop, cents)
        life.refund(shop, receipt, 150)
        life.refund(shop, receipt, cents - 150)

    life.hooks["till"].append(give_back)


def fee_made_good(life: Life) -> None:
    """The bank's charges and the issuer's complement, on one statement."""
    cents = life.rng.randint(100, 999)
    life.bank += [
        BankLine(cents=-cents, on=october(16), text="FRAIS DE TENUE DE COMPTE", code=CHARGES),
        BankLine(cents=cents, on=october(17), text=TOP_UP_REFERENCE),
    ]


def fee_equal_to_a_payout(life: Life) -> None:
    """Charges of exactly a transfer's amount, made good."""
    shop = life.shop()

    def both(line: PayoutLine) -> list[BankLine]:
        cents = line.amount_cents
        life.bank += [
            BankLine(cents=-cents, on=october(26), text="FRAIS VIREMENTS", code=CHARGES),
            BankLine(cents=cents, on=october(27), text=TOP_UP_REFERENCE),
        ]
        return [debited(line, 26)]

    life.debits[0, shop.id] = both


def two_shops_of_one_amount(life: Life) -> None:
    """Two shops are paid the same amount on the same day."""
    shops, cents = (life.shop(), life.shop()), life.rng.randint(300, 900)
    card = life.card()
    life.exact |= {shop.id for shop in shops}

    def sell() -> None:
        for shop in shops:
            life.charge(card, shop, cents)
            life.now += datetime.timedelta(minutes=20)

    life.hooks["till"].append(sell)


def return_paid_again(life: Life) -> None:
    """A transfer comes back, the shop gives its new account, and the second payout pays it: explained."""
    shop = life.shop()

    def come_back() -> None:
        line = life.line(0, shop)
        life.bank.append(BankLine(cents=line.amount_cents, on=october(28), end_to_end_id=line.end_to_end_id,
                                  return_reason="AC04", code=RETURNED))  # fmt: skip

    life.hooks["before1"].append(come_back)
    life.hooks["later"].append(lambda: new_iban(life, shop))
    life.truth.append(
        lambda: Expected(
            Kind.PAYOUT_RETURNED, transfer(life.line(0, shop)), life.line(0, shop).amount_cents, State.EXPLAINED
        )
    )


def iban_changed_after(life: Life) -> None:
    """The shop's account changes two days after the debit."""
    shop = life.shop()
    life.hooks["later"].append(lambda: new_iban(life, shop))


def iban_changed_before(life: Life) -> None:
    """The shop's account changes before the order, which copies the new one."""
    shop = life.shop()
    life.hooks["till"].append(lambda: new_iban(life, shop))


def funding_in_two(life: Life) -> None:
    """The second funding comes in two payments that carry its reference: proposed, and accepted."""
    life.second_funding_comes = False
    order, first = life.town.second_order, life.rng.randint(10_000, 50_000)
    lines = [
        BankLine(cents=cents, on=on, text=f"CCAS {order.reference}")
        for cents, on in ((first, october(8)), (order.amount_cents - first, october(13)))
    ]
    life.bank += lines
    item = Item(kind=Resolution.FUNDING, reference=order.reference, amount_cents=order.amount_cents)
    life.proposals.append(lambda: ExpectedProposal(frozenset(map(life.subject, lines)), (item,)))


def funding_without_reference(life: Life) -> None:
    """The second funding comes without its reference, for its exact amount: proposed, and accepted."""
    life.second_funding_comes = False
    order = life.town.second_order
    line = BankLine(cents=order.amount_cents, on=october(9), text="TRESOR PUBLIC")
    life.bank.append(line)
    item = Item(kind=Resolution.FUNDING, reference=order.reference, amount_cents=order.amount_cents)
    life.proposals.append(lambda: ExpectedProposal(frozenset({life.subject(line)}), (item,)))


def one_line_for_all(life: Life) -> None:
    """The second payout is debited as one line that names nothing: proposed, and accepted."""
    life.is_batched = True
    for _ in range(2):
        life.later_shop()

    def items() -> tuple[Item, ...]:
        return tuple(
            Item(kind=Resolution.PAYOUT_SETTLED, reference=line.end_to_end_id, amount_cents=line.amount_cents)
            for line in life.payouts[1].lines
        )

    life.proposals.append(
        lambda: ExpectedProposal(
            frozenset({life.subject(next(line for line in life.bank if line.text == "VIR SEPA EMIS"))}), items()
        )
    )


def one_line_for_two(life: Life) -> None:
    """Two transfers of the first payout are debited as one line that names nothing: proposed, and accepted."""
    shops = (life.shop(), life.shop())
    joint: list[BankLine] = []
    for shop in shops:
        life.debits[0, shop.id] = lambda _: []

    def book() -> None:
        cents = sum(life.line(0, shop).amount_cents for shop in shops)
        joint.append(BankLine(cents=-cents, on=october(27), text="VIR SEPA", code=DEBIT))
        life.bank.append(joint[0])

    def items() -> tuple[Item, ...]:
        return tuple(
            Item(kind=Resolution.PAYOUT_SETTLED, reference=line.end_to_end_id, amount_cents=line.amount_cents)
            for line in life.payouts[0].lines
            if line.merchant_id in {shop.id for shop in shops}
        )

    life.hooks["paid0"].append(book)
    life.proposals.append(lambda: ExpectedProposal(frozenset({life.subject(joint[0])}), items()))


def in_two_debits(life: Life) -> None:
    """A transfer is debited in two lines that carry its reference: proposed, and accepted."""
    shop = life.shop()
    halves: list[BankLine] = []

    def debit(line: PayoutLine) -> list[BankLine]:
        halves.extend(debited(line, 26, cents=cents) for cents in (100, line.amount_cents - 100))
        return halves

    life.debits[0, shop.id] = debit
    life.proposals.append(
        lambda: ExpectedProposal(
            frozenset(map(life.subject, halves)),
            (
                Item(
                    kind=Resolution.PAYOUT_SETTLED, reference=life.line(0, shop).end_to_end_id,
                    amount_cents=life.line(0, shop).amount_cents,
                ),
            ),
        )
    )  # fmt: skip


def doubled_and_corrected(life: Life) -> None:
    """A transfer is debited twice and the bank gives one back: proposed, and accepted."""
    shop = life.shop()
    wrong: list[BankLine] = []

    def debit(line: PayoutLine) -> list[BankLine]:
        wrong.extend(
            [
                debited(line, 26),
                BankLine(cents=line.amount_cents, on=october(28), end_to_end_id=line.end_to_end_id, text="ANNULATION"),
            ]
        )
        return [debited(line, 26), *wrong]

    life.debits[0, shop.id] = debit
    life.proposals.append(
        lambda: ExpectedProposal(
            frozenset(map(life.subject, wrong)),
            (Item(kind=Resolution.BANK_CORRECTION, amount_cents=wrong[1].cents),),
        )
    )


LOOKALIKES: tuple[Fault, ...] = (
    bought_twice,
    two_in_the_queue,
    next_door,
    same_key_again,
    scan_given_back,
    late_offline_charge,
    refunded_in_two,
    fee_made_good,
    fee_equal_to_a_payout,
    two_shops_of_one_amount,
    return_paid_again,
    iban_changed_after,
    iban_changed_before,
    funding_in_two,
    funding_without_reference,
    one_line_for_all,
    in_two_debits,
    one_line_for_two,
    doubled_and_corrected,
    rejected_and_paid_again,
)
# Only one of each happens in a world: they speak of the same funding, order or charges made good.
EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "funding_late", "funding_of_another_amount", "funding_repeated", "funding_in_two",
            "funding_without_reference",
        }
    ),
    frozenset({"in_transit", "one_line_for_all"}),
    frozenset({"bank_fee", "line_dropped", "fee_made_good", "fee_equal_to_a_payout"}),
    frozenset({"unusual_fee", "unknown_debit", "strangers_that_cancel"}),
    frozenset({"unknown_credit", "strangers_that_cancel", "funding_without_reference"}),
)  # fmt: skip
