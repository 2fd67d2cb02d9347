"""The documents of each calendar year that the demonstration has lived in, as an accountant asks for them."""

import datetime

from monnaie_locale.database.transaction import reading
from monnaie_locale.dossier.giving import year_document
from monnaie_locale.dossier.year import YEAR_SHEETS
from monnaie_locale.exports.operations import year_files as books_of_year
from monnaie_locale.exports.sheets.rendering import Format
from monnaie_locale.ledger.periods import DECEMBER, Month
from monnaie_locale.runtime import Runtime


def year_files(rt: Runtime, *, year: int, through: Month) -> dict[str, bytes]:
    """Return what is given for a year by its name: those of the legal bases, the FEC, journals for two programs.

    Args:
        rt: the installation.
        year: the calendar year.
        through: the last month lived; a year that is not over is covered up to its end.

    """
    last_day = min(through.last_day, datetime.date(year, DECEMBER, 31))
    with reading(rt.engine) as db:
        files = [
            *(
                year_document(db, rt, year=year, name=name, wanted=each).whole()
                for name in YEAR_SHEETS
                for each in Format
            ),
            *(each.whole() for each in books_of_year(db, territory_id=rt.territory_id, year=year, last_day=last_day)),
        ]
    return {file.name: file.content for file in files}
