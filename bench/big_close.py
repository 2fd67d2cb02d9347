"""How long the close of a large month takes, part by part, while a till goes on charging.

`python -m bench.big_close --charges 300000 --shops 200 [--database postgresql] [--earlier-months 11]` fills books by
`filled_books`, then closes their last month as the service does (`closing.desk`): two people, all documents kept. The
processors' time is told beside the clock's: on a busy machine only the former belongs to the close.
"""

import argparse
import datetime
import hashlib
import json
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, text
from stdnum import luhn

from bench.books import TERRITORY_ID, posting
from bench.filled_books import FIRST_MONTH, Filled, fill
from bench.places import SqliteFiles, postgresql, scratch_folder
from bench.verify_once import KEYRING, import_one_statement
from merchants.tables import merchants
from monnaie_locale.closing import desk
from monnaie_locale.closing.documents import kept_documents
from monnaie_locale.closing.model import Stage
from monnaie_locale.closing.operations import approve_close, prepare_close
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import Owner, open_accounts
from monnaie_locale.journal.period_balances import count_month
from monnaie_locale.journal.queries import accounts_of
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.tables import programmes
from monnaie_locale.reconciliation.differences.till_facts import look_at_tills
from monnaie_locale.runtime import Runtime, collect_rarely

SECONDS_BETWEEN_CHARGES = 0.05
MIB_IN_KIB = 1024
STARTING = "Début"


def _now() -> tuple[float, float, float]:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), time.process_time(), ended.ru_utime + ended.ru_stime


@dataclass(slots=True)
class Clock:
    """What each part of a run took: seconds of the clock, and of the processors here and in children that ended."""

    parts: dict[str, list[float]] = field(default_factory=dict)
    label: str = STARTING
    began: tuple[float, float, float] = field(default_factory=_now)

    def tell(self, stage: Stage) -> None:
        """Take a stage: a new one ends the one before."""
        if stage.label_fr != self.label:
            self.begin(stage.label_fr)

    def begin(self, label: str) -> None:
        """End the part under way, begin another."""
        now = _now()
        spent = self.parts.setdefault(self.label, [0.0, 0.0, 0.0])
        for place, (end, start) in enumerate(zip(now, self.began, strict=True)):
            spent[place] += end - start
        self.label, self.began = label, now


@dataclass(slots=True)
class Till:
    """A shop that charges all the while; its clock is already in the month after."""

    rt: Runtime
    purse: int
    shop: int
    waits: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def charge(self) -> None:
        """Charge one cent again and again."""
        while not self.stopped.wait(SECONDS_BETWEEN_CHARGES):
            began = time.perf_counter()
            draw = Draw((self.purse,), self.shop, 1)
            asked = posting(EntryKind.CHARGE, draw, key=f"till:{len(self.waits)}")
            try:
                self.rt.writer.submit(asked)
            except Refusal as refusal:
                self.refused.append(refusal.code)
            self.waits.append(time.perf_counter() - began)


def main() -> None:
    asked = _asked()
    collect_rarely()  # as the service and the command line do
    with scratch_folder(asked.scratch) as folder:
        if asked.database == "sqlite":
            _measure(open_engine(SqliteFiles(folder).empty().render_as_string(hide_password=False)), asked)
            return
        with postgresql(folder) as place:
            url = place.empty()
            _measure(open_engine(url.render_as_string(hide_password=False)), asked)
            place.drop(url)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.big_close", description=(__doc__ or "").split("\n")[0])
    flag = parser.add_argument
    flag("--charges", type=int, default=300_000, help="of the month that is closed")
    flag("--shops", type=int, default=200)
    flag("--wallets", type=int, default=3_000)
    flag("--earlier-months", type=int, default=0, help="closed before, of as many charges each")
    flag("--database", choices=("sqlite", "postgresql"), default="sqlite")
    flag("--quiet-tills", action="store_true", help="nobody charges meanwhile")
    flag("--out", type=Path, help="a folder for the documents, to look at")
    flag("--scratch", type=Path, help="a folder on a disk for the database (not tmpfs)")
    return parser.parse_args()


def _measure(engine: Engine, asked: argparse.Namespace) -> None:
    began = time.perf_counter()
    months = _months(asked.earlier_months + 1)
    upgrade(engine)
    filled = fill(
        engine, charges=asked.charges * len(months), wallets=asked.wallets, shops=asked.shops, sign=KEYRING.sign,
        months=len(months),
    )  # fmt: skip
    transact(engine, _furnish, shops=asked.shops)
    import_one_statement(engine, through=months[-1])
    _say(f"filled in {time.perf_counter() - began:.0f} s: {filled}")
    rt = Runtime(engine=engine, keyring=KEYRING, territory_id=TERRITORY_ID, base_url="http://localhost",
                 clock=lambda: _ninth_hour(months[-1]))  # fmt: skip
    transact(engine, lambda db: db.execute(text("ANALYZE")))
    for month in months[:-1]:
        _close_before(rt, month)
    with _charging(rt, quiet=asked.quiet_tills) as till:
        clock = _closed(rt, months[-1])
    rt.writer.stop()
    _report(rt, clock, till, filled)
    if asked.out:
        _write(rt, asked.out)
    engine.dispose()


def _closed(rt: Runtime, month: Month) -> Clock:
    """Close a month as two people do."""
    clock = Clock()
    clock.begin("Préparation")
    close = desk.prepare(rt, month=month, actor="staff:1", now=rt.clock())
    clock.begin(STARTING)
    desk.approve(rt, close_id=close.close_id, actor="staff:2", now=rt.clock(), tell=clock.tell)
    clock.begin("")
    return clock


def _close_before(rt: Runtime, month: Month) -> None:
    """Close a month that is not measured: neither verified nor rendered, but cut, summed and certified as always."""
    _say(f"closing {month} before")
    with reading(rt.engine) as db:
        # The months after it are in the books already: what they moved is summed once, not by each of the two.
        counted = count_month(db, territory_id=TERRITORY_ID, month=month)
        tills = look_at_tills(db, territory_id=TERRITORY_ID, month=month)
    read = {"verdict": Verdict(0, ()), "counted": counted, "tills": tills}
    common = {"territory_id": TERRITORY_ID, "now": rt.clock(), **read}
    close = transact(rt.engine, prepare_close, month=month, actor="staff:1", **common)
    signed = {"sign": KEYRING.sign, "public_key_pem": KEYRING.public_key_pem}
    transact(rt.engine, approve_close, close_id=close.close_id, actor="staff:2", **common, **signed)


@contextmanager
def _charging(rt: Runtime, *, quiet: bool) -> Iterator[Till]:
    with reading(rt.engine) as db:
        first = {account.owner.kind: account.account_id for account, _ in accounts_of(db, territory_id=TERRITORY_ID)}
    till = Till(rt, purse=first[AccountKind.PURSE], shop=first[AccountKind.MERCHANT])
    thread = threading.Thread(target=till.charge)
    if not quiet:
        thread.start()
    try:
        yield till
    finally:
        till.stopped.set()
        if not quiet:
            thread.join()


def _furnish(db: Connection, *, shops: int) -> None:
    """Give the town the rows that documents read: its programme, and its shops with a name and an address."""
    at_ms = instant_ms(_ninth_hour(FIRST_MONTH))
    owing = [Owner(AccountKind.MERCHANT_DEBT, merchant_id=number) for number in range(1, shops + 1)]
    open_accounts(db, territory_id=TERRITORY_ID, owners=owing, now_ms=at_ms)
    programme = {
        "territory_id": TERRITORY_ID, "id": 1, "name": "Aide alimentaire", "legal_basis": "convention",
        "decision_reference": "D2026-1", "decided_on": FIRST_MONTH.first_day, "budget_cents": 10**12,
        "pin_rule": "never", "pin_above_cents": 0, "grace_days": 0, "expired_goes_to": "ccas", "is_open": True,
        "created_by": "bench:1", "created_at_ms": at_ms,
    }  # fmt: skip
    db.execute(insert(programmes), programme)
    rows = [
        {
            "territory_id": TERRITORY_ID, "id": number, "code": f"C{number:04d}", "name": f"Commerce n° {number}",
            "siret": _siret(number), "category": "food", "iban": "FR7630006000011234567890189", "bic": "AGRIFRPP",
            "street": "rue du Marché", "building": str(number), "postcode": "64100", "town": "Ville-Exemple",
            "debt_limit_cents": 0, "is_active": True, "admitted_by": "bench:1", "admitted_at_ms": at_ms,
        }
        for number in range(1, shops + 1)
    ]  # fmt: skip
    db.execute(insert(merchants), rows)


def _siret(number: int) -> str:
    body = f"7328293200{number:03d}"
    return body + luhn.calc_check_digit(body)


def _report(rt: Runtime, clock: Clock, till: Till, filled: Filled) -> None:
    with reading(rt.engine) as db:
        files = kept_documents(db, territory_id=TERRITORY_ID, close_id=_last_close(db))
    digest = hashlib.sha256(b"".join(hashlib.sha256(file.content).digest() for file in files)).hexdigest()
    waits = sorted(till.waits) or [0.0]
    print(f"{'part':40} {'wall s':>8} {'cpu s':>8} {'children':>9}")
    for label, (wall, cpu, children) in clock.parts.items():
        print(f"{label:40} {wall:8.1f} {cpu:8.1f} {children:9.1f}")
    said = {
        "database": rt.engine.dialect.name,
        "entries": filled.entries,
        "documents": len(files),
        "documents_mib": round(sum(len(file.content) for file in files) / 2**20, 1),
        "documents_sha256": digest,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB_IN_KIB),
        "peak_child_mib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MIB_IN_KIB),
        "charges_meanwhile": len(till.waits),
        "refused": till.refused,
        "longest_wait_s": round(waits[-1], 2),
        "wait_99th_s": round(waits[len(waits) * 99 // 100 - 1], 3),
    }
    print(json.dumps(said, indent=2))


def _write(rt: Runtime, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with reading(rt.engine) as db:
        for file in kept_documents(db, territory_id=TERRITORY_ID, close_id=_last_close(db)):
            (folder / file.name).write_bytes(file.content)


def _last_close(db: Connection) -> int:
    return int(db.execute(text("SELECT max(id) FROM closes")).scalar_one())


def _months(count: int) -> list[Month]:
    months = [FIRST_MONTH]
    while len(months) < count:
        months.append(months[-1].next())
    return months


def _ninth_hour(month: Month) -> datetime.datetime:
    """Return the morning after a month."""
    return datetime.datetime.combine(month.next().first_day, datetime.time(9), tzinfo=datetime.UTC)


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
