"""Of what a sheet is made: whose books, which days, under which codes, for which standing."""

import datetime
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from monnaie_locale.chart.model import Chart
from monnaie_locale.documents.sheet import Standing
from monnaie_locale.exports.books import ledger_accounts
from monnaie_locale.exports.model import LedgerAccount
from monnaie_locale.journal.directory import Territory


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The books of a period, both days included.

    `lines_max`: above so many lines a document that can is centralised by day; None keeps every line.
    """

    db: Connection
    territory: Territory
    first_day: datetime.date
    last_day: datetime.date
    standing: Standing
    chart: Chart
    lines_max: int | None = None

    @property
    def territory_id(self) -> int:
        """Return whose books."""
        return self.territory.territory_id

    @property
    def day_before(self) -> datetime.date:
        """Return the day whose closing balances are the opening ones of the period."""
        return self.first_day - datetime.timedelta(days=1)

    def accounts(self) -> dict[int, LedgerAccount]:
        """Return every account by number, under the codes of the period."""
        return ledger_accounts(self.db, territory_id=self.territory_id, day=self.last_day)

    def is_long(self, line_count: int) -> bool:
        """Return whether a document of so many lines is to be centralised."""
        return self.lines_max is not None and line_count > self.lines_max

    def with_lines_max(self, lines_max: int | None) -> "Scope":
        """Return the same for a writer that takes so many lines."""
        return replace(self, lines_max=lines_max)
