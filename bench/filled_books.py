"""Books filled straight into the tables, for measures that need a million entries before they begin.

The rows are those that the engine would have written: numbers, leaf hashes, balances, heads signed over the log. Only
the triggers are out of the way meanwhile; they are put back, and `monnaie-locale verify` must find the books clean
before anything is measured on them.
"""

import datetime
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text

from bench.books import TERRITORY_ID, TOWN, owners
from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.transaction import transact
from monnaie_locale.journal.directory import Owner, create_territory, open_accounts
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.journal.tables import journal_entries, log_heads, transfers
from monnaie_locale.ledger.accounts import OWED_KINDS, AccountKind
from monnaie_locale.ledger.canonical import Line, entry_bytes
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.merkle import Frontier, hash_leaf
from monnaie_locale.ledger.periods import Month, instant_ms, paris_date
from monnaie_locale.ledger.posting import request_digest

ROWS_PER_INSERT = 20_000
PURSE_CENTS = 100_000_000
AMOUNT_CENTS_MAX = 5_000
# One payment in ten draws on two purses.
TWO_PURSES_EVERY = 10
# A head for a hundred entries: a seal every minute of a busy day.
ENTRIES_PER_HEAD = 100
CALLER = "bench:1"
FIRST_MONTH = Month(2026, 10)
MS_PER_DAY = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What the books hold."""

    entries: int
    transfers: int
    reserve_cents: int


@dataclass(slots=True)
class _Filler:
    """The state of the books while they are written: one entry after another, rows kept until there are enough."""

    db: Connection
    sign: Callable[[bytes], bytes]
    kinds: dict[int, AccountKind]
    openings: Frontier
    log: Frontier = field(default_factory=Frontier)
    entries: list[tuple[object, ...]] = field(default_factory=list)
    lines: list[tuple[object, ...]] = field(default_factory=list)
    heads: list[tuple[object, ...]] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    last_line: dict[int, tuple[int, int]] = field(default_factory=dict)
    debits: dict[int, int] = field(default_factory=dict)
    credits: dict[int, int] = field(default_factory=dict)
    entry_id: int = 0
    line_count: int = 0

    def add(self, kind: EntryKind, moved: list[Line], *, at_ms: int, reference: str) -> None:
        """Write one entry."""
        self.entry_id += 1
        day = paris_date(at_ms)
        key = key_digest(caller=CALLER, idempotency_key=f"fill:{self.entry_id}")
        request = request_digest(fill=self.entry_id)
        content = entry_bytes(
            TERRITORY_ID, self.entry_id, kind, at_ms, at_ms, day.isoformat(), CALLER, key, request, None, reference,
            moved,
        )  # fmt: skip
        leaf = hash_leaf(content)
        self.leaves.append(leaf)
        self.entries.append((
            TERRITORY_ID, self.entry_id, int(kind), at_ms, at_ms, day, CALLER, key, request, None, reference, leaf,
        ))  # fmt: skip
        # Each side names the entry that moved its account before this one.
        before = {each: self.last_line.get(each, (0, 0))[0] for debit, credit, _ in moved for each in (debit, credit)}
        for number, (debit, credit, cents) in enumerate(moved, start=1):
            self.lines.append((
                TERRITORY_ID, self.entry_id, number, int(self.kinds[debit]), int(self.kinds[credit]), debit, credit,
                cents, before[debit], before[credit],
            ))  # fmt: skip
            self.debits[debit] = self.debits.get(debit, 0) + cents
            self.credits[credit] = self.credits.get(credit, 0) + cents
            self.last_line[debit] = self.last_line[credit] = (self.entry_id, number)
            self.line_count += 1
        if self.entry_id % ENTRIES_PER_HEAD == 0:
            self.seal(at_ms)
        if len(self.entries) >= ROWS_PER_INSERT:
            self.flush()

    def seal(self, at_ms: int) -> None:
        """Sign the log as it is now."""
        self.log, self.leaves = self.log.extended(self.leaves), []
        unsigned = LogHead(
            TERRITORY_ID, self.log.size, self.log.root(), self.openings.size, self.openings.root(), at_ms
        )
        self.heads.append((
            TERRITORY_ID, self.log.size, unsigned.root, self.log.to_bytes(), unsigned.accounts_size,
            unsigned.accounts_root, self.openings.to_bytes(), at_ms, self.sign(unsigned.signed_text()),
        ))  # fmt: skip

    def flush(self) -> None:
        """Insert what is kept."""
        insert_rows(self.db, transfers, self.lines)
        insert_rows(self.db, journal_entries, self.entries)
        insert_rows(self.db, log_heads, self.heads)
        self.lines, self.entries, self.heads = [], [], []

    def count(self) -> int:
        """Write the counters that the triggers would have kept; return the reserve."""
        moved = self.last_line.keys()
        self.db.execute(
            text(
                "UPDATE balances SET debits_cents = :debits, credits_cents = :credits, last_entry_id = :entry_id,"
                " last_line_no = :line_no WHERE territory_id = 1 AND account_id = :account_id"
            ),
            [
                {
                    "account_id": each,
                    "debits": self.debits.get(each, 0),
                    "credits": self.credits.get(each, 0),
                    "entry_id": self.last_line[each][0],
                    "line_no": self.last_line[each][1],
                }
                for each in sorted(moved)
            ],
        )
        net = {each: self.credits.get(each, 0) - self.debits.get(each, 0) for each in moved}
        reserve_cents = -sum(cents for each, cents in net.items() if self.kinds[each] is AccountKind.RESERVE)
        self.db.execute(
            text(
                "UPDATE ledger_heads SET last_entry_id = :last, reserve_cents = :reserve, owed_cents = :owed,"
                " counted_entry_id = :last, counted_line_no = 1 WHERE territory_id = 1"
            ),
            {
                "last": self.entry_id,
                "reserve": reserve_cents,
                "owed": sum(cents for each, cents in net.items() if self.kinds[each] in OWED_KINDS),
            },
        )
        return reserve_cents


def fill(
    engine: Engine,
    *,
    charges: int,
    wallets: int,
    shops: int,
    sign: Callable[[bytes], bytes],
    months: int = 1,
    first_month: Month = FIRST_MONTH,
) -> Filled:
    """Open a town and fill its books: funding, an issue for each wallet, then charges spread evenly over the months.

    Args:
        engine: an empty migrated database.
        charges: how many.
        wallets: of one purse each.
        shops: of one account each.
        sign: the signature of the log's heads.
        months: over how many months the charges go.
        first_month: the first of them.

    """
    opened_ms = instant_ms(_noon(first_month.first_day))
    transact(engine, create_territory, territory=TOWN, now_ms=opened_ms)
    purses, merchants = owners(wallets=wallets, shops=shops)
    numbers = transact(
        engine,
        open_accounts,
        territory_id=TERRITORY_ID,
        owners=[Owner(AccountKind.RESERVE), Owner(AccountKind.PROGRAMME_FUNDS, programme_id=1), *purses, *merchants],
        now_ms=opened_ms,
    )
    return transact(
        engine,
        _fill,
        numbers=numbers,
        charges=_charges(charges, months=months, first_month=first_month, opened_ms=opened_ms),
        opened_ms=opened_ms,
        sign=sign,
    )


def _fill(
    db: Connection,
    *,
    numbers: dict[Owner, int],
    charges: Iterable[tuple[int, int, bool]],
    opened_ms: int,
    sign: Callable[[bytes], bytes],
) -> Filled:
    kinds = {number: owner.kind for owner, number in numbers.items()}
    leaves = db.execute(text("SELECT leaf_hash FROM accounts WHERE territory_id = 1 ORDER BY id")).scalars()
    filler = _Filler(db, sign, kinds, Frontier().extended(leaves))
    by_kind = {kind: sorted(each for each in kinds if kinds[each] is kind) for kind in AccountKind}
    (reserve,), (funds,) = by_kind[AccountKind.RESERVE], by_kind[AccountKind.PROGRAMME_FUNDS]
    purses, shops = by_kind[AccountKind.PURSE], by_kind[AccountKind.MERCHANT]
    chance = random.Random(1)  # the same books in every run
    with _triggers_out_of_the_way(db):
        filler.add(
            EntryKind.FUNDING, [(reserve, funds, PURSE_CENTS * len(purses))], at_ms=opened_ms, reference="F00001"
        )
        for purse in purses:
            filler.add(EntryKind.DISTRIBUTION, [(funds, purse, PURSE_CENTS)], at_ms=opened_ms, reference="FILL")
        for at_ms, cents, two_purses in charges:
            shop, payers = chance.choice(shops), chance.sample(purses, 2 if two_purses else 1)
            filler.add(EntryKind.CHARGE, [(payer, shop, cents) for payer in payers], at_ms=at_ms, reference=f"M{shop}")
        if filler.leaves:
            filler.seal(opened_ms)
        filler.flush()
        reserve_cents = filler.count()
    return Filled(entries=filler.entry_id, transfers=filler.line_count, reserve_cents=reserve_cents)


def _charges(count: int, *, months: int, first_month: Month, opened_ms: int) -> Iterator[tuple[int, int, bool]]:
    """Yield the instant, the cents and whether two purses pay, evenly over the days of the months."""
    chance = random.Random(2)
    last = first_month
    for _ in range(months - 1):
        last = last.next()
    length_ms = ((last.last_day - first_month.first_day).days * MS_PER_DAY) or MS_PER_DAY
    for number in range(count):
        at_ms = opened_ms + length_ms * number // count
        yield at_ms, chance.randint(1, AMOUNT_CENTS_MAX), number % TWO_PURSES_EVERY == 0


@contextmanager
def _triggers_out_of_the_way(db: Connection) -> Iterator[None]:
    """Let rows in as they are, and put every trigger back as it was."""
    if db.dialect.name == "postgresql":
        tables = ("journal_entries", "transfers", "balances", "ledger_heads", "log_heads")
        for table in tables:
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield
        # The deferred foreign key of the transfers is still waiting, and a table with pending checks cannot be altered.
        db.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        for table in tables:
            db.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        return
    rows = db.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for row in rows:
        db.exec_driver_sql(f"DROP TRIGGER {row.name}")
    yield
    for row in rows:
        db.exec_driver_sql(row.sql)


def _noon(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(12), tzinfo=datetime.UTC)
