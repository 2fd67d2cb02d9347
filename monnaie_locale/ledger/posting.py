"""Decide what a posting does to the balances it was shown. Pure: no clock, no database.

A posting asks for draws; a draw debits its sources in order, each down to what it holds, and credits one target.
So the split of a payment over several purses is decided under the lock, on the balances of that instant.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from monnaie_locale.ledger.accounts import Balance
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.entries import EntryKind, JournalEntry, Transfer
from monnaie_locale.ledger.errors import AccountUnknown, InsufficientFunds, SameAccount
from monnaie_locale.ledger.keys import key_digest


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


def request_digest(**fields: str | int | bool | bytes | None) -> bytes:
    """Return the SHA-256 of a request's own fields, as the JSON object of their names in alphabetical order."""
    written = ",".join([f'"{name}":{_written(fields[name])}' for name in sorted(fields)])
    return sha256(f"{{{written}}}".encode()).digest()


def _written(value: str | int | bytes | None) -> str:
    # By hand, for a property test holds it to json.dumps: an encoder of JSON takes three times as long to be set up.
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bytes):
        return f'"{value.hex()}"'
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else int.__repr__(value)


def decide(posting: Posting, balances: Mapping[int, Balance]) -> tuple[Transfer, ...]:
    """Return the transfers to write.

    Refuses, in this order: amount_not_positive, amount_too_large, same_account, account_unknown, insufficient_funds.
    """
    draws = posting.draws
    for sources, target, amount_cents, _ in draws:
        check_amount(amount_cents)
        if target in sources:
            raise SameAccount(account_id=target)
    for sources, target, _, _ in draws:
        for account_id in (*sources, target):
            if account_id not in balances:
                raise AccountUnknown(account_id=account_id)
    if len(draws) == 1:
        draw = draws[0]
        return (_drawn_from_one(draw, balances),) if len(draw.sources) == 1 else tuple(_drawn(draw, balances))
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
    for debit_id, _, credit_id, _, amount_cents in transfers:
        kind, debits_cents, credits_cents = balances[debit_id]
        balances[debit_id] = Balance(kind, debits_cents + amount_cents, credits_cents)
        kind, debits_cents, credits_cents = balances[credit_id]
        balances[credit_id] = Balance(kind, debits_cents, credits_cents + amount_cents)


def _drawn(draw: Draw, held: Mapping[int, Balance]) -> list[Transfer]:
    """Split one draw over its sources, in their order."""
    sources, target, _, _ = draw
    # A source named twice holds its money once.
    limits = {source: held[source].debitable_cents() for source in sources}
    available_cents: int | None = 0
    for limit_cents in limits.values():
        available_cents = None if available_cents is None or limit_cents is None else available_cents + limit_cents
    remaining_cents = _wanted_cents(draw, available_cents, room_cents=held[target].creditable_cents())
    target_kind = held[target].kind
    transfers: list[Transfer] = []
    for source, limit_cents in limits.items():
        taken_cents = remaining_cents if limit_cents is None or remaining_cents < limit_cents else limit_cents
        if taken_cents <= 0:
            continue
        transfers.append(Transfer(source, held[source].kind, target, target_kind, taken_cents))
        remaining_cents -= taken_cents
    return transfers


def _drawn_from_one(draw: Draw, held: Mapping[int, Balance]) -> Transfer:
    """Return the one transfer of a draw on one source: a payment from one purse."""
    (source,), target, _, _ = draw
    drawn, given = held[source], held[target]
    amount_cents = _wanted_cents(draw, drawn.debitable_cents(), room_cents=given.creditable_cents())
    return Transfer(source, drawn.kind, target, given.kind, amount_cents)


def _wanted_cents(draw: Draw, available_cents: int | None, *, room_cents: int | None) -> int:
    """Return what the draw takes of what its sources have (None: no limit), or refuse."""
    if room_cents is not None:
        available_cents = room_cents if available_cents is None else min(room_cents, available_cents)
    if available_cents is None or available_cents >= draw.amount_cents:
        return draw.amount_cents
    if not draw.at_most or available_cents <= 0:
        raise InsufficientFunds(available_cents=max(0, available_cents), amount_cents=draw.amount_cents)
    return available_cents
