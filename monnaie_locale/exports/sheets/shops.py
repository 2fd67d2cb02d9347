"""What shops are owed, what they owe, what was ordered for them: restes à payer, indus, bordereau of the transfers."""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence

from merchants.model import Merchant, Payout, PayoutLine
from merchants.payouts.cap_claims import claims_deadline, claims_of
from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet
from monnaie_locale.documents.wording import mask_iban, reference_shown, siret_shown
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.journal.ledger_lines import DayMove, daily_moves, event_totals
from monnaie_locale.journal.period_balances import balances_at_end, kept_before, kinds_at_end
from monnaie_locale.journal.periods import first_month
from monnaie_locale.journal.queries import accounts_of, entries_by_number
from monnaie_locale.ledger.accounts import AccountKind, Balance
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import instant_ms

AMOUNT = "Montant"
GROSS, RECOVERED, FEE = "Brut", "Indu retenu", "Frais de l’émetteur"
ONE_DAY = datetime.timedelta(days=1)
SHOP_COLUMNS = (
    Column("Commerçant"),
    Column("Nom", share=4),
    Column("SIRET"),
    Column("Depuis le", Kind.DAY),
    Column("Jours", Kind.COUNT),
    Column(AMOUNT, Kind.CENTS),
)
BORDEREAU_COLUMNS = (
    Column("Virement", share=2),
    Column("N°", Kind.NUMBER),
    Column("Commerçant"),
    Column("Nom", share=3),
    Column("Compte", share=3),
    Column("Référence", share=3),
    Column(GROSS, Kind.CENTS),
    Column(RECOVERED, Kind.CENTS),
    Column(FEE, Kind.CENTS),
    Column(AMOUNT, Kind.CENTS),
)


def payables_sheet(scope: Scope) -> Sheet:
    """Return the restes à payer: what each shop is owed at the end of the period, and since when."""
    return _held_by_shops(
        scope,
        kind=AccountKind.MERCHANT,
        name="restes-a-payer",
        title="Restes à payer aux commerçants",
        note="Depuis le : jour du plus ancien encaissement qui n’est pas encore viré, les plus anciens étant payés "
        "d’abord. Les virements ordonnés et pas encore débités sont dans l’état des suspens.",
    )


def debts_sheet(scope: Scope) -> Sheet:
    """Return the indus: what each shop owes after a refund that came once it was paid, and since when."""
    return _held_by_shops(
        scope,
        kind=AccountKind.MERCHANT_DEBT,
        name="indus",
        title="Indus à récupérer",
        note="Un indu se récupère sur les encaissements suivants du même commerçant, avant tout virement.",
    )


def _held_by_shops(scope: Scope, *, kind: AccountKind, name: str, title: str, note: str) -> Sheet:
    """Return what each shop's account of a kind holds, with its age; the total is that of the kind of account."""
    total = scope.once(kinds_at_end, last_day=scope.last_day)[kind]
    sign = 1 if kind is AccountKind.MERCHANT else -1
    balances = scope.once(balances_at_end, last_day=scope.last_day)
    account_of = {
        account.owner.merchant_id: account.account_id
        for account, _ in accounts_of(scope.db, territory_id=scope.territory_id, kinds=(kind,))
    }
    held = {number: sign * balances[number].net_credit_cents for number in account_of.values() if number in balances}
    since = _since(scope, kind, held, sign=sign)
    rows: list[Row] = []
    for shop in scope.registers.merchants:
        amount_cents = held.get(account_of.get(shop.id, 0), 0)
        if amount_cents:
            day = since.get(account_of[shop.id])
            days = None if day is None else (scope.last_day - day).days
            rows.append((shop.code, shop.name, siret_shown(shop.siret), day, days, amount_cents))
    return Sheet(
        name=name, title=title, standing=scope.standing, columns=SHOP_COLUMNS, rows=lambda: iter(rows),
        control=Control(len(rows), {AMOUNT: sign * total.net_credit_cents}), notes=(note,), empty="Rien.",
    )  # fmt: skip


def _since(scope: Scope, kind: AccountKind, held: Mapping[int, int], *, sign: int) -> dict[int, datetime.date]:
    """Return the day of the oldest part that each account still holds.

    The balances kept at the closes say in which month it came in: only that month is read, whatever the age of a debt.
    """
    balances = scope.once(balances_at_end, last_day=scope.last_day)
    kept = scope.once(kept_before, day=scope.first_day, kind=kind)
    first = scope.once(first_month)
    books_open = scope.first_day if first is None else min(first.first_day, scope.first_day)
    ends = [books_open - ONE_DAY, *sorted(day for day in kept if day >= books_open)]
    nothing = Balance(kind, 0, 0)
    since: dict[int, datetime.date] = {}
    waiting = {number: cents for number, cents in held.items() if cents > 0}
    for place in reversed(range(len(ends))):
        before = kept.get(ends[place], {})
        last_day = ends[place + 1] if place + 1 < len(ends) else scope.last_day
        after = kept.get(last_day, balances)
        # What came in during these days, where it covers what is still to be found.
        came = {
            number: _came_in(after.get(number, nothing), sign) - _came_in(before.get(number, nothing), sign)
            for number in waiting
        }
        covered = {number for number, cents in waiting.items() if came[number] >= cents}
        if covered:
            days = {"first_day": ends[place] + ONE_DAY, "last_day": last_day}
            moves: dict[int, list[DayMove]] = defaultdict(list)
            for move in scope.once(daily_moves, **days, kinds=(kind,)):
                moves[move.account_id].append(move)
            for number in covered:
                day = open_since(moves[number], held_cents=waiting[number], sign=sign)
                if day is not None:
                    since[number] = day
        waiting = {number: cents - came[number] for number, cents in waiting.items() if number not in covered}
    return since


def _came_in(balance: Balance, sign: int) -> int:
    return balance.credits_cents if sign > 0 else balance.debits_cents


def open_since(moves: Sequence[DayMove], *, held_cents: int, sign: int) -> datetime.date | None:
    """Return the day of the oldest part that an account still holds, or None when it came before these moves.

    What goes out takes the oldest first, so that what is held is what came in last.

    Args:
        moves: of the account, by day, the oldest first.
        held_cents: what it holds after them (credits less debits, times `sign`), above 0.
        sign: 1 for an account that credits fill, -1 for one that debits fill.

    """
    covered_cents = 0
    for move in reversed(moves):
        covered_cents += move.credit_cents if sign > 0 else move.debit_cents
        if covered_cents >= held_cents:
            return move.accounted_on
    return None


def bordereau_sheet(scope: Scope) -> Sheet:
    """Return the bordereau of the transfers ordered in the period, by the accounting dates of their orders."""
    found = [
        (payout, line)
        for payout in reversed(scope.registers.payouts)
        for line in payout.lines
        if line.order_entry_id is not None
    ]
    days = {
        posted.entry.entry_id: posted.entry.accounted_on
        for posted in entries_by_number(
            scope.db, territory_id=scope.territory_id,
            entry_ids=sorted({line.order_entry_id for _, line in found if line.order_entry_id}),
        )
    }  # fmt: skip
    shops = {shop.id: shop for shop in scope.registers.merchants}
    rows = [
        _order_row(payout, line, shops[line.merchant_id])
        for payout, line in found
        if scope.first_day <= days[line.order_entry_id or 0] <= scope.last_day
    ]
    ordered = _event_cents(scope, EntryKind.PAYOUT_ORDER, AccountKind.PAYOUT_TRANSIT)
    recovered = _event_cents(scope, EntryKind.RECOVERY, AccountKind.MERCHANT_DEBT)
    fees = _event_cents(scope, EntryKind.PAYOUT_ORDER, AccountKind.RECONVERSION_FEES)
    # What left the shops' own accounts: another way to the same total.
    gross = sum(
        _event_cents(scope, event, AccountKind.MERCHANT, is_debit=True)
        for event in (EntryKind.PAYOUT_ORDER, EntryKind.RECOVERY)
    )
    return Sheet(
        name="bordereau", title="Bordereau des virements aux commerçants", standing=scope.standing,
        columns=BORDEREAU_COLUMNS, rows=lambda: iter(rows),
        control=Control(len(rows), {GROSS: gross, RECOVERED: recovered, FEE: fees, AMOUNT: ordered}),
        empty="Aucun virement n’a été ordonné.", signatures=("Émis par", "Vu par le comptable"),
        notes=(
            "Brut, moins l’indu retenu, moins les frais de l’émetteur : montant viré.",
            "Un virement retourné par la banque reste sur le bordereau ; son retour est au journal.",
            *_cap_notes(scope),
        ),
    )  # fmt: skip


def _order_row(payout: Payout, line: PayoutLine, shop: Merchant) -> Row:
    return (
        payout.label, line.line_no, shop.code, line.name, mask_iban(line.iban), reference_shown(line.rf_reference),
        line.amount_cents + line.fee_cents + line.recovered_cents, line.recovered_cents, line.fee_cents,
        line.amount_cents,
    )  # fmt: skip


def _cap_notes(scope: Scope) -> tuple[str, ...]:
    """Return what the transfers leave out, year by year: chèques not certified by their shop, or come too late."""
    kept: dict[int, list[int]] = defaultdict(list)
    as_of_ms = instant_ms(scope.standing.created_at)
    for claim in scope.once(claims_of, through_on=scope.last_day, as_of_ms=as_of_ms):
        if claim.amount_cents:
            kept[claim.year].append(claim.amount_cents)
    return tuple(
        f"Chèques d’accompagnement personnalisé de {year} non payés (certification à recevoir au plus tard le"
        f" {claims_deadline(year):%d/%m/%Y}) : {format_euros(sum(amounts))}."
        for year, amounts in sorted(kept.items())
    )


def _event_cents(scope: Scope, event: EntryKind, kind: AccountKind, *, is_debit: bool = False) -> int:
    """Return what the entries of a kind credited to, or debited from, accounts of a kind in the period."""
    totals = scope.once(event_totals, first_day=scope.first_day, last_day=scope.last_day, kind=kind)
    return sum(each.debit_cents if is_debit else each.credit_cents for each in totals if each.entry_kind is event)
