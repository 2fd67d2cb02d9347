"""Verify or close a database once, in a process of its own as the command line would, and print what it took as JSON.

`python -m bench.verify_once verify|close ADDRESS`: the keys are those that filled the books, made anew from nothing.
"""

import datetime
import json
import re
import resource
import sys
import time
from pathlib import Path

from sqlalchemy import Engine, insert

from bench.books import TERRITORY_ID
from bench.filled_books import FIRST_MONTH
from monnaie_locale.closing.operations import approve_close, prepare_close
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import head_of
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.tables import bank_lines, bank_matches, bank_statements

# Nothing secret: benchmarks sign with it, and the process that verifies must have the same.
KEYRING = Keyring.generate(lambda size: bytes(range(size)))
KIB = 1024


def main() -> None:
    what, address = sys.argv[1:]
    engine = open_engine(address)
    began = time.perf_counter()
    verdict = _verdict(engine) if what == "verify" else _close(engine)
    seconds = time.perf_counter() - began
    engine.dispose()
    if verdict.findings:
        raise SystemExit(f"the books are not clean: {verdict.findings[:3]}")
    peak_kib = max(_own_peak_kib(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    print(json.dumps({"seconds": seconds, "entries": verdict.entries, "peak_mib": peak_kib / KIB}))


def _own_peak_kib() -> int:
    """Return the most memory that this program held: its rusage would count what its parent held when it started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])  # type: ignore[index]


def _verdict(engine: Engine) -> Verdict:
    with reading(engine) as db:
        return verify_installation(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem)


def _close(engine: Engine) -> Verdict:
    """Close the first month as two people do: the books are verified before each of them signs."""
    now = datetime.datetime.combine(FIRST_MONTH.next().first_day, datetime.time(9), tzinfo=datetime.UTC)
    month = {"territory_id": TERRITORY_ID, "now": now}
    prepared = {"verdict": _verdict(engine), "actor": "staff:1", "carried_reason": "Mesure"}
    close = transact(engine, prepare_close, month=FIRST_MONTH, **prepared, **month)
    verdict = _verdict(engine)
    transact(
        engine,
        approve_close,
        close_id=close.close_id,
        verdict=verdict,
        actor="staff:2",
        sign=KEYRING.sign,
        public_key_pem=KEYRING.public_key_pem,
        **month,
    )
    return verdict


def import_one_statement(engine: Engine, *, through: Month = FIRST_MONTH) -> None:
    """Let the bank say what the books say: one statement until the end of a month, its one line the funding."""
    with reading(engine) as db:
        cents = head_of(db, territory_id=TERRITORY_ID).reserve_cents
    key = {"territory_id": TERRITORY_ID, "bank_statement_id": 1, "line_no": 1}
    statement = {
        "territory_id": TERRITORY_ID,
        "id": 1,
        "statement_id": "BENCH-1",
        "file_digest": bytes(32),
        "opening_cents": 0,
        "closing_cents": cents,
        "from_on": FIRST_MONTH.first_day,
        "to_on": through.last_day,
        "imported_by": "bench:1",
        "imported_at_ms": 0,
    }
    line = key | {
        "booked_on": FIRST_MONTH.first_day,
        "value_on": FIRST_MONTH.first_day,
        "amount_cents": cents,
        "bank_reference": "B1",
        "end_to_end_id": "F00001",
        "label": "FINANCEMENT",
        "return_reason": "",
        "bank_code": "PMNT",
    }
    match = key | {
        "part_no": 1,
        "kind": "funding",
        "amount_cents": cents,
        "expectation_id": None,
        "reason_fr": "Appel de fonds",
        "entry_id": 1,
    }
    rows = ((bank_statements, statement), (bank_lines, line), (bank_matches, match))
    transact(engine, lambda db: [db.execute(insert(table), row) for table, row in rows])


if __name__ == "__main__":
    main()
