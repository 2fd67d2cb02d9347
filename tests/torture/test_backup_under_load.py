"""T12: backups taken one after the other while tills charge, each restored elsewhere.

Each holds every charge acknowledged before it began and no half of any, the auditor finds nothing, and its head is the
one that the log had at that size. What was interrupted, copied by hand, flipped or not on the disk is refused.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pysqlite3.dbapi2
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from monnaie_locale.__main__ import main
from monnaie_locale.commands.backing_up import Taken, take_backup
from monnaie_locale.commands.backup_manifest import PART
from monnaie_locale.commands.errors import BackupInterrupted, BackupMissing, CopyAltered, CopyFaulty
from monnaie_locale.commands.restoring import restore_backup
from monnaie_locale.database import sqlite_copy
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE, Runtime, open_home
from tests.conftest import Databases
from tests.factories.merchants import NOW
from tests.torture.conftest import Rig
from tests.torture.load import Load, paying
from tests.torture.oracles import Head, Operation, Outcome, broken_promises, heads_of, lost, operations_stand
from tests.torture.power import mounted
from tests.torture.serving import Settings
from tests.torture.town import Town, found_town

CLIENTS = 8
CARDS = 4
CARD_CENTS = 10_000_000
PAYMENTS_BETWEEN_MAX = 60


@dataclass
class Rehearsal:
    """A town that serves, tills that pay, and where its backups are restored."""

    town: Town
    rig: Rig
    rt: Runtime
    place: Path
    databases: Databases
    restored: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def is_sqlite(self) -> bool:
        return self.town.engine.dialect.name == "sqlite"

    @contextmanager
    def paying(self, *, clients: int = CLIENTS) -> Iterator[Load]:
        """Serve, and let so many tills pay during the block."""
        settings = Settings(home=str(self.town.home), database_url=self.town.database_url, began_s=self.town.began_s)
        server = self.rig.spawner.start(settings)
        load = Load(self.town, self.rig.journal, self.rig.rng, port=server.port)
        with paying(load, clients=clients):
            yield load
        server.kill()

    def back_up(self, folder: Path) -> Taken:
        """Take a backup, as the command does."""
        return take_backup(self.rt, home=self.town.home, folder=folder)

    @contextmanager
    def restoring(self, folder: Path) -> Iterator[tuple[Engine, list[str]]]:
        """Restore elsewhere; give an engine on what came of it, and how the restored installation is typed."""
        self.restored += 1
        home = self.place / f"restored{self.restored}"
        url = None if self.is_sqlite else self.databases.empty()
        address = None if url is None else url.render_as_string(hide_password=False)
        began = time.monotonic()
        try:
            done = restore_backup(
                folder=folder, home=home, keyring_file=self.town.home / KEYRING_FILE, database_url=address
            )
            self.seconds.append(time.monotonic() - began)
            assert done.verdict.ok, done.verdict.findings
            engine = open_engine(address or f"sqlite:///{home / DATABASE_FILE}", pool_size=5)
            yield engine, ["--home", str(home), *(["--database-url", address] if address else [])]
            engine.dispose()
        finally:
            shutil.rmtree(home, ignore_errors=True)
            if url is not None:
                self.databases.drop(url)

    def judged(self, folder: Path, operations: Iterable[Operation], head: Head) -> list[str]:
        """Restore a backup and ask every oracle, then the program that audits without the service."""
        with self.restoring(folder) as (engine, words):
            findings = broken_promises(
                engine,
                public_key_pem=self.town.keyring.public_key_pem,
                operations=operations,
                heads=[head],
                nobody_else=True,
            )
            export = self.place / f"audit{self.restored}.jsonl"
            for answer in (typed("export-audit", export, *words), typed("audit", export)):
                findings += [] if answer.exit_code == 0 else [answer.output]
            export.unlink()
        return findings


def typed(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def as_known(known: Iterable[Operation], asked: Iterable[Operation]) -> list[Operation]:
    """Return every operation asked: paid when that was known before the backup began, else there 0 or 1 times."""
    paid = {(each.caller, each.key): each for each in known if each.outcome is Outcome.ACCEPTED}
    doubt = {"outcome": Outcome.IN_DOUBT, "entry_id": None, "leaf_hash": None}
    return [paid.get((each.caller, each.key)) or replace(each, **doubt) for each in asked]


@pytest.fixture
def rehearsal(
    db_engine: Engine, rig: Rig, databases: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Rehearsal]:
    """Give a town that can be backed up."""
    if db_engine.dialect.name == "postgresql":
        request.getfixturevalue("pg_dump")
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    rt = open_home(rig.home, base_url="http://127.0.0.1", database_url=town.database_url)
    rt.clock = lambda: NOW + timedelta(seconds=time.time() - town.began_s)
    yield Rehearsal(town, rig, rt, tmp_path, databases)
    rt.stop()


def test_backups_under_load_hold_what_was_acknowledged_before_they_began(rehearsal: Rehearsal, rig: Rig):
    kept: list[tuple[Taken, list[Operation]]] = []
    took: list[float] = []
    with rehearsal.paying() as load:
        for _ in range(rig.dose(short=3, full=40)):
            load.wait_for_payments(rig.rng.randint(1, PAYMENTS_BETWEEN_MAX))
            known, began = rig.journal.operations(), time.monotonic()
            taken = rehearsal.back_up(rehearsal.place / "backups")
            took.append(time.monotonic() - began)
            kept.append((taken, as_known(known, rig.journal.operations())))
    with reading(rehearsal.town.engine) as db:
        recorded = {head.size: head.root for head in heads_of(db)}

    faults: list[str] = []
    for taken, operations in kept:
        head = taken.manifest.head
        assert head is not None
        assert recorded[head.size] == head.root
        faults += [
            f"{taken.folder.name}: {each}"
            for each in rehearsal.judged(taken.folder, operations, Head(head.size, head.root))
        ]

    rig.figures(
        backups=len(kept),
        acknowledged=rig.journal.count(Outcome.ACCEPTED),
        refused=sum(told.outcome is not Outcome.ACCEPTED for told in load.told),
        lost=lost(faults),
        entries_in_the_last=kept[-1][0].manifest.last_entry,
        longest_backup_s=f"{max(took):.1f}",
        longest_restoration_s=f"{max(rehearsal.seconds):.1f}",
    )
    assert faults == []
    assert {told.status for told in load.told} == {201}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_control_a_copy_by_hand_without_its_log_is_caught(
    rehearsal: Rehearsal, rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    def by_hand(engine: Engine, target: Path) -> None:
        shutil.copyfile(str(engine.url.database), target)

    copies = rig.dose(short=3, full=40)
    missing = []
    refused = 0
    monkeypatch.setattr(sqlite_copy, "copy_online", by_hand)
    with rehearsal.paying() as load:
        for number in range(copies):
            # So that the file itself is nearly up to date: a copy by hand looks good.
            checkpoint(rehearsal.town.engine)
            load.wait_for_payments(rig.rng.randint(1, PAYMENTS_BETWEEN_MAX))
            known = rig.journal.operations()
            copy = rehearsal.place / f"by-hand{number}.sqlite"
            by_hand(rehearsal.town.engine, copy)
            missing.append(lost_in(copy, as_known(known, rig.journal.operations())))
            try:
                rehearsal.back_up(rehearsal.place / "backups")
            except CopyFaulty:
                refused += 1

    rig.figures(copies=copies, copies_that_lost=sum(map(bool, missing)), lost=sum(missing), refused=refused)
    assert all(missing)
    assert refused == copies
    assert list((rehearsal.place / "backups").iterdir()) == []


def checkpoint(engine: Engine) -> None:
    db = pysqlite3.dbapi2.connect(str(engine.url.database))
    db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    db.close()


def lost_in(copy: Path, operations: Iterable[Operation]) -> int:
    engine = sqlite_copy.open_copy(copy)
    with reading(engine) as db:
        missing = lost(operations_stand(db, operations))
    engine.dispose()
    return missing


def test_a_backup_killed_half_way_is_never_restored(rehearsal: Rehearsal, rig: Rig):
    """Not even when somebody takes the ending off its name, unless everything was on the disk."""
    kills = rig.dose(short=2, full=40)
    whole = half = 0
    renamed: list[str] = []
    with rehearsal.paying(clients=2) as load:
        work_s = seconds_of_work(start_backup(rehearsal, "rehearsed"), rehearsal.place / "rehearsed")
        for number in range(kills):
            load.wait_for_payments(1)
            folder = rehearsal.place / f"killed{number}"
            process = start_backup(rehearsal, folder.name)
            wait_for_part(folder, process)
            time.sleep(rig.rng.random() * work_s)
            process.kill()
            process.wait()
            (left,) = folder.iterdir()
            if not left.name.endswith(PART):
                whole += 1
                continue
            half += 1
            assert code_of(rehearsal, folder) == BackupMissing.code
            assert code_of(rehearsal, left) == BackupInterrupted.code
            left.rename(folder / left.name.removesuffix(PART))
            renamed.append(code_of(rehearsal, folder))

    rig.figures(kills=kills, half_way=half, finished_before_the_kill=whole, whole_once_renamed=renamed.count(""))
    assert half
    assert set(renamed) <= {"manifest_unreadable", "copy_altered", ""}


def start_backup(rehearsal: Rehearsal, folder: str) -> "subprocess.Popen[bytes]":
    words = ["backup", str(rehearsal.place / folder), "--home", str(rehearsal.town.home), "--json"]
    url = rehearsal.town.database_url
    return subprocess.Popen(
        [sys.executable, "-m", "monnaie_locale", *words, "--database-url", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_part(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    while not (folder.exists() and any(folder.iterdir())):
        assert process.poll() is None, "the backup ended before it began"
        time.sleep(0.002)


def seconds_of_work(process: "subprocess.Popen[bytes]", folder: Path) -> float:
    """Return how long a backup that nobody kills has its temporary name."""
    wait_for_part(folder, process)
    began = time.monotonic()
    while any(each.name.endswith(PART) for each in folder.iterdir()):
        time.sleep(0.002)
    seconds = time.monotonic() - began
    assert process.wait() == 0
    return seconds


def code_of(rehearsal: Rehearsal, folder: Path) -> str:
    """Return the code that a restoration is refused with, "" when it gives sound books."""
    try:
        with rehearsal.restoring(folder):
            return ""
    except Refusal as refusal:
        return refusal.code


def test_a_flipped_bit_anywhere_in_the_copy_is_refused(rehearsal: Rehearsal, rig: Rig):
    taken = rehearsal.back_up(rehearsal.place / "backups")
    copy = taken.folder / taken.manifest.file
    content = copy.read_bytes()
    flips = rig.dose(short=10, full=300)
    for _ in range(flips):
        flip(copy, content, rig.rng)
        assert code_of(rehearsal, taken.folder) == CopyAltered.code
    copy.write_bytes(content)
    assert code_of(rehearsal, taken.folder) == ""
    rig.figures(flips=flips, bytes=len(content), refused=flips)


def flip(path: Path, content: bytes, chance: random.Random) -> None:
    spoilt = bytearray(content)
    spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    path.write_bytes(spoilt)


def test_a_backup_that_says_done_survives_a_power_cut(rehearsal: Rehearsal, rig: Rig, disks: Path):
    cuts = rig.dose(short=1, full=20)
    with rehearsal.paying() as load:
        for number in range(cuts):
            load.wait_for_payments(1)
            folder = cut_after_backup(rehearsal, disks / f"disk{number}")
            assert code_of(rehearsal, folder) == ""
    rig.figures(cuts=cuts, restored=cuts)


def test_control_a_backup_that_is_not_synced_is_lost_with_the_power(
    rehearsal: Rehearsal, rig: Rig, disks: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    folder = cut_after_backup(rehearsal, disks / "disk")
    monkeypatch.undo()
    code = code_of(rehearsal, folder)
    rig.figures(refused_with=code)
    assert code in {"manifest_unreadable", "copy_altered"}


def test_a_disk_that_is_full_gives_no_backup_and_the_next_one_is_whole(rehearsal: Rehearsal, rig: Rig, disks: Path):
    (disks / "disk").mkdir()
    with mounted(disks / "disk", disks / "mount") as disk:
        disk.leave(100_000)
        words = ["backup", disk.mount, "--home", rehearsal.town.home, "--database-url", rehearsal.town.database_url]
        answer = typed(*words)
        assert answer.exit_code in {1, 2}
        assert "Traceback" not in answer.output
        assert any(word in answer.output for word in ("La copie a échoué", "Le disque n’a pas suivi", "a échoué : "))
        assert list(disk.mount.iterdir()) == []
        disk.leave(None)
        assert code_of(rehearsal, rehearsal.back_up(disk.mount).folder) == ""
    rig.figures(refused_with=answer.output.strip().splitlines()[-1])


def cut_after_backup(rehearsal: Rehearsal, disk: Path) -> Path:
    """Take a backup onto a disk of its own, cut its power when the command says done; return what the disk holds."""
    disk.mkdir()
    with mounted(disk, disk.with_name(f"{disk.name}-mount")) as power:
        rehearsal.back_up(power.mount)
        power.cut()
    return disk
