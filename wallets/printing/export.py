"""What a printer of plastic cards needs: a list and one drawing a card. The PINs travel apart, and stay at the CCAS."""

import csv
import datetime
import io
import zipfile
from collections.abc import Mapping, Sequence

from monnaie_locale.documents import qr
from monnaie_locale.ledger.periods import PARIS
from wallets.codes.card_token import card_number_shown
from wallets.printing.sheet import PrintedCard, Progress, modules_of, no_progress, pin_slips, render_pin_slips

COLUMNS = ("numero", "ligne_imprimee", "repere", "fichier_svg", "fichier_png")
CODE_SIDE_MM = 27
# 600 dpi are those of retransfer printers; at 17 pixels a module of 37, the code is 26,6 mm wide.
DOTS_PER_INCH = 600
PIXELS_PER_MODULE = 17
FOR_THE_PRINTER = "pour-l-imprimeur.zip"
FOR_THE_CCAS = "codes-secrets-a-garder.pdf"
READ_ME = "LISEZ-MOI.txt"
WORDS = """\
{printer} : à envoyer à l’imprimeur de cartes. Il contient une liste (cartes.csv) et le carré à scanner de chaque
carte, en SVG (vectoriel, {side} mm de côté) et en PNG ({dpi} points par pouce). Le blanc autour du carré en fait
partie : rien ne doit le recouvrir, ni couleur, ni logo, ni bande.
Qui a ce fichier peut copier les cartes : envoyez-le par un moyen chiffré, et demandez à l’imprimeur de l’effacer.

{ccas} : à imprimer et à garder au CCAS. Ne l’envoyez jamais à l’imprimeur.

Ce dossier n’est fait qu’une fois : le service n’en garde pas de copie.
"""


def plastic_package(
    cards: Sequence[PrintedCard],
    *,
    town_name: str,
    ccas_phone: str,
    created_at: datetime.datetime,
    demo: bool = False,
    progress: Progress = no_progress,
) -> bytes:
    """Return a ZIP: another one for the printer (a CSV, an SVG and a PNG a card), and the PIN slips for the CCAS.

    The printer's part holds no PIN: one archive inside the other, so that nobody sends both by mistake. The same
    arguments give the same bytes.
    """
    files: dict[str, bytes] = {}
    listed = []
    for card in cards:
        modules = modules_of(card)
        svg, png = f"svg/{card.number}.svg", f"png/{card.number}.png"
        files[svg] = qr.svg_file(modules, side_mm=CODE_SIDE_MM).encode()
        files[png] = qr.png_file(modules, pixels_per_module=PIXELS_PER_MODULE, dots_per_inch=DOTS_PER_INCH)
        listed.append((card.number, f"N° {card_number_shown(card.number)}", card.batch_mark, svg, png))
        progress(len(listed), len(cards))
    for_printer = {"cartes.csv": _table(listed)} | files
    slips = render_pin_slips(
        pin_slips(cards), town_name=town_name, ccas_phone=ccas_phone, created_at=created_at, demo=demo
    )
    words = WORDS.format(printer=FOR_THE_PRINTER, ccas=FOR_THE_CCAS, side=CODE_SIDE_MM, dpi=DOTS_PER_INCH)
    return _zipped(
        {
            READ_ME: words.encode(),
            FOR_THE_PRINTER: _zipped(for_printer, created_at=created_at),
            FOR_THE_CCAS: slips,
        },
        created_at=created_at,
    )


def _table(listed: Sequence[Sequence[str]]) -> bytes:
    """Return the list as a French spreadsheet opens it: semicolons, and a byte order mark."""
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=";").writerows([COLUMNS, *listed])
    return written.getvalue().encode("utf-8-sig")


def _zipped(files: Mapping[str, bytes], *, created_at: datetime.datetime) -> bytes:
    written = io.BytesIO()
    local = created_at.astimezone(PARIS)
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, local.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return written.getvalue()
