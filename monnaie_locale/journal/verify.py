"""Recompute everything from the rows and say what is wrong. Reads only; never repairs, never stops at the first fault.

Each check takes the books and yields findings; a finding names its subject, so that a person knows where to look.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection, select

from monnaie_locale.journal.directory import as_account, opening_of
from monnaie_locale.journal.sealer import LogHead, as_head
from monnaie_locale.journal.tables import accounts, balances, closed_periods, journal_entries, log_heads, transfers
from monnaie_locale.journal.tables import ledger_heads as heads_table
from monnaie_locale.journal.verify_log import Finding, RebuiltLog
from monnaie_locale.journal.verify_rows import UNREADABLE, as_date, raw_columns, stored_entries
from monnaie_locale.keyring import signature_is_valid
from monnaie_locale.ledger.accounts import LIMITS, OWED_KINDS, AccountKind, Limit
from monnaie_locale.ledger.entries import JournalEntry
from monnaie_locale.ledger.money import format_euros

__all__ = ["Finding", "Verdict", "verify"]


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
    heads = _heads(db, territory_id)
    kinds: dict[int, AccountKind] = {}
    sums = _Sums()
    findings = [
        *_check_signatures(heads, public_key_pem),
        *_check_accounts(db, territory_id, heads, kinds),
        *_check_entries(db, territory_id, heads, kinds, sums),
        *_check_orphans(db, territory_id),
        *_check_balances(db, territory_id, kinds, sums),
        *_check_head(db, territory_id, kinds, sums),
        *_check_periods(db, territory_id),
    ]
    return Verdict(sums.entries, tuple(findings))


def _check_signatures(heads: list[LogHead], public_key_pem: str) -> Iterator[Finding]:
    for head in heads:
        if not signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text()):
            yield Finding(
                "log_signature_invalid", f"log head {head.size}", f"La signature du journal à {head.size} est fausse."
            )


def _check_accounts(
    db: Connection, territory_id: int, heads: list[LogHead], kinds: dict[int, AccountKind]
) -> Iterator[Finding]:
    """Accounts have numbers without a gap, belong to whom they were opened for, and are those that were sealed."""
    log = RebuiltLog({head.accounts_size: head.accounts_root for head in heads}, word="accounts", french="Les comptes")
    rows = db.execute(
        select(*raw_columns(accounts)).where(accounts.c.territory_id == territory_id).order_by(accounts.c.id)
    ).mappings()
    for expected, row in enumerate(rows, start=1):
        subject = f"account {row['id']}"
        if row["id"] != expected:
            yield Finding("account_number_gap", subject, f"La numérotation des comptes a un trou avant le {row['id']}.")
        try:
            account = as_account(dict(row) | {"expires_on": as_date(row["expires_on"])})
        except UNREADABLE:
            yield Finding("row_unreadable", subject, f"La ligne du compte {row['id']} est illisible.")
        else:
            kinds[account.account_id] = account.owner.kind
            if opening_of(account, territory_id=territory_id).leaf_hash() != row["leaf_hash"]:
                yield Finding("account_altered", subject, f"Le compte {row['id']} n'est plus celui qui a été ouvert.")
        yield from log.append(row["leaf_hash"])
    yield from log.end()


def _check_entries(
    db: Connection, territory_id: int, heads: list[LogHead], kinds: dict[int, AccountKind], sums: _Sums
) -> Iterator[Finding]:
    """Numbers without a gap, content that hashes to the leaf, transfers that stand, the log that the heads signed."""
    log = RebuiltLog({head.size: head.root for head in heads}, word="log", french="Les écritures")
    for stored in stored_entries(db, territory_id=territory_id):
        subject = f"entry {stored.entry_id}"
        if stored.entry_id != sums.last_entry_id + 1:
            yield Finding(
                "entry_number_gap",
                subject,
                f"L'écriture n° {stored.entry_id} suit la n° {sums.last_entry_id} : la numérotation a un trou.",
            )
        sums.entries += 1
        sums.last_entry_id = stored.entry_id
        if stored.entry is None:
            yield Finding("row_unreadable", subject, f"L'écriture n° {stored.entry_id} est illisible.")
        else:
            yield from _check_transfers(stored.entry, kinds, sums)
            if stored.entry.leaf_hash() != stored.leaf_hash:
                yield Finding(
                    "entry_altered",
                    subject,
                    f"L'écriture n° {stored.entry_id} n'est plus celle qui a été enregistrée : son empreinte diffère.",
                )
        yield from log.append(stored.leaf_hash)
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
        kind = kinds.get(row.account_id)
        if (row.debits_cents, row.credits_cents) != expected or kind != row.kind:
            yield Finding(
                "balance_differs",
                subject,
                f"Le solde du compte {row.account_id} n'est pas la somme de ses mouvements"
                f" ({format_euros(expected[1] - expected[0])}).",
            )
        limit = Limit.NONE if kind is None else LIMITS[kind]
        if limit is not Limit.NONE and int(limit) * (expected[1] - expected[0]) < 0:
            yield Finding("balance_below_zero", subject, f"Le compte {row.account_id} est passé sous zéro.")
    for account_id in sorted((kinds.keys() | sums.debits.keys() | sums.credits.keys()) - seen):
        yield Finding("balance_missing", f"account {account_id}", f"Le compte {account_id} n'a pas de solde.")


def _check_head(db: Connection, territory_id: int, kinds: dict[int, AccountKind], sums: _Sums) -> Iterator[Finding]:
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


def _check_periods(db: Connection, territory_id: int) -> Iterator[Finding]:
    """Closed months follow each other, and hold no entry recorded after their close."""
    previous: date | None = None
    rows = db.execute(
        select(*raw_columns(closed_periods))
        .where(closed_periods.c.territory_id == territory_id)
        .order_by(closed_periods.c.ends_on)
    )
    for row in rows:
        try:
            starts_on, ends_on = as_date(row.starts_on), as_date(row.ends_on)
        except UNREADABLE:
            yield Finding("row_unreadable", f"period {row.ends_on}", f"Le mois arrêté « {row.ends_on} » est illisible.")
            continue
        if previous is not None and (starts_on - previous).days != 1:
            yield Finding("period_gap", f"period {starts_on}", f"Il manque un arrêté avant le {starts_on}.")
        previous = ends_on
        intruders = db.scalars(
            select(journal_entries.c.id).where(
                journal_entries.c.territory_id == territory_id,
                journal_entries.c.accounted_on <= ends_on,
                journal_entries.c.id > row.last_entry_id,
            )
        )
        for entry_id in intruders:
            yield Finding(
                "entry_in_closed_period",
                f"entry {entry_id}",
                f"L'écriture n° {entry_id} est datée d'un mois arrêté avant elle.",
            )


def _heads(db: Connection, territory_id: int) -> list[LogHead]:
    rows = db.execute(select(log_heads).where(log_heads.c.territory_id == territory_id).order_by(log_heads.c.size))
    return [as_head(row) for row in rows.mappings()]
