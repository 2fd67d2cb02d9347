"""A shop pays a shop: the currency circulates instead of being redeemed."""

import datetime

from sqlalchemy import Connection, Engine

from merchants.charge import check_cents, open_shop, replayed_receipt
from merchants.errors import MerchantSuspended, PaymentToItself
from merchants.model import Merchant, Receipt, Till
from merchants.open_till import OpenTill
from merchants.queries import merchant_accounts, merchant_by_code
from merchants.receipts import receipt_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import balance_of, balances_of, find_posted
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import InsufficientFunds
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posting, key_digest, request_digest


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

    Arguments as `merchants.charge.charge`; `to_code` is the short public code of the shop that is paid, "C0004".
    What remains, on the receipt, is what the paying shop is still owed.

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
        _check_debt_is_kept(db, territory_id=territory_id, accounts=(source_id, debt_id), amount_cents=amount_cents)
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
            companions=(OpenTill(till.id, key_digest(**key)),),
        )
    )
    with reading(engine) as db:
        left_cents = balance_of(db, territory_id=territory_id, account_id=source_id)
    return receipt_of(posted, merchant=payer, remaining_cents=left_cents, replayed=posted.replayed)


def _check_debt_is_kept(db: Connection, *, territory_id: int, accounts: tuple[int, int], amount_cents: int) -> None:
    """Refuse to let a shop pay another one with what it owes: the debt is recovered from its redemptions first."""
    source_id, debt_id = accounts
    balances = balances_of(db, territory_id=territory_id, account_ids=accounts)
    debt_cents = -balances[debt_id].net_credit_cents
    free_cents = max(0, balances[source_id].net_credit_cents - debt_cents)
    if debt_cents and amount_cents > free_cents:
        raise InsufficientFunds(available_cents=free_cents, amount_cents=amount_cents)


def _payee(db: Connection, *, territory_id: int, payer: Merchant, code: str) -> Merchant:
    payee = merchant_by_code(db, territory_id=territory_id, code=code)
    if payee.id == payer.id:
        raise PaymentToItself
    if not payee.is_active:
        raise MerchantSuspended
    return payee
