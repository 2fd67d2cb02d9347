"""`backup` and `restore` on the command line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from monnaie_locale.commands import wording_backup
from monnaie_locale.commands.backing_up import keep_keyring, take_backup
from monnaie_locale.commands.restoring import restore_backup
from monnaie_locale.commands.terminal import database_option, french_refusals, home_option, json_option, opened
from monnaie_locale.database.sqlite_copy import CopyFailed

FOUND_STATUS = 1


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--keyring",
    "keyring_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Écrire les clés dans ce fichier, loin des sauvegardes ; une fois suffit.",
)
@click.option(
    "--quick",
    "quickly",
    is_flag=True,
    help="Pour de très longs livres : relire le fichier et le journal signé, sans recalculer chaque écriture.",
)
@home_option
@database_option
@json_option
def backup(
    *,
    folder: Path | None,
    keyring_file: Path | None,
    quickly: bool,
    home: Path,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Sauvegarder les comptes dans un dossier, pendant que les caisses encaissent ; les clés, à part (--keyring)."""
    if folder is None and keyring_file is None:
        raise click.UsageError("Donnez le dossier des sauvegardes, ou bien --keyring (ou les deux).")
    findings: tuple[str, ...] = ()
    with _french_failures(), opened(home, database_url, as_json=as_json, older_too=True) as rt:
        if keyring_file is not None:
            is_new = keep_keyring(home=home, file=keyring_file, folder=folder)
            click.echo(wording_backup.keyring_text(keyring_file, is_new=is_new), err=as_json)
        if folder is not None:
            taken = take_backup(rt, home=home, folder=folder, quickly=quickly, tell=_stages(as_json=as_json))
            click.echo((wording_backup.taken_json if as_json else wording_backup.taken_text)(taken))
            findings = taken.manifest.findings
    if findings:
        raise SystemExit(FOUND_STATUS)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--into",
    "home",
    type=click.Path(path_type=Path),
    required=True,
    help="Le dossier de la nouvelle installation : vide, ou à créer.",
)
@click.option(
    "--keyring",
    "keyring_file",
    type=click.Path(path_type=Path),
    prompt="Fichier des clés (écrit par « backup --keyring », ou l’ancien keyring.json)",
    help="Le fichier des clés, gardé à part.",
)
@database_option
@json_option
def restore(*, folder: Path, home: Path, keyring_file: Path, database_url: str | None, as_json: bool) -> None:
    """Restaurer une sauvegarde, ou la plus récente d’un dossier, dans une nouvelle installation, et tout vérifier."""
    with french_refusals(as_json=as_json), _french_failures():
        restored = restore_backup(
            folder=folder,
            home=home,
            keyring_file=keyring_file,
            database_url=database_url,
            tell=_stages(as_json=as_json),
        )
    click.echo((wording_backup.restored_json if as_json else wording_backup.restored_text)(restored))
    if not restored.verdict.ok:
        raise SystemExit(FOUND_STATUS)


def _stages(*, as_json: bool) -> Callable[[str], None]:
    """Say each stage on the error output, for whoever waits; a program is told nothing."""
    return (lambda _stage: None) if as_json else (lambda stage: click.echo(stage, err=True))


@contextmanager
def _french_failures() -> Iterator[None]:
    """Say in a sentence what the disk refused."""
    try:
        yield
    except CopyFailed as error:
        raise click.ClickException(f"La copie a échoué, rien n’en est gardé ({error}).") from error
    except OSError as error:
        where = f" : {error.filename}" if error.filename else ""
        raise click.ClickException(f"Le disque n’a pas suivi, rien n’est gardé ({error.strerror}{where}).") from error
