"""The bank's files on the command line: one file, or every file of a folder that was not imported yet.

A folder is only read: what was imported is known by its digest, so that the place where the bank lays its files may be
read-only, and a file refused today (the statement before it is missing) is tried again at the next run.
"""

import datetime
import hashlib
from collections.abc import Iterator
from pathlib import Path

import click

from monnaie_locale.commands import wording_bank
from monnaie_locale.commands.founding import ACTOR
from monnaie_locale.commands.terminal import (
    REFUSED_STATUS,
    database_option,
    french_refusals,
    home_option,
    json_option,
    opened,
)
from monnaie_locale.commands.wording_bank import FolderOutcome
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.reconciliation.errors import StatementTooLarge
from monnaie_locale.reconciliation.formats.iso_fields import squeeze_iban
from monnaie_locale.reconciliation.formats.model import BankFile
from monnaie_locale.reconciliation.formats.reading import MEBIBYTE, MEBIBYTES_MAX, read_bank_file
from monnaie_locale.reconciliation.inspection import warnings_of
from monnaie_locale.reconciliation.model import ImportReport
from monnaie_locale.reconciliation.operations import import_statement, rehearse_import
from monnaie_locale.reconciliation.queries import file_known
from monnaie_locale.runtime import KEYRING_FILE, Runtime


@click.command("import-statement")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Importer tous les fichiers nouveaux d’un dossier, sans y toucher.",
)
@home_option
@database_option
@json_option
@click.option("--dry-run", is_flag=True, help="Dire ce que l’import ferait, sans rien enregistrer.")
@click.option(
    "--strict", is_flag=True, help="Refuser un relevé qui ne tombe pas juste, au lieu de mettre l’écart à classer."
)
def import_command(
    *,
    file: Path | None,
    folder: Path | None,
    home: Path,
    database_url: str | None,
    as_json: bool,
    dry_run: bool,
    strict: bool,
) -> None:
    """Importer un fichier de la banque : camt.053, camt.054, camt.052, pain.002, pacs.004 ou CFONB 120."""
    if (file is None) == (folder is None) or (folder is not None and dry_run):
        raise click.UsageError("Donnez un fichier (et --dry-run), ou bien --folder.")
    if folder is not None:
        with opened(home, database_url, as_json=as_json) as rt:
            outcomes = list(import_folder(rt, folder, accepts_gap=not strict))
        click.echo(wording_bank.folder_json(outcomes) if as_json else wording_bank.folder_text(outcomes))
        if any(outcome.refusal for outcome in outcomes):
            raise SystemExit(REFUSED_STATUS)
    elif file is not None:
        _import_one(file, home, database_url, as_json=as_json, dry_run=dry_run, accepts_gap=not strict)


def _import_one(
    path: Path, home: Path, database_url: str | None, *, as_json: bool, dry_run: bool, accepts_gap: bool
) -> None:
    with french_refusals(as_json=as_json):
        content = read_bounded(path)
        file = read_bank_file(content=content)
        if dry_run and not (home / KEYRING_FILE).exists():
            # To look at a file, no installation is needed.
            account, report = None, None
        else:
            with opened(home, database_url, as_json=as_json) as rt:
                account = _reserve_iban(rt)
                report = _imported(rt, content, file, account, dry_run=dry_run, accepts_gap=accepts_gap)
    write = wording_bank.import_json if as_json else wording_bank.import_text
    click.echo(write(file, report, warnings_of(file, account=account), dry_run=dry_run))


def read_bounded(path: Path) -> bytes:
    """Return what a file holds; refuses statement_too_large before reading it."""
    try:
        if path.stat().st_size > MEBIBYTES_MAX * MEBIBYTE:
            raise StatementTooLarge(mebibytes_max=MEBIBYTES_MAX)
        return path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"Impossible de lire {path} ({error.strerror}).") from error


def _reserve_iban(rt: Runtime) -> str:
    with reading(rt.engine) as db:
        return territory_of(db, territory_id=rt.territory_id).reserve_iban


def _imported(
    rt: Runtime, content: bytes, file: BankFile, account: str, *, dry_run: bool, accepts_gap: bool
) -> ImportReport | None:
    """Return what the import did or would do; None when a dry run finds nothing of the reserve in the file."""
    if dry_run and file.reports and squeeze_iban(account) not in {report.account for report in file.reports}:
        return None
    if dry_run:
        return rehearse_import(
            rt.engine,
            territory_id=rt.territory_id,
            content=content,
            actor=ACTOR,
            now=rt.clock(),
            accepts_gap=accepts_gap,
        )
    return _import(rt, content, accepts_gap=accepts_gap)


def _import(rt: Runtime, content: bytes, *, accepts_gap: bool) -> ImportReport:
    return transact(
        rt.engine,
        import_statement,
        territory_id=rt.territory_id,
        content=content,
        actor=ACTOR,
        now=rt.clock(),
        accepts_gap=accepts_gap,
    )


def import_folder(rt: Runtime, folder: Path, *, accepts_gap: bool = True) -> Iterator[FolderOutcome]:
    """Import each file of a folder once, the oldest news first; yield what became of each.

    Args:
        rt: the installation.
        folder: only read; hidden files and folders inside are left alone.
        accepts_gap: as in `operations.import_statement`.

    """
    known, waiting = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            content = read_bounded(path)
            waiting.append((_first_day(content), path.name, content))
        except Refusal as refusal:
            known.append(FolderOutcome(path.name, refusal=refusal))
    yield from known
    for _, name, content in sorted(waiting, key=lambda each: each[:2]):
        yield _one_of_folder(rt, name, content, accepts_gap=accepts_gap)


def _one_of_folder(rt: Runtime, name: str, content: bytes, *, accepts_gap: bool) -> FolderOutcome:
    with reading(rt.engine) as db:
        if file_known(db, territory_id=rt.territory_id, file_digest=hashlib.sha256(content).digest()):
            return FolderOutcome(name)
    try:
        return FolderOutcome(name, report=_import(rt, content, accepts_gap=accepts_gap))
    except Refusal as refusal:
        return FolderOutcome(name, refusal=refusal)


def _first_day(content: bytes) -> tuple[datetime.date, int]:
    """Return where a file goes among the others: by its first day, and what only tells news before the statement."""
    file = read_bank_file(content=content)
    days = [report.from_on or line.booked_on for report in file.reports for line in report.lines[:1]]
    days += [report.from_on for report in file.reports if report.from_on is not None]
    days += [news.told_on for news in file.news]
    return min(days, default=datetime.date.max), int(file.is_booked)
