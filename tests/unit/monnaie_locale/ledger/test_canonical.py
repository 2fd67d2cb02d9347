"""The canonical bytes are the JSON that any program would write, whatever is in the values."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, JournalEntry, Transfer
from monnaie_locale.ledger.openings import AccountOpening
from monnaie_locale.ledger.posting import request_digest

numbers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
digests = st.binary(max_size=40)
texts = st.text(max_size=20)
names = st.from_regex(r"[a-z_]+", fullmatch=True)
transfers = st.builds(
    Transfer,
    debit_account_id=numbers,
    debit_kind=st.sampled_from(AccountKind),
    credit_account_id=numbers,
    credit_kind=st.sampled_from(AccountKind),
    amount_cents=numbers,
)
entries = st.builds(
    JournalEntry,
    territory_id=numbers,
    entry_id=numbers,
    kind=st.sampled_from(EntryKind),
    happened_at_ms=numbers,
    recorded_at_ms=numbers,
    accounted_on=st.dates(),
    caller=texts,
    key_digest=digests,
    request_digest=digests,
    reverses_entry_id=st.none() | numbers,
    reference=texts,
    transfers=st.lists(transfers, max_size=4).map(tuple),
)
openings = st.builds(
    AccountOpening,
    territory_id=numbers,
    account_id=numbers,
    kind=st.sampled_from(AccountKind),
    programme_id=numbers,
    wallet_id=numbers,
    merchant_id=numbers,
    expires_on=st.dates(),
    opened_at_ms=numbers,
)


@given(
    st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), texts | numbers | st.booleans() | st.none() | digests)
)
def test_a_request_is_the_json_of_its_fields(fields: dict[str, str | int | bytes | None]) -> None:
    readable = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    written = json.dumps(readable, sort_keys=True, separators=(",", ":"))
    assert request_digest(**fields) == hashlib.sha256(written.encode("ascii")).digest()


@given(entries)
def test_an_entry_is_the_json_of_its_fields(entry: JournalEntry) -> None:
    moves = [[each.debit_account_id, each.credit_account_id, each.amount_cents] for each in entry.transfers]
    fields = [
        1, entry.territory_id, entry.entry_id, int(entry.kind), entry.happened_at_ms, entry.recorded_at_ms,
        entry.accounted_on.isoformat(), entry.caller, entry.key_digest.hex(), entry.request_digest.hex(),
        entry.reverses_entry_id, entry.reference, moves,
    ]  # fmt: skip
    assert entry.canonical_bytes() == _json(fields)


@given(entries, entries)
def test_two_entries_never_share_bytes(one: JournalEntry, other: JournalEntry) -> None:
    def told(entry: JournalEntry) -> tuple[object, ...]:
        lines = [(each.debit_account_id, each.credit_account_id, each.amount_cents) for each in entry.transfers]
        return (
            entry.territory_id, entry.entry_id, entry.kind, entry.happened_at_ms, entry.recorded_at_ms,
            entry.accounted_on, entry.caller, entry.key_digest, entry.request_digest, entry.reverses_entry_id,
            entry.reference, lines,
        )  # fmt: skip

    assert (one.canonical_bytes() == other.canonical_bytes()) == (told(one) == told(other))


@given(openings)
def test_an_opening_is_the_json_of_its_fields(opening: AccountOpening) -> None:
    fields = [
        1, opening.territory_id, opening.account_id, int(opening.kind), opening.programme_id, opening.wallet_id,
        opening.merchant_id, opening.expires_on.isoformat(), opening.opened_at_ms,
    ]  # fmt: skip
    assert opening.canonical_bytes() == _json(fields)


def _json(fields: list[object]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode("ascii")
