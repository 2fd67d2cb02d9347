"""The folder that the demonstration fills: never one that holds something else."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from monnaie_locale.closing.package import month_package
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo.installation import HOST
from monnaie_locale.demo.month import Ended
from monnaie_locale.exports.operations import fec_of
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.runtime import Runtime
from wallets.codes.card_token import card_url
from wallets.printing.sheet import PrintedCard, render_cards

# It lists what the demonstration wrote, so that the next one removes that and nothing else.
MARKER = ".monnaie-locale-demo"
HOME = "instance"
CARDS_NAME = "cards.pdf"
# Of more than one month, each has its folder, and so has each year.
PERIOD_FOLDER = re.compile(r"\d{4}(-\d{2})?")


class FolderInUse(Exception):
    """The folder holds something that no demonstration wrote: it is left alone."""


def claim(folder: Path) -> Path:
    """Empty the folder of an earlier demonstration, or make it; return the empty folder of the installation.

    Raises FolderInUse when the folder holds anything and no demonstration made it.
    """
    marker = folder / MARKER
    if folder.exists() and not marker.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderInUse(folder)
    if marker.exists():
        for name in marker.read_text(encoding="utf-8").splitlines():
            _forget(folder, Path(name))
        shutil.rmtree(folder / HOME, ignore_errors=True)
    home = folder / HOME
    home.mkdir(parents=True)
    marker.touch()
    return home


def _forget(folder: Path, name: Path) -> None:
    """Remove a file that an earlier demonstration wrote, and its period's folder once it is empty."""
    parents = [parent for parent in name.parts[:-1] if PERIOD_FOLDER.fullmatch(parent)]
    path = folder.joinpath(*parents[-1:], name.name)
    path.unlink(missing_ok=True)
    if path.parent != folder and path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def files_of(rt: Runtime, ended: Ended) -> dict[str, bytes]:
    """Return every file by its name: the month's own package, the year's FEC, the bank's statements, the cards."""
    month = ended.stage.plan.month
    with reading(rt.engine) as db:
        package = month_package(
            db,
            territory_id=rt.territory_id,
            month=ended.stage.plan.month,
            public_key_pem=rt.keyring.public_key_pem,
            now=rt.clock(),
        )
        package.append(fec_of(db, territory_id=rt.territory_id, year=month.year, last_day=month.last_day))
    return {CARDS_NAME: _cards(rt, ended), **ended.statements, **{file.name: file.content for file in package}}


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files, and their names in the marker."""
    (folder / MARKER).write_text("".join(f"{name}\n" for name in files), encoding="utf-8")
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def file_families(names: Iterable[str]) -> list[str]:
    """Return the names for a person to read: the shops' statements as one line."""
    names = list(names)
    folders = sorted({name.partition("/")[0] for name in names if "/" in name}, key=lambda name: (len(name), name))
    if folders:
        return [f"{folders[0]}/ … {folders[-1]}/ ({len(names)} fichiers)"]
    shops = [name for name in names if name.startswith("statement-C")]
    others = [name for name in names if name not in shops]
    return [*others, f"{shops[0]} … ({len(shops)} relevés de commerçants)"] if shops else others


def _cards(rt: Runtime, ended: Ended) -> bytes:
    days = ended.stage.plan.days
    with reading(rt.engine) as db:
        territory = territory_of(db, territory_id=rt.territory_id)
    printed = [
        PrintedCard(
            token_url=card_url(host=HOST, token=card.token),
            number=card.number,
            pin=card.pin,
            batch_mark=f"A · {days.month.first_day:%m/%y}",
            currency_name=territory.currency_name,
            host=HOST,
        )
        for card in ended.first_cards
    ]
    return render_cards(
        printed,
        town_name=territory.name,
        ccas_phone=territory.ccas_phone,
        created_at=days.enrolled_at,
        demo=territory.is_demo,
    )
