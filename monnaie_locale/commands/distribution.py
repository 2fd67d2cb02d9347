"""The distributions on the command line: one person prepares a file, another approves it and has it paid out.

Both prove who they are: by the API key in the environment, else by login, password and code. Each command does its work
in chunks that are durable one by one: run again after a fault, it goes on where it stopped.
"""

import datetime
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy.exc import DBAPIError

from monnaie_locale.commands.acting import caller_typed, login_option
from monnaie_locale.commands.terminal import (
    database_option,
    home_option,
    json_option,
    opened,
    progress_bar,
)
from monnaie_locale.database.transaction import CommitInDoubt, reading, transact
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.programmes.model import Distribution, DistributionState
from monnaie_locale.programmes.operations.chunks import Progress, pace_of
from monnaie_locale.programmes.operations.distributing import approve_distribution
from monnaie_locale.programmes.operations.importing import import_distribution
from monnaie_locale.programmes.operations.paying_out import post_distribution
from monnaie_locale.programmes.queries import distribution_of
from monnaie_locale.runtime import Runtime
from wallets.holders.access import HouseholdDirectory

DATE_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]

chunk_option = click.option(
    "--lines-per-chunk",
    type=click.IntRange(1, 10_000),
    help="Combien de lignes sont enregistrées à la fois (par défaut, un dixième de seconde de travail).",
)


@click.group()
def distribution() -> None:
    """Les distributions : une personne prépare un fichier, une autre le valide et le fait verser."""


@distribution.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--programme", "programme_id", type=click.IntRange(min=1), required=True, help="Le numéro du dispositif.")
@click.option(
    "--expires-on",
    type=click.DateTime(DATE_FORMATS),
    required=True,
    help="Le dernier jour pour dépenser (2026-12-31).",
)
@click.option("--label", required=True, help="Le libellé, par exemple « Aide de décembre ».")
@chunk_option
@login_option
@home_option
@database_option
@json_option
def prepare(
    *,
    file: Path,
    programme_id: int,
    expires_on: datetime.datetime,
    label: str,
    lines_per_chunk: int | None,
    login: str | None,
    home: Path,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Préparer une distribution depuis un fichier « reference;montant ». Interrompue, la même commande la reprend."""
    with _told_faults(), opened(home, database_url, as_json=as_json) as rt:
        actor = caller_typed(rt, login, Permission.PREPARE_DISTRIBUTION)
        with file.open("rb") as content, progress_bar("Préparation") as progress:
            prepared = import_distribution(
                rt.engine,
                territory_id=rt.territory_id,
                programme_id=programme_id,
                file=content,
                directory=HouseholdDirectory(rt.keyring),
                expires_on=expires_on.date(),
                label=label,
                actor=actor,
                now=rt.clock(),
                progress=progress,
                lines_per_chunk=lines_per_chunk,
            )
    next_step = f"monnaie-locale distribution approve {prepared.distribution_id}"
    _say(prepared, as_json=as_json, sentence=f"Une autre personne la valide avec « {next_step} ».")


@distribution.command()
@click.argument("number", type=click.IntRange(min=1))
@chunk_option
@login_option
@home_option
@database_option
@json_option
def approve(
    *, number: int, lines_per_chunk: int | None, login: str | None, home: Path, database_url: str | None, as_json: bool
) -> None:
    """Valider et verser ce qu’une autre personne a préparé. Interrompue, la même commande reprend où elle en est."""
    with _told_faults(), opened(home, database_url, as_json=as_json) as rt:
        actor = caller_typed(rt, login, Permission.APPROVE_DISTRIBUTION)
        began = time.monotonic()
        with progress_bar("Versement") as progress:
            posted = approve_and_post(
                rt, distribution_id=number, actor=actor, progress=progress, lines_per_chunk=lines_per_chunk
            )
        took_s = time.monotonic() - began
    _say(posted, as_json=as_json, sentence="Les porte-monnaie sont crédités.", posting_seconds=round(took_s, 3))


def approve_and_post(
    rt: Runtime,
    *,
    distribution_id: int,
    actor: str,
    progress: Progress,
    lines_per_chunk: int | None = None,
) -> Distribution:
    """Approve a distribution unless somebody did, and post all of its lines; return it.

    Refuses as `approve_distribution` and `post_distribution`.
    """
    with reading(rt.engine) as db:
        found = distribution_of(db, territory_id=rt.territory_id, distribution_id=distribution_id)
    if found.state is DistributionState.PREPARED:
        found = transact(
            rt.engine,
            approve_distribution,
            territory_id=rt.territory_id,
            distribution_id=distribution_id,
            actor=actor,
            now=rt.clock(),
        )
    pace = pace_of(lines_per_chunk)
    while found.state is not DistributionState.POSTED:
        # One chunk a call: each is recorded at its own instant, also when midnight passes meanwhile.
        found = post_distribution(
            rt.engine,
            territory_id=rt.territory_id,
            distribution_id=distribution_id,
            actor=actor,
            now=rt.clock(),
            progress=progress,
            goes_on=lambda: False,
            lines_per_chunk=pace,
        )
    return found


@contextmanager
def _told_faults() -> Iterator[None]:
    """Say in a sentence that the database failed: what was committed stays, and the same command goes on."""
    try:
        yield
    except (DBAPIError, CommitInDoubt) as error:
        raise click.ClickException(
            "La base de données ne répond pas. Ce qui est enregistré le reste : relancez la même commande, elle"
            " reprendra où elle s’est arrêtée."
        ) from error


def _say(done: Distribution, *, as_json: bool, sentence: str, **more: float) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "ok": True,
                    "distribution": done.distribution_id,
                    "state": done.state.value,
                    "lines": done.line_count,
                    "posted_through_line": done.posted_through_line,
                    "total_cents": done.total_cents,
                    **more,
                },
                indent=2,
            )
        )
        return
    lines = f"{done.line_count:,}".replace(",", "\u202f")
    click.echo(
        f"Distribution n° {done.distribution_id}, « {done.label} » : {lines} lignes,"
        f" {format_euros(done.total_cents)}, {done.state.label_fr}.\n{sentence}"
    )
