"""Verify the entries and their transfers: span by span, fast where all is well, row by row where something is not."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.journal.tables import journal_entries, transfers
from monnaie_locale.journal.verify_chains import Chains
from monnaie_locale.journal.verify_log import Finding, RebuiltLog
from monnaie_locale.journal.verify_rows import ABOVE_ALL, BELOW_ALL, stored_entries
from monnaie_locale.journal.verify_scan import Event, Scanned, event_of, spans
from monnaie_locale.journal.verify_start import Start
from monnaie_locale.journal.verify_workers import Span
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, JournalEntry

Visit = Callable[[Event], None]
# An account whose number is far beyond how many there are would make the table of kinds as large.
NUMBERS_PER_ACCOUNT_MAX = 16


@dataclass(slots=True)
class Sums:
    """What the journal says, gathered in one pass; `doubtful` are the spans that had to be read carefully."""

    entries: int = 0
    last_entry_id: int = 0
    debits: dict[int, int] = field(default_factory=dict)
    credits: dict[int, int] = field(default_factory=dict)
    chains: Chains = field(default_factory=Chains)
    doubtful: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def after(cls, start: Start | None) -> "Sums":
        """Return the sums at the start of a verification: nothing, or what was verified before."""
        if start is None:
            return cls()
        size = start.frontier.size
        return cls(
            last_entry_id=size, debits=dict(start.debits), credits=dict(start.credits), chains=Chains(after=size)
        )

    def take(self, scanned: Scanned, *, last: int) -> None:
        """Count a span that is as it must be."""
        self.entries += scanned.entries
        self.last_entry_id = last
        self.chains.join(scanned.previous, scanned.last)
        for sums, more in ((self.debits, scanned.debits), (self.credits, scanned.credits)):
            for account_id, cents in more.items():
                sums[account_id] = sums.get(account_id, 0) + cents


def spans_of(db: Connection, *, territory_id: int, heads: Sequence[LogHead], after: int = 0) -> list[Span]:
    """Return the spans to scan; none when a number below 1 puts every entry elsewhere than its number says.

    `after` is the entry at which a span ended, verified before.
    """
    wanted = [journal_entries.c.territory_id == territory_id]
    if after:
        wanted.append(journal_entries.c.id > after)
    lowest, count = db.execute(select(func.min(journal_entries.c.id), func.count()).where(*wanted)).one()
    if lowest != after + 1:
        return []
    sizes = [head.size for head in heads]
    return [
        Span(first, last, tuple(sizes[bisect_left(sizes, first) : bisect_right(sizes, last)]))
        for first, last in spans(through=after + count, after=after)
    ]


def kinds_table(kinds: Mapping[int, AccountKind]) -> bytes:
    """Return the kinds by account number, a byte each, 0 where there is no account; empty when numbers are wild."""
    highest = max(kinds, default=0)
    if min(kinds, default=1) < 1 or highest > NUMBERS_PER_ACCOUNT_MAX * (len(kinds) + 1):
        return b""
    table = bytearray(highest + 1)
    for account_id, kind in kinds.items():
        table[account_id] = kind
    return bytes(table)


@dataclass(frozen=True, slots=True)
class EntryCheck:
    """Checks entries: numbers without a gap, content that hashes to the leaf, transfers that stand, the signed log.

    `sums` is filled on the way; `visit` is called in order with every entry that is no charge.
    """

    territory_id: int
    kinds: Mapping[int, AccountKind]
    sums: Sums
    visit: Visit
    start: Start | None = None

    def check(
        self, db: Connection, *, heads: Sequence[LogHead], found: Iterable[tuple[Span, Scanned | None]]
    ) -> Iterator[Finding]:
        """Yield what is wrong; `found` are the spans in order, each with what a scan of it gave."""
        before = None if self.start is None else self.start.frontier
        log = RebuiltLog({head.size: head.root for head in heads}, word="log", french="Les écritures", after=before)
        after = BELOW_ALL if before is None else before.size
        for span, scanned in found:
            if scanned is not None:
                yield from log.join(scanned.part, scanned.marks)
                self.sums.take(scanned, last=span.last)
                for event in scanned.events:
                    self.visit(event)
            else:
                yield from self._read(db, log, after=after, through=span.last)
            after = span.last
            if log.size != span.last:
                # From here on nothing is where its number says.
                break
        yield from self._read(db, log, after=after, through=ABOVE_ALL)
        yield from log.end()

    def _read(self, db: Connection, log: RebuiltLog, *, after: int, through: int) -> Iterator[Finding]:
        """Read rows one by one, as values, and name everything that is wrong with them."""
        sums = self.sums
        sums.doubtful.append((after, through))
        for stored in stored_entries(db, territory_id=self.territory_id, after=after, through=through):
            subject = f"entry {stored.entry_id}"
            if stored.entry_id != sums.last_entry_id + 1:
                yield Finding(
                    "entry_number_gap",
                    subject,
                    f"L’écriture n° {stored.entry_id} suit la n° {sums.last_entry_id} : la numérotation a un trou.",
                )
            sums.entries += 1
            sums.last_entry_id = stored.entry_id
            # Read without the chain: it is followed apart.
            sums.chains.is_sound = False
            if stored.entry is None:
                yield Finding("row_unreadable", subject, f"L’écriture n° {stored.entry_id} est illisible.")
            else:
                yield from self._check_entry(stored.entry, stored.leaf_hash)
            yield from log.append(stored.leaf_hash)

    def _check_entry(self, entry: JournalEntry, leaf_hash: bytes) -> Iterator[Finding]:
        yield from self._check_transfers(entry)
        if entry.leaf_hash() != leaf_hash:
            yield Finding(
                "entry_altered",
                f"entry {entry.entry_id}",
                f"L’écriture n° {entry.entry_id} n’est plus celle qui a été enregistrée : son empreinte diffère.",
            )
        if entry.kind is not EntryKind.CHARGE:
            self.visit(event_of(entry))

    def _check_transfers(self, entry: JournalEntry) -> Iterator[Finding]:
        sums, kinds = self.sums, self.kinds
        subject = f"entry {entry.entry_id}"
        if not entry.transfers:
            yield Finding(
                "entry_without_transfer", subject, f"L’écriture n° {entry.entry_id} ne mouvemente aucun compte."
            )
        for line in entry.transfers:
            sums.debits[line.debit_account_id] = sums.debits.get(line.debit_account_id, 0) + line.amount_cents
            sums.credits[line.credit_account_id] = sums.credits.get(line.credit_account_id, 0) + line.amount_cents
            stands = (
                line.amount_cents > 0
                and line.debit_account_id != line.credit_account_id
                and kinds.get(line.debit_account_id) is line.debit_kind
                and kinds.get(line.credit_account_id) is line.credit_kind
            )
            if not stands:
                yield Finding(
                    "transfer_invalid", subject, f"Un mouvement de l’écriture n° {entry.entry_id} est impossible."
                )


def check_orphans(db: Connection, *, territory_id: int, sums: Sums) -> Iterator[Finding]:
    """Transfers whose entry does not exist, and therefore counted nowhere: a sound span has none."""
    begins_in_doubt = any(after == BELOW_ALL for after, _ in sums.doubtful)
    for after, through in sums.doubtful if begins_in_doubt else [(BELOW_ALL, 0), *sums.doubtful]:
        orphans = db.scalars(
            select(transfers.c.entry_id)
            .outerjoin(
                journal_entries,
                (journal_entries.c.territory_id == transfers.c.territory_id)
                & (journal_entries.c.id == transfers.c.entry_id),
            )
            .where(
                transfers.c.territory_id == territory_id,
                transfers.c.entry_id > after,
                transfers.c.entry_id <= through,
                journal_entries.c.id.is_(None),
            )
            .distinct()
        )
        for entry_id in orphans:
            yield Finding(
                "transfer_without_entry",
                f"entry {entry_id}",
                f"Des mouvements renvoient à l’écriture n° {entry_id}, absente.",
            )
