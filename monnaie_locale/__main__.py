"""The command line, `monnaie-locale`: it reads the words typed and prints; the work is in `commands` and `demo`."""

import argparse
import os
from pathlib import Path

import click

from monnaie_locale.audit import program as audit_program
from monnaie_locale.closing.archive import write_files
from monnaie_locale.closing.errors import MonthMalformed
from monnaie_locale.closing.package import month_files
from monnaie_locale.commands import wording, wording_proofs
from monnaie_locale.commands.audit_export import export_for_audit
from monnaie_locale.commands.backups import backup, restore
from monnaie_locale.commands.bank_files import import_command
from monnaie_locale.commands.cards import cards
from monnaie_locale.commands.closing import close
from monnaie_locale.commands.distribution import distribution
from monnaie_locale.commands.founding import HomeInUse, add_staff, found_installation
from monnaie_locale.commands.proving import prove_consistency, prove_inclusion
from monnaie_locale.commands.serving import BASE_URL_VARIABLE
from monnaie_locale.commands.serving import serve as serve_installation
from monnaie_locale.commands.terminal import (
    LISTEN_ON,
    PORT,
    database_option,
    french_refusals,
    home_option,
    json_option,
    opened,
)
from monnaie_locale.commands.upgrading import upgrade
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.commands.verification_heads import KeptHead
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo import drawing, run
from monnaie_locale.demo.invitations import invitations, still_alive
from monnaie_locale.demo.output import FolderInUse
from monnaie_locale.demo.progress import Terminal
from monnaie_locale.demo.summary import Row, market_rows, market_title, months_title, table
from monnaie_locale.exports.operations import year_files
from monnaie_locale.identity.roles import STAFF_ROLES, Role
from monnaie_locale.journal.directory import Territory
from monnaie_locale.ledger.periods import Month
from monnaie_locale.runtime import collect_rarely, wall_clock

port_option = click.option("--port", type=click.IntRange(1, 65_535), default=PORT, show_default=True)


class KeptHeadType(click.ParamType[KeptHead]):
    """A head as a document shows it, "1234:9f86…"; spaces between groups do not count."""

    name = "taille:racine"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> KeptHead:
        """Return the head that was typed."""
        try:
            head = audit_program.paper_head(str(value))
        except argparse.ArgumentTypeError as error:
            self.fail(str(error), param, ctx)
        return KeptHead(head.size, head.root)


class MonthType(click.ParamType[Month]):
    """A month as it is written in addresses and names of files: "2026-10"."""

    name = "AAAA-MM"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """Return the month that was typed."""
        try:
            return Month.parse(str(value))
        except ValueError:
            self.fail(f"« {value} » n’est pas un mois : écrivez par exemple 2026-10.", param, ctx)


@click.group()
@click.version_option(package_name="monnaie-locale")
def main() -> None:
    """Tenir les comptes d’une monnaie locale : cartes, commerces, banque, arrêté du mois."""
    collect_rarely()


@main.command()
@home_option
@database_option
@click.option("--name", prompt="Nom du territoire", help="Par exemple « Ville-Exemple ».")
@click.option("--code", prompt="Code court (lettres et chiffres)", help="Il commence les références des virements.")
@click.option("--currency-name", prompt="Nom de la monnaie")
@click.option("--host", prompt="Nom public du service, sans https://")
@click.option("--issuer-name", prompt="Émetteur")
@click.option("--issuer-siret", prompt="SIRET de l’émetteur")
@click.option("--issuer-street", prompt="Rue de l’émetteur")
@click.option("--issuer-building", prompt="Numéro dans la rue", default="")
@click.option("--issuer-postcode", prompt="Code postal")
@click.option("--issuer-town", prompt="Commune")
@click.option("--reserve-iban", prompt="IBAN du compte de réserve")
@click.option("--reserve-bic", prompt="BIC du compte de réserve")
@click.option("--ccas-name", prompt="Nom du CCAS")
@click.option("--ccas-phone", prompt="Téléphone du CCAS")
@click.option("--operator-login", prompt="Identifiant du premier exploitant")
@click.option("--operator-name", prompt="Son nom")
def init(home: Path, database_url: str | None, operator_login: str, operator_name: str, **words: str) -> None:
    """Créer une installation : ses clés, sa base, son territoire, son premier exploitant."""
    territory = Territory(territory_id=1, is_demo=False, **words)
    try:
        with french_refusals():
            credentials = found_installation(
                home=home,
                territory=territory,
                database_url=database_url,
                operator_login=operator_login,
                operator_name=operator_name,
                now=wall_clock(),
                random_bytes=os.urandom,
            )
    except HomeInUse as error:
        raise click.ClickException(f"Le dossier {home} contient déjà une installation.") from error
    click.echo(f"L’installation est prête dans {home}.\n{wording.credentials_text(credentials)}")


@main.command()
@home_option
@database_option
@port_option
@click.option("--address", default=LISTEN_ON, show_default=True, help="L’adresse écoutée.")
@click.option("--base-url", envvar=BASE_URL_VARIABLE, help="L’adresse publique (https://…).")
def serve(home: Path, database_url: str | None, port: int, address: str, base_url: str | None) -> None:
    """Servir une installation."""
    with opened(home, database_url):
        pass  # what is wrong with the books is said here, before a server and its worker begin
    serve_installation(
        home=home,
        base_url=base_url or f"http://{address}:{port}",
        address=address,
        port=port,
        database_url=database_url,
    )


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-output"), show_default=True)
@click.option("--serve/--no-serve", "is_served", default=True, help="Servir ensuite la démonstration.")
@click.option(
    "--seed",
    type=int,
    default=run.DEFAULT_SEED,
    show_default=True,
    help="La même, du même mois, donne les mêmes fichiers.",
)
@click.option("--households", type=click.IntRange(drawing.HOUSEHOLDS_MIN), default=run.DEFAULT_HOUSEHOLDS)
@click.option("--merchants", type=click.IntRange(drawing.SHOPS_MIN), default=run.DEFAULT_SHOPS)
@click.option("--charges", type=click.IntRange(drawing.CHARGES_MIN), default=run.DEFAULT_CHARGES)
@click.option("--months", type=click.IntRange(1, 12), default=1, show_default=True, help="Combien de mois, arrêtés.")
@click.option(
    "--from",
    "first",
    type=MonthType(),
    help="Le premier mois ; par défaut octobre 2026 s’il est seul, sinon celui qui finit la suite le mois dernier.",
)
@port_option
def demo(
    *,
    out: Path,
    is_served: bool,
    seed: int,
    households: int,
    merchants: int,
    charges: int,
    months: int,
    first: Month | None,
    port: int,
) -> None:
    """Vivre un mois entier de Ville-Exemple, ou une année (--months 12), puis servir la démonstration."""
    base_url = f"http://{LISTEN_ON}:{port}"
    try:
        shown = run.run_demo(
            out=out,
            base_url=base_url,
            seed=seed,
            households=households,
            shops=merchants,
            charges=charges,
            first=first or run.first_month(months, now=wall_clock()),
            months=months,
            progress=Terminal(),
        )
    except FolderInUse as error:
        raise click.ClickException(
            f"Le dossier {out} contient autre chose qu’une démonstration : choisissez-en un autre avec --out."
        ) from error
    click.echo(table(market_rows(shown.ended.market.stall.events), title=market_title(shown.plan)), nl=False)
    click.echo(table([*shown.rows, Row("Dossier", str(out))], title=months_title(shown.plan, shown.later)))
    if is_served:
        click.echo(f"La démonstration est servie sur {base_url} (Ctrl+C pour arrêter).")
        click.echo(f"{still_alive(shown.grants, now=wall_clock())}\n")
        for row in invitations(shown.rt, shown.ended, now=wall_clock()):
            click.echo(f"{row.label:<32}{row.value}")
        click.echo()
    shown.rt.stop()
    if is_served:
        serve_installation(home=shown.home, base_url=base_url, address=LISTEN_ON, port=port)
    elif not shown.ended.verdict.ok:
        raise SystemExit(1)


@main.command()
@home_option
@database_option
@json_option
@click.option(
    "--head",
    "kept",
    type=KeptHeadType(),
    multiple=True,
    help="Une empreinte gardée sur papier, taille:racine (« 1234:9f86… ») ; peut être répété.",
)
def verify(*, home: Path, database_url: str | None, as_json: bool, kept: tuple[KeptHead, ...]) -> None:
    """Recalculer tous les comptes depuis les écritures ; 0 si rien ne cloche, 1 sinon."""
    with opened(home, database_url) as rt, reading(rt.engine) as db:
        verdict = verify_installation(
            db, territory_id=rt.territory_id, public_key_pem=rt.keyring.public_key_pem, kept=kept
        )
    click.echo(wording.verdict_json(verdict) if as_json else wording.verdict_text(verdict))
    if not verdict.ok:
        raise SystemExit(1)


@main.command()
@click.argument("entry", type=click.IntRange(min=1), required=False)
@click.option("--head", type=click.IntRange(min=1), help="La taille du journal signé ; la plus récente par défaut.")
@click.option("--from", "old_size", type=click.IntRange(min=1), help="La taille d’un journal signé plus ancien.")
@click.option("--to", "new_size", type=click.IntRange(min=1), help="La taille d’un journal signé plus récent.")
@home_option
@database_option
@json_option
def prove(
    *,
    entry: int | None,
    head: int | None,
    old_size: int | None,
    new_size: int | None,
    home: Path,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Prouver qu’une écriture est dans le journal signé, ou (--from, --to) que le journal n’a fait que grandir."""
    if (entry is None) == (old_size is None) or (entry is None and head) or (old_size is None and new_size):
        raise click.UsageError("Donnez un numéro d’écriture (et --head), ou bien --from (et --to).")
    with opened(home, database_url, as_json=as_json) as rt, reading(rt.engine) as db:
        territory_id, key = rt.territory_id, rt.keyring.public_key_pem
        if entry is not None:
            inclusion = prove_inclusion(db, territory_id=territory_id, entry_id=entry, size=head)
            write = wording_proofs.inclusion_json if as_json else wording_proofs.inclusion_text
            holds, said = inclusion.holds, write(inclusion, public_key_pem=key)
        else:
            growth = prove_consistency(db, territory_id=territory_id, old_size=old_size or 0, new_size=new_size)
            tell = wording_proofs.consistency_json if as_json else wording_proofs.consistency_text
            holds, said = growth.holds, tell(growth, public_key_pem=key)
    click.echo(said)
    if not holds:
        raise SystemExit(1)


@main.command()
@click.argument("period")
@home_option
@database_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Le dossier des fichiers (« 2026-10 »).")
def export(period: str, home: Path, database_url: str | None, out: Path | None) -> None:
    """Écrire tous les fichiers d’un mois (2026-10), ou d’une année (2026) le FEC et les journaux."""
    with opened(home, database_url) as rt, reading(rt.engine) as db:
        if len(period) == len("2026") and period.isdecimal():
            files = year_files(db, territory_id=rt.territory_id, year=_month(f"{period}-12").year)
        else:
            key, month = rt.keyring.public_key_pem, _month(period)
            files = month_files(db, territory_id=rt.territory_id, month=month, public_key_pem=key, now=rt.clock())
        paths = write_files(out or Path(period), files)
    for path in paths:
        click.echo(str(path))


@main.command("export-audit")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@database_option
def export_audit(*, file: Path, home: Path, database_url: str | None) -> None:
    """Écrire dans un fichier tout ce qu’il faut à un auditeur pour recalculer les comptes, sans aucun nom."""
    with opened(home, database_url) as rt, reading(rt.engine) as db:
        try:
            counts = export_for_audit(
                db,
                territory_id=rt.territory_id,
                path=file,
                public_key_pem=rt.keyring.public_key_pem,
                sign=rt.keyring.sign,
                now=rt.clock(),
            )
        except OSError as error:
            raise click.ClickException(f"Impossible d’écrire {file} ({error.strerror}).") from error
    click.echo(f"{file} : {counts['entry']} écritures, {counts['account']} comptes, {counts['head']} signatures.")


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def audit(words: tuple[str, ...]) -> None:
    """Contrôler un export (« export-audit ») sans rien croire du service ; 0 si rien ne cloche, 1 sinon."""
    raise SystemExit(audit_program.main(words, program="monnaie-locale audit"))


main.add_command(cards)
main.add_command(import_command)
main.add_command(distribution)
main.add_command(close)
main.add_command(backup)
main.add_command(restore)
main.add_command(upgrade)


@main.group()
def staff() -> None:
    """Le personnel."""


@staff.command("add")
@click.argument("login")
@click.option("--name", required=True, help="Le nom affiché.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(sorted(role.value for role in STAFF_ROLES)),
)
@home_option
@database_option
def add(login: str, name: str, roles: tuple[str, ...], home: Path, database_url: str | None) -> None:
    """Créer une personne et afficher une seule fois de quoi se connecter."""
    with opened(home, database_url) as rt:
        credentials = add_staff(rt, login=login, name=name, roles=[Role(role) for role in roles])
    click.echo(wording.credentials_text(credentials))


def _month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise MonthMalformed(given=text[:40]) from error


if __name__ == "__main__":
    main()
