"""The town that the engine is measured on, and the check of its books after each run.

A fast wrong engine must not win: a run whose books do not add up has no figures.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import Owner, Territory, create_territory, open_accounts
from monnaie_locale.journal.post import post_batch
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.keys import CHANCE_BYTES, timed_key
from monnaie_locale.ledger.posting import Draw, Posting, request_digest

TERRITORY_ID = 1
WALLETS = 10_000
SHOPS = 1_000
# Enough for any run: no purse may run dry, a refusal would be measured as a posting.
PURSE_CENTS = 100_000_000
AMOUNT_CENTS_MAX = 5_000
BATCH = 1_000
LEAVES_CHECKED = 200
# The same keys in every run: 1 December 2026, then a millisecond each.
KEYS_FROM_MS = 1_796_083_200_000

RESERVE = Owner(AccountKind.RESERVE)
FUNDS = Owner(AccountKind.PROGRAMME_FUNDS, programme_id=1)
TOWN = Territory(
    territory_id=TERRITORY_ID,
    code="BENCH",
    name="Ville-Exemple",
    currency_name="l'Exemple",
    host="MONNAIE.VILLE-EXEMPLE.FR",
    issuer_name="Association Monnaie de Ville-Exemple",
    issuer_siret="73282932000074",
    issuer_street="Place de la Mairie",
    issuer_building="1",
    issuer_postcode="64100",
    issuer_town="Ville-Exemple",
    reserve_iban="FR7630006000011234567890189",
    reserve_bic="AGRIFRPP",
    ccas_name="CCAS de Ville-Exemple",
    ccas_phone="05 00 00 00 00",
    is_demo=True,
)
COUNTS = "SELECT count(*), min(id), max(id) FROM journal_entries WHERE territory_id = 1"
HEAD = "SELECT last_entry_id, reserve_cents, owed_cents FROM ledger_heads WHERE territory_id = 1"
WRONG_BALANCES = """
SELECT count(*) FROM balances b LEFT JOIN (
  SELECT account_id, sum(debit) AS debits, sum(credit) AS credits FROM (
    SELECT debit_account_id AS account_id, amount_cents AS debit, 0 AS credit FROM transfers WHERE territory_id = 1
    UNION ALL
    SELECT credit_account_id, 0, amount_cents FROM transfers WHERE territory_id = 1
  ) sides GROUP BY account_id
) s ON s.account_id = b.account_id
WHERE b.debits_cents <> coalesce(s.debits, 0) OR b.credits_cents <> coalesce(s.credits, 0)
"""
OWED = "SELECT sum(credits_cents - debits_cents) FROM balances WHERE kind IN (3, 4, 5, 6)"
LINES = "SELECT count(*) FROM transfers"


class BooksWrong(Exception):
    """The engine's books do not add up after a run."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that the callers draw from."""

    purses: tuple[int, ...]
    shops: tuple[int, ...]


def now_ms() -> int:
    """Return the instant of recording."""
    return time.time_ns() // 1_000_000


def owners(*, wallets: int = WALLETS, shops: int = SHOPS) -> tuple[list[Owner], list[Owner]]:
    """Return the owners of the purses and of the shops."""
    purses = [Owner(AccountKind.PURSE, programme_id=1, wallet_id=number) for number in range(1, wallets + 1)]
    merchants = [Owner(AccountKind.MERCHANT, merchant_id=number) for number in range(1, shops + 1)]
    return purses, merchants


def open_town(engine: Engine) -> Accounts:
    """Open the books, fund the programme and fill every purse, by the journal's own operations."""
    transact(engine, create_territory, territory=TOWN, now_ms=now_ms())
    purses, shops = owners()
    numbers = transact(
        engine,
        open_accounts,
        territory_id=TERRITORY_ID,
        owners=[RESERVE, FUNDS, *purses, *shops],
        now_ms=now_ms(),
    )
    funding = Draw((numbers[RESERVE],), numbers[FUNDS], WALLETS * PURSE_CENTS)
    post_all(engine, [posting(EntryKind.FUNDING, funding, key="funding")])
    issues = [
        posting(
            EntryKind.DISTRIBUTION,
            Draw((numbers[FUNDS],), numbers[purse], PURSE_CENTS),
            key=f"issue:{purse.wallet_id}",
        )
        for purse in purses
    ]
    for first in range(0, len(issues), BATCH):
        post_all(engine, issues[first : first + BATCH])
    return Accounts(tuple(numbers[purse] for purse in purses), tuple(numbers[shop] for shop in shops))


def posting(kind: EntryKind, draw: Draw, *, key: str) -> Posting:
    """Return a request as the till's API would make it: its own key, and the digest of its own words."""
    return Posting(
        territory_id=TERRITORY_ID,
        caller="bench:1",
        idempotency_key=key,
        request_digest=request_digest(card=draw.sources[0], shop=draw.target, amount_cents=draw.amount_cents),
        kind=kind,
        draws=(draw,),
        happened_at_ms=now_ms(),
        reference=f"BENCH-{draw.target}",
    )


def charges(accounts: Accounts, *, caller: int, hot: bool) -> Iterator[Posting]:
    """Yield payments without end: a random purse pays a random shop, or when `hot` always the same one."""
    chance = random.Random(caller)  # the same accounts in every run
    shops = accounts.shops[:1] if hot else accounts.shops
    at_ms = KEYS_FROM_MS
    while True:
        at_ms += 1  # the tills ask in turn
        draw = Draw((chance.choice(accounts.purses),), chance.choice(shops), chance.randint(1, AMOUNT_CENTS_MAX))
        yield posting(EntryKind.CHARGE, draw, key=timed_key(at_ms=at_ms, chance=chance.randbytes(CHANCE_BYTES)))


def post_all(engine: Engine, postings: list[Posting]) -> None:
    """Post a batch in one transaction; here a refusal is a fault of the benchmark."""
    for answer in transact(engine, post_batch, postings, recorded_at_ms=now_ms()):
        if isinstance(answer, Refusal):
            raise answer


def entry_count(engine: Engine) -> int:
    """Return how many entries the books hold."""
    with reading(engine) as db:
        return int(db.execute(text(COUNTS)).one()[0])


def check(engine: Engine, *, entries_before: int, acknowledged: int, sent: Posting) -> None:
    """Raise BooksWrong unless the books add up, to the entry and to the cent.

    Args:
        engine: the database that was posted to.
        entries_before: entries there were before the run.
        acknowledged: entries that the callers were told are durable.
        sent: a posting of the run: sent again, it must be answered from the books and post nothing.

    """
    answer = transact(engine, post_batch, [sent], recorded_at_ms=now_ms())[0]
    if isinstance(answer, Refusal) or not answer.replayed:
        raise BooksWrong(f"a key sent twice was not recognised: {answer!r}")
    with reading(engine) as db:
        findings = list(_findings(db, expected=entries_before + acknowledged))
    if findings:
        raise BooksWrong("; ".join(findings))


def _findings(db: Connection, *, expected: int) -> Iterator[str]:
    count, lowest, highest = db.execute(text(COUNTS)).one()
    last, reserve_cents, owed_cents = db.execute(text(HEAD)).one()
    if not count == highest - lowest + 1 == last or lowest != 1:
        yield f"numbering has gaps: {count} entries from {lowest} to {highest}, head at {last}"
    if count != expected:
        yield f"{count} entries, {expected} acknowledged"
    # Every entry of this benchmark has one transfer.
    if (lines := db.scalar(text(LINES))) != count:
        yield f"{lines} transfers for {count} entries"
    if wrong := db.scalar(text(WRONG_BALANCES)):
        yield f"{wrong} balances are not the sum of their transfers"
    if (owed := db.scalar(text(OWED))) != owed_cents or owed_cents > reserve_cents:
        yield f"owed {owed} by the balances, {owed_cents} by the head, reserve {reserve_cents}"
    newest = range(max(1, last - LEAVES_CHECKED + 1), last + 1)
    for posted in entries_by_number(db, territory_id=TERRITORY_ID, entry_ids=list(newest)):
        if posted.entry.leaf_hash() != posted.leaf_hash:
            yield f"entry {posted.entry.entry_id} does not have its own leaf hash"
