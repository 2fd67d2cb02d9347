"""The town that is charged over HTTP: shops with tills and keys, cards with purses; and the check of its books.

Every charge of a run is a real one, under the real rules: the programme asks for no PIN, and the law's limits without
PIN (five payments, 150 €) hold, so each card pays at most five times.
"""

import datetime
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schwifty import IBAN
from sqlalchemy import Connection, Engine, text
from stdnum import luhn

from bench import books
from merchants.model import Address
from merchants.shops.admission import check_admission
from merchants.shops.operations import admit_merchant, open_till, pair_till
from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.journal.directory import Owner, create_territory, open_accounts
from monnaie_locale.journal.post import post_batch
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posting
from monnaie_locale.programmes.model import Category, ExpiredGoesTo, LegalBasis, PinRule, ProgrammeTerms
from monnaie_locale.programmes.operations.opening import open_programme
from monnaie_locale.runtime import KEYRING_FILE
from wallets.codes.card_token import card_url, draw_card_number, draw_token, token_digest
from wallets.model import PIN_TRIES_MAX, UNPINNED_COUNT_MAX, CardState
from wallets.tables import cards, households, wallets

SHOPS = 200
ACTOR = "job:bench"
# Two purses a card, the first one small: some payments are split, as they are in a shop.
SMALL_PURSE_CENTS = 1_000
LARGE_PURSE_CENTS = 30_000
# Five of them stay within what a card may pay without PIN.
AMOUNT_CENTS_MAX = 3_000
CHARGES = "SELECT id, leaf_hash FROM journal_entries WHERE territory_id = 1 AND kind = 3"
CHARGED = """
SELECT e.id, sum(t.amount_cents) FROM journal_entries e
JOIN transfers t ON t.territory_id = e.territory_id AND t.entry_id = e.id
WHERE e.territory_id = 1 AND e.kind = 3 GROUP BY e.id
"""
COUNTERS = "SELECT sum(unpinned_count), sum(unpinned_cents), max(unpinned_count), max(unpinned_cents) FROM cards"


@dataclass(frozen=True, slots=True)
class ChargedTown:
    """What the callers need: the keys of the tills, the codes of the cards, and the entries there were before."""

    api_keys: tuple[str, ...]
    card_codes: tuple[str, ...]
    entries: int


def open_town(engine: Engine, *, home: Path, card_count: int) -> ChargedTown:
    """Found the installation in `home` and on `engine`, which holds the schema and nothing else."""
    keyring = Keyring.generate()
    keyring.save(home / KEYRING_FILE)
    return transact(engine, _open_town, keyring=keyring, card_count=card_count)


def charges(town: ChargedTown) -> Iterator[str]:
    """Yield every charge that the cards may pay, as lines for wrk: the key of a till, a card, an amount in cents."""
    chance = random.Random(1)  # the same in every run
    for _ in range(UNPINNED_COUNT_MAX):
        for code in chance.sample(town.card_codes, len(town.card_codes)):
            yield f"{chance.choice(town.api_keys)} {code} {chance.randint(1, AMOUNT_CENTS_MAX)}"


def check(engine: Engine, *, town: ChargedTown, answers: Path, connections: int) -> int:
    """Return how many charges were answered; raise BooksWrong unless each is in the books, once, and the sums stand.

    Args:
        engine: the database that was charged.
        town: as it was before.
        answers: what wrk wrote down: the status and the body of each answer, a line each.
        connections: how many charges may have been posted without an answer, cut off at the end of a run.

    """
    receipts = []
    for line in answers.read_text(encoding="utf-8").splitlines():
        status, _, body = line.partition("\t")
        if status != "201":
            raise books.BooksWrong(f"a charge was answered {status}: {body[:300]}")
        receipts.append(json.loads(body))
    with reading(engine) as db:
        findings = list(_findings(db, receipts, town=town, connections=connections))
    if findings:
        raise books.BooksWrong("; ".join(findings))
    return len(receipts)


def _findings(
    db: Connection, receipts: list[dict[str, object]], *, town: ChargedTown, connections: int
) -> Iterator[str]:
    numbers = {receipt["number"] for receipt in receipts}
    if len(numbers) != len(receipts):
        yield f"{len(receipts)} receipts for {len(numbers)} entries"
    leaves = {entry_id: bytes(leaf).hex() for entry_id, leaf in db.execute(text(CHARGES))}
    charged = {entry_id: int(cents) for entry_id, cents in db.execute(text(CHARGED))}
    lost = [
        receipt["number"]
        for receipt in receipts
        if charged.get(receipt["number"]) != receipt["amount_cents"]  # type: ignore[call-overload]
        or leaves.get(receipt["number"]) != receipt["entry_hash"]  # type: ignore[call-overload]
    ]
    if lost:
        yield f"{len(lost)} receipts are not what the books say, the first is {lost[0]}"
    if not 0 <= len(charged) - len(receipts) <= connections:
        yield f"{len(charged)} charges in the books, {len(receipts)} answered"
    count, lowest, highest = db.execute(text(books.COUNTS)).one()
    last, reserve_cents, owed_cents = db.execute(text(books.HEAD)).one()
    if not count == highest - lowest + 1 == last == town.entries + len(charged):
        yield f"numbering has gaps: {count} entries from {lowest} to {highest}, head at {last}"
    if wrong := db.scalar(text(books.WRONG_BALANCES)):
        yield f"{wrong} balances are not the sum of their transfers"
    if (owed := db.scalar(text(books.OWED))) != owed_cents or owed_cents > reserve_cents:
        yield f"owed {owed} by the balances, {owed_cents} by the head, reserve {reserve_cents}"
    times, cents, times_max, _ = db.execute(text(COUNTERS)).one()
    if (times, cents) != (len(charged), sum(charged.values())) or times_max > UNPINNED_COUNT_MAX:
        yield f"the cards counted {times} payments of {cents} cents without PIN"


def _open_town(db: Connection, *, keyring: Keyring, card_count: int) -> ChargedTown:
    now = datetime.datetime.now(datetime.UTC)
    create_territory(db, territory=books.TOWN, now_ms=instant_ms(now))
    programme = open_programme(db, territory_id=books.TERRITORY_ID, terms=_terms(), actor=ACTOR, now=now)
    api_keys = tuple(_open_shop(db, number, now=now) for number in range(1, SHOPS + 1))
    card_codes = _issue_cards(db, keyring=keyring, card_count=card_count, now_ms=instant_ms(now))
    today = paris_date(instant_ms(now))
    small, large = (
        [
            Owner(AccountKind.PURSE, programme.programme_id, wallet_id, expires_on=today + datetime.timedelta(days))
            for wallet_id in range(1, card_count + 1)
        ]
        for days in (30, 90)
    )
    reserve, funds = Owner(AccountKind.RESERVE), Owner(AccountKind.PROGRAMME_FUNDS, programme.programme_id)
    numbers = open_accounts(
        db, territory_id=books.TERRITORY_ID, owners=[reserve, funds, *small, *large], now_ms=instant_ms(now)
    )
    total_cents = card_count * (SMALL_PURSE_CENTS + LARGE_PURSE_CENTS)
    entries = [(EntryKind.FUNDING, Draw((numbers[reserve],), numbers[funds], total_cents))]
    for purses, cents in ((small, SMALL_PURSE_CENTS), (large, LARGE_PURSE_CENTS)):
        entries += [(EntryKind.DISTRIBUTION, Draw((numbers[funds],), numbers[purse], cents)) for purse in purses]
    for first in range(0, len(entries), books.BATCH):
        batch = enumerate(entries[first : first + books.BATCH], start=first)
        _post(db, [books.posting(kind, draw, key=f"opening:{number}") for number, (kind, draw) in batch])
    return ChargedTown(api_keys, card_codes, len(entries))


def _post(db: Connection, postings: list[Posting]) -> None:
    for answer in post_batch(db, postings, recorded_at_ms=books.now_ms()):
        if isinstance(answer, Refusal):
            raise answer


def _terms() -> ProgrammeTerms:
    return ProgrammeTerms(
        name="Aide alimentaire",
        legal_basis=LegalBasis.CIVIL_MANDATE,
        decision_reference="BENCH-1",
        decided_on=datetime.date(2026, 1, 1),
        budget_cents=10**12,
        categories=frozenset({Category.FOOD, Category.HYGIENE, Category.HOUSEHOLD}),
        pin_rule=PinRule.NEVER,
        pin_above_cents=0,
        grace_days=10,
        expired_goes_to=ExpiredGoesTo.CCAS,
    )


def _open_shop(db: Connection, number: int, *, now: datetime.datetime) -> str:
    """Admit a shop, pair its till and return the key by which the till signs in."""
    body = f"732829320{number:04d}"
    admission = check_admission(
        name=f"Épicerie Exemple {number}",
        siret=body + luhn.calc_check_digit(body),
        category=Category.FOOD,
        iban=str(IBAN.generate("FR", bank_code="30006", branch_code="00001", account_code=f"{number:011d}")),
        address=Address(street="Rue du Port", building="3", postcode="64100", town="Ville-Exemple"),
    )
    town = {"territory_id": books.TERRITORY_ID, "now": now}
    shop = admit_merchant(db, **town, admission=admission, actor=ACTOR)
    opened = {"merchant_id": shop.id, "label": "Caisse 1", "actor": ACTOR, "random_bytes": os.urandom}
    till, code = open_till(db, **town, **opened)
    pair_till(db, **town, code=code, random_bytes=os.urandom)
    key = {"kind": SubjectKind.TILL, "subject_id": till.id, "label": "bench", "actor": ACTOR}
    return issue_api_key(db, **town, **key, random_bytes=os.urandom)


def _issue_cards(db: Connection, *, keyring: Keyring, card_count: int, now_ms: int) -> tuple[str, ...]:
    """Write households, wallets and cards set-based; they share one sealed identity and one PIN, which nobody uses."""
    sealed, pin_hash = keyring.seal({"reference": "", "alias": "", "channel": ""}), keyring.hash_secret("4711")
    ids = range(1, card_count + 1)
    tokens = [draw_token(os.urandom) for _ in ids]
    numbers: set[str] = set()
    while len(numbers) < card_count:
        numbers.add(draw_card_number(os.urandom))
    town = books.TERRITORY_ID
    insert_rows(db, households, [(town, one, keyring.lookup_digest(f"M-{one}"), sealed, now_ms, None) for one in ids])
    insert_rows(db, wallets, [(town, one, one, now_ms, None) for one in ids])
    rows = [
        (town, one, one, token_digest(token), number, pin_hash, PIN_TRIES_MAX, 0, 0, CardState.ACTIVE, now_ms, None)
        for one, token, number in zip(ids, tokens, sorted(numbers), strict=True)
    ]
    insert_rows(db, cards, rows)
    return tuple(card_url(host=books.TOWN.host, token=token) for token in tokens)
