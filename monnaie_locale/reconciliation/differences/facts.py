"""Gather what the rules look at: the books, the bank's lines and people's decisions, as of the end of a month."""

import datetime
from collections.abc import Mapping

from sqlalchemy import Connection

from merchants.payouts.transfer_queries import OrderedTransfer, transfers_since
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.event_queries import days_of
from monnaie_locale.journal.period_balances import kinds_at_end
from monnaie_locale.journal.reversals import reversals_of
from monnaie_locale.ledger.accounts import OWED_KINDS, AccountKind
from monnaie_locale.ledger.periods import PARIS, Month, instant_ms, paris_date
from monnaie_locale.programmes.queries import funding_orders_of
from monnaie_locale.reconciliation.decision_queries import refused_statements_of
from monnaie_locale.reconciliation.differences.model import (
    BankCharge,
    Facts,
    Funding,
    IbanChange,
    Part,
    RefusedFile,
    Tills,
    Transfer,
)
from monnaie_locale.reconciliation.differences.till_facts import look_at_tills
from monnaie_locale.reconciliation.matching import is_return_code
from monnaie_locale.reconciliation.model import MatchKind, Resolution, StoredMatch
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejections_of
from monnaie_locale.reconciliation.queries import bank_position, entered_as, statements_of, unresolved

# A payout older than this and debited is not looked at again.
TRANSFERS_SINCE = datetime.timedelta(days=396)
NOON = datetime.time(12)


def facts_of(
    db: Connection, *, territory_id: int, month: Month, as_of_ms: int | None = None, tills: Tills | None = None
) -> Facts:
    """Return the facts of a month.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        month: the month at whose end one looks.
        as_of_ms: what people had decided by then, milliseconds UTC: for a month closed earlier.
        tills: the month's charges and refunds, when they were read before a lock; None reads them here.

    """
    day = month.last_day
    position = bank_position(db, territory_id=territory_id, day=day, as_of_ms=as_of_ms)
    balances = kinds_at_end(db, territory_id=territory_id, last_day=day)
    tills = tills or look_at_tills(db, territory_id=territory_id, month=month, as_of_ms=as_of_ms)
    transfers, rejected = _transfers(db, territory_id, day)
    bank_charges, topped_up_cents = _bank_charges(db, territory_id, day, as_of_ms)
    return Facts(
        month=month,
        bank_through_on=None if position is None else position.through_on,
        reserve_cents=-balances[AccountKind.RESERVE].net_credit_cents,
        owed_cents=sum(balances[kind].net_credit_cents for kind in OWED_KINDS),
        topped_up_cents=topped_up_cents,
        parts=tuple(
            part_of(each) for each in unresolved(db, territory_id=territory_id, through_on=day, as_of_ms=as_of_ms)
        ),
        transfers=transfers,
        rejected=rejected,
        prepared=_prepared(db, territory_id, as_of_ms),
        fundings=_fundings(db, territory_id, day),
        charges=tills.charges,
        refunds=tills.refunds,
        bank_charges=bank_charges,
        iban_changes=tuple(
            IbanChange(merchant_id=int(event.target.rpartition(":")[2]), changed_at_ms=event.at_ms)
            for event in events_of_actions(db, territory_id=territory_id, actions=("merchant.change_iban",))
        ),
        refusals=_refusals(db, territory_id, as_of_ms),
    )


def part_of(match: StoredMatch) -> Part:
    """Return what waits of a line; the import's reason is searched too, for it names what a batch's detail named."""
    return Part(
        bank_statement_id=match.bank_statement_id,
        line_no=match.line_no,
        part_no=match.part_no,
        booked_on=match.booked_on,
        amount_cents=match.amount_cents,
        waiting_cents=match.waiting_cents,
        label=match.label or match.end_to_end_id,
        text=f"{match.label} {match.reason_fr}",
        end_to_end_id=match.end_to_end_id,
        bank_code=match.bank_code,
        is_return=bool(match.return_reason) or is_return_code(match.bank_code),
        entry_id=match.entry_id,
    )


def _transfers(
    db: Connection, territory_id: int, day: datetime.date
) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...]]:
    """Return the transfers ordered by a day, and apart those that the bank had rejected and not paid all the same."""
    since = instant_ms(datetime.datetime.combine(day - TRANSFERS_SINCE, NOON, PARIS))
    found = transfers_since(db, territory_id=territory_id, prepared_from_ms=since)
    numbers = {
        number
        for each in found
        for number in (
            each.order_entry_id,
            each.settled_entry_id,
            each.returned_entry_id,
            each.rejected_entry_id,
        )
        if number is not None
    }
    days = days_of(db, territory_id=territory_id, entry_ids=numbers)
    standing: list[Transfer] = []
    rejected: list[Transfer] = []
    for each in found:
        transfer = _transfer(each, days)
        if transfer.ordered_on > day:
            continue
        # Of what the bank refused to execute nothing is on its way: its order is reversed.
        is_rejected = each.rejected_entry_id is not None and days[each.rejected_entry_id] <= day
        (rejected if is_rejected and not transfer.is_debited(day) else standing).append(transfer)
    return tuple(standing), tuple(rejected)


def _transfer(ordered: OrderedTransfer, days: Mapping[int, datetime.date]) -> Transfer:
    return Transfer(
        end_to_end_id=ordered.end_to_end_id,
        batch_reference=ordered.message_id,
        payout_id=ordered.payout_id,
        merchant_id=ordered.merchant_id,
        amount_cents=ordered.amount_cents,
        execution_on=ordered.execution_on,
        prepared_at_ms=ordered.prepared_at_ms,
        ordered_entry_id=ordered.order_entry_id,
        ordered_on=days[ordered.order_entry_id],
        settled_entry_id=ordered.settled_entry_id,
        settled_on=None if ordered.settled_entry_id is None else days[ordered.settled_entry_id],
        returned_entry_id=ordered.returned_entry_id,
        returned_on=None if ordered.returned_entry_id is None else days[ordered.returned_entry_id],
    )


def _prepared(db: Connection, territory_id: int, as_of_ms: int | None) -> frozenset[str]:
    """Return the bank lines about which a decision waited for another person, now or at an instant."""
    return frozenset(
        each.subject
        for each in paid_rejections_of(db, territory_id=territory_id)
        if as_of_ms is None or each.prepared_at_ms <= as_of_ms
        if each.ended_at_ms is None or (as_of_ms is not None and each.ended_at_ms > as_of_ms)
    )


def _fundings(db: Connection, territory_id: int, day: datetime.date) -> tuple[Funding, ...]:
    orders = funding_orders_of(db, territory_id=territory_id)
    days = days_of(
        db, territory_id=territory_id, entry_ids=[order.entry_id for order in orders if order.entry_id is not None]
    )
    return tuple(
        Funding(
            reference=order.reference,
            amount_cents=order.amount_cents,
            announced_on=paris_date(order.created_at_ms),
            received_entry_id=order.entry_id,
            received_on=None if order.entry_id is None else days[order.entry_id],
        )
        for order in orders
        if paris_date(order.created_at_ms) <= day
    )


def _bank_charges(
    db: Connection, territory_id: int, day: datetime.date, as_of_ms: int | None
) -> tuple[tuple[BankCharge, ...], int]:
    """Return the charges that stand, oldest first, and all that was made good, in cents."""
    entered = {
        kind: entered_as(db, territory_id=territory_id, match_kind=match_kind, resolution=resolution)
        for kind, match_kind, resolution in (
            ("charge", MatchKind.BANK_CHARGE, Resolution.BANK_CHARGE),
            ("top_up", MatchKind.RESERVE_TOP_UP, Resolution.RESERVE_TOP_UP),
        )
    }
    numbers = [number for amounts in entered.values() for number in amounts]
    undone = reversals_of(db, territory_id=territory_id, entry_ids=numbers, as_of_ms=as_of_ms)
    days = days_of(db, territory_id=territory_id, entry_ids=numbers)
    charges = sorted(
        (
            BankCharge(entry_id=number, amount_cents=cents, booked_on=days[number])
            for number, cents in entered["charge"].items()
            if number not in undone and days[number] <= day
        ),
        key=lambda each: (each.booked_on, each.entry_id),
    )
    topped_up = (cents for number, cents in entered["top_up"].items() if number not in undone and days[number] <= day)
    return tuple(charges), sum(topped_up)


def _refusals(db: Connection, territory_id: int, as_of_ms: int | None) -> tuple[RefusedFile, ...]:
    statements = sorted(
        (
            each
            for each in statements_of(db, territory_id=territory_id)
            if as_of_ms is None or each.imported_at_ms <= as_of_ms
        ),
        key=lambda each: each.bank_statement_id,
    )
    found = []
    for refused in refused_statements_of(db, territory_id=territory_id):
        if as_of_ms is not None and refused.refused_at_ms > as_of_ms:
            continue
        since = [each.bank_statement_id for each in statements if each.imported_at_ms >= refused.refused_at_ms]
        found.append(
            RefusedFile(
                refused_id=refused.refused_id,
                code=refused.code,
                gap_cents=refused.gap_cents,
                refused_on=paris_date(refused.refused_at_ms),
                imported_since=f"statement:{since[0]}" if since else "",
            )
        )
    return tuple(found)
