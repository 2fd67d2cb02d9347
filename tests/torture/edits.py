"""The ways in which somebody who owns the database edits it by hand, each with what `verify` must say of it.

An edit is a function that changes rows on a connection whose guards are down and returns (code, subject): the finding
that must name it. Its SQL is the same on both databases.
"""

import random
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, text

from monnaie_locale.identity.audit_log import audit_heads_of
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.journal.sealer import latest_head
from tests.factories.ledger import TERRITORY_ID

Named = tuple[str, str]
Edit = Callable[[Connection, random.Random], Named]
SPARE = 1_000_000


def rows(db: Connection, statement: str, **values: object) -> Sequence[tuple]:
    return db.execute(text(statement), values).all()


def run(db: Connection, statement: str, **values: object) -> None:
    changed = db.execute(text(statement), values)
    # An edit that touches no row proves nothing.
    assert changed.rowcount > 0, statement


def _entry(db: Connection, rng: random.Random, kinds: str = "2, 3", *, among: str = "1 = 1") -> int:
    return rng.choice(rows(db, f"SELECT id FROM journal_entries WHERE kind IN ({kinds}) AND {among}"))[0]


def amount(db: Connection, rng: random.Random) -> Named:
    """One cent more on a line."""
    entry = _entry(db, rng)
    run(db, "UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = :e AND line_no = 1", e=entry)
    return "entry_altered", f"entry {entry}"


def party(db: Connection, rng: random.Random) -> Named:
    """Another shop was paid."""
    entry = _entry(db, rng, "3")
    (paid,) = rows(db, "SELECT credit_account_id FROM transfers WHERE entry_id = :e AND line_no = 1", e=entry)[0]
    other = rng.choice(rows(db, "SELECT id FROM accounts WHERE kind = 4 AND id <> :a", a=paid))[0]
    run(db, "UPDATE transfers SET credit_account_id = :o WHERE entry_id = :e", o=other, e=entry)
    return "entry_altered", f"entry {entry}"


def date(db: Connection, rng: random.Random) -> Named:
    """Accounted a day earlier than it was."""
    entry = _entry(db, rng)
    run(db, "UPDATE journal_entries SET accounted_on = '2026-10-02' WHERE id = :e", e=entry)
    return "entry_altered", f"entry {entry}"


def both_sides(db: Connection, rng: random.Random) -> Named:
    """The amount on both sides, and both balances with it: everything still adds up."""
    entry = _entry(db, rng, "3")
    _, line, debit, credit = rows(
        db, "SELECT entry_id, line_no, debit_account_id, credit_account_id FROM transfers WHERE entry_id = :e", e=entry
    )[0]
    run(
        db, "UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = :e AND line_no = :l", e=entry, l=line
    )
    run(db, "UPDATE balances SET debits_cents = debits_cents + 1 WHERE account_id = :a", a=debit)
    run(db, "UPDATE balances SET credits_cents = credits_cents + 1 WHERE account_id = :a", a=credit)
    return "entry_altered", f"entry {entry}"


def entry_deleted(db: Connection, rng: random.Random) -> Named:
    """A charge disappears, and the balances with it."""
    (last,) = rows(db, "SELECT max(id) FROM journal_entries")[0]
    entry = _entry(db, rng, "3", among=f"id < {last}")
    _delete(db, entry)
    return "entry_number_gap", f"entry {entry + 1}"


def tail_deleted(db: Connection, rng: random.Random) -> Named:
    """The last entries disappear, with the balances and the counters: as if they had never been."""
    head = latest_head(db, territory_id=TERRITORY_ID)
    (last,) = rows(db, "SELECT max(id) FROM journal_entries")[0]
    for entry in range(last, last - rng.randint(1, 2), -1):
        _delete(db, entry)
        run(db, "UPDATE ledger_heads SET last_entry_id = :e", e=entry - 1)
    return "log_shortened", f"log head {head.size}"


def re_ordered(db: Connection, rng: random.Random) -> Named:
    """Two entries exchange their numbers, with their transfers and their hashes."""
    first = _entry(db, rng)
    second = _entry(db, rng, among=f"id <> {first}")
    for old, new in ((first, SPARE), (second, first), (SPARE, second)):
        run(
            db, "UPDATE transfers SET entry_id = :n, debit_previous_id = 0, credit_previous_id = 0 WHERE entry_id = :o",
            n=new, o=old,
        )  # fmt: skip
        run(db, "UPDATE journal_entries SET id = :n WHERE id = :o", n=new, o=old)
    return "entry_altered", f"entry {rng.choice([first, second])}"


def new_account(db: Connection, rng: random.Random) -> Named:
    """A purse that nobody opened, with money in it."""
    (last,) = rows(db, "SELECT max(id) FROM accounts")[0]
    run(
        db,
        "INSERT INTO accounts SELECT territory_id, :n, kind, programme_id, 999, merchant_id, expires_on, opened_at_ms,"
        " leaf_hash FROM accounts WHERE kind = 3 AND id = (SELECT max(id) FROM accounts WHERE kind = 3)",
        n=last + 1,
    )
    db.execute(text("DELETE FROM balances WHERE account_id = :n"), {"n": last + 1})
    run(
        db, "INSERT INTO balances (territory_id, account_id, kind, debits_cents, credits_cents, last_entry_id,"
            " last_line_no) VALUES (1, :n, 3, 0, :c, 0, 0)", n=last + 1, c=rng.randint(1, 9_999),
    )  # fmt: skip
    return rng.choice(["account_altered", "balance_differs"]), f"account {last + 1}"


def balance_column(db: Connection, rng: random.Random) -> Named:
    """A purse is filled in the counters alone."""
    (account,) = rng.choice(rows(db, "SELECT account_id FROM balances WHERE kind = 3"))
    run(db, "UPDATE balances SET credits_cents = credits_cents + 5000 WHERE account_id = :a", a=account)
    return "balance_differs", f"account {account}"


def card_reused(db: Connection, rng: random.Random) -> Named:
    """A card pays from another household's wallet, or its code opens another card."""
    thief, victim = (row[0] for row in rng.sample(rows(db, "SELECT id FROM cards"), 2))
    if rng.random() < 0.5:
        run(db, "UPDATE cards SET wallet_id = (SELECT wallet_id FROM cards WHERE id = :v) WHERE id = :t",
            v=victim, t=thief)  # fmt: skip
        return "card_altered", f"card {thief}"
    (digest,) = rows(db, "SELECT token_digest FROM cards WHERE id = :t", t=thief)[0]
    run(db, "UPDATE cards SET token_digest = :d WHERE id = :t", d=bytes(31) + b"\x01", t=thief)
    run(db, "UPDATE cards SET token_digest = :d WHERE id = :v", d=digest, v=victim)
    return "card_altered", f"card {victim}"


def pin_swapped(db: Connection, rng: random.Random) -> Named:
    """The PIN of one card opens another."""
    thief, victim = (row[0] for row in rng.sample(rows(db, "SELECT id FROM cards"), 2))
    run(db, "UPDATE cards SET pin_hash = (SELECT pin_hash FROM cards WHERE id = :t) WHERE id = :v", t=thief, v=victim)
    return "card_altered", f"card {victim}"


def audit_event_removed(db: Connection, rng: random.Random) -> Named:
    """A line of the audit trail is gone."""
    (last,) = rows(db, "SELECT max(id) FROM audit_events")[0]
    event = rng.randint(1, last - 1)
    run(db, "DELETE FROM audit_events WHERE id = :e", e=event)
    return "audit_event_missing", f"audit event {event}"


def payout_doubled(db: Connection, rng: random.Random) -> Named:
    """A payout is copied, to be sent to the bank once more under another reference."""
    payout = dict(db.execute(text("SELECT * FROM payouts")).mappings().one())
    payout |= {"id": payout["id"] + 1, "message_id": payout["message_id"] + "X"}
    _insert(db, "payouts", payout)
    lines = db.execute(text("SELECT * FROM payout_lines")).mappings().all()
    for line in lines:
        _insert(
            db, "payout_lines",
            dict(line) | {"payout_id": payout["id"], "end_to_end_id": line["end_to_end_id"] + "X",
                          "rf_reference": line["rf_reference"] + "X"},
        )  # fmt: skip
    return "payout_order_differs", f"payout {rng.choice(lines)['end_to_end_id']}X"


def hidden(db: Connection, rng: random.Random) -> Named:
    """A payment is no longer in the history of its purse: the next one names the one before it.

    In a small town no purse may have paid twice: then it is a transfer of whatever account was debited twice.
    """
    found = rows(
        db, "SELECT later.entry_id, later.debit_account_id, hidden.debit_previous_id FROM transfers hidden"
            " JOIN transfers later ON later.debit_account_id = hidden.debit_account_id"
            " AND later.debit_previous_id = hidden.entry_id"
            " WHERE hidden.debit_kind = 3 OR NOT EXISTS (SELECT 1 FROM transfers a JOIN transfers b"
            " ON b.debit_account_id = a.debit_account_id AND b.debit_previous_id = a.entry_id WHERE a.debit_kind = 3)",
    )  # fmt: skip
    entry, account, before = rng.choice(found)
    run(
        db, "UPDATE transfers SET debit_previous_id = :b WHERE entry_id = :e AND debit_account_id = :a",
        b=before, e=entry, a=account,
    )  # fmt: skip
    return "chain_broken", f"account {account}"


def key_changed(db: Connection, rng: random.Random) -> Named:
    """The key of a charge is forgotten, so that it may be posted again."""
    entry = _entry(db, rng, "3")
    run(db, "UPDATE journal_entries SET key_digest = :k WHERE id = :e", k=rng.randbytes(32), e=entry)
    return "entry_altered", f"entry {entry}"


KINDS: tuple[Edit, ...] = (
    amount, party, date, both_sides, entry_deleted, tail_deleted, re_ordered, new_account, balance_column, card_reused,
    pin_swapped, audit_event_removed, payout_doubled, key_changed, hidden,
)  # fmt: skip


def rewritten_with_its_hash(db: Connection, rng: random.Random) -> Named:
    """A charge is one cent more, its balances too, and its hash is computed again: only the signed root tells."""
    _, subject = both_sides(db, rng)
    entry = int(subject.split()[1])
    leaf = entry_of(db, territory_id=TERRITORY_ID, entry_id=entry).entry.leaf_hash()
    run(db, "UPDATE journal_entries SET leaf_hash = :l WHERE id = :e", l=leaf, e=entry)
    return "log_rewritten", _first_head(db, "log", entry)


def audit_event_changed(db: Connection, rng: random.Random) -> Named:
    """Somebody else did it: only the signed root tells."""
    (last,) = rows(db, "SELECT max(id) FROM audit_events")[0]
    event = rng.randint(1, last)
    run(db, "UPDATE audit_events SET actor = 'staff:99' WHERE id = :e", e=event)
    size = min(head.size for head in audit_heads_of(db, territory_id=TERRITORY_ID) if head.size >= event)
    return "audit_rewritten", f"audit head {size}"


def audit_tail_removed(db: Connection, rng: random.Random) -> Named:
    """The last lines of the audit trail are gone."""
    (last,) = rows(db, "SELECT max(id) FROM audit_events")[0]
    run(db, "DELETE FROM audit_events WHERE id > :e", e=last - rng.randint(1, 2))
    return "audit_shortened", f"audit head {last}"


def card_invented(db: Connection, rng: random.Random) -> Named:
    """A second card for somebody's wallet, that nobody issued."""
    card = dict(rng.choice(db.execute(text("SELECT * FROM cards")).mappings().all()))
    (last,) = rows(db, "SELECT max(id) FROM cards")[0]
    _insert(db, "cards", card | {"id": last + 1, "token_digest": rng.randbytes(32), "number": "9999999999"})
    return "card_never_issued", f"card {last + 1}"


SUBTLE: tuple[Edit, ...] = (rewritten_with_its_hash, audit_event_changed, audit_tail_removed, card_invented)


def _first_head(db: Connection, word: str, entry: int) -> str:
    (size,) = rows(db, "SELECT min(size) FROM log_heads WHERE size >= :e", e=entry)[0]
    return f"{word} head {size}"


def _delete(db: Connection, entry: int) -> None:
    for debit, credit, cents in rows(
        db, "SELECT debit_account_id, credit_account_id, amount_cents FROM transfers WHERE entry_id = :e", e=entry
    ):
        run(db, "UPDATE balances SET debits_cents = debits_cents - :c WHERE account_id = :a", c=cents, a=debit)
        run(db, "UPDATE balances SET credits_cents = credits_cents - :c WHERE account_id = :a", c=cents, a=credit)
    run(db, "DELETE FROM transfers WHERE entry_id = :e", e=entry)
    run(db, "DELETE FROM journal_entries WHERE id = :e", e=entry)


def _insert(db: Connection, table: str, values: dict[str, object]) -> None:
    columns, names = ", ".join(values), ", ".join(f":{name}" for name in values)
    db.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({names})"), values)
