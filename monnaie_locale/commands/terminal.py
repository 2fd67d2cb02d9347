"""What the commands share: their options, opening an installation, saying a refusal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from monnaie_locale.commands import wording
from monnaie_locale.commands.schema import refuse_foreign_schema
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.runtime import KEYRING_FILE, Runtime, open_home

# Of the environment, where a service of the system finds them; the server's worker too.
HOME_VARIABLE = "MONNAIE_LOCALE_HOME"
DATABASE_VARIABLE = "MONNAIE_LOCALE_DATABASE_URL"
REFUSED_STATUS = 2
LISTEN_ON = "127.0.0.1"
PORT = 8000

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("instance"),
    envvar=HOME_VARIABLE,
    show_default=True,
    help="Le dossier de l’installation.",
)
database_option = click.option(
    "--database-url",
    envvar=DATABASE_VARIABLE,
    help="La base, si elle n’est pas dans le dossier (postgresql+psycopg://…).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Répondre en JSON, pour un programme.")


@contextmanager
def opened(
    home: Path, database_url: str | None, *, as_json: bool = False, older_too: bool = False
) -> Iterator[Runtime]:
    """Open an installation for one command, and say what is refused in it as `french_refusals` does.

    Args:
        home: the folder of the installation.
        database_url: where its database is, when not in the folder.
        as_json: how a refusal is said.
        older_too: whether books of an older schema will do; those of a newer one never.

    """
    check_home(home)
    rt = open_home(home, base_url=f"http://{LISTEN_ON}:{PORT}", database_url=database_url)
    try:
        with french_refusals(as_json=as_json):
            refuse_foreign_schema(rt.engine, older_too=older_too)
            yield rt
    finally:
        rt.stop()


@contextmanager
def french_refusals(*, as_json: bool = False) -> Iterator[None]:
    """Turn a refusal into its French sentence, or JSON, and status 2."""
    try:
        yield
    except Refusal as refusal:
        click.echo(wording.refusal_json(refusal) if as_json else f"Refusé : {refusal.sentence()}", err=not as_json)
        raise SystemExit(REFUSED_STATUS) from refusal


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that is told (done, total); it draws a bar on the error output, a line where nobody watches."""
    with click.progressbar(length=1, label=label, show_pos=True, file=sys.stderr) as bar:

        def told(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield told


def check_home(home: Path) -> None:
    """Say that a folder holds no installation."""
    if not (home / KEYRING_FILE).exists():
        raise click.ClickException(
            f"Il n’y a pas d’installation dans {home} : créez-la avec « monnaie-locale init », ou indiquez --home."
        )
