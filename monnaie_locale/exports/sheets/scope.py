"""Of what a sheet is made: whose books, which days, under which codes, for which standing."""

import datetime
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from monnaie_locale.chart.model import Chart
from monnaie_locale.documents.sheet import Standing
from monnaie_locale.exports.books import book_entries, ledger_accounts
from monnaie_locale.exports.model import BookEntry, LedgerAccount
from monnaie_locale.exports.one_pass import Feed
from monnaie_locale.exports.registers import Registers
from monnaie_locale.journal.directory import Territory

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The books of a period, both days included.

    `lines_max`: above so many lines a document that can is centralised by day; None keeps every line.
    `feed`: the entries of one reading shared with other files, from the first day of the period on; None reads them.
    """

    db: Connection
    registers: Registers
    first_day: datetime.date
    last_day: datetime.date
    standing: Standing
    chart: Chart
    lines_max: int | None = None
    feed: Feed | None = None
    known: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def territory(self) -> Territory:
        """Return whose books, as its register says."""
        return self.registers.territory

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
        return self.once(ledger_accounts, day=self.last_day)

    def once(self, read: Callable[..., T], **asked: Hashable) -> T:
        """Return what a query says of the books; several documents of one state of the books ask it once."""
        key = (read, *sorted(asked.items()))
        if key not in self.known:
            self.known[key] = read(self.db, territory_id=self.territory_id, **asked)
        found: T = self.known[key]
        return found

    def tell(self, read: Callable[..., T], answer: T, **asked: Hashable) -> None:
        """Let `once` give an answer that was kept, in place of what the query would say now."""
        self.known[read, *sorted(asked.items())] = answer

    def entries(self) -> Iterator[BookEntry]:
        """Yield the entries of the period, in the order of their numbers; once only when they are shared."""
        if self.feed is None:
            days = {"first_day": self.first_day, "last_day": self.last_day}
            return book_entries(self.db, territory_id=self.territory_id, **days)
        return (entry for entry in self.feed if self.first_day <= entry.accounted_on <= self.last_day)

    def is_long(self, line_count: int) -> bool:
        """Return whether a document of so many lines is to be centralised."""
        return self.lines_max is not None and line_count > self.lines_max

    def with_lines_max(self, lines_max: int | None) -> "Scope":
        """Return the same for a writer that takes so many lines."""
        return replace(self, lines_max=lines_max)
