"""Take a backup of an installation's books while it serves: copied, synced, verified, then given its name.

The keys are never in it: whoever has the books and the pepper can try every PIN, and read every name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection

from monnaie_locale.commands import durable, errors
from monnaie_locale.commands.backup_checks import faults_of_copy, last_entry_of
from monnaie_locale.commands.backup_manifest import (
    FULL,
    MANIFEST_FILE,
    PART,
    POSTGRESQL,
    QUICK,
    SQLITE,
    SUFFIXES,
    Manifest,
    are_apart,
    name_of,
    tool_suits,
)
from monnaie_locale.commands.schema import is_newest
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database import postgresql_dump, sqlite_copy
from monnaie_locale.database.migrate import revision_of
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.journal.sealer import LogHead, latest_head, seal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.runtime import KEYRING_FILE, Runtime

Tell = Callable[[str], None]
COPYING, VERIFYING = "Copie des comptes…", "Vérification de la copie…"
# A file of keys is a few hundred bytes; anything long is not read to find out.
KEYRING_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that is on the disk, verified; `leftovers` are interrupted ones that lie beside it."""

    folder: Path
    manifest: Manifest
    is_on_same_disk: bool
    leftovers: tuple[Path, ...] = ()


def take_backup(
    rt: Runtime, *, home: Path, folder: Path, quickly: bool = False, tell: Tell = lambda _stage: None
) -> Taken:
    """Copy the books into a new folder of `folder`, and return once the copy is on the disk and verified.

    Everything acknowledged before this begins is in the copy, and no half of anything.

    Args:
        rt: the installation; it may be charging meanwhile, in this process and in others.
        home: its folder, which holds the keys.
        folder: where backups are kept, made when it is missing.
        quickly: verify the file and the signed log, but neither each entry again nor what is held beside the journal.
        tell: told each stage, in French.

    Refuses: backup_beside_keys, keyring_beside_books, database_tool_missing, database_tool_too_old, schema_unknown,
    backup_exists, database_tool_failed, copy_faulty. Raises OSError when the disk does not take it.

    """
    folder = folder.resolve()
    if not are_apart(folder, home.resolve()):
        raise errors.BackupBesideKeys(folder=folder, home=home)
    folder.mkdir(parents=True, exist_ok=True, mode=durable.FOLDER_MODE)
    refuse_keyring_in(folder)
    with reading(rt.engine) as db:
        territory = territory_of(db, territory_id=rt.territory_id)
        _refuse_database(db)
    began = rt.clock()
    # So that a signed head covers everything acknowledged before the copy begins.
    sealed = transact(rt.engine, seal, territory_id=rt.territory_id, sign=rt.keyring.sign, now_ms=instant_ms(began))
    transact(rt.engine, seal_audit, territory_id=rt.territory_id, sign=rt.keyring.sign, now_ms=instant_ms(began))
    name = name_of(territory.code, taken_at=began)
    done, part = folder / name, folder / f"{name}{PART}"
    _make(part, done)
    try:
        manifest = _copied(rt, part, name, began=began, sealed=sealed, quickly=quickly, tell=tell)
        durable.write_new(part / MANIFEST_FILE, manifest.to_json())
        durable.sync(part)
        part.rename(done)
        durable.sync(folder)
    except BaseException:
        durable.forget(part)
        raise
    leftovers = tuple(sorted(each for each in folder.iterdir() if each.name.endswith(PART)))
    return Taken(done, manifest, _is_on_same_disk(rt, folder), leftovers)


def keep_keyring(*, home: Path, file: Path, folder: Path | None) -> bool:
    """Write an installation's keys to a file of their own, and return whether they were not there yet.

    Args:
        home: the folder of the installation.
        file: where; its folder exists.
        folder: where the books are backed up, if they are.

    Refuses: keyring_beside_books, keyring_file_taken. Raises OSError.

    """
    file, keys = file.resolve(), home / KEYRING_FILE
    if folder is not None and not are_apart(file.parent, folder.resolve()):
        raise errors.KeyringBesideBooks(file=file, folder=folder)
    for manifest in (*file.parent.glob(MANIFEST_FILE), *file.parent.glob(f"*/{MANIFEST_FILE}")):
        raise errors.KeyringBesideBooks(file=file, folder=manifest.parent)
    try:
        durable.copy_new(keys, file)
    except FileExistsError as error:
        if file.read_bytes() != keys.read_bytes():
            raise errors.KeyringFileTaken(file=file) from error
        return False
    durable.sync(file.parent)
    return True


def refuse_keyring_in(folder: Path) -> None:
    """Refuse keyring_beside_books when keys were laid where books are to be kept."""
    for path in sorted(folder.glob("*.json")):
        if is_keyring(path):
            raise errors.KeyringBesideBooks(file=path, folder=folder)


def is_keyring(path: Path) -> bool:
    """Return whether a file holds keys."""
    try:
        if path.stat().st_size > KEYRING_BYTES_MAX:
            return False
        stored = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    return isinstance(stored, dict) and {"pepper", "sealing_keys", "signing_key"} <= stored.keys()


def refuse_tools(db: Connection) -> None:
    """Refuse database_tool_missing, database_tool_too_old: what PostgreSQL's programs cannot do is said before."""
    server = postgresql_dump.server_version(db)
    for tool in (postgresql_dump.DUMP, postgresql_dump.RESTORE):
        found = postgresql_dump.tool_version(tool)
        if found is None:
            raise errors.DatabaseToolMissing(tool=tool, server=server)
        if not tool_suits(tool=found, server=server):
            raise errors.DatabaseToolTooOld(tool=tool, found=found, server=server)


def _refuse_database(db: Connection) -> None:
    if db.dialect.name == POSTGRESQL:
        refuse_tools(db)


def _is_on_same_disk(rt: Runtime, folder: Path) -> bool:
    """Return whether a SQLite file and its copies share a file system; where a server keeps its files is not known."""
    if rt.engine.dialect.name != SQLITE:
        return False
    return Path(str(rt.engine.url.database)).stat().st_dev == folder.stat().st_dev


def _make(part: Path, done: Path) -> None:
    if done.exists():
        raise errors.BackupExists(path=done)
    try:
        part.mkdir(mode=durable.FOLDER_MODE)
    except FileExistsError as error:
        raise errors.BackupExists(path=part) from error


def _copied(
    rt: Runtime, part: Path, name: str, *, began: datetime, sealed: LogHead | None, quickly: bool, tell: Tell
) -> Manifest:
    """Copy, sync, verify; return what is to be written beside the copy."""
    tell(COPYING)
    copy = part / f"{name}{SUFFIXES[rt.engine.dialect.name]}"
    durable.new_file(copy)
    if rt.engine.dialect.name == SQLITE:
        sqlite_copy.copy_online(rt.engine, copy)
        durable.sync(copy)
        engine = sqlite_copy.open_copy(copy)
        try:
            with reading(engine) as db:
                return _described(db, rt, copy, began=began, sealed=sealed, quickly=quickly, tell=tell)
        finally:
            engine.dispose()
    with reading(rt.engine) as db:
        # The dump is of the very state that this connection sees, and that is verified.
        try:
            postgresql_dump.dump(db, copy)
            durable.sync(copy)
            postgresql_dump.read_through(copy)
        except postgresql_dump.ToolFailed as error:
            raise errors.DatabaseToolFailed(tool=postgresql_dump.DUMP, said=str(error)) from error
        return _described(db, rt, copy, began=began, sealed=sealed, quickly=quickly, tell=tell)


def _described(
    db: Connection, rt: Runtime, copy: Path, *, began: datetime, sealed: LogHead | None, quickly: bool, tell: Tell
) -> Manifest:
    """Verify the state that was copied, and return its signed manifest; refuses copy_faulty."""
    tell(VERIFYING)
    territory_id, key = rt.territory_id, rt.keyring.public_key_pem
    heads = (sealed, latest_head(db, territory_id=territory_id))
    for fault in faults_of_copy(db, heads=heads, public_key_pem=key, quickly=quickly):
        raise errors.CopyFaulty(what=fault)
    # An older schema is not that of the verifier: such books are backed up before the upgrade, and verified after it.
    is_whole = not quickly and is_newest(revision_of(db))
    findings = verify_installation(db, territory_id=territory_id, public_key_pem=key).findings if is_whole else ()
    territory = territory_of(db, territory_id=territory_id)
    last_entry, last_entry_at_ms = last_entry_of(db, territory_id=territory_id)
    unsigned = Manifest(
        territory_id=territory_id,
        territory_code=territory.code,
        territory_name=territory.name,
        taken_at_ms=instant_ms(began),
        database=rt.engine.dialect.name,
        database_version=".".join(map(str, db.dialect.server_version_info or ())),
        program_version=version("monnaie-locale"),
        schema_revision=revision_of(db),
        file=copy.name,
        size_bytes=copy.stat().st_size,
        sha256=durable.sha256_of(copy),
        last_entry=last_entry,
        last_entry_at_ms=last_entry_at_ms,
        head=heads[-1],
        verified=FULL if is_whole else QUICK,
        findings=tuple(f"{finding.code} {finding.subject}" for finding in findings),
        public_key=key,
    )
    return replace(unsigned, signature=rt.keyring.sign(unsigned.signed_text()).hex())
