"""Make a document from its name and its format: the same for the pages and the API."""

from functools import partial

from sqlalchemy import Connection

from monnaie_locale.closing import desk
from monnaie_locale.closing.documents import kept_document
from monnaie_locale.closing.sheets import MONTH_SHEETS, month_sheet
from monnaie_locale.documents.sheet import Sheet
from monnaie_locale.dossier.errors import DocumentUnknown
from monnaie_locale.dossier.queries import Aid, aid_of, books_of_month, scope_of_year
from monnaie_locale.dossier.year import YEAR_SHEETS
from monnaie_locale.exports.operations import StreamedFile
from monnaie_locale.exports.sheets.programmes import aid_sheet
from monnaie_locale.exports.sheets.rendering import Format, streaming
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import Runtime


def month_document(db: Connection, rt: Runtime, *, month: str, name: str, wanted: str) -> StreamedFile:
    """Return a document of a month; of a closed one as it was rendered at the close, once it is kept.

    Refuses month_malformed, document_unknown.
    """
    chosen = _format(name, wanted)
    read = desk.read_month(month)
    if name not in MONTH_SHEETS:
        raise DocumentUnknown(given=name[:40])
    kept = kept_document(db, territory_id=rt.territory_id, month=read, name=f"{name}-{read}.{chosen}")
    if kept is not None:
        return StreamedFile.of(kept)
    books = books_of_month(
        db, territory_id=rt.territory_id, month=read, public_key_pem=rt.keyring.public_key_pem, now=rt.clock()
    )
    return streaming(lambda lines_max: month_sheet(books, name=name, lines_max=lines_max), chosen)


def year_document(db: Connection, rt: Runtime, *, year: int, name: str, wanted: str) -> StreamedFile:
    """Return a document of a year; refuses month_malformed, document_unknown."""
    chosen = _format(name, wanted)
    check_year(year)
    if name not in YEAR_SHEETS:
        raise DocumentUnknown(given=name[:40])
    scope = scope_of_year(
        db, territory_id=rt.territory_id, year=year, public_key_pem=rt.keyring.public_key_pem, now=rt.clock()
    )
    return streaming(lambda lines_max: YEAR_SHEETS[name](scope.with_lines_max(lines_max)), chosen)


def check_year(year: int) -> None:
    """Refuse month_malformed for a year that no document can be of."""
    desk.read_month(f"{year:04d}-12")


def aid_document(
    db: Connection, rt: Runtime, *, distribution_id: int, wanted: str, keyring: Keyring | None
) -> StreamedFile:
    """Return the état of a distribution's aid, with names when a keyring is given.

    Refuses document_unknown, distribution_unknown, aid_not_approved.
    """
    chosen = _format("aide", wanted)
    aid = aid_of(
        db, territory_id=rt.territory_id, distribution_id=distribution_id,
        public_key_pem=rt.keyring.public_key_pem, now=rt.clock(),
    )  # fmt: skip
    return streaming(partial(_aid_sheet, aid, keyring), chosen)


def _aid_sheet(aid: Aid, keyring: Keyring | None, lines_max: int | None) -> Sheet:
    scope: Scope = aid.scope.with_lines_max(lines_max)
    return aid_sheet(scope, programme=aid.programme, distribution=aid.distribution, keyring=keyring)


def _format(name: str, wanted: str) -> Format:
    if wanted not in set(Format):
        raise DocumentUnknown(given=f"{name}.{wanted}"[:60])
    return Format(wanted)
