"""The ledger's own rules with one commit for each posting: what a team has that puts a posting into one SQL function.

On the engine's own tables and triggers, with its keys, limits, numbers and hashes, so that the books are checked as the
engine's are. On PostgreSQL one function does it all in one round trip; SQLite has no functions, so each caller runs the
engine's own posting in a transaction of its own.
"""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pysqlite3.dbapi2
from sqlalchemy import URL, Connection, StaticPool, create_engine

from bench import books
from bench.bare_ledgers import LOCK_WAIT_MS
from bench.cases import CALLERS, Case, Work
from bench.engine_cases import Town, check, copy_of
from bench.measure import Figures, Step, Timing, measure, ready
from bench.places import conninfo
from monnaie_locale.database.engine import SQLITE_CONNECT, SQLITE_PRAGMAS
from monnaie_locale.journal.post import post
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.ledger.posting import Posting

FUNCTION = """
CREATE FUNCTION bench_post(territory smallint, caller_ text, key bytea, request bytea, reference_ text, happened bigint,
  recorded bigint, day date, payer bigint, shop bigint, cents bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  number bigint;
  earlier record;
  held bigint;
  leaf bytea;
BEGIN
  SELECT h.last_entry_id + 1 INTO number FROM ledger_heads h WHERE h.territory_id = territory FOR UPDATE;
  SELECT e.id, e.request_digest INTO earlier FROM journal_entries e
  WHERE e.territory_id = territory AND e.key_digest = key;
  IF FOUND THEN
    IF earlier.request_digest <> request THEN RAISE EXCEPTION 'idempotency_key_reused'; END IF;
    RETURN earlier.id;
  END IF;
  SELECT b.credits_cents - b.debits_cents INTO held FROM balances b
  WHERE b.territory_id = territory AND b.account_id = payer;
  IF held IS NULL OR held < cents THEN RAISE EXCEPTION 'insufficient_funds'; END IF;
  leaf := sha256('\\x00'::bytea || convert_to(format('[1,%s,%s,3,%s,%s,"%s","%s","%s","%s",null,"%s",[[%s,%s,%s]]]',
    territory, number, happened, recorded, day, caller_, encode(key, 'hex'), encode(request, 'hex'), reference_,
    payer, shop, cents), 'UTF8'));
  INSERT INTO transfers VALUES (territory, number, 1, 3, 4, payer, shop, cents,
    (SELECT b.last_entry_id FROM balances b WHERE b.territory_id = territory AND b.account_id = payer),
    (SELECT b.last_entry_id FROM balances b WHERE b.territory_id = territory AND b.account_id = shop));
  INSERT INTO journal_entries
  VALUES (territory, number, 3, happened, recorded, day, caller_, key, request, NULL, reference_, leaf);
  RETURN number;
END $$
"""
CALL = "SELECT bench_post(%s::smallint, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


def cases(town: Town) -> Iterator[Case]:
    """Yield the cases on this database."""
    for hot in (False, True):
        for callers in CALLERS:
            yield Case(town.place.name, Work.SAME_RULES, callers, hot, partial(_run, town, callers, hot))


def _run(town: Town, callers: int, hot: bool, timing: Timing) -> Figures:  # noqa: FBT001 - bound by partial
    """Measure callers that each have a connection and commit each posting."""
    opened = _postgresql if town.place.name == "postgresql" else _sqlite
    closings: list[Callable[[], None]] = []
    with copy_of(town) as engine:
        if town.place.name == "postgresql":
            with psycopg.connect(conninfo(engine.url)) as connection:
                connection.execute(FUNCTION)
        opening = threading.Lock()

        def step_of(caller: int) -> Step:
            payments = ready(books.charges(town.accounts, caller=caller, hot=hot))
            with opening:
                post_one, close = opened(engine.url)
                closings.append(close)

            def step() -> int:
                post_one(next(payments))
                return 1

            return step

        figures = measure(step_of, callers=callers, timing=timing)
        for close in closings:
            close()
        check(town, engine, figures, hot=hot)
        return figures


def _postgresql(url: URL) -> tuple[Callable[[Posting], None], Callable[[], None]]:
    connection = psycopg.connect(conninfo(url), autocommit=True)

    def post_one(posting: Posting) -> None:
        (draw,) = posting.draws
        recorded_at_ms = books.now_ms()
        connection.execute(
            CALL,
            (
                posting.territory_id, posting.caller, posting.key_digest, posting.request_digest, posting.reference,
                posting.happened_at_ms, recorded_at_ms, paris_date(recorded_at_ms), draw.sources[0], draw.target,
                draw.amount_cents,
            ),
        )  # fmt: skip

    return post_one, connection.close


def _sqlite(url: URL) -> tuple[Callable[[Posting], None], Callable[[], None]]:
    engine = create_engine("sqlite://", module=pysqlite3.dbapi2, creator=partial(_connected, url), poolclass=StaticPool)
    db: Connection = engine.connect()

    def post_one(posting: Posting) -> None:
        # Nothing of ours between the callers: SQLite's own lock, and its own way to wait for it.
        db.exec_driver_sql("BEGIN IMMEDIATE")
        post(db, posting, recorded_at_ms=books.now_ms())
        db.commit()

    def close() -> None:
        db.close()
        engine.dispose()

    return post_one, close


def _connected(url: URL) -> pysqlite3.dbapi2.Connection:
    connection = pysqlite3.dbapi2.connect(str(url.database), isolation_level=None, **SQLITE_CONNECT)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
    return connection
