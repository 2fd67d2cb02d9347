"""What each account held at the end of a closed month, kept at its close: a later month starts from there.

So a close reads one month of entries, whatever the age of the books, and its long sums are made before it takes the
posting lock: under it only what was posted meanwhile is added.
"""

import datetime
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.journal.period_flows import Flows, added, flows_at_end, keep_flows
from monnaie_locale.journal.periods import balances_through, flows_through
from monnaie_locale.journal.queries import accounts_of, head_of
from monnaie_locale.journal.tables import closed_periods, journal_entries, period_balances, transfers
from monnaie_locale.ledger.accounts import AccountKind, Balance
from monnaie_locale.ledger.periods import Month

Balances = dict[int, Balance]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the books held at the end of a month, counted two ways as they stood at one entry.

    `balances` are the sums of the entries, by account; `held_cents` the accounts' counters less what moved them on
    later days, by kind, as credits less debits. `flows` are what went from kind to kind by then, per programme.
    """

    month: Month
    through_entry_id: int
    balances: Balances
    held_cents: dict[AccountKind, int]
    flows: Flows

    @property
    def kinds(self) -> dict[AccountKind, Balance]:
        """Return the debits and credits of each kind of account; every kind is there."""
        return by_kind(self.balances)


def count_month(db: Connection, *, territory_id: int, month: Month) -> Counted:
    """Return what the books hold at the end of a month, from the last kept balances before it.

    Args:
        db: a connection that sees one state of the books; no lock is needed.
        territory_id: whose books.
        month: the month.

    """
    later = balances_through(
        db,
        territory_id=territory_id,
        first_day=month.last_day + datetime.timedelta(days=1),
        last_day=datetime.date.max,
    )
    held: dict[AccountKind, int] = defaultdict(int)
    for account, balance in accounts_of(db, territory_id=territory_id):
        held[account.owner.kind] += balance.net_credit_cents
    for balance in later.values():
        held[balance.kind] -= balance.net_credit_cents
    return Counted(
        month=month,
        through_entry_id=head_of(db, territory_id=territory_id).last_entry_id,
        balances=balances_at_end(db, territory_id=territory_id, last_day=month.last_day),
        held_cents={kind: held[kind] for kind in AccountKind},
        flows=flows_at_end(db, territory_id=territory_id, last_day=month.last_day),
    )


def counted_further(db: Connection, *, territory_id: int, counted: Counted) -> Counted:
    """Return the same with the entries posted since: under the posting lock, the books as they are."""
    posted = db.execute(
        select(journal_entries.c.id, journal_entries.c.accounted_on).where(
            journal_entries.c.territory_id == territory_id, journal_entries.c.id > counted.through_entry_id
        )
    ).all()
    if not posted:
        return counted
    of_the_month = [row.id for row in posted if row.accounted_on <= counted.month.last_day]
    moved = _moved_by(db, territory_id, of_the_month)
    held = dict(counted.held_cents)
    for balance in moved.values():
        held[balance.kind] += balance.net_credit_cents
    return Counted(
        month=counted.month,
        through_entry_id=max(row.id for row in posted),
        balances=_added(counted.balances, moved),
        held_cents=held,
        flows=added(
            counted.flows,
            flows_through(
                db, territory_id=territory_id, last_day=counted.month.last_day, after_entry_id=counted.through_entry_id
            ),
        ),
    )


def balances_at_end(db: Connection, *, territory_id: int, last_day: datetime.date) -> Balances:
    """Return what each account was debited and credited by the end of a day: kept balances, then the later entries."""
    kept_on, kept = latest_kept(db, territory_id=territory_id, last_day=last_day)
    first_day = None if kept_on is None else kept_on + datetime.timedelta(days=1)
    if first_day is not None and first_day > last_day:
        return kept
    return _added(kept, balances_through(db, territory_id=territory_id, first_day=first_day, last_day=last_day))


def kinds_at_end(db: Connection, *, territory_id: int, last_day: datetime.date) -> dict[AccountKind, Balance]:
    """Return the debits and credits of each kind of account by the end of a day; as `balances_at_end`, every kind."""
    return by_kind(balances_at_end(db, territory_id=territory_id, last_day=last_day))


def by_kind(balances: Mapping[int, Balance]) -> dict[AccountKind, Balance]:
    """Return the sums of balances by kind of account; every kind is there."""
    debits: dict[AccountKind, int] = defaultdict(int)
    credits_: dict[AccountKind, int] = defaultdict(int)
    for kind, debits_cents, credits_cents in balances.values():
        debits[kind] += debits_cents
        credits_[kind] += credits_cents
    return {kind: Balance(kind, debits[kind], credits_[kind]) for kind in AccountKind}


def keep_balances(db: Connection, *, territory_id: int, counted: Counted, closed_at_ms: int) -> None:
    """Keep what each account held at the end of a month that has just been locked, and what moved by then."""
    insert_rows(
        db,
        period_balances,
        [
            (
                territory_id, counted.month.last_day, closed_at_ms, account_id, int(balance.kind),
                balance.debits_cents, balance.credits_cents,
            )
            for account_id, balance in sorted(counted.balances.items())
        ],
    )  # fmt: skip
    keep_flows(
        db, territory_id=territory_id, ends_on=counted.month.last_day, flows=counted.flows, closed_at_ms=closed_at_ms
    )


def kept_digest(balances: Mapping[int, Balance], flows: Flows) -> str:
    """Return the SHA-256, in hexadecimal, of what a close keeps: a line an account, then a line a flow, in order."""
    digest = hashlib.sha256()
    for account_id, (kind, debits_cents, credits_cents) in sorted(balances.items()):
        digest.update(f"balance {account_id} {int(kind)} {debits_cents} {credits_cents}\n".encode("ascii"))
    for flow in flows:
        said = (flow.programme_id, int(flow.debit_kind), int(flow.credit_kind), flow.amount_cents)
        digest.update(f"flow {' '.join(map(str, said))}\n".encode("ascii"))
    return digest.hexdigest()


def latest_kept(db: Connection, *, territory_id: int, last_day: datetime.date) -> tuple[datetime.date | None, Balances]:
    """Return the last balances kept of a month locked by then, with its last day; None and nothing when none was."""
    locked = (
        select(closed_periods.c.ends_on, closed_periods.c.closed_at_ms)
        .where(closed_periods.c.territory_id == territory_id, closed_periods.c.ends_on <= last_day)
        .order_by(closed_periods.c.ends_on.desc())
    )
    for ends_on, closed_at_ms in db.execute(locked).all():
        found = kept_of(db, territory_id=territory_id, ends_on=ends_on, closed_at_ms=closed_at_ms)
        # A month closed by an older version kept none: the one before it may have.
        if found:
            return ends_on, found
    return None, {}


def kept_before(
    db: Connection, *, territory_id: int, day: datetime.date, kind: AccountKind
) -> dict[datetime.date, Balances]:
    """Return what each account of a kind held at the end of each closed month that ended before a day, where kept."""
    columns = period_balances.c
    rows = db.execute(
        select(columns.ends_on, columns.account_id, columns.debits_cents, columns.credits_cents)
        .join(
            closed_periods,
            (closed_periods.c.territory_id == columns.territory_id)
            & (closed_periods.c.ends_on == columns.ends_on)
            & (closed_periods.c.closed_at_ms == columns.closed_at_ms),
        )
        .where(columns.territory_id == territory_id, columns.ends_on < day, columns.kind == int(kind))
    )
    found: dict[datetime.date, Balances] = defaultdict(dict)
    for ends_on, account_id, debits_cents, credits_cents in rows:
        found[ends_on][account_id] = Balance(kind, debits_cents, credits_cents)
    return dict(found)


def kept_of(db: Connection, *, territory_id: int, ends_on: datetime.date, closed_at_ms: int) -> Balances:
    """Return what a close kept of each account; empty when it kept nothing."""
    columns = period_balances.c
    rows = db.execute(
        select(columns.account_id, columns.kind, columns.debits_cents, columns.credits_cents).where(
            columns.territory_id == territory_id,
            columns.ends_on == ends_on,
            columns.closed_at_ms == closed_at_ms,
        )
    )
    return {account_id: Balance(AccountKind(kind), debits, credits_) for account_id, kind, debits, credits_ in rows}


def _moved_by(db: Connection, territory_id: int, entry_ids: list[int]) -> Balances:
    if not entry_ids:
        return {}
    wanted = set(entry_ids)
    columns = transfers.c
    rows = db.execute(
        select(
            columns.entry_id, columns.debit_account_id, columns.debit_kind, columns.credit_account_id,
            columns.credit_kind, columns.amount_cents,
        ).where(columns.territory_id == territory_id, columns.entry_id.between(min(wanted), max(wanted)))
    )  # fmt: skip
    moved: Balances = {}
    for entry_id, debit_id, debit_kind, credit_id, credit_kind, cents in rows:
        if entry_id in wanted:
            for account_id, kind, debited, credited in (
                (debit_id, debit_kind, cents, 0),
                (credit_id, credit_kind, 0, cents),
            ):
                before = moved.get(account_id, Balance(AccountKind(kind), 0, 0))
                moved[account_id] = Balance(before.kind, before.debits_cents + debited, before.credits_cents + credited)
    return moved


def _added(some: Mapping[int, Balance], more: Mapping[int, Balance]) -> Balances:
    added = dict(some)
    for account_id, balance in more.items():
        before = added.get(account_id)
        added[account_id] = (
            balance
            if before is None
            else Balance(
                balance.kind, before.debits_cents + balance.debits_cents, before.credits_cents + balance.credits_cents
            )
        )
    return added
