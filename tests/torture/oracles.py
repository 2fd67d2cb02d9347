"""What must hold after every torture, and while it lasts: O1 to O10 as functions that return findings, in plain words.

They read the rows with SQL of their own and share no arithmetic with the service; only the last one also asks the
service's own verifier. An empty list means that the promise was kept.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Engine, text

from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading

TERRITORY_ID = 1
# Kinds of account, as numbers of the contract (docs/ARCHITECTURE.md): programme funds, purse, merchant, payout in
# transit, expired, offline guarantee may not owe; what a merchant owes may not turn into a claim.
RESERVE = 1
NEVER_OVERDRAWN = (2, 3, 4, 5, 6, 12)
NEVER_IN_CREDIT = (7,)
OWED = (3, 4, 5, 6, 12)
SHOWN_MAX = 20


class Outcome(StrEnum):
    """What the client was told of an operation; nothing, or that the service was not available, is in doubt."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation as its client wrote it down: what it asked, and what it was told."""

    caller: str
    key: str
    amount_cents: int
    outcome: Outcome
    entry_id: int | None = None
    leaf_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A head of the log, remembered outside the service."""

    size: int
    root: bytes


def entries_balance(db: Connection) -> list[str]:
    """O1: every entry has transfers, each between two accounts, of more than nothing; and none hangs in the air."""
    empty = _rows(db, "SELECT e.id FROM journal_entries e LEFT JOIN transfers t ON t.territory_id = e.territory_id"
                      " AND t.entry_id = e.id WHERE e.territory_id = :t AND t.entry_id IS NULL")  # fmt: skip
    wrong = _rows(db, "SELECT entry_id, line_no FROM transfers WHERE territory_id = :t"
                      " AND (amount_cents <= 0 OR debit_account_id = credit_account_id)")  # fmt: skip
    orphans = _rows(db, "SELECT DISTINCT t.entry_id FROM transfers t LEFT JOIN journal_entries e"
                        " ON e.territory_id = t.territory_id AND e.id = t.entry_id"
                        " WHERE t.territory_id = :t AND e.id IS NULL")  # fmt: skip
    return [
        *(f"entry {row[0]} moves nothing" for row in empty),
        *(f"entry {row[0]} line {row[1]} does not balance" for row in wrong),
        *(f"transfers of entry {row[0]}, which does not exist" for row in orphans),
    ]


def balances_are_sums(db: Connection) -> list[str]:
    """O2: the stored counters of each account are the sums of its transfers."""
    stored = {row[0]: (int(row[1]), int(row[2])) for row in _rows(db, BALANCES)}
    summed = _sums(db)
    return [
        f"account {account}: the balance says {stored.get(account)}, its transfers {summed.get(account, (0, 0))}"
        for account in sorted(stored.keys() | summed.keys())
        if stored.get(account) != summed.get(account, (0, 0))
    ]


def none_below_zero(db: Connection) -> list[str]:
    """O3: no purse, fund or shop is overdrawn: by its counters, and by its transfers."""
    summed = _sums(db)
    findings = []
    for account, kind in _rows(db, "SELECT id, kind FROM accounts WHERE territory_id = :t ORDER BY id"):
        debits, credits_ = summed.get(account, (0, 0))
        if (kind in NEVER_OVERDRAWN and credits_ < debits) or (kind in NEVER_IN_CREDIT and debits < credits_):
            findings.append(f"account {account} of kind {kind} is at {credits_ - debits}")
    return findings + money_is_conserved(db)


def money_is_conserved(db: Connection) -> list[str]:
    """O9, cheap enough to be asked while the attack lasts: one state of all balances sums to zero, none below zero."""
    findings = []
    total = 0
    for account, debits, credits_, kind in _rows(db, BALANCES):
        total += int(credits_) - int(debits)
        if (kind in NEVER_OVERDRAWN and credits_ < debits) or (kind in NEVER_IN_CREDIT and debits < credits_):
            findings.append(f"account {account} of kind {kind} is read at {credits_ - debits}")
    return findings + ([f"all balances sum to {total}, not to 0"] if total else [])


def reserve_covers_what_is_owed(db: Connection) -> list[str]:
    """O4: issued less what left circulation is what is owed, as the head counts it; and the reserve covers it."""
    kinds = f"({', '.join(map(str, OWED))})"
    issued, left, received, paid = (
        int(
            _rows(db, f"SELECT coalesce(sum(amount_cents), 0) FROM transfers WHERE territory_id = :t AND {which}")[0][0]
        )
        for which in (
            f"credit_kind IN {kinds} AND debit_kind NOT IN {kinds}",
            f"debit_kind IN {kinds} AND credit_kind NOT IN {kinds}",
            f"debit_kind = {RESERVE}",
            f"credit_kind = {RESERVE}",
        )
    )
    summed = _sums(db)
    held = sum(
        credits_ - debits
        for account, kind in _rows(db, "SELECT id, kind FROM accounts WHERE territory_id = :t")
        if kind in OWED
        for debits, credits_ in (summed.get(account, (0, 0)),)
    )
    head = _rows(db, "SELECT reserve_cents, owed_cents FROM ledger_heads WHERE territory_id = :t")
    findings = []
    if issued - left != held:
        findings.append(f"{issued} issued less {left} gone is not the {held} that the accounts hold")
    if [tuple(map(int, row)) for row in head] != [(received - paid, held)]:
        findings.append(f"the head says {[tuple(row) for row in head]}, the journal {(received - paid, held)}")
    if held > received - paid:
        findings.append(f"{held} owed, {received - paid} in the reserve")
    return findings


def operations_stand(db: Connection, operations: Iterable[Operation], *, nobody_else: bool = False) -> list[str]:
    """O5, O6, O7: an acknowledged operation is there once, as told; a refused one is not; one in doubt, 0 or 1 times.

    With `nobody_else`, a charge that is none of these operations is a finding too.
    """
    by_key: dict[bytes, list[tuple[int, int, str]]] = {}
    for entry_id, key, cents, leaf in _rows(db, CHARGES):
        by_key.setdefault(bytes(key), []).append((entry_id, int(cents), bytes(leaf).hex()))
    findings = []
    for each in operations:
        found = by_key.pop(key_digest(each.caller, each.key), [])
        findings += _operation_stands(each, found)
    if nobody_else:
        findings += [
            f"entry {entry_id} charges {cents}: nobody asked" for rows in by_key.values() for entry_id, cents, _ in rows
        ]
    return findings


def _operation_stands(operation: Operation, found: Sequence[tuple[int, int, str]]) -> list[str]:
    name = f"{operation.caller} {operation.key} ({operation.outcome})"
    expected = {Outcome.ACCEPTED: (1,), Outcome.REFUSED: (0,), Outcome.IN_DOUBT: (0, 1)}[operation.outcome]
    if len(found) not in expected:
        word = "LOST" if not found else f"there {len(found)} times"
        return [f"{name}: {word}"]
    findings = []
    for entry_id, cents, leaf in found:
        if cents != operation.amount_cents:
            findings.append(f"{name}: {cents} in the books, {operation.amount_cents} asked")
        if operation.entry_id not in {None, entry_id}:
            findings.append(f"{name}: the receipt says entry {operation.entry_id}, the books {entry_id}")
        if operation.leaf_hash not in {None, leaf}:
            findings.append(f"{name}: the receipt's hash is not that of entry {entry_id}")
    return findings


def lost(findings: Iterable[str]) -> int:
    """Count the acknowledged operations that are not in the books, among findings of `operations_stand`."""
    return sum(f"({Outcome.ACCEPTED}): LOST" in finding for finding in findings)


def history_stands(db: Connection, *, public_key_pem: str, heads: Sequence[Head] = ()) -> list[str]:
    """O8: numbers without a gap, a verifier that finds nothing, and each remembered head is a prefix of the log."""
    rows = _rows(db, "SELECT id, leaf_hash FROM journal_entries WHERE territory_id = :t ORDER BY id")
    findings = []
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
        findings.append("the numbers of the entries have a gap")
    leaves = [bytes(row[1]) for row in rows]
    for head in heads:
        if head.size > len(leaves):
            findings.append(f"the log had {head.size} entries, and has {len(leaves)}")
        elif merkle_root(leaves[: head.size]) != head.root:
            findings.append(f"the log of {head.size} entries is not a prefix of this one")
    verdict = verify_installation(db, territory_id=TERRITORY_ID, public_key_pem=public_key_pem)
    return findings + [f"verify: {finding.code} {finding.subject}" for finding in verdict.findings]


def changes_are_audited(db: Connection) -> list[str]:
    """O10: each household enrolled has its event in the audit trail, and no event tells of one that is not there."""
    enrolled = {f"household:{row[0]}" for row in _rows(db, "SELECT id FROM households WHERE territory_id = :t")}
    told = [
        row[0]
        for row in _rows(db, "SELECT target FROM audit_events WHERE territory_id = :t AND action = 'household.enrol'")
    ]
    return [
        *(f"{name}: nobody wrote down who enrolled it" for name in sorted(enrolled - set(told))),
        *(f"{name}: told, and not there" for name in sorted(set(told) - enrolled)),
        *(f"{name}: told twice" for name in sorted({name for name in told if told.count(name) > 1})),
    ]


def broken_promises(
    engine: Engine, *, public_key_pem: str, operations: Iterable[Operation] = (), heads: Sequence[Head] = (),
    nobody_else: bool = False,
) -> list[str]:  # fmt: skip
    """Ask every oracle on one state of the database; the first findings, and how many there are."""
    with reading(engine) as db:
        findings = [
            *entries_balance(db),
            *balances_are_sums(db),
            *none_below_zero(db),
            *reserve_covers_what_is_owed(db),
            *operations_stand(db, operations, nobody_else=nobody_else),
            *changes_are_audited(db),
            *history_stands(db, public_key_pem=public_key_pem, heads=heads),
        ]
    if len(findings) > SHOWN_MAX:
        return [*findings[:SHOWN_MAX], f"… {len(findings)} findings in all"]
    return findings


def heads_of(db: Connection) -> list[Head]:
    """Return the signed heads of the log, for a stranger to remember."""
    return [
        Head(int(row[0]), bytes(row[1]))
        for row in _rows(db, "SELECT size, root FROM log_heads WHERE territory_id = :t ORDER BY size")
    ]


def key_digest(caller: str, key: str) -> bytes:
    """Return what the journal keeps of a caller's key; those of this suite have no time in them."""
    return hashlib.sha256(f"{caller}\x00{key}".encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of RFC 9162 §2.1.1 by its own recursive definition: slow, and not the service's."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle_root(leaves[:left]) + merkle_root(leaves[left:])).digest()


BALANCES = "SELECT account_id, debits_cents, credits_cents, kind FROM balances WHERE territory_id = :t"
# What a till's client asks for: charges, under its own keys.
CHARGES = (
    "SELECT e.id, e.key_digest, sum(t.amount_cents), e.leaf_hash FROM journal_entries e JOIN transfers t"
    " ON t.territory_id = e.territory_id AND t.entry_id = e.id WHERE e.territory_id = :t AND e.kind = 3"
    " GROUP BY e.id, e.key_digest, e.leaf_hash"
)


def _sums(db: Connection) -> dict[int, tuple[int, int]]:
    summed: dict[int, tuple[int, int]] = {}
    for side, column in enumerate(("debit_account_id", "credit_account_id")):
        for account, cents in _rows(
            db, f"SELECT {column}, sum(amount_cents) FROM transfers WHERE territory_id = :t GROUP BY {column}"
        ):
            debits, credits_ = summed.get(account, (0, 0))
            summed[account] = (debits + int(cents), credits_) if side == 0 else (debits, credits_ + int(cents))
    return summed


def _rows(db: Connection, statement: str) -> Sequence[tuple]:
    return db.execute(text(statement), {"t": TERRITORY_ID}).all()
