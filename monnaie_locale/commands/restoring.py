"""Restore a backup into a new, empty installation: what does not agree with its manifest is refused.

The keys are written last: until then the folder is no installation, and nothing can be served from half of one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, make_url

from monnaie_locale.commands import durable, errors
from monnaie_locale.commands.backing_up import refuse_tools
from monnaie_locale.commands.backup_checks import faults_of_copy, last_entry_of
from monnaie_locale.commands.backup_manifest import MANIFEST_FILE, PART, POSTGRESQL, SQLITE, Manifest, town_of
from monnaie_locale.commands.schema import is_newest
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database import postgresql_dump
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.keyring import Keyring, signature_is_valid
from monnaie_locale.runtime import KEYRING_FILE, address_of

Tell = Callable[[str], None]
COPYING, CHECKING, UPGRADING, VERIFYING = (
    "Copie des comptes…",
    "Contrôle du journal signé…",
    "Mise à niveau du schéma…",
    "Vérification de tous les comptes…",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored installation: from which backup, and what the verification of its books found."""

    home: Path
    source: Path
    manifest: Manifest
    verdict: Verdict


def find_backup(folder: Path) -> Path:
    """Return the backup that a folder is, or the newest one that it holds.

    The newest by its name, whole or not: an older one is never taken in silence for one that is damaged.

    Refuses: backup_interrupted, backup_missing, backups_of_several_towns.
    """
    folder = folder.resolve()
    if folder.name.endswith(PART):
        raise errors.BackupInterrupted(folder=folder)
    if (folder / MANIFEST_FILE).exists():
        return folder
    by_name = {each.name: each for each in folder.iterdir() if each.is_dir() and town_of(each.name)}
    codes = sorted({str(town_of(name)) for name in by_name})
    if not codes:
        raise errors.BackupMissing(folder=folder)
    if len(codes) > 1:
        raise errors.BackupsOfSeveralTowns(folder=folder, codes=", ".join(codes))
    return by_name[max(by_name)]


def restore_backup(
    *, folder: Path, home: Path, keyring_file: Path, database_url: str | None, tell: Tell = lambda _stage: None
) -> Restored:
    """Restore a backup, and return what the verification of the restored books says.

    Args:
        folder: a backup, or where backups are kept: then the newest.
        home: a folder that is empty or does not exist.
        keyring_file: the keys, kept elsewhere.
        database_url: an empty PostgreSQL database; None for a backup of SQLite.
        tell: told each stage, in French.

    Refuses: home_not_empty, backup_interrupted, backup_missing, backups_of_several_towns, manifest_unreadable,
    keyring_unreadable, keyring_of_another, manifest_altered, schema_unknown, backup_of_another_database,
    copy_altered, database_tool_missing, database_tool_too_old, database_not_empty, database_tool_failed,
    copy_head_differs. Raises OSError when the disk does not take it.

    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise errors.HomeNotEmpty(home=home)
    source = find_backup(folder)
    manifest = _agreed(source, keyring_file)
    is_current = is_newest(manifest.schema_revision)
    backend = SQLITE if database_url is None else make_url(database_url).get_backend_name()
    if backend != manifest.database or (database_url is not None and backend != POSTGRESQL):
        raise errors.BackupOfAnotherDatabase(database=manifest.database)
    with _claimed(home):
        tell(COPYING)
        engine = open_engine(address_of(home, database_url))
        try:
            _fill(engine, source / manifest.file, manifest)
            tell(CHECKING)
            _refuse_other_books(engine, manifest)
            if not is_current:
                tell(UPGRADING)
                upgrade(engine)
            tell(VERIFYING)
            with reading(engine) as db:
                verdict = verify_installation(
                    db, territory_id=manifest.territory_id, public_key_pem=manifest.public_key
                )
        finally:
            engine.dispose()
        durable.copy_new(keyring_file, home / KEYRING_FILE)
        durable.sync(home)
    return Restored(home, source, manifest, verdict)


def _agreed(source: Path, keyring_file: Path) -> Manifest:
    """Return the manifest of a backup; refuses keys that did not sign it, and one that is not what they signed."""
    try:
        manifest = Manifest.from_json((source / MANIFEST_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise errors.ManifestUnreadable from error
    try:
        keyring = Keyring.load(keyring_file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.KeyringUnreadable(file=keyring_file) from error
    if manifest.public_key != keyring.public_key_pem:
        raise errors.KeyringOfAnother(file=keyring_file)
    try:
        signature = bytes.fromhex(manifest.signature)
    except ValueError as error:
        raise errors.ManifestAltered from error
    text = manifest.signed_text()
    if not signature_is_valid(public_key_pem=keyring.public_key_pem, signature=signature, text=text):
        raise errors.ManifestAltered
    return manifest


@contextmanager
def _claimed(home: Path) -> Iterator[None]:
    """Make the folder; whatever goes wrong, leave it as it was, so that the command can be typed again."""
    existed = home.exists()
    home.mkdir(parents=True, exist_ok=True, mode=durable.FOLDER_MODE)
    try:
        yield
    except BaseException:
        # It was empty: all that is in it is ours.
        for path in home.iterdir():
            path.unlink()
        if not existed:
            home.rmdir()
        raise


def _fill(engine: Engine, copy: Path, manifest: Manifest) -> None:
    """Fill the database with the very bytes of the manifest; refuses copy_altered before anything is in it."""
    if manifest.database == SQLITE:
        try:
            sha256 = durable.copy_new(copy, Path(str(engine.url.database)))
        except FileNotFoundError as error:
            raise errors.CopyAltered(file=manifest.file) from error
        if sha256 != manifest.sha256:
            raise errors.CopyAltered(file=manifest.file)
        return
    if not copy.exists() or durable.sha256_of(copy) != manifest.sha256:
        raise errors.CopyAltered(file=manifest.file)
    with reading(engine) as db:
        refuse_tools(db)
        if not postgresql_dump.is_empty(db):
            raise errors.DatabaseNotEmpty
    try:
        postgresql_dump.fill(engine, copy)
    except postgresql_dump.ToolFailed as error:
        raise errors.DatabaseToolFailed(tool=postgresql_dump.RESTORE, said=str(error)) from error
    transact(engine, postgresql_dump.analyse)


def _refuse_other_books(engine: Engine, manifest: Manifest) -> None:
    """Refuse copy_head_differs: the books end where the manifest says, under the head that it says."""
    territory_id = manifest.territory_id
    with reading(engine) as db:
        if last_entry_of(db, territory_id=territory_id) != (manifest.last_entry, manifest.last_entry_at_ms):
            raise errors.CopyHeadDiffers(what=f"dernière écriture attendue : n° {manifest.last_entry}")
        if latest_head(db, territory_id=territory_id) != manifest.head:
            raise errors.CopyHeadDiffers(what="dernière tête signée du journal")
        faults = faults_of_copy(db, heads=[manifest.head], public_key_pem=manifest.public_key)
        for fault in faults:
            raise errors.CopyHeadDiffers(what=fault)
