"""Money that the CCAS transfers to the reserve for a programme: announced, then seen on the bank statement."""

import datetime

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import Owner, open_account, single_account
from monnaie_locale.journal.post import post
from monnaie_locale.journal.reversals import standing_key
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import PARIS, instant_ms
from monnaie_locale.ledger.posting import Draw, Posting, request_digest
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.errors import BudgetExceeded, FundingAlreadyReceived, ProgrammeClosed
from monnaie_locale.programmes.model import FundingOrder, FundingState
from monnaie_locale.programmes.rules import funding_reference
from monnaie_locale.programmes.tables import funding_orders

BANK_CALLER = "bank:import"


def register_funding_order(
    db: Connection, *, territory_id: int, programme_id: int, amount_cents: int, actor: str, now: datetime.datetime
) -> FundingOrder:
    """Announce a transfer of the CCAS and return it with the ISO 11649 reference to put on it.

    Refuses: amount_not_positive, amount_too_large, programme_unknown, programme_closed, budget_exceeded.
    """
    check_amount(amount_cents)
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    if not programme.is_open:
        raise ProgrammeClosed(name=programme.name)
    ordered_cents = queries.ordered_cents(db, territory_id=territory_id, programme_id=programme_id)
    if ordered_cents + amount_cents > programme.budget_cents:
        raise BudgetExceeded(available_cents=max(0, programme.budget_cents - ordered_cents), amount_cents=amount_cents)
    funding_order_id = next_id(db, funding_orders, territory_id=territory_id)
    db.execute(
        insert(funding_orders),
        {
            "territory_id": territory_id,
            "id": funding_order_id,
            "programme_id": programme_id,
            "amount_cents": amount_cents,
            "reference": funding_reference(territory_id=territory_id, funding_order_id=funding_order_id),
            "state": FundingState.EXPECTED,
            "entry_id": None,
            "prepared_by": actor,
            "created_at_ms": instant_ms(now),
        },
    )
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="funding.register",
        target=f"funding:{funding_order_id}",
        detail={"programme_id": programme_id, "amount_cents": amount_cents},
    )
    return queries.funding_order_of(db, territory_id=territory_id, funding_order_id=funding_order_id)


def receive_funding(
    db: Connection,
    *,
    territory_id: int,
    funding_order_id: int,
    bank_reference: str,
    booked_on: datetime.date,
    now: datetime.datetime,
    actor: str = BANK_CALLER,
    taken_from: AccountKind = AccountKind.RESERVE,
) -> FundingOrder:
    """Post the euros that the bank shows: the reserve is debited, the programme's funds are credited.

    Args:
        db: the transaction.
        territory_id: whose books.
        funding_order_id: the order recognised on the statement.
        bank_reference: the bank's own reference of the line, for the audit trail.
        booked_on: the bank's booking date, on which the entry is accounted.
        now: aware UTC.
        actor: who imported the statement, for the audit trail.
        taken_from: the suspense, when the money waits there; by default the reserve.

    Refuses: funding_unknown, funding_already_received, period_closed.

    """
    order = queries.funding_order_of(db, territory_id=territory_id, funding_order_id=funding_order_id, lock=True)
    if order.state is FundingState.RECEIVED:
        raise FundingAlreadyReceived(funding_order_id=funding_order_id)
    posting = _posting(db, territory_id=territory_id, order=order, booked_on=booked_on, now=now, taken_from=taken_from)
    posted = post(db, posting, recorded_at_ms=instant_ms(now))
    db.execute(
        update(funding_orders)
        .where(funding_orders.c.territory_id == territory_id, funding_orders.c.id == funding_order_id)
        .values(state=FundingState.RECEIVED, entry_id=posted.entry.entry_id)
    )
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="funding.receive",
        target=f"funding:{funding_order_id}",
        detail={"bank_reference": bank_reference, "entry_id": posted.entry.entry_id},
    )
    return queries.funding_order_of(db, territory_id=territory_id, funding_order_id=funding_order_id)


def expect_again(db: Connection, *, territory_id: int, entry_id: int) -> None:
    """Let the order that an entry received wait for its money again; the entry must be reversed in the transaction.

    The database refuses it otherwise (funding_order_frozen); an entry that received nothing changes nothing.
    """
    db.execute(
        update(funding_orders)
        .where(funding_orders.c.territory_id == territory_id, funding_orders.c.entry_id == entry_id)
        .values(state=FundingState.EXPECTED, entry_id=None)
    )


def _posting(
    db: Connection,
    *,
    territory_id: int,
    order: FundingOrder,
    booked_on: datetime.date,
    now: datetime.datetime,
    taken_from: AccountKind,
) -> Posting:
    owner = Owner(AccountKind.PROGRAMME_FUNDS, order.programme_id)
    funds = open_account(db, territory_id=territory_id, owner=owner, now_ms=instant_ms(now))
    bank = single_account(db, territory_id=territory_id, kind=taken_from)
    key = f"funding:{order.funding_order_id}"
    booked_at = datetime.datetime.combine(booked_on, datetime.time(), PARIS)
    return Posting(
        territory_id=territory_id,
        caller=BANK_CALLER,
        idempotency_key=standing_key(db, territory_id=territory_id, caller=BANK_CALLER, idempotency_key=key),
        request_digest=request_digest(funding_order_id=order.funding_order_id, amount_cents=order.amount_cents),
        kind=EntryKind.FUNDING,
        draws=(Draw((bank,), funds, order.amount_cents),),
        happened_at_ms=instant_ms(booked_at),
        accounted_on=booked_on,
        reference=order.reference,
    )
