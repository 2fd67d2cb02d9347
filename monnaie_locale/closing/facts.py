"""Gather what the books and the bank say at the end of a month, for the checklist to judge."""

from sqlalchemy import Connection

from monnaie_locale.closing.aged_items import aged_items, in_transit
from monnaie_locale.closing.differences import open_differences
from monnaie_locale.closing.model import Facts
from monnaie_locale.journal.period_balances import Counted, count_month
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.model import DistributionState
from monnaie_locale.programmes.queries import distributions_of
from monnaie_locale.reconciliation.differences.model import Difference, Tills
from monnaie_locale.reconciliation.queries import bank_position


def facts_of(
    db: Connection,
    *,
    territory_id: int,
    month: Month,
    verdict: Verdict,
    as_of_ms: int | None = None,
    counted: Counted | None = None,
    tills: Tills | None = None,
    differences: tuple[Difference, ...] | None = None,
) -> Facts:
    """Return the facts of a month.

    Args:
        db: a connection.
        territory_id: whose books.
        month: the month to close.
        verdict: of `journal.verify`, read before any lock is taken: it reads every entry.
        as_of_ms: what the bank had said and people had settled by then, milliseconds UTC: for a month closed earlier.
        counted: what the books hold at its end, when it was counted before a lock; None counts it here.
        tills: its charges and refunds, when they were read before a lock; None reads them here.
        differences: of `open_differences`, when they are known; None looks for them here.

    """
    transit = in_transit(db, territory_id=territory_id, month=month)
    if differences is None:
        differences = open_differences(db, territory_id=territory_id, month=month, as_of_ms=as_of_ms, tills=tills)
    counted = counted or count_month(db, territory_id=territory_id, month=month)
    position = bank_position(db, territory_id=territory_id, day=month.last_day, as_of_ms=as_of_ms)
    return Facts(
        month=month,
        bank_through=None if position is None else position.through_on,
        bank_cents=None if position is None else position.balance_cents,
        kinds_cents={kind: balance.net_credit_cents for kind, balance in counted.kinds.items()},
        held_cents=counted.held_cents,
        in_transit=transit,
        differences=differences,
        aged=tuple(aged_items(db, territory_id=territory_id, month=month, transit=transit, differences=differences)),
        half_posted=tuple(
            f"{each.label} : {each.posted_through_line} lignes versées sur {each.line_count}"
            for each in distributions_of(db, territory_id=territory_id, state=DistributionState.APPROVED)
            if each.posted_through_line
        ),
        faults=tuple(f"{finding.subject} : {finding.french}" for finding in verdict.findings),
        verified_after=verdict.after_entry_id,
    )
