"""Cards on the command line: a batch is issued and written to one file, the only copy of its secrets."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from monnaie_locale.commands.acting import caller_typed, login_option
from monnaie_locale.commands.terminal import database_option, home_option, opened, progress_bar
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.keyring import PRIVATE_FILE_MODE
from monnaie_locale.runtime import Runtime
from wallets import queries
from wallets.model import IssuedCard
from wallets.operations.cards import withdraw_cards
from wallets.operations.enrolling import enrol_from_csv
from wallets.printing.batch import Support, document_of, issue_batch
from wallets.printing.sheet import Progress

CARDS_MAX = 10_000


@click.group()
def cards() -> None:
    """Les cartes : les faire par lots, sur papier ou pour un imprimeur de cartes plastiques."""


@cards.command("print")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--support",
    type=click.Choice([support.value for support in Support]),
    default=Support.SHEETS.value,
    show_default=True,
    help="Planches A4, lettres à fenêtre, ou fichier ZIP pour un imprimeur.",
)
@click.option(
    "--households",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Un fichier « reference;alias;contact;adresse » : ses ménages sont inscrits s’ils ne le sont pas.",
)
@click.option(
    "--count",
    type=click.IntRange(1, CARDS_MAX),
    default=1_000,
    show_default=True,
    help="Sans fichier : combien de cartes au plus, pour les porte-monnaie qui n’en ont pas.",
)
@click.option("--replace", "replaces", is_flag=True, help="Avec un fichier : remplacer les cartes que ces ménages ont.")
@login_option
@home_option
@database_option
def print_cards(
    *,
    out: Path,
    support: str,
    file: Path | None,
    count: int,
    replaces: bool,
    login: str | None,
    home: Path,
    database_url: str | None,
) -> None:
    """Faire un lot de cartes et l’écrire dans OUT. Ce fichier est le seul : le service n’en garde pas de copie."""
    if replaces and file is None:
        raise click.UsageError("--replace demande --households : dites quels ménages.")
    with opened(home, database_url) as rt, _new_private_file(out) as paper:
        actor = caller_typed(rt, login, Permission.MANAGE_WALLETS)
        wallet_ids = _wanted(rt, file, count=count, actor=actor)
        if not wallet_ids:
            raise click.ClickException("Aucune carte à faire : chaque porte-monnaie ouvert a la sienne.")
        began = time.monotonic()
        with progress_bar("Codes secrets") as progress:
            issued = issue_batch(
                rt.engine,
                territory_id=rt.territory_id,
                wallet_ids=wallet_ids,
                keyring=rt.keyring,
                random_bytes=rt.random_bytes,
                actor=actor,
                now=rt.clock(),
                replaces=replaces,
                progress=progress,
                threads=os.cpu_count() or 1,
            )
        hashed = time.monotonic()
        with _withdrawn_unless_written(rt, issued, actor=actor), progress_bar("Cartes") as progress:
            paper.write(_document(rt, issued, support=Support(support), progress=progress))
            paper.close()
        drawn = time.monotonic()
    click.echo(
        f"{len(issued)} cartes dans {out} : {hashed - began:.1f} s pour les codes secrets,"
        f" {drawn - hashed:.1f} s pour les cartes. Imprimez ce fichier, puis effacez-le."
    )


def _wanted(rt: Runtime, file: Path | None, *, count: int, actor: str) -> list[int]:
    """Return the wallets for which a card is made: those of a file, else those that have none."""
    if file is None:
        with reading(rt.engine) as db:
            return queries.wallets_without_card(db, territory_id=rt.territory_id, limit=count)
    enrolled = transact(
        rt.engine,
        enrol_from_csv,
        territory_id=rt.territory_id,
        content=file.read_bytes(),
        keyring=rt.keyring,
        actor=actor,
        now=rt.clock(),
    )
    return [wallet_id for _, wallet_id in enrolled]


def _document(rt: Runtime, issued: list[IssuedCard], *, support: Support, progress: Progress) -> bytes:
    with reading(rt.engine) as db:
        town = territory_of(db, territory_id=rt.territory_id)
        wallet_ids = [card.wallet_id for card in issued] if support.is_letters else []
        households = queries.households_of_wallets(
            db, territory_id=rt.territory_id, wallet_ids=wallet_ids, keyring=rt.keyring
        )
    return document_of(
        issued, support=support, territory=town, households=households, created_at=rt.clock(), progress=progress
    ).content


@contextmanager
def _new_private_file(path: Path) -> Iterator[BinaryIO]:
    """Give a new file that only its owner reads; what could not be written in full is taken away."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    except FileExistsError as error:
        raise click.ClickException(f"{path} existe déjà : choisissez un autre nom.") from error
    except OSError as error:
        raise click.ClickException(f"Impossible d’écrire {path} ({error.strerror}).") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _withdrawn_unless_written(rt: Runtime, issued: list[IssuedCard], *, actor: str) -> Iterator[None]:
    """Block cards whose only paper could not be made, so that the same command makes others."""
    try:
        yield
    except BaseException:
        transact(
            rt.engine,
            withdraw_cards,
            territory_id=rt.territory_id,
            card_ids=[card.card_id for card in issued],
            actor=actor,
            now=rt.clock(),
        )
        raise
