"""Close a month: one person prepares, another approves, and in one transaction the month is sealed.

A close never holds charges back: those of the next month go on, and one that comes in late is accounted there.
"""

import datetime
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, insert, update

from monnaie_locale.closing.certificate import CloseFacts, certificate_of
from monnaie_locale.closing.checklist import checklist, is_clean
from monnaie_locale.closing.differences import carry_the_rest
from monnaie_locale.closing.errors import (
    ChecklistNotClean,
    MakerIsChecker,
    MonthAlreadyClosed,
    MonthNotEnded,
    MonthOutOfOrder,
    NothingToClose,
)
from monnaie_locale.closing.facts import facts_of
from monnaie_locale.closing.frozen import freeze
from monnaie_locale.closing.model import Check, Close, CloseState
from monnaie_locale.closing.queries import (
    checks_to_text,
    close_of,
    close_of_month,
    reopened_closes,
    reopening_of,
)
from monnaie_locale.closing.reopening_act import sha256_of
from monnaie_locale.closing.tables import closes
from monnaie_locale.closing.wording import reasons_of
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.journal.directory import lock_territory, territory_of
from monnaie_locale.journal.period_balances import Counted, count_month, counted_further, keep_balances, kept_digest
from monnaie_locale.journal.periods import close_period, first_month, span_of
from monnaie_locale.journal.queries import closed_through
from monnaie_locale.journal.sealer import LogHead, seal
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.periods import PARIS, Month, instant_ms
from monnaie_locale.reconciliation.decisions import By
from monnaie_locale.reconciliation.differences.model import Difference, Tills
from monnaie_locale.reconciliation.differences.till_facts import look_at_tills, tills_further

CARRIED_REASON_LENGTH_MAX = 300


def next_month_to_close(db: Connection, *, territory_id: int) -> Month | None:
    """Return the month that must be closed next, or None while the books are empty."""
    closed = closed_through(db, territory_id=territory_id)
    return first_month(db, territory_id=territory_id) if closed is None else Month.of(closed).next()


def check_month(
    db: Connection,
    *,
    territory_id: int,
    month: Month,
    verdict: Verdict,
) -> tuple[Check, ...]:
    """Return the checklist of a month as it stands now; writes nothing. Arguments as `facts.facts_of`."""
    return checklist(facts_of(db, territory_id=territory_id, month=month, verdict=verdict))


def prepare_close(
    db: Connection,
    *,
    territory_id: int,
    month: Month,
    verdict: Verdict,
    actor: str,
    now: datetime.datetime,
    carried_reason: str = "",
    counted: Counted | None = None,
    tills: Tills | None = None,
) -> Close:
    """Prepare a month for its second person; preparing again replaces what was prepared.

    Args:
        db: a connection in a transaction.
        territory_id: whose books.
        month: the month to close.
        verdict: of `journal.verify`, read before the transaction.
        actor: who prepares, "staff:3".
        now: the present instant, aware.
        carried_reason: why the differences still open may wait, noted on each of them; empty carries none.
        counted: what the books held at the month's end, counted before the transaction; None counts it here.
        tills: the month's charges and refunds, read before the transaction; None reads them here.

    Refuses, in this order: month_not_ended, nothing_to_close, month_already_closed, month_out_of_order,
    checklist_not_clean.

    """
    lock_territory(db, territory_id=territory_id)
    _refuse_wrong_month(db, territory_id, month, now)
    counted, tills = _counted(db, territory_id, month, counted), _tills(db, territory_id, month, tills)
    reason = " ".join(carried_reason.split())[:CARRIED_REASON_LENGTH_MAX]
    if reason:
        by = By(territory_id=territory_id, actor=actor, note=reason, now=now)
        carry_the_rest(db, by=by, month=month, tills=tills)
    checks, reasons, _ = _clean_checks(db, territory_id, verdict, counted, tills)
    values = {
        "state": CloseState.PREPARED.value,
        "prepared_by": actor,
        "carried_reason": reasons,
        "checklist": checks_to_text(checks),
        "prepared_at_ms": instant_ms(now),
    }
    close_id = _store_prepared(db, territory_id, month, values)
    _record(db, territory_id=territory_id, action="close.prepare", close_id=close_id, actor=actor, now=now)
    return close_of(db, territory_id=territory_id, close_id=close_id)


def approve_close(
    db: Connection,
    *,
    territory_id: int,
    close_id: int,
    verdict: Verdict,
    actor: str,
    now: datetime.datetime,
    sign: Callable[[bytes], bytes],
    public_key_pem: str,
    counted: Counted | None = None,
    tills: Tills | None = None,
) -> Close:
    """Approve a prepared month: seal, lock the period, keep the balances, sign the certificate, all or nothing.

    Args:
        db: a connection in a transaction.
        territory_id: whose books.
        close_id: the prepared close.
        verdict: of `journal.verify`, read before the transaction.
        actor: who approves, "staff:4"; never the one who prepared.
        now: the present instant, aware.
        sign: the installation's signature (Ed25519).
        public_key_pem: the key that checks it.
        counted: what the books held at the month's end, counted before the transaction; None counts it here.
        tills: the month's charges and refunds, read before the transaction; None reads them here.

    Refuses, in this order: close_unknown, month_already_closed, maker_is_checker, month_out_of_order,
    checklist_not_clean.

    """
    lock_territory(db, territory_id=territory_id)
    close = close_of(db, territory_id=territory_id, close_id=close_id, lock=True)
    if close.is_closed:
        raise MonthAlreadyClosed(month=close.month.genitive_fr)
    if close.prepared_by == actor:
        raise MakerIsChecker
    _refuse_wrong_month(db, territory_id, close.month, now)
    counted, tills = _counted(db, territory_id, close.month, counted), _tills(db, territory_id, close.month, tills)
    checks, reasons, differences = _clean_checks(db, territory_id, verdict, counted, tills)
    frozen = freeze(db, territory_id=territory_id, close_id=close_id, month=close.month, differences=differences)
    head = _seal_and_lock(db, territory_id, close.month, now, sign)
    keep_balances(db, territory_id=territory_id, counted=counted, closed_at_ms=instant_ms(now))
    close = replace(close, approved_by=actor, carried_reason=reasons)
    facts = _close_facts(db, territory_id, close, head, now, counted=counted, public_key_pem=public_key_pem)
    facts = replace(facts, facts_sha256=frozen)
    _store_closed(db, territory_id, close, checks, certificate_of(facts, sign=sign), now=now)
    _record(db, territory_id=territory_id, action="close.approve", close_id=close_id, actor=actor, now=now)
    seal_audit(db, territory_id=territory_id, sign=sign, now_ms=instant_ms(now))
    return close_of(db, territory_id=territory_id, close_id=close_id)


def _seal_and_lock(
    db: Connection, territory_id: int, month: Month, now: datetime.datetime, sign: Callable[[bytes], bytes]
) -> LogHead:
    """Sign the log as it is now, then let no entry into the month any more."""
    head = seal(db, territory_id=territory_id, sign=sign, now_ms=instant_ms(now))
    if head is None:
        raise NothingToClose
    close_period(db, territory_id=territory_id, month=month, now_ms=instant_ms(now))
    return head


def _counted(db: Connection, territory_id: int, month: Month, counted: Counted | None) -> Counted:
    """Return what the books hold at the month's end, under the lock: what was counted before, and what came since."""
    if counted is None or counted.month != month:
        return count_month(db, territory_id=territory_id, month=month)
    return counted_further(db, territory_id=territory_id, counted=counted)


def _tills(db: Connection, territory_id: int, month: Month, tills: Tills | None) -> Tills:
    """Return the month's charges and refunds under the lock: as they were read before, unless more came since."""
    if tills is None or tills.month != month:
        return look_at_tills(db, territory_id=territory_id, month=month)
    return tills_further(db, territory_id=territory_id, tills=tills)


def _store_prepared(db: Connection, territory_id: int, month: Month, values: dict[str, object]) -> int:
    """Write a prepared close, or replace the one that was prepared before; return its number."""
    earlier = close_of_month(db, territory_id=territory_id, month=month)
    if earlier is not None:
        db.execute(
            update(closes)
            .where(closes.c.territory_id == territory_id, closes.c.id == earlier.close_id)
            .values(**values)
        )
        return earlier.close_id
    close_id = next_id(db, closes, territory_id=territory_id)
    key = {"territory_id": territory_id, "id": close_id}
    period = {"period_starts_on": month.first_day, "period_ends_on": month.last_day}
    db.execute(insert(closes), {**key, **period, "certificate": "", **values})
    return close_id


def _store_closed(
    db: Connection,
    territory_id: int,
    close: Close,
    checks: tuple[Check, ...],
    certificate: str,
    *,
    now: datetime.datetime,
) -> None:
    final = {
        "state": CloseState.CLOSED.value,
        "approved_by": close.approved_by,
        "carried_reason": close.carried_reason,
        "checklist": checks_to_text(checks),
        "certificate": certificate,
        "closed_at_ms": instant_ms(now),
    }
    where = (closes.c.territory_id == territory_id, closes.c.id == close.close_id)
    db.execute(update(closes).where(*where).values(**final))


def _refuse_wrong_month(db: Connection, territory_id: int, month: Month, now: datetime.datetime) -> None:
    if now.astimezone(PARIS).date() <= month.last_day:
        raise MonthNotEnded(month=month.genitive_fr)
    expected = next_month_to_close(db, territory_id=territory_id)
    if expected is None:
        raise NothingToClose
    if month < expected:
        raise MonthAlreadyClosed(month=month.genitive_fr)
    if month > expected:
        raise MonthOutOfOrder(expected=expected.label_fr)


def _clean_checks(
    db: Connection, territory_id: int, verdict: Verdict, counted: Counted, tills: Tills
) -> tuple[tuple[Check, ...], str, tuple[Difference, ...]]:
    """Return the checklist, all of it good, the reasons for which differences are carried, and those differences."""
    facts = facts_of(db, territory_id=territory_id, month=counted.month, verdict=verdict, counted=counted, tills=tills)
    checks = checklist(facts)
    if not is_clean(checks):
        points = " ".join(check.sentence_fr for check in checks if not check.ok)
        raise ChecklistNotClean(points=points.rstrip("."), codes=[check.code for check in checks if not check.ok])
    return checks, reasons_of(facts.differences), facts.differences


def _close_facts(
    db: Connection,
    territory_id: int,
    close: Close,
    head: LogHead,
    now: datetime.datetime,
    *,
    counted: Counted,
    public_key_pem: str,
) -> CloseFacts:
    territory = territory_of(db, territory_id=territory_id)
    month = close.month
    return CloseFacts(
        territory_id=territory_id,
        territory_code=territory.code,
        issuer_siren=territory.issuer_siren,
        month=month,
        span=span_of(db, territory_id=territory_id, first_day=month.first_day, last_day=month.last_day),
        balances=counted.kinds,
        head=head,
        public_key_pem=public_key_pem,
        prepared_by=close.prepared_by,
        approved_by=close.approved_by or "",
        closed_at=now,
        carried_reason=close.carried_reason,
        supersedes=_superseded(db, territory_id, month),
        kept_sha256=kept_digest(counted.balances, counted.flows),
    )


def _superseded(db: Connection, territory_id: int, month: Month) -> tuple[str, str] | None:
    """Return the digests of the certificate before and of the act that undid it, when the month was closed before."""
    for earlier in reopened_closes(db, territory_id=territory_id, month=month):
        reopening = reopening_of(db, territory_id=territory_id, close_id=earlier.close_id)
        if reopening is not None:
            return sha256_of(earlier.certificate), sha256_of(reopening.act)
    return None


def _record(
    db: Connection, *, territory_id: int, action: str, close_id: int, actor: str, now: datetime.datetime
) -> None:
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=f"close:{close_id}")
