"""Follow a euro, in both directions: from the CCAS's decision to a shop's bank line and back.

Each entry knows the step before it and the step after it: funding, distribution, purse, charge, shop, transfer, bank.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from merchants.payouts.trail import payout_line_of_entry, payout_line_that_pays
from monnaie_locale.exports.labels import ENTRY_LABELS
from monnaie_locale.journal.account_history import numbers_touching
from monnaie_locale.journal.directory import Owner
from monnaie_locale.journal.queries import entries_by_number, owners_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, JournalEntry
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.programmes.guarantee_queries import guarantee_accounts
from monnaie_locale.programmes.model import DistributionState
from monnaie_locale.programmes.queries import distributions_of, funding_orders_of, programmes_by_id
from monnaie_locale.reconciliation.bank_trail import bank_lines_of_entry, entries_decided_after

# A person follows one euro: the nearest steps are enough, the account's page has the others.
STEPS_MAX = 8
PAYOUT_KINDS = frozenset({EntryKind.PAYOUT_ORDER, EntryKind.PAYOUT_SETTLED, EntryKind.PAYOUT_RETURNED})
# A programme's guarantee is filled and pays as a purse does.
PURSE_FILLED_BY = frozenset(
    {EntryKind.DISTRIBUTION, EntryKind.WALLET_MOVE, EntryKind.REFUND, EntryKind.GUARANTEE_FUNDED}
)
PURSES = {
    AccountKind.PURSE: "Tout ce porte-monnaie",
    AccountKind.OFFLINE_GUARANTEE: "Toute la garantie hors connexion du dispositif",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A page to go to: its words, its endpoint and what the address needs."""

    label: str
    endpoint: str
    values: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trail:
    """Where the money of an entry came from, and where it went."""

    before: tuple[Step, ...]
    after: tuple[Step, ...]


def trail_of(db: Connection, *, territory_id: int, entry: JournalEntry) -> Trail:
    """Return the steps before and after an entry.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        entry: the entry.

    """
    return _Follower(db, territory_id, entry).trail()


class _Follower:
    """One entry, its accounts and their owners."""

    def __init__(self, db: Connection, territory_id: int, entry: JournalEntry) -> None:
        self.db = db
        self.territory_id = territory_id
        self.entry = entry
        numbers = {each for line in entry.transfers for each in (line.debit_account_id, line.credit_account_id)}
        self.owners: dict[int, Owner] = owners_of(db, territory_id=territory_id, account_ids=numbers)

    def trail(self) -> Trail:
        """Return the steps, without any twice."""
        return Trail(tuple(_once(self._before())), tuple(_once(self._after())))

    def _before(self) -> Iterator[Step]:
        kind = self.entry.kind
        if kind is EntryKind.FUNDING:
            yield from self._programmes()
            yield from self._bank_lines()
        elif kind is EntryKind.DISTRIBUTION:
            yield from self._fundings()
            yield from self._distribution()
        elif kind is EntryKind.GUARANTEE_FUNDED:
            yield from self._fundings()
        elif kind is EntryKind.SUSPENSE:
            yield from self._bank_lines()
        elif kind in PAYOUT_KINDS:
            yield from self._payout_before()
        else:
            yield from self._purses_filled()

    def _after(self) -> Iterator[Step]:
        kind = self.entry.kind
        if kind is EntryKind.FUNDING:
            yield from self._distributions()
            yield from self._guarantees_funded()
        elif kind in {EntryKind.DISTRIBUTION, EntryKind.GUARANTEE_FUNDED}:
            yield from self._purses_spent()
        elif kind is EntryKind.SUSPENSE:
            decided = entries_decided_after(self.db, territory_id=self.territory_id, entry_id=self.entry.entry_id)
            yield from (_entry_step(each) for each in self._entries(decided))
        elif kind in PAYOUT_KINDS:
            yield from self._payout_after()
        else:
            yield from self._shop()
            yield from self._bank_lines()

    def _programmes(self) -> Iterator[Step]:
        names = programmes_by_id(self.db, territory_id=self.territory_id)
        for number in sorted({owner.programme_id for owner in self.owners.values() if owner.programme_id}):
            programme = names[number]
            yield Step(
                f"Décision {programme.decision_reference} : {programme.name}",
                "programmes.show",
                {"programme_id": number},
            )

    def _bank_lines(self, entry_id: int | None = None) -> Iterator[Step]:
        number = self.entry.entry_id if entry_id is None else entry_id
        for line in bank_lines_of_entry(self.db, territory_id=self.territory_id, entry_id=number):
            yield Step(
                f"Relevé {line.statement_id}, ligne {line.line_no} du {line.booked_on:%d/%m/%Y}",
                "bank.show",
                {"bank_statement_id": line.bank_statement_id, "_anchor": f"ligne-{line.line_no}-{line.part_no}"},
            )

    def _fundings(self) -> Iterator[Step]:
        """The fundings of the programme that were in its funds by then, the last ones first."""
        yield from self._programmes()
        for number in sorted({owner.programme_id for owner in self.owners.values() if owner.programme_id}):
            orders = funding_orders_of(self.db, territory_id=self.territory_id, programme_id=number)
            received = sorted(
                (order for order in orders if order.entry_id is not None and order.entry_id < self.entry.entry_id),
                key=lambda order: order.entry_id or 0,
            )
            for order in received[:-STEPS_MAX:-1]:
                yield Step(
                    f"Financement {order.reference} de {format_euros(order.amount_cents)}",
                    "journal.entry",
                    {"entry_id": order.entry_id or 0},
                )

    def _distribution(self) -> Iterator[Step]:
        number = self.entry.reference.removeprefix("D")
        if number.isdecimal():
            yield Step(f"Distribution n° {number}", "distributions.show", {"distribution_id": int(number)})

    def _distributions(self) -> Iterator[Step]:
        for number in sorted({owner.programme_id for owner in self.owners.values() if owner.programme_id}):
            found = distributions_of(self.db, territory_id=self.territory_id, programme_id=number)
            posted = [each for each in found if each.state is DistributionState.POSTED]
            for each in sorted(posted, key=lambda each: each.distribution_id)[:STEPS_MAX]:
                yield Step(
                    f"Distribution « {each.label} »",
                    "distributions.show",
                    {"distribution_id": each.distribution_id},
                )

    def _guarantees_funded(self) -> Iterator[Step]:
        """What of the programme's funds went to its offline guarantee."""
        guarantees = guarantee_accounts(self.db, territory_id=self.territory_id)
        for number in sorted({owner.programme_id for owner in self.owners.values() if owner.programme_id}):
            if number in guarantees:
                numbers = numbers_touching(
                    self.db,
                    territory_id=self.territory_id,
                    account_ids=[guarantees[number]],
                    above=self.entry.entry_id,
                )
                funded = [each for each in self._entries(numbers) if each.kind is EntryKind.GUARANTEE_FUNDED]
                yield from (_entry_step(each) for each in funded[:STEPS_MAX])

    def _purses(self, *, credited: bool) -> list[int]:
        sides = {line.credit_account_id if credited else line.debit_account_id for line in self.entry.transfers}
        return sorted(each for each in sides if self.owners[each].kind in PURSES)

    def _purses_filled(self) -> Iterator[Step]:
        """What filled the purses that paid, the last first."""
        for account_id in self._purses(credited=False):
            numbers = numbers_touching(
                self.db, territory_id=self.territory_id, account_ids=[account_id], below=self.entry.entry_id
            )
            filled = [
                each
                for each in self._entries(numbers)
                if each.kind in PURSE_FILLED_BY and any(line.credit_account_id == account_id for line in each.transfers)
            ]
            yield from (_entry_step(each) for each in filled[:-STEPS_MAX:-1])
            yield self._account(account_id, PURSES[self.owners[account_id].kind])

    def _purses_spent(self) -> Iterator[Step]:
        """What the purses filled here paid later, the first ones first."""
        for account_id in self._purses(credited=True):
            numbers = numbers_touching(
                self.db, territory_id=self.territory_id, account_ids=[account_id], above=self.entry.entry_id
            )
            spent = [
                each
                for each in self._entries(numbers)
                if any(line.debit_account_id == account_id for line in each.transfers)
            ]
            yield from (_entry_step(each) for each in spent[:STEPS_MAX])
            yield self._account(account_id, PURSES[self.owners[account_id].kind])

    def _shop(self) -> Iterator[Step]:
        """The shop that was paid, and the transfer by which its euros left."""
        for account_id, owner in sorted(self.owners.items()):
            if owner.kind is not AccountKind.MERCHANT:
                continue
            yield Step("Le commerce", "merchants.show", {"merchant_id": owner.merchant_id})
            # What was taken back from a shop is paid by no transfer.
            if any(line.credit_account_id == account_id for line in self.entry.transfers):
                yield from self._transfer(owner.merchant_id)
            yield self._account(account_id, "Tout le compte du commerce")

    def _transfer(self, merchant_id: int) -> Iterator[Step]:
        line = payout_line_that_pays(
            self.db,
            territory_id=self.territory_id,
            merchant_id=merchant_id,
            entry_id=self.entry.entry_id,
            accounted_on=self.entry.accounted_on,
        )
        if line is not None and line.order_entry_id is not None:
            yield Step(
                f"Virement {line.end_to_end_id} de {format_euros(line.amount_cents)}",
                "journal.entry",
                {"entry_id": line.order_entry_id},
            )

    def _payout_before(self) -> Iterator[Step]:
        """Of an order, the payments that it pays; of its debit or return, the order."""
        line = payout_line_of_entry(self.db, territory_id=self.territory_id, entry_id=self.entry.entry_id)
        if line is None:
            return
        yield Step(f"Virement groupé n° {line.payout_id}", "payouts.show", {"payout_id": line.payout_id})
        if self.entry.kind is not EntryKind.PAYOUT_ORDER and line.order_entry_id is not None:
            yield Step("Ordre de virement", "journal.entry", {"entry_id": line.order_entry_id})
            return
        for account_id, owner in self.owners.items():
            if owner.kind is AccountKind.MERCHANT:
                numbers = numbers_touching(
                    self.db,
                    territory_id=self.territory_id,
                    account_ids=[account_id],
                    below=self.entry.entry_id,
                    limit=STEPS_MAX,
                )
                yield from (_entry_step(each) for each in reversed(self._entries(numbers)))
                yield Step("Le commerce", "merchants.show", {"merchant_id": owner.merchant_id})
                yield self._account(account_id, "Tout le compte du commerce")

    def _payout_after(self) -> Iterator[Step]:
        line = payout_line_of_entry(self.db, territory_id=self.territory_id, entry_id=self.entry.entry_id)
        if self.entry.kind is not EntryKind.PAYOUT_ORDER:
            yield from self._bank_lines()
        elif line is not None and line.settled_entry_id is not None:
            yield Step("Débit par la banque", "journal.entry", {"entry_id": line.settled_entry_id})
            yield from self._bank_lines(line.settled_entry_id)
        if line is not None and line.rejected_entry_id not in {None, self.entry.entry_id}:
            yield Step("Rejet du virement", "journal.entry", {"entry_id": line.rejected_entry_id or 0})
        if line is not None and line.returned_entry_id not in {None, self.entry.entry_id}:
            yield Step("Retour du virement", "journal.entry", {"entry_id": line.returned_entry_id or 0})

    def _entries(self, numbers: Sequence[int]) -> list[JournalEntry]:
        if not numbers:
            return []
        found = entries_by_number(self.db, territory_id=self.territory_id, entry_ids=list(numbers))
        return sorted((posted.entry for posted in found), key=lambda entry: entry.entry_id)

    @staticmethod
    def _account(account_id: int, label: str) -> Step:
        return Step(label, "journal.account", {"account_id": account_id})


def _entry_step(entry: JournalEntry) -> Step:
    label = f"{ENTRY_LABELS[entry.kind]} du {entry.accounted_on:%d/%m/%Y}, {format_euros(entry.amount_cents)}"
    return Step(f"{label} (n° {entry.entry_id})", "journal.entry", {"entry_id": entry.entry_id})


def _once(steps: Iterator[Step]) -> Iterator[Step]:
    seen: list[Step] = []
    for step in steps:
        if step not in seen:
            seen.append(step)
            yield step
