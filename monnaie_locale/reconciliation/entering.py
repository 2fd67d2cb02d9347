"""Enter the bank's movements in the books: one entry for each part of each line."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.payouts.operations import return_line, settle_line
from merchants.payouts.rejected_payment import post_rejected_payment, rejected_line
from merchants.queries import line_by_end_to_end
from monnaie_locale.journal.directory import single_account
from monnaie_locale.journal.post import post
from monnaie_locale.journal.queries import accounts_of, closed_through, entry_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS, instant_ms
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest
from monnaie_locale.ledger.reversal import mirror
from monnaie_locale.programmes.model import FundingState
from monnaie_locale.programmes.operations.funding import receive_funding
from monnaie_locale.programmes.queries import funding_orders_of
from monnaie_locale.reconciliation.errors import ResolutionImpossible
from monnaie_locale.reconciliation.expectations import Expected
from monnaie_locale.reconciliation.model import Match, MatchKind, Resolution

NOON = datetime.time(12)
BANK_CALLER = "bank"

# Match -> kind of the entry, account debited, account credited.
SIMPLE: dict[MatchKind, tuple[EntryKind, AccountKind, AccountKind]] = {
    MatchKind.BANK_CHARGE: (EntryKind.BANK_CHARGE, AccountKind.BANK_CHARGES, AccountKind.RESERVE),
    # The issuer gives back to the reserve what the bank's charges took from it.
    MatchKind.RESERVE_TOP_UP: (EntryKind.RESERVE_TOP_UP, AccountKind.RESERVE, AccountKind.BANK_CHARGES),
    MatchKind.SUSPENSE_IN: (EntryKind.SUSPENSE, AccountKind.RESERVE, AccountKind.SUSPENSE_IN),
    MatchKind.SUSPENSE_OUT: (EntryKind.SUSPENSE, AccountKind.SUSPENSE_OUT, AccountKind.RESERVE),
}
# Decided about a line in suspense: kind of the entry, account debited, account credited.
OUT_OF_SUSPENSE: dict[Resolution, tuple[EntryKind, AccountKind, AccountKind]] = {
    Resolution.BANK_CHARGE: (EntryKind.BANK_CHARGE, AccountKind.BANK_CHARGES, AccountKind.SUSPENSE_OUT),
    Resolution.RESERVE_TOP_UP: (EntryKind.RESERVE_TOP_UP, AccountKind.SUSPENSE_IN, AccountKind.BANK_CHARGES),
    Resolution.BANK_CORRECTION: (EntryKind.SUSPENSE, AccountKind.SUSPENSE_IN, AccountKind.SUSPENSE_OUT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One movement of the bank to enter: its amount in cents (positive), its day, its key and its reference."""

    territory_id: int
    amount_cents: int
    booked_on: datetime.date
    caller: str
    key: str
    reference: str
    actor: str
    now: datetime.datetime

    @property
    def happened_at_ms(self) -> int:
        """Return noon in Paris of the day of booking: a bank gives no hour."""
        return instant_ms(datetime.datetime.combine(self.booked_on, NOON, PARIS))


def open_day(db: Connection, *, territory_id: int, booked_on: datetime.date) -> datetime.date:
    """Return the day of booking, or the first open day when its month is closed."""
    closed = closed_through(db, territory_id=territory_id)
    return booked_on if closed is None or booked_on > closed else closed + datetime.timedelta(days=1)


def enter_simple(db: Connection, *, kind: MatchKind, movement: Movement) -> Posted:
    """Enter bank charges, a top-up or a suspense."""
    return _enter_between(db, movement, *SIMPLE[kind])


def reverse(db: Connection, *, entry_id: int, movement: Movement) -> Posted:
    """Enter the mirror of an entry; refuses already_reversed."""
    entry = entry_of(db, territory_id=movement.territory_id, entry_id=entry_id).entry
    return _post(db, movement, EntryKind.REVERSAL, mirror(entry), reverses_entry_id=entry_id)


def enter_match(db: Connection, *, each: Match, expected: Expected, movement: Movement) -> int:
    """Enter one part under what it matched; return the entry's number."""
    if each.kind is MatchKind.FUNDING and each.expectation_id is not None:
        return _receive(db, each.expectation_id, movement)
    if each.kind in {MatchKind.PAYOUT_SETTLED, MatchKind.PAYOUT_RETURNED} and each.expectation_id is not None:
        end_to_end_id = expected.end_to_end_ids[each.expectation_id]
        step = settle_line if each.kind is MatchKind.PAYOUT_SETTLED else return_line
        return _step_payout(db, step, end_to_end_id, movement)
    return enter_simple(db, kind=each.kind, movement=movement).entry.entry_id


def enter_item(db: Connection, *, kind: Resolution, reference: str, movement: Movement) -> int:
    """Enter what a person said that money in suspense is; return the entry's number.

    Refuses resolution_impossible when nothing carries the reference or the amounts differ, payout_line_unknown,
    insufficient_funds when less has expired, and what the payout's own step refuses.
    """
    if kind is Resolution.FUNDING:
        orders = funding_orders_of(db, territory_id=movement.territory_id, state=FundingState.EXPECTED)
        known = [order for order in orders if order.reference == reference]
        if not known:
            raise ResolutionImpossible(why=f"aucun financement attendu ne porte la référence {reference or '(vide)'}")
        _refuse_other_amount(known[0].amount_cents, movement)
        return _receive(db, known[0].funding_order_id, movement, taken_from=AccountKind.SUSPENSE_IN)
    if kind in {Resolution.PAYOUT_SETTLED, Resolution.PAYOUT_RETURNED}:
        line = line_by_end_to_end(db, territory_id=movement.territory_id, end_to_end_id=reference)
        _refuse_other_amount(line.amount_cents, movement)
        is_debit = kind is Resolution.PAYOUT_SETTLED
        if (not is_debit and line.returned_entry_id is not None) or (is_debit and line.settled_entry_id is not None):
            raise ResolutionImpossible(why=f"le virement {reference} est déjà {'débité' if is_debit else 'retourné'}")
        step = settle_line if is_debit else return_line
        taken_from = AccountKind.SUSPENSE_OUT if is_debit else AccountKind.SUSPENSE_IN
        return _step_payout(db, step, reference, movement, taken_from=taken_from)
    if kind is Resolution.REJECTION_PAID:
        return _enter_rejection_paid(db, reference, movement)
    if kind is Resolution.EXPIRED_REPAID:
        return _enter_expired_repaid(db, movement).entry.entry_id
    return _enter_between(db, movement, *OUT_OF_SUSPENSE[kind]).entry.entry_id


def _enter_rejection_paid(db: Connection, reference: str, movement: Movement) -> int:
    line = rejected_line(db, territory_id=movement.territory_id, end_to_end_id=reference)
    _refuse_other_amount(line.amount_cents, movement)
    posted = post_rejected_payment(
        db,
        territory_id=movement.territory_id,
        end_to_end_id=reference,
        booked_on=open_day(db, territory_id=movement.territory_id, booked_on=movement.booked_on),
        bank_reference=movement.reference,
        now=movement.now,
    )
    return posted.entry.entry_id


def _enter_between(
    db: Connection, movement: Movement, kind: EntryKind, debited: AccountKind, credited: AccountKind
) -> Posted:
    territory_id = movement.territory_id
    draw = Draw(
        (single_account(db, territory_id=territory_id, kind=debited),),
        single_account(db, territory_id=territory_id, kind=credited),
        movement.amount_cents,
    )
    return _post(db, movement, kind, (draw,))


def _enter_expired_repaid(db: Connection, movement: Movement) -> Posted:
    expired = tuple(
        account.account_id
        for account, _ in accounts_of(db, territory_id=movement.territory_id, kinds=[AccountKind.EXPIRED])
    )
    suspense = single_account(db, territory_id=movement.territory_id, kind=AccountKind.SUSPENSE_OUT)
    return _post(db, movement, EntryKind.EXPIRED_REPAID, (Draw(expired, suspense, movement.amount_cents),))


def _refuse_other_amount(expected_cents: int, movement: Movement) -> None:
    if expected_cents != movement.amount_cents:
        raise ResolutionImpossible(
            why=f"le montant attendu est {format_euros(expected_cents)}, "
            f"la ligne est de {format_euros(movement.amount_cents)}"
        )


def _receive(
    db: Connection, funding_order_id: int, movement: Movement, *, taken_from: AccountKind = AccountKind.RESERVE
) -> int:
    order = receive_funding(
        db,
        territory_id=movement.territory_id,
        funding_order_id=funding_order_id,
        bank_reference=movement.reference,
        booked_on=open_day(db, territory_id=movement.territory_id, booked_on=movement.booked_on),
        now=movement.now,
        actor=movement.actor,
        taken_from=taken_from,
    )
    # The order is received: it names its entry.
    return order.entry_id or 0


def _step_payout(
    db: Connection,
    step: Callable[..., Posted],
    end_to_end_id: str,
    movement: Movement,
    *,
    taken_from: AccountKind = AccountKind.RESERVE,
) -> int:
    posted = step(
        db,
        territory_id=movement.territory_id,
        end_to_end_id=end_to_end_id,
        booked_on=open_day(db, territory_id=movement.territory_id, booked_on=movement.booked_on),
        bank_reference=movement.reference,
        now=movement.now,
        taken_from=taken_from,
    )
    return posted.entry.entry_id


def _post(
    db: Connection,
    movement: Movement,
    kind: EntryKind,
    draws: tuple[Draw, ...],
    *,
    reverses_entry_id: int | None = None,
) -> Posted:
    posting = Posting(
        territory_id=movement.territory_id,
        caller=movement.caller,
        idempotency_key=f"{kind.name.lower()}:{movement.key}",
        request_digest=request_digest(
            kind=int(kind), amount_cents=movement.amount_cents, booked_on=movement.booked_on.isoformat()
        ),
        kind=kind,
        draws=draws,
        happened_at_ms=movement.happened_at_ms,
        accounted_on=open_day(db, territory_id=movement.territory_id, booked_on=movement.booked_on),
        reverses_entry_id=reverses_entry_id,
        reference=movement.reference,
    )
    return post(db, posting, recorded_at_ms=instant_ms(movement.now))
