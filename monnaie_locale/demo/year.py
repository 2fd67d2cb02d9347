"""The months after the first, one after the other, each lived and closed as people do it in the back office."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from merchants.model import Payout
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.package import month_package
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.demo import aid, settling
from monnaie_locale.demo.appointments import on
from monnaie_locale.demo.bank import BankCode, Booking, debits_of, returned
from monnaie_locale.demo.month import Ended
from monnaie_locale.demo.ordinary import (
    FIRST_SHOPPING_DAY,
    PAYOUT_DAY,
    REPAID_MONTH,
    UNKNOWN_MONTH,
    OrdinaryMonth,
    draw_month,
)
from monnaie_locale.demo.plan import Aid, Grants
from monnaie_locale.demo.progress import Advance, Progress
from monnaie_locale.demo.settling import BANK_FEE_CENTS, RETURN_REASON, TOP_UP_TEXT
from monnaie_locale.demo.stage import Stage
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.queries import accounts_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.model import Resolution
from monnaie_locale.reconciliation.operations import resolve_line
from monnaie_locale.reconciliation.queries import unresolved

NEXT_DAY = datetime.timedelta(days=1)
REPAID_TEXT = "REMBOURSEMENT AU CCAS MONNAIE PERIMEE"
UNKNOWN_TEXT = "VIREMENT RECU SANS REFERENCE"
NOTES = {
    Resolution.EXPIRED_REPAID: "Monnaie périmée rendue au CCAS.",
    Resolution.RESERVE_TOP_UP: "C’était l’association.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedMonth:
    """What came of a month: its close, what the shops were paid, its files by name."""

    month: Month
    charges: int
    charged_cents: int
    grants: tuple[Grants, ...]
    payout: Payout
    close: Close
    files: dict[str, bytes]


def live_months(stage: Stage, ended: Ended, *, count: int, charges: int, progress: Progress) -> Iterator[LivedMonth]:
    """Live as many months after the first; yields each once it is closed and its documents are kept.

    Args:
        stage: of the first month, its clock where it ended.
        ended: what the first month left: tills, cards, programmes, the bank.
        count: how many months.
        charges: about how many payments in each.
        progress: told of every month.

    """
    month = stage.plan.month
    for _ in range(count):
        month = month.next()
        plan = draw_month(
            seed=stage.plan.seed,
            month=month,
            households=stage.plan.household_count,
            categories=stage.plan.shop_categories,
            charges=charges,
        )
        with progress.stage(month.label_fr.capitalize(), length=len(plan.steps) + 1) as advance:
            yield _live(stage, ended, plan, advance)


def _live(stage: Stage, ended: Ended, plan: OrdinaryMonth, advance: Advance) -> LivedMonth:
    bank, known = ended.bank, set(ended.bank.files)
    _give(stage, ended, plan)
    payout, order = _shop(stage, ended, plan, advance)
    _hear_from_the_bank(stage, bank, plan, order)
    close = _close(stage, ended, plan)
    advance(1)
    paid = [step for step in plan.steps if step.key in ended.counters.charged]
    with reading(stage.rt.engine) as db:
        package = month_package(
            db,
            territory_id=stage.rt.territory_id,
            month=plan.days.month,
            public_key_pem=stage.rt.keyring.public_key_pem,
            now=stage.now,
        )
    statements = {name: content for name, content in bank.files.items() if name not in known}
    return LivedMonth(
        month=plan.days.month,
        charges=len(paid),
        charged_cents=sum(step.amount_cents for step in paid),
        grants=plan.grants,
        payout=payout,
        close=close,
        files={**statements, **{file.name: file.content for file in package}},
    )


def _give(stage: Stage, ended: Ended, plan: OrdinaryMonth) -> None:
    """Let the CCAS's money come in, then give the month's aid out by two people."""
    days = plan.days
    ended.counters.move_to(days.at(2, 15))
    granted = {each: plan.granted_cents(each) for each in Aid}
    wanted = {programme: cents for programme, cents in granted.items() if cents}
    bookings = aid.announce(
        stage, {each: ended.programmes[each] for each in wanted}, wanted_cents=wanted, booked_on=days.funded_on
    )
    received_at = on(days.funded_on + NEXT_DAY, 8, 30)
    ended.counters.move_to(received_at)
    ended.bank.import_through(bookings, to_on=days.funded_on, at=received_at)
    _resolve(stage, Resolution.RESERVE_TOP_UP)
    stage.clock.now = on(days.funded_on + NEXT_DAY, 9)
    aid.give_out(stage, plan.grants, ended.programmes, ended.counters.cards, lambda _done: None)


def _shop(stage: Stage, ended: Ended, plan: OrdinaryMonth, advance: Advance) -> tuple[Payout, bytes]:
    """Run the tills; on the way, the nightly expiry and the payout of what was taken until then."""
    days = plan.days
    ended.counters.move_to(days.at(FIRST_SHOPPING_DAY, 2, 30))
    aid.expire(stage, ended.programmes)
    prepared_at, approved_at = days.at(PAYOUT_DAY, 20), days.at(PAYOUT_DAY + 1, 8, 15)
    before = [step for step in plan.steps if step.at < prepared_at]
    for step in before:
        ended.counters.run(step)
        advance(1)
    ended.counters.move_to(prepared_at)
    if days.month.number == 1:
        settling.certify(stage, year=days.month.year)
    prepared = settling.prepare_for(stage, label=days.month.label_fr.capitalize(), execution_on=days.paid_on)
    ended.counters.move_to(approved_at)
    payout, order = settling.approve(stage, prepared)
    for step in plan.steps[len(before) :]:
        ended.counters.run(step)
        advance(1)
    return payout, order


def _hear_from_the_bank(stage: Stage, bank: settling.Bank, plan: OrdinaryMonth, order: bytes) -> None:
    """Import what the bank did until the end of the month."""
    days = plan.days
    debits = debits_of(order, booked_on=days.paid_on)
    fee = Booking(
        booked_on=days.paid_on,
        amount_cents=-BANK_FEE_CENTS,
        code=BankCode.FEE,
        text=f"FRAIS DE VIREMENTS {format_decimal(BANK_FEE_CENTS, point=',')}",
    )
    top_up = Booking(
        booked_on=days.returned_on,
        amount_cents=BANK_FEE_CENTS,
        code=BankCode.RECEIVED,
        text=TOP_UP_TEXT,
        end_to_end_id=f"COMPLEMENT-{days.month}",
    )
    # What came without a reference in March was the association's, ahead of April's fee.
    is_paid_ahead = days.month.number == UNKNOWN_MONTH + 1 and stage.plan.month.number != UNKNOWN_MONTH
    last = [*([] if is_paid_ahead else [top_up]), *_unusual(stage, plan)]
    if plan.has_return:
        last.insert(0, returned(debits[-1], booked_on=days.returned_on, reason=RETURN_REASON))
    bank.import_through([*debits, fee], to_on=days.paid_on, at=days.at(days.after + 1, 8, 30))
    bank.import_through(last, to_on=days.month.last_day, at=days.at(days.after + 1, 8, 40), suspense=True)
    _resolve(stage, Resolution.EXPIRED_REPAID)


def _unusual(stage: Stage, plan: OrdinaryMonth) -> list[Booking]:
    """What the bank shows once in the year: the expired money given back, and a transfer of nobody knows whom."""
    days = plan.days
    if days.month.number == REPAID_MONTH:
        with reading(stage.rt.engine) as db:
            expired = accounts_of(db, territory_id=stage.rt.territory_id, kinds=[AccountKind.EXPIRED])
            cents = sum(balance.net_credit_cents for _, balance in expired)
        return [_booking(days.returned_on, -cents, BankCode.SENT, REPAID_TEXT)]
    if days.month.number == UNKNOWN_MONTH:
        return [_booking(days.returned_on, BANK_FEE_CENTS, BankCode.RECEIVED, UNKNOWN_TEXT)]
    return []


def _booking(booked_on: datetime.date, amount_cents: int, code: BankCode, text: str) -> Booking:
    return Booking(booked_on=booked_on, amount_cents=amount_cents, code=code, text=text)


def _resolve(stage: Stage, kind: Resolution) -> None:
    """Let the accountant say what the lines in suspense are, when they fit."""
    with reading(stage.rt.engine) as db:
        open_lines = unresolved(db, territory_id=stage.rt.territory_id)
    for line in open_lines:
        if (line.amount_cents < 0) == (kind is Resolution.EXPIRED_REPAID):
            transact(
                stage.rt.engine,
                resolve_line,
                territory_id=stage.rt.territory_id,
                bank_statement_id=line.bank_statement_id,
                line_no=line.line_no,
                part_no=line.part_no,
                kind=kind,
                note=NOTES[kind],
                actor=stage.by(Role.ACCOUNTANT),
                now=stage.now,
            )


def _close(stage: Stage, ended: Ended, plan: OrdinaryMonth) -> Close:
    days = plan.days
    ended.counters.move_to(days.at(days.after + 1, 10))
    return settling.close_month(stage, days.month, prepared_at=stage.now, approved_at=days.at(days.after + 1, 14))
