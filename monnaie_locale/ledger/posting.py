"""Decide what a posting does to the balances it was shown. Pure: no clock, no database.

A posting asks for draws; a draw debits its sources in order, each down to what it holds, and credits one target.
So the split of a payment over several purses is decided under the lock, on the balances of that instant.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date
from typing import NamedTuple

from monnaie_locale.ledger.accounts import Balance
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.entries import EntryKind, JournalEntry, Transfer
from monnaie_locale.ledger.errors import AccountUnknown, InsufficientFunds, SameAccount

# Made once: json.dumps with options makes an encoder at every call.
READABLE = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class Draw(NamedTuple):
    """Take `amount_cents` from the sources in order and give it to the target; `at_most` takes what there is."""

    sources: tuple[int, ...]
    target: int
    amount_cents: int
    at_most: bool = False


class Posting(NamedTuple):
    """A request to post one journal entry.

    `request_digest` is of the caller's own words (card, amount, shop), not of the accounts they resolve to: a retry
    after a new purse was opened is still the same request. `accounted_on` None means today, or the first open day.
    """

    territory_id: int
    caller: str
    idempotency_key: str
    request_digest: bytes
    kind: EntryKind
    draws: tuple[Draw, ...]
    happened_at_ms: int
    accounted_on: date | None = None
    reverses_entry_id: int | None = None
    reference: str = ""
    companions: tuple[object, ...] = ()

    @property
    def key_digest(self) -> bytes:
        """Return the digest under which the key is unique: keys of two callers never meet."""
        return key_digest(caller=self.caller, idempotency_key=self.idempotency_key)

    def account_ids(self) -> Iterable[int]:
        """Yield the accounts that the posting may touch."""
        for draw in self.draws:
            yield from draw.sources
            yield draw.target


class Posted(NamedTuple):
    """A posting that is in the books; `replayed` when the key had already posted it.

    `left_cents` is what the sources of its draws held right after it, when it has just been posted.
    """

    entry: JournalEntry
    leaf_hash: bytes
    replayed: bool = False
    left_cents: int | None = None


def key_digest(*, caller: str, idempotency_key: str) -> bytes:
    """Return the SHA-256 that makes a key unique per caller."""
    return hashlib.sha256(f"{caller}\x00{idempotency_key}".encode()).digest()


def request_digest(**fields: str | int | bool | bytes | None) -> bytes:
    """Return the SHA-256 of a request's own fields, in a fixed order."""
    readable = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    return hashlib.sha256(READABLE.encode(readable).encode()).digest()


def decide(posting: Posting, balances: Mapping[int, Balance]) -> tuple[Transfer, ...]:
    """Return the transfers to write.

    Refuses, in this order: amount_not_positive, amount_too_large, same_account, account_unknown, insufficient_funds.
    """
    draws = posting.draws
    for draw in draws:
        check_amount(draw.amount_cents)
        if draw.target in draw.sources:
            raise SameAccount(account_id=draw.target)
    for account_id in posting.account_ids():
        if account_id not in balances:
            raise AccountUnknown(account_id=account_id)
    if len(draws) == 1:
        return tuple(_drawn(draws[0], balances))
    # Each draw sees what those before it moved.
    held = {account_id: balances[account_id] for account_id in posting.account_ids()}
    transfers: list[Transfer] = []
    for draw in draws:
        drawn = _drawn(draw, held)
        apply(drawn, held)
        transfers += drawn
    return tuple(transfers)


def apply(transfers: Iterable[Transfer], balances: MutableMapping[int, Balance]) -> None:
    """Change the balances by the transfers, so that the next request of a batch sees them."""
    for transfer in transfers:
        debit_id, _, credit_id, _, amount_cents = transfer
        kind, debits_cents, credits_cents = balances[debit_id]
        balances[debit_id] = Balance(kind, debits_cents + amount_cents, credits_cents)
        kind, debits_cents, credits_cents = balances[credit_id]
        balances[credit_id] = Balance(kind, debits_cents, credits_cents + amount_cents)


def _drawn(draw: Draw, held: Mapping[int, Balance]) -> list[Transfer]:
    """Split one draw over its sources, in their order."""
    remaining_cents = _wanted_cents(draw, held)
    target = draw.target
    target_kind = held[target].kind
    if len(draw.sources) == 1:
        source = draw.sources[0]
        return [Transfer(source, held[source].kind, target, target_kind, remaining_cents)]
    transfers: list[Transfer] = []
    # A source named twice holds its money once.
    for source in dict.fromkeys(draw.sources):
        balance = held[source]
        limit_cents = balance.debitable_cents()
        taken_cents = remaining_cents if limit_cents is None or remaining_cents < limit_cents else limit_cents
        if taken_cents <= 0:
            continue
        transfers.append(Transfer(source, balance.kind, target, target_kind, taken_cents))
        remaining_cents -= taken_cents
    return transfers


def _wanted_cents(draw: Draw, held: Mapping[int, Balance]) -> int:
    """Return what the draw takes, or refuse when its sources or its target cannot."""
    if len(draw.sources) == 1:
        available_cents = held[draw.sources[0]].debitable_cents()
    else:
        limits = [held[source].debitable_cents() for source in dict.fromkeys(draw.sources)]
        limited = [limit_cents for limit_cents in limits if limit_cents is not None]
        available_cents = sum(limited) if len(limited) == len(limits) else None
    room_cents = held[draw.target].creditable_cents()
    if room_cents is not None:
        available_cents = room_cents if available_cents is None else min(room_cents, available_cents)
    if available_cents is None or available_cents >= draw.amount_cents:
        return draw.amount_cents
    if not draw.at_most or available_cents <= 0:
        raise InsufficientFunds(available_cents=max(0, available_cents), amount_cents=draw.amount_cents)
    return available_cents
