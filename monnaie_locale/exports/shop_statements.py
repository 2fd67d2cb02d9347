"""Each shop's monthly statement, read from its accounts."""

import datetime
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

from sqlalchemy import Connection

from merchants.model import Merchant, PayoutLine
from merchants.statements.month import ORDERED_STATES, MonthPaid, Paid, TermsTold, cap_years, paid_by, told_terms
from monnaie_locale.documents.model import MerchantParty, MerchantStatement, StatementLine
from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet, Standing
from monnaie_locale.exports.labels import ENTRY_LABELS
from monnaie_locale.exports.registers import Registers
from monnaie_locale.journal.ledger_lines import SHOP_KINDS, ShopMove, shop_moves
from monnaie_locale.journal.period_balances import balances_at_end
from monnaie_locale.journal.periods import balances_through
from monnaie_locale.journal.queries import accounts_of
from monnaie_locale.ledger.periods import PARIS, Month, moment_of, paris_date

ONE_DAY = datetime.timedelta(days=1)
AMOUNT = "Montant"
STATEMENT_COLUMNS = (
    Column("N°"), Column("Date", Kind.DAY), Column("Heure"), Column("Opération"), Column("Remarque"),
    Column(AMOUNT, Kind.CENTS),
)  # fmt: skip
LATE_NOTE = "reçu le {:%d/%m}"


@dataclass(frozen=True, slots=True)
class ShopMonth:
    """A shop's statement, its code, and what its lines must add up to, in cents, by its accounts' counters."""

    code: str
    statement: MerchantStatement
    control_cents: int


def month_statements(
    db: Connection,
    *,
    registers: Registers,
    month: Month,
    standing: Standing,
    paid: MonthPaid,
) -> Iterator[ShopMonth]:
    """Yield the month of each shop that has something to read: an operation, a payout or a balance.

    What was owed, each operation, what the month's payout pays. The month is read once for all shops.

    Args:
        db: a connection that sees one state of the books.
        registers: the town, its shops.
        month: the month, by the accounting dates.
        standing: the date of the documents, their issuer and the head that they bear.
        paid: what the month's payouts pay, of `paid_in`.

    """
    territory = registers.territory
    territory_id, first, last = territory.territory_id, month.first_day, month.last_day
    opening, closing = _held_by_shops(db, territory_id=territory_id, month=month)
    groups = itertools.groupby(
        shop_moves(db, territory_id=territory_id, first_day=first, last_day=last), key=lambda move: move.merchant_id
    )
    waiting = next(groups, None)
    cap = cap_years(db, territory_id=territory_id, month=month, now=standing.created_at)
    unpaid_terms = told_terms(db, territory_id=territory_id, paid=None, month_paid=paid, now=standing.created_at)
    # Both in the order of the shops' numbers.
    for merchant in registers.merchants:
        moves: list[ShopMove] = []
        if waiting is not None and waiting[0] == merchant.id:
            moves = list(waiting[1])
            waiting = next(groups, None)
        payout = paid.by_shop.get(merchant.id)
        order = None if payout is None else payout.line.order_entry_id
        ordered_cents = sum(move.amount_cents for move in moves if move.entry_id == order)
        lines = tuple(_line(move) for move in moves if move.entry_id != order)
        if lines or payout is not None or opening[merchant.id]:
            statement = MerchantStatement(
                issuer=standing.issuer, merchant=_party(merchant), currency_name=territory.currency_name, month=month,
                opening_cents=opening[merchant.id], lines=lines, cap=tuple(cap[merchant.id]), head=standing.head,
                is_demo=territory.is_demo, **_paid(payout, unpaid_terms),
            )  # fmt: skip
            control_cents = closing[merchant.id] - opening[merchant.id] - ordered_cents
            yield ShopMonth(code=merchant.code, statement=statement, control_cents=control_cents)


class _PaidWords(TypedDict):
    """What a statement says of its transfer, by the names of its fields."""

    payout_cents: int
    payout_on: datetime.date | None
    payout_reference: str
    fee_cents: int
    fee_basis_points: int
    recovered_cents: int
    minimum_cents: int | None


def _paid(paid: Paid | None, unpaid_terms: TermsTold) -> _PaidWords:
    """Return what a statement says of its transfer and of its terms, or of those that leave the shop unpaid."""
    terms = unpaid_terms if paid is None else paid.terms
    return {
        "payout_cents": 0 if paid is None else paid.line.amount_cents,
        "payout_on": None if paid is None else paid.execution_on,
        "payout_reference": "" if paid is None else paid.line.rf_reference,
        "fee_cents": 0 if paid is None else paid.line.fee_cents,
        "fee_basis_points": terms.fee_basis_points,
        "recovered_cents": 0 if paid is None else paid.line.recovered_cents,
        "minimum_cents": terms.minimum_cents,
    }


def _held_by_shops(db: Connection, *, territory_id: int, month: Month) -> tuple[dict[int, int], dict[int, int]]:
    """Return what each shop is owed before a month, by the entries, and at its end, by the counters; in cents."""
    before = balances_at_end(db, territory_id=territory_id, last_day=month.first_day - ONE_DAY)
    later = balances_through(
        db,
        territory_id=territory_id,
        first_day=month.last_day + ONE_DAY,
        last_day=datetime.date.max,
        kinds=frozenset(SHOP_KINDS),
    )
    opening: dict[int, int] = defaultdict(int)
    closing: dict[int, int] = defaultdict(int)
    for account, counter in accounts_of(db, territory_id=territory_id, kinds=SHOP_KINDS):
        number, shop = account.account_id, account.owner.merchant_id
        opening[shop] += before[number].net_credit_cents if number in before else 0
        closing[shop] += counter.net_credit_cents - (later[number].net_credit_cents if number in later else 0)
    return opening, closing


def statement_sheet(shop: ShopMonth, *, standing: Standing) -> Sheet:
    """Return every operation of a shop's month as a sheet, for the file that has all lines when the paper has not."""
    lines = shop.statement.lines
    return Sheet(
        name=f"statement-{shop.code}", title=f"Relevé du mois – {shop.statement.merchant.name}", standing=standing,
        columns=STATEMENT_COLUMNS, rows=lambda: map(_row, lines),
        control=Control(len(lines), {AMOUNT: shop.control_cents}), empty="Aucune opération.",
    )  # fmt: skip


def _row(line: StatementLine) -> Row:
    happened_at = line.happened_at.astimezone(PARIS)
    return (line.number, happened_at.date(), f"{happened_at:%H:%M}", line.kind, line.note, line.amount_cents)


def _party(merchant: Merchant) -> MerchantParty:
    return MerchantParty(
        name=merchant.name,
        siret=merchant.siret,
        address_lines=(
            f"{merchant.address.building} {merchant.address.street}".strip(),
            f"{merchant.address.postcode} {merchant.address.town}".strip(),
        ),
        iban=merchant.iban,
        admitted_on=paris_date(merchant.admitted_at_ms),
    )


def _line(move: ShopMove) -> StatementLine:
    recorded_on = paris_date(move.recorded_at_ms)
    return StatementLine(
        number=str(move.entry_id),
        happened_at=moment_of(move.happened_at_ms),
        kind=ENTRY_LABELS[move.entry_kind],
        amount_cents=move.amount_cents,
        note=LATE_NOTE.format(recorded_on) if recorded_on > paris_date(move.happened_at_ms) else "",
    )


def paid_in(db: Connection, registers: Registers, *, month: Month, through_entry_id: int | None = None) -> MonthPaid:
    """Return what the payouts ordered for the month pay each shop.

    `through_entry_id`: no payout ordered after this entry is told, so that a closed month's statement never changes.
    """
    payouts = [
        (payout, [line for line in payout.lines if through_entry_id is None or _number(line) <= through_entry_id])
        for payout in registers.payouts
        if payout.state in ORDERED_STATES and Month.of(payout.cutoff_on) == month
    ]
    return paid_by(db, territory_id=registers.territory.territory_id, payouts=payouts)


def _number(line: PayoutLine) -> int:
    return line.order_entry_id or 0
