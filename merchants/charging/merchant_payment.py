"""A shop pays a shop: the currency circulates instead of being redeemed."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from merchants.charging.charge import check_cents, open_shop, replayed_receipt
from merchants.charging.open_till import OpenTill
from merchants.charging.receipts import receipt_of
from merchants.errors import MerchantSuspended, PaymentToItself
from merchants.model import Merchant, Receipt, Till
from merchants.payouts.payable import kept_back
from merchants.queries import merchant_accounts, merchant_by_code
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import balance_of, balances_of, find_posted
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.entries import EntryKind, Transfer
from monnaie_locale.ledger.errors import InsufficientFunds
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest


def pay_merchant(
    *,
    engine: Engine,
    writer: Writer,
    territory_id: int,
    till: Till,
    to_code: str,
    amount_cents: int,
    idempotency_key: str,
    now: datetime.datetime,
) -> Receipt:
    """Pay another shop from what this one is owed.

    Arguments as `merchants.charging.charge.charge`; `to_code` is the short public code of the shop that is paid,
    "C0004". What remains, on the receipt, is what the paying shop is still owed.

    Refuses, in this order: amount_malformed, amount_not_positive, amount_too_large, idempotency_key_reused,
    till_unknown, till_unpaired, merchant_suspended, merchant_unknown, payment_to_itself, insufficient_funds.
    """
    check_cents(amount_cents)
    digest = request_digest(operation="pay-merchant", to=to_code.strip().upper(), amount_cents=amount_cents)
    with reading(engine) as db:
        key = {"caller": till.caller, "idempotency_key": idempotency_key}
        posted = find_posted(db, territory_id=territory_id, request_digest=digest, **key)
        if posted is not None:
            return replayed_receipt(db, territory_id=territory_id, till=till, posted=posted)
        payer = open_shop(db, territory_id=territory_id, till=till)
        payee = _payee(db, territory_id=territory_id, payer=payer, code=to_code)
        source_id, debt_id = merchant_accounts(db, territory_id=territory_id, merchant_id=payer.id)
        debt_cents = -balance_of(db, territory_id=territory_id, account_id=debt_id)
        kept = kept_back(db, territory_id=territory_id, through_on=paris_date(instant_ms(now)))
        held_back = HeldBack(source_id, debt_cents + kept[payer.id], amount_cents)
        target_id, _ = merchant_accounts(db, territory_id=territory_id, merchant_id=payee.id)
    posted = writer.submit(
        Posting(
            territory_id=territory_id,
            caller=till.caller,
            idempotency_key=idempotency_key,
            request_digest=digest,
            kind=EntryKind.MERCHANT_PAYMENT,
            draws=(Draw((source_id,), target_id, amount_cents),),
            happened_at_ms=instant_ms(now),
            reference=f"SHOP:{payee.id}",
            companions=(OpenTill(till.id, key_digest(**key), till.paired_at_ms), held_back),
        )
    )
    with reading(engine) as db:
        left_cents = balance_of(db, territory_id=territory_id, account_id=source_id)
    return receipt_of(posted, merchant=payer, remaining_cents=left_cents, replayed=posted.replayed)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Companion: what a shop owes, and what no payout would pay it, it pays no other shop with either.

    The debt is recovered from its redemptions first; what is kept back (`payable.kept_back`) would be redeemed by the
    other shop. Looked at before the posting only, two payments at once would each leave enough.
    """

    account_id: int
    held_back_cents: int
    amount_cents: int

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["HeldBack"]) -> "_HeldBack":
        """Read what the shops of the batch hold; the posting lock is held."""
        wanted = {companion.account_id for companion in companions}
        balances = balances_of(db, territory_id=territory_id, account_ids=wanted)
        return _HeldBack({account_id: balance.net_credit_cents for account_id, balance in balances.items()})


@dataclass(slots=True)
class _HeldBack:
    """What the shops of a batch hold, as their payments take from it."""

    held_cents: dict[int, int]

    def check(self, companion: HeldBack, _transfers: Sequence[Transfer]) -> None:
        """Refuse insufficient_funds."""
        free_cents = max(0, self.held_cents[companion.account_id] - companion.held_back_cents)
        if companion.held_back_cents and companion.amount_cents > free_cents:
            raise InsufficientFunds(available_cents=free_cents, amount_cents=companion.amount_cents)

    def accept(self, companion: HeldBack, _posted: Posted) -> None:
        """Count the payment."""
        self.held_cents[companion.account_id] -= companion.amount_cents

    def save(self, db: Connection) -> None:
        """Write nothing: the balances are the journal's."""


def _payee(db: Connection, *, territory_id: int, payer: Merchant, code: str) -> Merchant:
    payee = merchant_by_code(db, territory_id=territory_id, code=code)
    if payee.id == payer.id:
        raise PaymentToItself
    if not payee.is_active:
        raise MerchantSuspended
    return payee
