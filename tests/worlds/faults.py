"""What goes wrong in a world. Each fault happens once, to a shop or a card of its own, and tells the truth apart."""

import datetime
from collections.abc import Callable

from merchants.model import Merchant, PayoutLine
from merchants.shops.operations import change_iban
from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.reconciliation.differences.model import DifferenceKind as Kind
from monnaie_locale.reconciliation.differences.model import DifferenceState as State
from monnaie_locale.reconciliation.model import Item, Resolution
from tests.factories.ledger import TERRITORY_ID
from tests.factories.merchants import iban
from tests.factories.month import MAKER, BankLine, statement_xml
from tests.factories.pain002 import status_report
from tests.worlds.living import SOON, Expected, ExpectedProposal, Life, debited, refused
from tests.worlds.town import october

RETURNED = ("PMNT", "ICDT", "RRTN")
CHARGES = ("ACMT", "MDOP", "CHRG")
Fault = Callable[[Life], None]


def transfer(line: PayoutLine) -> str:
    """Return a transfer as a difference names it."""
    return f"transfer:{line.end_to_end_id}"


def in_transit(life: Life) -> None:
    """The second payout's transfer is not debited by the end of the month."""
    shop = life.later_shop()
    life.debits[1, shop.id] = lambda _: []
    life.truth.append(
        lambda: Expected(Kind.PAYOUT_IN_TRANSIT, transfer(life.line(1, shop)), life.line(1, shop).amount_cents)
    )


def returned(life: Life) -> None:
    """AC01 or AC04 days after the debit, and nobody has paid the shop again."""
    shop = life.shop()
    life.hooks["before2"].append(lambda: _give_back(life, shop))
    life.truth.append(
        lambda: Expected(Kind.PAYOUT_RETURNED, transfer(life.line(0, shop)), life.line(0, shop).amount_cents)
    )


def _give_back(life: Life, shop: Merchant) -> None:
    line = life.line(0, shop)
    life.bank.append(
        BankLine(
            cents=line.amount_cents, on=october(life.rng.choice([29, 30, 31])), end_to_end_id=line.end_to_end_id,
            return_reason=life.rng.choice(["AC01", "AC04"]), code=RETURNED,
        )
    )  # fmt: skip


def return_not_said(life: Life) -> None:
    """A transfer comes back without being said to be a return: proposed, accepted, and the shop is not paid again."""
    shop = life.shop()
    lines: list[BankLine] = []

    def come_back() -> None:
        line = life.line(0, shop)
        lines.append(BankLine(cents=line.amount_cents, on=october(30), end_to_end_id=line.end_to_end_id))
        life.bank.append(lines[0])

    life.hooks["before2"].append(come_back)
    life.truth.append(
        lambda: Expected(Kind.PAYOUT_RETURNED, transfer(life.line(0, shop)), life.line(0, shop).amount_cents)
    )
    life.proposals.append(
        lambda: ExpectedProposal(
            frozenset({life.subject(lines[0])}),
            (
                Item(
                    kind=Resolution.PAYOUT_RETURNED, reference=life.line(0, shop).end_to_end_id,
                    amount_cents=life.line(0, shop).amount_cents,
                ),
            ),
        )
    )  # fmt: skip


def return_of_nothing(life: Life) -> None:
    """A return whose reference is not ours."""
    line = BankLine(cents=life.rng.randint(1_001, 1_999), on=october(30), end_to_end_id="AUTRE-1",
                    return_reason="AC04", code=RETURNED)  # fmt: skip
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.RETURN_UNMATCHED, life.subject(line), line.cents))


def short_return(life: Life) -> None:
    """A return from which the other bank has kept its fee."""
    shop, kept = life.shop(), life.rng.randint(1, 9)
    lines: list[BankLine] = []

    def come_back() -> None:
        line = life.line(0, shop)
        lines.append(BankLine(cents=line.amount_cents - kept, on=october(31), end_to_end_id=line.end_to_end_id,
                              return_reason="AC04", code=RETURNED))  # fmt: skip
        life.bank.append(lines[0])

    life.hooks["before2"].append(come_back)
    life.truth.append(lambda: Expected(Kind.RETURN_UNMATCHED, life.subject(lines[0]), lines[0].cents))


def bank_fee(life: Life) -> None:
    """The bank takes its charges from the reserve."""
    line = BankLine(
        cents=-life.rng.randint(100, 999), on=october(life.rng.choice([20, 30])), text="FRAIS", code=CHARGES
    )
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.BANK_CHARGE, f"entry:{life.matched(line).entry_id}", -line.cents))


def unusual_fee(life: Life) -> None:
    """Charges too high to be sure."""
    line = BankLine(cents=-life.rng.randint(50_001, 60_000), on=october(28), text="COMMISSION", code=CHARGES)
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.DEBIT_UNKNOWN, life.subject(line), -line.cents))
    life.proposals.append(
        lambda: ExpectedProposal(
            frozenset({life.subject(line)}),
            (Item(kind=Resolution.BANK_CHARGE, amount_cents=-line.cents),),
            is_right=False,
        )
    )


def funding_late(life: Life) -> None:
    """The second funding does not come."""
    life.second_funding_comes = False
    order = life.town.second_order
    life.truth.append(lambda: Expected(Kind.FUNDING_LATE, f"funding:{order.reference}", order.amount_cents))


def funding_of_another_amount(life: Life) -> None:
    """The second funding comes, for another amount."""
    life.second_funding_comes = False
    order = life.town.second_order
    cents = order.amount_cents + life.rng.choice([-100, 100, -9, 90_000])
    line = BankLine(cents=cents, on=october(9), text=f"CCAS {order.reference}")
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.FUNDING_WRONG_AMOUNT, life.subject(line), cents))


def funding_repeated(life: Life) -> None:
    """The second funding comes twice."""
    order = life.town.second_order
    line = BankLine(cents=order.amount_cents, on=october(15), text=f"VIR CCAS {order.reference} BIS")
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.FUNDING_REPEATED, life.subject(line), line.cents))


def double_scan(life: Life) -> None:
    """The till scans twice within seconds, under two keys."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 900)

    def scan() -> None:
        life.charge(card, shop, cents)
        life.now += datetime.timedelta(seconds=life.rng.randint(2, 60))
        second = life.charge(card, shop, cents)
        life.truth.append(lambda: Expected(Kind.DOUBLE_SCAN, f"entry:{second.entry_id}", cents))

    life.hooks["till"].append(scan)


def expired_purse(life: Life) -> None:
    """An entry takes money from a purse after its last day: the service refuses that, the journal alone does not."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 900)

    def spend() -> None:
        world = life.world
        draw = Draw((world.purse(card.wallet_id, expires_on=SOON),), world.shop(shop.id), cents)
        posted = world.do(EntryKind.CHARGE, draw, happened_at_ms=instant_ms(life.now))
        life.truth.append(lambda: Expected(Kind.EXPIRED_PURSE_CHARGED, f"entry:{posted.entry.entry_id}", cents))

    life.hooks["till"].append(spend)


def refund_above(life: Life) -> None:
    """More is given back than was paid: the service refuses that, the journal alone does not."""
    shop, card, cents = life.shop(), life.card(), life.rng.randint(120, 500)
    above = life.rng.randint(1, 50)

    def give_back() -> None:
        receipt = life.charge(card, shop, cents)
        life.now += datetime.timedelta(minutes=2)
        life.refund(shop, receipt, cents - 10)
        world = life.world
        draw = Draw((world.shop(shop.id),), world.purse(card.wallet_id), 10 + above)
        posted = world.do(
            EntryKind.REFUND, draw, happened_at_ms=instant_ms(life.now), reference=f"CHARGE:{receipt.entry_id}"
        )
        life.truth.append(lambda: Expected(Kind.REFUND_ABOVE_CHARGE, f"entry:{posted.entry.entry_id}", above))

    life.hooks["till"].append(give_back)


def iban_changed(life: Life) -> None:
    """The shop's account changes between the order and the debit."""
    shop = life.shop()
    life.hooks["paid0"].append(lambda: new_iban(life, shop))
    life.truth.append(
        lambda: Expected(Kind.IBAN_CHANGED, transfer(life.line(0, shop)), life.line(0, shop).amount_cents)
    )


def new_iban(life: Life, shop: Merchant) -> None:
    """Change where a shop is paid."""
    transact(
        life.engine, change_iban, territory_id=TERRITORY_ID, merchant_id=shop.id, iban=iban(900 + shop.id),
        actor=MAKER, now=life.now,
    )  # fmt: skip


def entry_missing(life: Life) -> None:
    """One transfer of an order is not on the statement that has all the others."""
    shop = life.shop()
    life.debits[0, shop.id] = lambda _: []
    life.truth.append(
        lambda: Expected(Kind.STATEMENT_ENTRY_MISSING, transfer(life.line(0, shop)), life.line(0, shop).amount_cents)
    )


def line_dropped(life: Life) -> None:
    """The bank's first file lacks a line of its own balance: refused, then the right one comes."""
    dropped = BankLine(cents=-life.rng.randint(101, 199), on=october(14), text="FRAIS DE DOSSIER", code=CHARGES)
    life.bank.append(dropped)
    life.truth.append(lambda: Expected(Kind.BANK_CHARGE, f"entry:{life.matched(dropped).entry_id}", -dropped.cents))
    life.truth.append(
        lambda: Expected(
            Kind.STATEMENT_ENTRY_MISSING, _refusal(life, "statement_does_not_add_up"), -dropped.cents, State.EXPLAINED
        )
    )

    def send_short() -> None:
        content = statement_xml(
            identifier="REL-COURT", opening=life.opening_cents, closing=life.opening_cents + dropped.cents,
            from_on=october(11), to_on=october(28),
        )  # fmt: skip
        refused(life, content, "statement_does_not_add_up")

    life.hooks["before1"].append(send_short)


def statement_twice(life: Life) -> None:
    """The same file is imported again."""
    life.hooks["after1"].append(lambda: refused(life, life.files[1], "statement_already_imported"))
    life.truth.append(
        lambda: Expected(Kind.STATEMENT_REPEATED, _refusal(life, "statement_already_imported"), 0, State.EXPLAINED)
    )


def statement_renamed(life: Life) -> None:
    """The same lines come again under another number."""
    life.hooks["after1"].append(
        lambda: refused(life, life.files[1].replace(b"REL-1", b"REL-BIS"), "statement_repeated")
    )
    life.truth.append(
        lambda: Expected(Kind.STATEMENT_REPEATED, _refusal(life, "statement_repeated"), 0, State.EXPLAINED)
    )


def _refusal(life: Life, code: str) -> str:
    return f"refusal:{life.refusals.index(code) + 1}"


def payout_doubled(life: Life) -> None:
    """The bank debits a transfer twice."""
    shop = life.shop()
    twice: list[BankLine] = []

    def both(line: PayoutLine) -> list[BankLine]:
        twice.append(debited(line, 27))
        return [debited(line, 26), twice[0]]

    life.debits[0, shop.id] = both
    life.truth.append(lambda: Expected(Kind.PAYOUT_DOUBLED, life.subject(twice[0]), -twice[0].cents))


def rejected_and_debited(life: Life) -> None:
    """The bank rejects a transfer, then debits it all the same: the shop is not paid again meanwhile."""
    shop, lines = life.shop(), []  # type: ignore[var-annotated]

    def debit(line: PayoutLine) -> list[BankLine]:
        lines.append(debited(line, 27))
        return lines

    life.hooks["paid0"].append(lambda: reject(life, shop))
    life.debits[0, shop.id] = debit
    life.truth.append(lambda: Expected(Kind.PAYOUT_REJECTED_DEBITED, life.subject(lines[0]), -lines[0].cents))


def reject(life: Life, shop: Merchant) -> None:
    """Let the bank answer that it does not execute the first transfer to a shop."""
    payments = [(life.line(0, shop).end_to_end_id, "RJCT", "AC04")]
    life.import_(status_report(group="PART", payments=payments, order=life.payouts[0].message_id))


def amounts_that_cancel(life: Life) -> None:
    """One transfer is debited for too much, another for as much too little: every total is right."""
    shops, off = (life.shop(), life.shop()), life.rng.randint(20, 90)
    lines: dict[int, BankLine] = {}

    def wrong(sign: int, place: int) -> Callable[[PayoutLine], list[BankLine]]:
        def debit(line: PayoutLine) -> list[BankLine]:
            lines[place] = debited(line, 26, cents=line.amount_cents + sign * off)
            return [lines[place]]

        return debit

    for place, sign in enumerate((1, -1)):
        life.debits[0, shops[place].id] = wrong(sign, place)
        life.truth.append(
            lambda place=place: Expected(
                Kind.PAYOUT_WRONG_AMOUNT, life.subject(lines[place]), -lines[place].cents,
                cancels_with=life.subject(lines[1 - place]),
            )
        )  # fmt: skip
    life.proposals.append(
        lambda: ExpectedProposal(
            frozenset({life.subject(lines[0])}),
            (
                Item(
                    kind=Resolution.PAYOUT_SETTLED, reference=life.line(0, shops[0]).end_to_end_id,
                    amount_cents=life.line(0, shops[0]).amount_cents,
                ),
                Item(kind=Resolution.BANK_CHARGE, amount_cents=off),
            ),
            is_right=False,
        )
    )  # fmt: skip


def strangers_that_cancel(life: Life) -> None:
    """An unknown debit and an unknown credit of the same amount."""
    cents = 2 * life.rng.randint(600_000, 700_000) + 1
    debit = BankLine(cents=-cents, on=october(18), text="PRLV INCONNU", code=("PMNT", "RDDT", "ESDD"))
    credit = BankLine(cents=cents, on=october(19), text="VIREMENT INCONNU")
    life.bank += [debit, credit]
    life.truth += [
        lambda: Expected(Kind.DEBIT_UNKNOWN, life.subject(debit), cents, cancels_with=life.subject(credit)),
        lambda: Expected(Kind.CREDIT_UNKNOWN, life.subject(credit), cents, cancels_with=life.subject(debit)),
    ]


def unknown_credit(life: Life) -> None:
    """A credit that names nothing."""
    line = BankLine(cents=2 * life.rng.randint(50_000, 59_000), on=october(21), text="DON ANONYME")
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.CREDIT_UNKNOWN, life.subject(line), line.cents))


def unknown_debit(life: Life) -> None:
    """A debit that names nothing, with a bank's code or with none that says anything."""
    code = life.rng.choice([("PMNT", "RDDT", "ESDD"), ("PMNT", "OTHR", "OTHR")])
    line = BankLine(cents=-2 * life.rng.randint(50_000, 59_000), on=october(22), text="PRLV", code=code)
    life.bank.append(line)
    life.truth.append(lambda: Expected(Kind.DEBIT_UNKNOWN, life.subject(line), -line.cents))


FAULTS: tuple[Fault, ...] = (
    in_transit,
    returned,
    return_of_nothing,
    short_return,
    bank_fee,
    unusual_fee,
    funding_late,
    funding_of_another_amount,
    funding_repeated,
    double_scan,
    expired_purse,
    refund_above,
    iban_changed,
    entry_missing,
    line_dropped,
    statement_twice,
    statement_renamed,
    payout_doubled,
    amounts_that_cancel,
    strangers_that_cancel,
    unknown_credit,
    unknown_debit,
    return_not_said,
    rejected_and_debited,
)
