"""The monthly close on the command line: check a month; one person prepares it, another approves; the same to reopen.

Who acts proves who they are: by the API key in the environment, else by login, password and code.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import click

from monnaie_locale.closing import desk
from monnaie_locale.closing.errors import CloseUnknown
from monnaie_locale.closing.model import Close, Reopening, Stage
from monnaie_locale.closing.operations import CARRIED_REASON_LENGTH_MAX, check_month
from monnaie_locale.closing.queries import close_of_month
from monnaie_locale.commands import wording
from monnaie_locale.commands.acting import caller_typed, login_option
from monnaie_locale.commands.terminal import (
    database_option,
    home_option,
    json_option,
    opened,
    progress_bar,
)
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.periods import Month
from monnaie_locale.runtime import Runtime

# Each stage that tells no steps is one of these.
STAGES = (desk.VERIFYING, desk.COUNTING, desk.SEALING, desk.DECIDING, desk.RENDERING)
STEPS_PER_STAGE = 100


class CheckByDefault(click.Group):
    """`close 2026-10` checks the month: it is what the command did before it had others."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the word in when the first one names no command."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(cls=CheckByDefault)
def close() -> None:
    """L’arrêté d’un mois (2026-10) : le contrôler, le préparer, l’approuver, rouvrir le dernier."""


@close.command()
@click.argument("month")
@home_option
@database_option
@json_option
def check(*, month: str, home: Path, database_url: str | None, as_json: bool) -> None:
    """Dire si un mois peut être arrêté, sans rien écrire ; 0 si oui, 1 sinon."""
    with opened(home, database_url, as_json=as_json) as rt, reading(rt.engine) as db:
        wanted = desk.read_month(month)
        verdict = verify_installation(db, territory_id=rt.territory_id, public_key_pem=rt.keyring.public_key_pem)
        checks = check_month(db, territory_id=rt.territory_id, month=wanted, verdict=verdict)
    click.echo(wording.checklist_json(checks) if as_json else wording.checklist_text(checks))
    if not all(each.ok for each in checks):
        raise SystemExit(1)


@close.command()
@click.argument("month")
@click.option("--carried-reason", default="", help="Pourquoi les écarts encore ouverts attendent ; noté sur chacun.")
@login_option
@home_option
@database_option
@json_option
def prepare(
    *, month: str, carried_reason: str, login: str | None, home: Path, database_url: str | None, as_json: bool
) -> None:
    """Vérifier tous les comptes et préparer l’arrêté du mois pour une autre personne."""
    with opened(home, database_url, as_json=as_json) as rt:
        wanted = desk.read_month(month)
        actor = caller_typed(rt, login, Permission.PREPARE_CLOSE)
        began = time.monotonic()
        with progress_bar("Préparation") as progress:
            done = desk.prepare(
                rt,
                month=wanted,
                actor=actor,
                now=rt.clock(),
                carried_reason=carried_reason[:CARRIED_REASON_LENGTH_MAX],
                tell=_Bar(progress),
            )
    _say(done, as_json=as_json, seconds=time.monotonic() - began)


@close.command()
@click.argument("month")
@login_option
@home_option
@database_option
@json_option
def approve(*, month: str, login: str | None, home: Path, database_url: str | None, as_json: bool) -> None:
    """Approuver l’arrêté qu’une autre personne a préparé : le mois est scellé, ses documents conservés."""
    with opened(home, database_url, as_json=as_json) as rt:
        wanted = desk.read_month(month)
        actor = caller_typed(rt, login, Permission.APPROVE_CLOSE)
        close_id = _close_id(rt, wanted)
        began = time.monotonic()
        with progress_bar("Arrêté") as progress:
            done = desk.approve(rt, close_id=close_id, actor=actor, now=rt.clock(), tell=_Bar(progress))
    _say(done, as_json=as_json, seconds=time.monotonic() - began)


@close.command("ask-reopening")
@click.argument("month")
@click.option("--reason", required=True, help="Pourquoi ; le motif reste écrit dans l’acte signé.")
@login_option
@home_option
@database_option
@json_option
def ask_reopening(
    *, month: str, reason: str, login: str | None, home: Path, database_url: str | None, as_json: bool
) -> None:
    """Demander la réouverture du dernier mois arrêté."""
    with opened(home, database_url, as_json=as_json) as rt:
        wanted = desk.read_month(month)
        actor = caller_typed(rt, login, Permission.PREPARE_CLOSE)
        asked = desk.ask_reopening(rt, close_id=_close_id(rt, wanted), reason=reason, actor=actor, now=rt.clock())
    _say_reopening(wanted, asked, as_json=as_json)


@close.command()
@click.argument("month")
@login_option
@home_option
@database_option
@json_option
def reopen(*, month: str, login: str | None, home: Path, database_url: str | None, as_json: bool) -> None:
    """Approuver la réouverture qu’une autre personne a demandée ; le premier arrêté et ses documents restent."""
    with opened(home, database_url, as_json=as_json) as rt:
        wanted = desk.read_month(month)
        actor = caller_typed(rt, login, Permission.APPROVE_CLOSE)
        reopened = desk.reopen(rt, close_id=_close_id(rt, wanted), actor=actor, now=rt.clock())
    _say_reopening(wanted, reopened, as_json=as_json)


class _Bar:
    """One bar for all the stages of a close."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def __call__(self, stage: Stage) -> None:
        """Draw how far the work is."""
        place = STAGES.index(stage.label_fr) * STEPS_PER_STAGE if stage.label_fr in STAGES else 0
        inside = STEPS_PER_STAGE * stage.done // stage.total if stage.total else 0
        self._progress(place + inside, len(STAGES) * STEPS_PER_STAGE)


def _close_id(rt: Runtime, month: Month) -> int:
    with reading(rt.engine) as db:
        found = close_of_month(db, territory_id=rt.territory_id, month=month)
    if found is None:
        raise CloseUnknown(month=str(month))
    return found.close_id


def _say(done: Close, *, as_json: bool, seconds: float) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "ok": True,
                    "month": str(done.month),
                    "close": done.close_id,
                    "state": done.state.value,
                    "seconds": round(seconds, 3),
                },
                indent=2,
            )
        )
    elif done.is_closed:
        click.echo(f"Le mois {done.month.genitive_fr} est arrêté ; ses documents sont conservés.")
    else:
        click.echo(
            f"L’arrêté {done.month.genitive_fr} est préparé. Une autre personne l’approuve avec"
            f" « monnaie-locale close approve {done.month} »."
        )


def _say_reopening(month: Month, reopening: Reopening, *, as_json: bool) -> None:
    if as_json:
        state = "reopened" if reopening.is_approved else "asked"
        click.echo(json.dumps({"ok": True, "month": str(month), "close": reopening.close_id, "state": state}, indent=2))
    elif reopening.is_approved:
        click.echo(f"Le mois {month.genitive_fr} est rouvert ; son premier arrêté et ses documents sont conservés.")
    else:
        click.echo(
            f"La réouverture {month.genitive_fr} est demandée. Une autre personne l’approuve avec"
            f" « monnaie-locale close reopen {month} »."
        )
