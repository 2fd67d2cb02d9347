"""Verify the chains of accounts: a transfer names the entry that moved its account before, a balance the last one.

A chain cut short would hide payments from a statement, though every sum is right.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, select

from monnaie_locale.journal.tables import balances, transfers
from monnaie_locale.journal.verify_log import Finding

ROWS_PER_READ = 10_000


class Chains:
    """The last entry of each account so far; `is_sound` until a span does not continue where the one before ended."""

    def __init__(self, *, after: int = 0) -> None:
        """Begin after an entry: of what moved no more since, only that it moved by then is known."""
        self.after = after
        self.last: dict[int, int] = {}
        self.is_sound = True

    def join(self, first: Mapping[int, int], last: Mapping[int, int]) -> None:
        """Continue with a span: what its first transfer of each account names, and the last entry of each."""
        if not all(self.is_last(account_id, previous_id) for account_id, previous_id in first.items()):
            self.is_sound = False
        self.last.update(last)

    def is_last(self, account_id: int, entry_id: int) -> bool:
        """Return whether an entry may be the last one so far that moved an account."""
        known = self.last.get(account_id)
        return 0 <= entry_id <= self.after if known is None else known == entry_id


def check_chains(db: Connection, *, territory_id: int, chains: Chains) -> Iterator[Finding]:
    """Yield the accounts whose chain is broken; reads every transfer again only when some span did not fit."""
    broken: set[int] = set()
    if not chains.is_sound:
        chains.last, broken = _followed(db, territory_id)
    rows = db.execute(
        select(balances.c.account_id, balances.c.last_entry_id).where(balances.c.territory_id == territory_id)
    )
    broken |= {account_id for account_id, last_entry_id in rows if not chains.is_last(account_id, last_entry_id)}
    for account_id in sorted(broken):
        yield Finding(
            "chain_broken",
            f"account {account_id}",
            f"L’historique du compte {account_id} est rompu : un mouvement ne renvoie plus au précédent.",
        )


def _followed(db: Connection, territory_id: int) -> tuple[dict[int, int], set[int]]:
    """Return the last entry of each account, and the accounts of transfers that do not name the one before."""
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    broken: set[int] = set()
    lines = db.execution_options(yield_per=ROWS_PER_READ).execute(
        select(
            transfers.c.entry_id,
            transfers.c.debit_account_id,
            transfers.c.debit_previous_id,
            transfers.c.credit_account_id,
            transfers.c.credit_previous_id,
        )
        .where(transfers.c.territory_id == territory_id)
        .order_by(transfers.c.entry_id, transfers.c.line_no)
    )
    for entry_id, debit_id, debit_previous_id, credit_id, credit_previous_id in lines:
        for account_id, previous_id in ((debit_id, debit_previous_id), (credit_id, credit_previous_id)):
            if last.get(account_id) != entry_id:
                # All transfers of an entry name what came before the entry.
                before[account_id] = last.get(account_id, 0)
                last[account_id] = entry_id
            if previous_id != before[account_id]:
                broken.add(account_id)
    return last, broken
