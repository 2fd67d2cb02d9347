"""Recompute everything from the rows and say what is wrong. Reads only; never repairs, never stops at the first fault.

Each check takes the books and yields findings; a finding names its subject, so that a person knows where to look.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection, select

from monnaie_locale.journal.queries import as_entry, as_transfer
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.journal.tables import accounts, balances, closed_periods, journal_entries, log_heads, transfers
from monnaie_locale.journal.tables import ledger_heads as heads
from monnaie_locale.keyring import signature_is_valid
from monnaie_locale.ledger.accounts import LIMITS, OWED_KINDS, AccountKind, Limit
from monnaie_locale.ledger.entries import JournalEntry, Transfer
from monnaie_locale.ledger.merkle import Frontier
from monnaie_locale.ledger.money import format_euros

ROWS_PER_READ = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong in the books: a stable code, what it is about, a French sentence."""

    code: str
    subject: str
    french: str


@dataclass(slots=True)
class _Sums:
    """What the journal says, gathered in one pass."""

    entries: int = 0
    last_entry_id: int = 0
    debits: dict[int, int] = field(default_factory=dict)
    credits: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification: how many entries were read, and what is wrong."""

    entries: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.findings


def verify(db: Connection, *, territory_id: int, public_key_pem: str) -> Verdict:
    """Verify a territory's books from the rows alone.

    Args:
        db: a connection that sees one state of the database.
        territory_id: whose books.
        public_key_pem: the key that signed the heads of the log.

    """
    kinds = {
        row.id: AccountKind(row.kind)
        for row in db.execute(select(accounts.c.id, accounts.c.kind).where(accounts.c.territory_id == territory_id))
    }
    sums = _Sums()
    findings = [
        *_check_entries(db, territory_id, public_key_pem, kinds, sums),
        *_check_orphans(db, territory_id),
        *_check_balances(db, territory_id, kinds, sums),
        *_check_head(db, territory_id, kinds, sums),
        *_check_periods(db, territory_id),
    ]
    return Verdict(sums.entries, tuple(findings))


def _check_entries(
    db: Connection, territory_id: int, public_key_pem: str, kinds: dict[int, AccountKind], sums: _Sums
) -> Iterator[Finding]:
    """Numbers without a gap, content that hashes to the leaf, transfers that stand, the log that the heads signed."""
    log = _Log(_heads(db, territory_id), public_key_pem)
    for entry, leaf_hash in _entries(db, territory_id):
        if entry.entry_id != sums.last_entry_id + 1:
            yield Finding(
                "entry_number_gap",
                f"entry {entry.entry_id}",
                f"L'écriture n° {entry.entry_id} suit la n° {sums.last_entry_id} : la numérotation a un trou.",
            )
        sums.entries += 1
        sums.last_entry_id = entry.entry_id
        yield from _check_transfers(entry, kinds, sums)
        if entry.leaf_hash() != leaf_hash:
            yield Finding(
                "entry_altered",
                f"entry {entry.entry_id}",
                f"L'écriture n° {entry.entry_id} n'est plus celle qui a été enregistrée : son empreinte diffère.",
            )
        yield from log.append(leaf_hash)
    yield from log.end()


def _check_transfers(entry: JournalEntry, kinds: dict[int, AccountKind], sums: _Sums) -> Iterator[Finding]:
    subject = f"entry {entry.entry_id}"
    if not entry.transfers:
        yield Finding("entry_without_transfer", subject, f"L'écriture n° {entry.entry_id} ne mouvemente aucun compte.")
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
                "transfer_invalid", subject, f"Un mouvement de l'écriture n° {entry.entry_id} est impossible."
            )


class _Log:
    """The Merkle log rebuilt leaf by leaf, compared with each signed head on the way."""

    def __init__(self, signed: list[LogHead], public_key_pem: str) -> None:
        self._heads = {head.size: head for head in signed}
        self._public_key_pem = public_key_pem
        self._frontier = Frontier()
        self._pending: list[bytes] = []
        self._good_size = 0

    def append(self, leaf_hash: bytes) -> Iterator[Finding]:
        """Add a leaf; compare when a head was signed at this size."""
        self._pending.append(leaf_hash)
        head = self._heads.pop(self._frontier.size + len(self._pending), None)
        if head is None:
            return
        self._frontier = self._frontier.extended(self._pending)
        self._pending = []
        subject = f"log head {head.size}"
        valid = signature_is_valid(
            public_key_pem=self._public_key_pem, signature=head.signature, text=head.signed_text()
        )
        if not valid:
            yield Finding("log_signature_invalid", subject, f"La signature du journal à {head.size} est fausse.")
        if self._frontier.root() != head.root:
            yield Finding(
                "log_rewritten",
                subject,
                f"Les écritures n° {self._good_size + 1} à {head.size} ne sont plus celles qui ont été scellées.",
            )
        else:
            self._good_size = head.size

    def end(self) -> Iterator[Finding]:
        """Say which signed heads cover more entries than there are."""
        for size in sorted(self._heads):
            yield Finding(
                "log_shortened", f"log head {size}", f"Le journal scellé comptait {size} écritures ; il en manque."
            )


def _check_orphans(db: Connection, territory_id: int) -> Iterator[Finding]:
    """Transfers whose entry does not exist, and therefore counted nowhere above."""
    orphans = db.scalars(
        select(transfers.c.entry_id)
        .outerjoin(
            journal_entries,
            (journal_entries.c.territory_id == transfers.c.territory_id)
            & (journal_entries.c.id == transfers.c.entry_id),
        )
        .where(transfers.c.territory_id == territory_id, journal_entries.c.id.is_(None))
        .distinct()
    )
    for entry_id in orphans:
        yield Finding(
            "transfer_without_entry",
            f"entry {entry_id}",
            f"Des mouvements renvoient à l'écriture n° {entry_id}, absente.",
        )


def _check_balances(db: Connection, territory_id: int, kinds: dict[int, AccountKind], sums: _Sums) -> Iterator[Finding]:
    """Every account has its balance, equal to the sum of its transfers, on the side where it may be."""
    seen: set[int] = set()
    rows = db.execute(select(balances).where(balances.c.territory_id == territory_id))
    for row in rows:
        seen.add(row.account_id)
        subject = f"account {row.account_id}"
        expected = (sums.debits.get(row.account_id, 0), sums.credits.get(row.account_id, 0))
        if (row.debits_cents, row.credits_cents) != expected or kinds.get(row.account_id) != row.kind:
            yield Finding(
                "balance_differs",
                subject,
                f"Le solde du compte {row.account_id} ({format_euros(row.credits_cents - row.debits_cents)}) n'est pas"
                f" la somme de ses mouvements ({format_euros(expected[1] - expected[0])}).",
            )
        limit = LIMITS[kinds.get(row.account_id, AccountKind(row.kind))]
        if limit is not Limit.NONE and int(limit) * (expected[1] - expected[0]) < 0:
            yield Finding("balance_below_zero", subject, f"Le compte {row.account_id} est passé sous zéro.")
    for account_id in sorted((kinds.keys() | sums.debits.keys() | sums.credits.keys()) - seen):
        yield Finding("balance_missing", f"account {account_id}", f"Le compte {account_id} n'a pas de solde.")


def _check_head(db: Connection, territory_id: int, kinds: dict[int, AccountKind], sums: _Sums) -> Iterator[Finding]:
    """The head's counters are those of the journal, and the reserve covers what is owed."""
    head = db.execute(select(heads).where(heads.c.territory_id == territory_id)).first()
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
            f"Les compteurs du territoire (n° {head.last_entry_id}, réserve {format_euros(head.reserve_cents)}, dû"
            f" {format_euros(head.owed_cents)}) ne sont pas ceux du journal (n° {sums.last_entry_id},"
            f" {format_euros(reserve_cents)}, {format_euros(owed_cents)}).",
        )
    if reserve_cents < owed_cents:
        yield Finding(
            "reserve_short",
            f"territory {territory_id}",
            f"La réserve ({format_euros(reserve_cents)}) ne couvre pas ce qui est dû ({format_euros(owed_cents)}).",
        )


def _check_periods(db: Connection, territory_id: int) -> Iterator[Finding]:
    """Closed months follow each other, and hold no entry recorded after their close."""
    previous: date | None = None
    rows = db.execute(
        select(closed_periods).where(closed_periods.c.territory_id == territory_id).order_by(closed_periods.c.ends_on)
    )
    for row in rows:
        if previous is not None and (row.starts_on - previous).days != 1:
            yield Finding("period_gap", f"period {row.starts_on}", f"Il manque un arrêté avant le {row.starts_on}.")
        previous = row.ends_on
        intruders = db.scalars(
            select(journal_entries.c.id).where(
                journal_entries.c.territory_id == territory_id,
                journal_entries.c.accounted_on <= row.ends_on,
                journal_entries.c.id > row.last_entry_id,
            )
        )
        for entry_id in intruders:
            yield Finding(
                "entry_in_closed_period",
                f"entry {entry_id}",
                f"L'écriture n° {entry_id} est datée d'un mois arrêté avant elle.",
            )


def _entries(db: Connection, territory_id: int) -> Iterator[tuple[JournalEntry, bytes]]:
    """Yield every entry with its stored leaf hash, in order, reading transfers alongside; memory stays flat."""
    after = 0
    while True:
        rows = (
            db.execute(
                select(journal_entries)
                .where(journal_entries.c.territory_id == territory_id, journal_entries.c.id > after)
                .order_by(journal_entries.c.id)
                .limit(ROWS_PER_READ)
            )
            .mappings()
            .all()
        )
        if not rows:
            return
        lines: dict[int, list[Transfer]] = {row["id"]: [] for row in rows}
        found = db.execute(
            select(transfers)
            .where(
                transfers.c.territory_id == territory_id, transfers.c.entry_id.between(rows[0]["id"], rows[-1]["id"])
            )
            .order_by(transfers.c.entry_id, transfers.c.line_no)
        ).mappings()
        for line in found:
            if line["entry_id"] in lines:
                lines[line["entry_id"]].append(as_transfer(line))
        for row in rows:
            yield as_entry(row, tuple(lines[row["id"]])), row["leaf_hash"]
        after = rows[-1]["id"]


def _heads(db: Connection, territory_id: int) -> list[LogHead]:
    rows = db.execute(select(log_heads).where(log_heads.c.territory_id == territory_id))
    return [LogHead(territory_id, row.size, row.root, row.sealed_at_ms, row.signature) for row in rows]
