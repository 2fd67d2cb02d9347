"""Recompute everything from the rows and say what is wrong. Reads only; never repairs, never stops at the first fault.

Each check takes the books and yields findings; a finding names its subject, so that a person knows where to look.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from sqlalchemy import Connection, select

from monnaie_locale.journal.log import BELOW_ALL, heads_of
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.journal.tables import balances
from monnaie_locale.journal.tables import ledger_heads as heads_table
from monnaie_locale.journal.verify_accounts import check_accounts
from monnaie_locale.journal.verify_chains import check_chains
from monnaie_locale.journal.verify_entries import EntryCheck, Sums, Visit, check_orphans, kinds_table, spans_of
from monnaie_locale.journal.verify_log import Finding
from monnaie_locale.journal.verify_periods import check_periods
from monnaie_locale.journal.verify_scan import Scanned
from monnaie_locale.journal.verify_start import Start
from monnaie_locale.journal.verify_workers import (
    Job,
    Signatures,
    SignedText,
    Span,
    Workers,
    scanned,
    shared_state,
    workers,
)
from monnaie_locale.ledger.accounts import LIMITS, OWED_KINDS, AccountKind, Limit
from monnaie_locale.ledger.money import format_euros

__all__ = ["Finding", "Verdict", "verify"]


PROCESSES = min(2, os.cpu_count() or 1)
# A process takes as long to start as a hundred thousand entries to read.
SPANS_FOR_PROCESSES = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification: how many entries were read, what is wrong, and after which entry it began."""

    entries: int
    findings: tuple[Finding, ...]
    after_entry_id: int = 0

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.findings


def verify(
    db: Connection,
    *,
    territory_id: int,
    public_key_pem: str,
    processes: int | None = None,
    carefully: bool = False,
    start: Start | None = None,
    visit: Visit = lambda _event: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verdict:
    """Verify a territory's books from the rows alone.

    Args:
        db: a connection that sees one state of the database.
        territory_id: whose books.
        public_key_pem: the key that signed the heads of the log.
        processes: how many read the entries; None is one, or two processes of their own when there are many.
        carefully: read every row the slow way, as is done anyhow where something is wrong.
        start: what is known and not read again, of `verify_start`; None reads every entry.
        visit: called with every entry that is no charge, in order, for whoever holds other tables against the journal.
        progress: told (entries read, entries there are) from time to time.

    """
    after = 0 if start is None else start.frontier.size
    heads = list(heads_of(db, territory_id=territory_id, after=after or BELOW_ALL))
    kinds: dict[int, AccountKind] = {}
    sums = Sums.after(start)
    spans = [] if carefully else spans_of(db, territory_id=territory_id, heads=heads, after=after)
    count = processes or (PROCESSES if len(spans) >= SPANS_FOR_PROCESSES else 1)
    signatures = _signatures(heads, public_key_pem)
    with workers(count) if count > 1 else nullcontext() as started:
        if started is not None:
            started.check(signatures)
        on_accounts = list(check_accounts(db, territory_id=territory_id, heads=heads, kinds=kinds, carefully=carefully))
        forged, found = _scan(db, started, signatures, territory_id=territory_id, kinds=kinds, spans=spans)
        entries = EntryCheck(territory_id, kinds, sums, visit, start)
        told = _told(zip(spans, found, strict=True), progress, total=spans[-1].last if spans else 0)
        on_entries = list(entries.check(db, heads=heads, found=told))
    findings = [
        *_on_signatures(forged),
        *on_accounts,
        *on_entries,
        *check_orphans(db, territory_id=territory_id, sums=sums),
        *_check_balances(db, territory_id, kinds, sums),
        *check_chains(db, territory_id=territory_id, chains=sums.chains),
        *_check_head(db, territory_id, kinds, sums),
        *check_periods(db, territory_id=territory_id, after=after),
    ]
    return Verdict(sums.entries, tuple(findings), after)


def _signatures(heads: Sequence[LogHead], public_key_pem: str) -> Signatures:
    signed = [SignedText(head.size, head.signature, head.signed_text()) for head in heads]
    return Signatures(public_key_pem=public_key_pem, signed=signed)


def _told(
    found: Iterable[tuple[Span, Scanned | None]], progress: Callable[[int, int], None], *, total: int
) -> Iterator[tuple[Span, Scanned | None]]:
    """Yield the same, and tell how far the reading is."""
    for span, each in found:
        yield span, each
        progress(span.last, total)


def _scan(
    db: Connection,
    started: Workers | None,
    signatures: Signatures,
    *,
    territory_id: int,
    kinds: Mapping[int, AccountKind],
    spans: Sequence[Span],
) -> tuple[list[int], Iterator[Scanned | None]]:
    """Return the sizes of the heads whose signature is false, and what each span holds: by the workers, or here."""
    table = kinds_table(kinds)
    if started is None:
        return signatures.forged(), scanned(db, territory_id=territory_id, kinds=table, asked=spans)
    job = Job(
        database_url=db.engine.url.render_as_string(hide_password=False),
        snapshot=shared_state(db),
        territory_id=territory_id,
        kinds=table,
        spans=spans,
    )
    return started.scan(job)


def _on_signatures(forged: Iterable[int]) -> Iterator[Finding]:
    for size in forged:
        yield Finding("log_signature_invalid", f"log head {size}", f"La signature du journal à {size} est fausse.")


def _check_balances(db: Connection, territory_id: int, kinds: dict[int, AccountKind], sums: Sums) -> Iterator[Finding]:
    """Every account has its balance, equal to the sum of its transfers, on the side where it may be."""
    seen: set[int] = set()
    rows = db.execute(select(balances).where(balances.c.territory_id == territory_id))
    for row in rows:
        seen.add(row.account_id)
        subject = f"account {row.account_id}"
        expected = (sums.debits.get(row.account_id, 0), sums.credits.get(row.account_id, 0))
        kind = kinds.get(row.account_id)
        if (row.debits_cents, row.credits_cents) != expected or kind != row.kind:
            yield Finding(
                "balance_differs",
                subject,
                f"Le solde du compte {row.account_id} n’est pas la somme de ses mouvements"
                f" ({format_euros(expected[1] - expected[0])}).",
            )
        limit = Limit.NONE if kind is None else LIMITS[kind]
        if limit is not Limit.NONE and int(limit) * (expected[1] - expected[0]) < 0:
            yield Finding("balance_below_zero", subject, f"Le compte {row.account_id} est passé sous zéro.")
    for account_id in sorted((kinds.keys() | sums.debits.keys() | sums.credits.keys()) - seen):
        yield Finding("balance_missing", f"account {account_id}", f"Le compte {account_id} n’a pas de solde.")


def _check_head(db: Connection, territory_id: int, kinds: dict[int, AccountKind], sums: Sums) -> Iterator[Finding]:
    """The head's counters are those of the journal, and the reserve covers what is owed."""
    head = db.execute(select(heads_table).where(heads_table.c.territory_id == territory_id)).first()
    if head is None:
        yield Finding("head_missing", f"territory {territory_id}", "Les compteurs du territoire ont disparu.")
        return
    net = {
        account_id: sums.credits.get(account_id, 0) - sums.debits.get(account_id, 0)
        for account_id in sums.credits.keys() | sums.debits.keys()
    }
    reserve_cents = -sum(cents for account_id, cents in net.items() if kinds.get(account_id) is AccountKind.RESERVE)
    owed_cents = sum(cents for account_id, cents in net.items() if kinds.get(account_id) in OWED_KINDS)
    if (head.last_entry_id, head.reserve_cents, head.owed_cents) != (sums.last_entry_id, reserve_cents, owed_cents):
        yield Finding(
            "head_differs",
            f"territory {territory_id}",
            f"Les compteurs du territoire ne sont pas ceux du journal (n° {sums.last_entry_id}, réserve"
            f" {format_euros(reserve_cents)}, dû {format_euros(owed_cents)}).",
        )
    if reserve_cents < owed_cents:
        yield Finding(
            "reserve_short",
            f"territory {territory_id}",
            f"La réserve ({format_euros(reserve_cents)}) ne couvre pas ce qui est dû ({format_euros(owed_cents)}).",
        )
