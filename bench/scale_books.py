"""Books of any length and of one shape, written straight into the tables by SQL: ten million transfers in minutes.

The rows are those that the engine would have written: numbers, leaf hashes of the canonical bytes, balances that are
the sums of the transfers. Only the triggers are out of the way meanwhile; the indexes are not, so
that they are as large as grown ones.

Of four entries one gives a purse 40 € and three spend 10 € of it. The measured wallet and the measured shop have the
same entries in books of any length.
"""

import datetime
import hashlib
import sys
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine.interfaces import DBAPICursor

from bench import books
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import Owner, create_territory, open_accounts, open_purses
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.merkle import hash_leaf
from monnaie_locale.ledger.periods import Month

MONTHS = 25
# Each month's entries come in its first four weeks, so that its edges are the same in books of any length.
MONTH_MS = 28 * 86_400_000
FIRST_MONTH = Month(2024, 1)
WALLETS, SHOPS = 100_000, 10_000
GIFT_CENTS, PAYMENT_CENTS = 4_000, 1_000
# Of a month: how many gifts and their three payments go to the measured shop, and to the measured wallet.
SHOP_GIFTS, WALLET_GIFTS = 100, 4
MEASURED_SHOP, MEASURED_WALLET = 1, 1
EXPIRES_ON = datetime.date(2099, 12, 31)
ENTRIES_PER_STATEMENT = 200_000
LEAVES_CHECKED = 50
SQLITE_FILLING = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -3000000",
                  "PRAGMA foreign_keys = OFF")  # fmt: skip
TABLES = ("journal_entries", "transfers", "balances", "ledger_heads")
# Some entries at a time: their rows, then who moved each account before, in the same rows or in those already written.
MOVED = "CREATE TEMP TABLE moved_rows AS {numbered} SELECT * FROM moved"
CHAINED = """
CREATE TEMP TABLE chained AS
SELECT account_id, n, coalesce(lag(n) OVER (PARTITION BY account_id ORDER BY n), last_moves.entry_id, 0) AS previous_id
FROM (SELECT debit AS account_id, n FROM moved_rows UNION ALL SELECT credit, n FROM moved_rows) AS sides
LEFT JOIN last_moves USING (account_id)
"""
LAST_MOVES = """
INSERT INTO last_moves SELECT account_id, max(n) FROM chained WHERE n > 0 GROUP BY account_id
ON CONFLICT (account_id) DO UPDATE SET entry_id = excluded.entry_id
"""
LINES = """
INSERT INTO transfers
SELECT 1, r.n, 1, debit_kind, credit_kind, debit, credit, cents, d.previous_id, c.previous_id
FROM moved_rows r JOIN chained d ON d.n = r.n AND d.account_id = r.debit
JOIN chained c ON c.n = r.n AND c.account_id = r.credit ORDER BY r.n
"""
# One quad is a gift and its three payments. {…} are numbers of ours.
NUMBERED = """
WITH quads AS (
  SELECT n, (n - 2) / 4 AS quad, (n - 2) % 4 AS part, ((n - 2) / 4) % {quads} AS in_month FROM {numbers}
), named AS (
  SELECT n, quad, part,
    {purse} + CASE WHEN in_month % {wallet_every} = 1 THEN 0 ELSE 1 + (quad * 7919) % {other_wallets} END AS purse,
    {shop} + CASE WHEN in_month % {shop_every} = 0 THEN 0 ELSE 1 + (quad * 31 + part * 17) % {other_shops} END AS shop,
    CASE quad / {quads} {month_starts} END + (in_month * 4 + part) * {step_ms} AS at_ms
  FROM quads
), moved AS {materialized} (
  SELECT n, CASE part WHEN 0 THEN 2 ELSE 3 END AS kind, CASE part WHEN 0 THEN 2 ELSE 3 END AS debit_kind,
    CASE part WHEN 0 THEN 3 ELSE 4 END AS credit_kind,
    CASE part WHEN 0 THEN {funds} ELSE purse END AS debit, CASE part WHEN 0 THEN purse ELSE shop END AS credit,
    CASE part WHEN 0 THEN {gift} ELSE {payment} END AS cents,
    CASE part WHEN 0 THEN 'D1' ELSE 'T' || shop END AS reference, at_ms, {day} AS day, {key} AS key_digest
  FROM named
)
"""
CANONICAL = (
    "'[1,1,' || n || ',' || kind || ',' || at_ms || ',' || at_ms || ',\"' || {day_text} || '\",\"bench:1\",\"'"
    " || {hex} || '\",\"' || {hex} || '\",null,\"' || reference || '\",[[' || debit || ',' || credit || ',' || cents"
    " || ']]]'"
)
DIALECT = {
    "sqlite": {
        "numbers": "(WITH RECURSIVE counter (n) AS (VALUES ({first}) UNION ALL SELECT n + 1 FROM counter"
        " WHERE n < {last}) SELECT n FROM counter)",
        "day": "date(at_ms / 1000, 'unixepoch')",
        "key": "bench_key(n, at_ms)",
        "materialized": "MATERIALIZED",
        "hash": "bench_leaf({canonical})",
        "day_text": "day",
        "hex": "lower(hex(key_digest))",
    },
    "postgresql": {
        "numbers": "generate_series({first}::bigint, {last}::bigint) AS n",
        "day": "(to_timestamp(at_ms / 1000) AT TIME ZONE 'UTC')::date",
        "key": "decode(lpad(to_hex(at_ms), 12, '0'), 'hex') || substring(sha256(convert_to('k' || n, 'UTF8')) FOR 26)",
        "materialized": "MATERIALIZED",
        "hash": "sha256('\\x00'::bytea || convert_to({canonical}, 'UTF8'))",
        "day_text": "to_char(day, 'YYYY-MM-DD')",
        "hex": "encode(key_digest, 'hex')",
    },
}
SIDES = """
  SELECT account_id, sum(debit) AS debits, sum(credit) AS credits, max(entry_id) AS last_entry_id FROM (
    SELECT debit_account_id AS account_id, amount_cents AS debit, 0 AS credit, entry_id FROM transfers
    UNION ALL SELECT credit_account_id, 0, amount_cents, entry_id FROM transfers
  ) AS sides GROUP BY account_id
"""


@dataclass(frozen=True, slots=True)
class ScaleBooks:
    """What was filled, and how large an empty database of the same accounts is."""

    transfers: int
    empty_bytes: int
    filled_bytes: int

    @property
    def bytes_per_transfer(self) -> float:
        """Return what each transfer takes on the disk, with its entry and all indexes."""
        return (self.filled_bytes - self.empty_bytes) / self.transfers


def fill(engine: Engine, *, transfers: int) -> ScaleBooks:
    """Open a town and write this many transfers (a funding and whole fours), then check the books."""
    opened_ms = _start_ms(FIRST_MONTH)
    transact(engine, create_territory, territory=books.TOWN, now_ms=opened_ms)
    numbers = _open_accounts(engine, now_ms=opened_ms)
    empty_bytes = size_bytes(engine)
    quads = SHOP_GIFTS * max(2, (transfers - 1) // 4 // MONTHS // SHOP_GIFTS)
    last = 1 + quads * 4 * MONTHS
    shape = {
        **numbers, "quads": quads, "opened_ms": opened_ms, "step_ms": MONTH_MS // (quads * 4),
        "month_starts": _month_starts(),
        "wallet_every": quads // WALLET_GIFTS, "shop_every": quads // SHOP_GIFTS, "gift": GIFT_CENTS,
        "payment": PAYMENT_CENTS, "other_wallets": WALLETS - 1, "other_shops": SHOPS - 1,
    }  # fmt: skip
    began = time.monotonic()
    _write(engine, shape, last=last)
    _say(f"{engine.dialect.name}: {last:,} transfers in {time.monotonic() - began:.0f} s")
    _check(engine, last=last)
    return ScaleBooks(last, empty_bytes, size_bytes(engine))


def size_bytes(engine: Engine) -> int:
    """Return the size of the whole database."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.execute(text("CHECKPOINT"))
            return int(db.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    with engine.connect() as db:
        return int(db.scalar(text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")) or 0)


def _month_after(count: int) -> Month:
    month = FIRST_MONTH
    for _ in range(count):
        month = month.next()
    return month


def _start_ms(month: Month) -> int:
    """Return noon of the month's first day, UTC."""
    return int(datetime.datetime.combine(month.first_day, datetime.time(12), datetime.UTC).timestamp()) * 1000


def _month_starts() -> str:
    return " ".join(f"WHEN {count} THEN {_start_ms(_month_after(count))}" for count in range(MONTHS))


def statement_month() -> Month:
    """Return the last month but one: closed, and its statement printed."""
    return _month_after(MONTHS - 2)


def _open_accounts(engine: Engine, *, now_ms: int) -> dict[str, int]:
    """Open every account; return the first purse, the first shop (the measured ones) and the funds."""
    town = {"territory_id": books.TERRITORY_ID, "now_ms": now_ms}
    shops = [Owner(AccountKind.MERCHANT, merchant_id=number) for number in range(1, SHOPS + 1)]
    debt = Owner(AccountKind.MERCHANT_DEBT, merchant_id=MEASURED_SHOP)
    funds = Owner(AccountKind.PROGRAMME_FUNDS, 1)
    opened = transact(engine, open_accounts, owners=[Owner(AccountKind.RESERVE), funds, debt, *shops], **town)
    purses: dict[int, int] = {}
    for first in range(1, WALLETS + 1, 10_000):
        chunk = range(first, first + 10_000)
        purses |= transact(engine, open_purses, programme_id=1, expires_on=EXPIRES_ON, wallet_ids=chunk, **town)
    return {
        "funds": opened[funds], "shop": opened[shops[0]], "purse": purses[MEASURED_WALLET],
        "reserve": opened[Owner(AccountKind.RESERVE)],
    }  # fmt: skip


def _write(engine: Engine, shape: dict[str, Any], *, last: int) -> None:
    connection = engine.raw_connection()
    is_sqlite = engine.dialect.name == "sqlite"
    triggers: list[tuple[str, str]] = []
    cursor = connection.cursor()
    if is_sqlite:
        connection.driver_connection.create_function("bench_key", 2, _key, deterministic=True)
        connection.driver_connection.create_function("bench_leaf", 1, _leaf, deterministic=True)
        for pragma in SQLITE_FILLING:
            cursor.execute(pragma)
        triggers = cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        # One transaction: committed statement by statement, every page of the indexes would be written each time.
        cursor.execute("BEGIN")
    else:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    _fill_entries(cursor, engine.dialect.name, shape, last=last)
    _count(cursor, last=last)
    for _, sql in triggers:
        cursor.execute(sql)
    if not is_sqlite:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    connection.commit()
    cursor.close()
    connection.detach()
    connection.close()
    transact(engine, lambda db: db.execute(text("ANALYZE")))


def _fill_entries(cursor: DBAPICursor, dialect: str, shape: dict[str, Any], *, last: int) -> None:
    """Write the funding, then everything else, some numbers at a time."""
    words = DIALECT[dialect]
    canonical = CANONICAL.format(**words)
    hashed = words["hash"].format(canonical=canonical)
    funding_cents = GIFT_CENTS * last
    day = FIRST_MONTH.first_day.isoformat()
    key = hashlib.sha256(b"k1").digest()
    at_ms = shape["opened_ms"]
    content = (
        f'[1,1,1,1,{at_ms},{at_ms},"{day}","bench:1","{key.hex()}","{key.hex()}",null,"F1",'
        f"[[{shape['reserve']},{shape['funds']},{funding_cents}]]]"
    )
    mark = "?" if dialect == "sqlite" else "%s"
    cursor.execute(f"INSERT INTO transfers VALUES (1, 1, 1, 1, 2, {mark}, {mark}, {mark}, 0, 0)",
                   (shape["reserve"], shape["funds"], funding_cents))  # fmt: skip
    cursor.execute(
        f"INSERT INTO journal_entries VALUES (1, 1, 1, {mark}, {mark}, {mark}, 'bench:1', {mark}, {mark}, NULL, 'F1',"
        f" {mark})",
        (at_ms, at_ms, day, key, key, _leaf(content)),
    )
    entry = (
        f"SELECT 1, n, kind, at_ms, at_ms, day, 'bench:1', key_digest, key_digest, NULL, reference, {hashed}"
        " FROM moved_rows ORDER BY n"
    )
    cursor.execute("CREATE TEMP TABLE last_moves (account_id BIGINT PRIMARY KEY, entry_id BIGINT NOT NULL)")
    cursor.execute(f"INSERT INTO last_moves VALUES ({shape['reserve']}, 1), ({shape['funds']}, 1)")
    for first in range(2, last + 1, ENTRIES_PER_STATEMENT):
        until = min(last, first + ENTRIES_PER_STATEMENT - 1)
        numbered = NUMBERED.format(
            **shape, **{name: words[name] for name in ("day", "key", "materialized")},
            numbers=words["numbers"].format(first=first, last=until),
        )  # fmt: skip
        cursor.execute(MOVED.format(numbered=numbered))
        for statement in (CHAINED, LINES, LAST_MOVES, f"INSERT INTO journal_entries {entry}"):
            cursor.execute(statement)
        cursor.execute("DROP TABLE moved_rows")
        cursor.execute("DROP TABLE chained")
        if until % (ENTRIES_PER_STATEMENT * 5) < ENTRIES_PER_STATEMENT:
            _say(f"{dialect}: {until:,} of {last:,}")


def _count(cursor: DBAPICursor, *, last: int) -> None:
    """Write the counters that the triggers would have kept."""
    cursor.execute(
        "UPDATE balances SET debits_cents = s.debits, credits_cents = s.credits, last_entry_id = s.last_entry_id,"
        f" last_line_no = 1 FROM ({SIDES}) AS s WHERE balances.territory_id = 1 AND balances.account_id = s.account_id"
    )
    cursor.execute(
        f"UPDATE ledger_heads SET last_entry_id = {last}, counted_entry_id = {last}, counted_line_no = 1,"
        " reserve_cents = (SELECT debits_cents - credits_cents FROM balances WHERE kind = 1),"
        " owed_cents = (SELECT sum(credits_cents - debits_cents) FROM balances WHERE kind IN (3, 4, 5, 6))"
    )


def _check(engine: Engine, *, last: int) -> None:
    """Raise BooksWrong unless numbers, sums, limits and leaves are those of honest books, and the triggers are back."""
    with reading(engine) as db:
        found = list(_wrong(db, last=last))
    if found:
        raise books.BooksWrong("; ".join(found))
    try:
        transact(engine, lambda db: db.execute(text("UPDATE transfers SET amount_cents = 1 WHERE entry_id = 2")))
    except Exception as refused:
        if "append_only" in str(refused):
            return
        raise
    raise books.BooksWrong("a written transfer could be changed: the triggers are not back")


def _wrong(db: Connection, *, last: int) -> list[str]:
    wrong = []
    count, moved = db.execute(text("SELECT count(*), sum(amount_cents) FROM transfers")).one()
    debited, credited, below = db.execute(
        text("SELECT sum(debits_cents), sum(credits_cents), count(CASE WHEN kind IN (2, 3, 4) AND"
             " credits_cents < debits_cents THEN 1 END) FROM balances")
    ).one()  # fmt: skip
    if not (count == last and debited == credited == moved):
        wrong.append(f"{count} transfers of {moved} cents, {debited} debited, {credited} credited")
    if below:
        wrong.append(f"{below} accounts below zero")
    reserve_cents, owed_cents = db.execute(text("SELECT reserve_cents, owed_cents FROM ledger_heads")).one()
    if owed_cents > reserve_cents:
        wrong.append("more owed than the reserve")
    sample = sorted({1, 2, last, *range(1, last, max(1, last // LEAVES_CHECKED))})
    found = entries_by_number(db, territory_id=books.TERRITORY_ID, entry_ids=sample)
    altered = [posted.entry.entry_id for posted in found if posted.entry.leaf_hash() != posted.leaf_hash]
    if altered or len(found) != len(sample):
        wrong.append(f"{len(found)} of {len(sample)} entries found; without their own leaf hash: {altered}")
    return wrong


def _key(number: int, at_ms: int) -> bytes:
    """Return a digest in the order of time, as those of the tills' keys are (`ledger.keys`)."""
    return at_ms.to_bytes(6, "big") + hashlib.sha256(f"k{number}".encode("ascii")).digest()[:26]


def _leaf(content: str) -> bytes:
    return hash_leaf(content.encode("ascii"))


def _say(said: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {said}", file=sys.stderr, flush=True)
