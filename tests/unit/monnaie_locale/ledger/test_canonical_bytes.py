"""The bytes that stand for an entry and for an opening: written out here, because a stranger must get the same ones."""

import datetime
import hashlib
from dataclasses import replace

import pytest

from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, JournalEntry, Transfer
from monnaie_locale.ledger.openings import AccountOpening

LINE = Transfer(
    debit_account_id=11,
    debit_kind=AccountKind.PURSE,
    credit_account_id=12,
    credit_kind=AccountKind.MERCHANT,
    amount_cents=1_250,
)
ENTRY = JournalEntry(
    territory_id=1,
    entry_id=7,
    kind=EntryKind.CHARGE,
    happened_at_ms=1_791_187_200_000,
    recorded_at_ms=1_791_187_200_001,
    accounted_on=datetime.date(2026, 10, 5),
    caller="till:3",
    key_digest=b"\xaa\x01",
    request_digest=b"\xbb\x02",
    reverses_entry_id=None,
    reference="CARD:é",
    transfers=(LINE, LINE._replace(debit_account_id=13, amount_cents=1)),
)
OPENING = AccountOpening(
    territory_id=1,
    account_id=11,
    kind=AccountKind.PURSE,
    programme_id=2,
    wallet_id=7,
    merchant_id=0,
    expires_on=datetime.date(2026, 12, 31),
    opened_at_ms=1_791_187_200_000,
)
ENTRY_BYTES = (
    b'[1,1,7,3,1791187200000,1791187200001,"2026-10-05","till:3","aa01","bb02",null,"CARD:\\u00e9",'
    b"[[11,12,1250],[13,12,1]]]"
)
OPENING_BYTES = b'[1,1,11,3,2,7,0,"2026-12-31",1791187200000]'


def test_an_entry_has_these_bytes_and_this_leaf() -> None:
    assert ENTRY.canonical_bytes() == ENTRY_BYTES
    assert ENTRY.leaf_hash() == hashlib.sha256(b"\x00" + ENTRY_BYTES).digest()
    assert ENTRY.amount_cents == 1_251


def test_an_opening_has_these_bytes_and_this_leaf() -> None:
    assert OPENING.canonical_bytes() == OPENING_BYTES
    assert OPENING.leaf_hash() == hashlib.sha256(b"\x00" + OPENING_BYTES).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"territory_id": 2},
        {"entry_id": 8},
        {"kind": EntryKind.REFUND},
        {"happened_at_ms": 1},
        {"recorded_at_ms": 1},
        {"accounted_on": datetime.date(2026, 10, 6)},
        {"caller": "till:4"},
        {"key_digest": b"\xaa\x02"},
        {"request_digest": b"\xbb\x03"},
        {"reverses_entry_id": 3},
        {"reference": ""},
        {"transfers": (LINE,)},
        {"transfers": (LINE._replace(amount_cents=1_251),)},
    ],
)
def test_no_field_of_an_entry_changes_without_its_leaf(change: dict[str, object]) -> None:
    assert ENTRY._replace(**change).leaf_hash() != ENTRY.leaf_hash()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"territory_id": 2},
        {"account_id": 12},
        {"kind": AccountKind.MERCHANT},
        {"programme_id": 3},
        {"wallet_id": 8},
        {"merchant_id": 1},
        {"expires_on": datetime.date(2027, 12, 31)},
        {"opened_at_ms": 1},
    ],
)
def test_no_field_of_an_opening_changes_without_its_leaf(change: dict[str, object]) -> None:
    assert replace(OPENING, **change).leaf_hash() != OPENING.leaf_hash()  # type: ignore[arg-type]
