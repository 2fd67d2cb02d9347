"""Give back a charge, whole or in part, also after the month was closed or the shop paid."""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Engine, insert, update

from merchants.charging.charge import check_cents
from merchants.charging.open_till import OpenTill
from merchants.charging.receipts import receipt_of
from merchants.errors import ChargeUnknown, DebtLimitReached, RefundCrossed, RefundExceedsCharge
from merchants.model import Merchant, Receipt, Till
from merchants.queries import find_merchant, find_till, merchant_accounts, refunded_of
from merchants.tables import charge_refunds
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import Owner, open_account
from monnaie_locale.journal.queries import balances_of, entry_of, find_posted, owners_of
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, JournalEntry, Transfer
from monnaie_locale.ledger.errors import EntryUnknown
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest
from monnaie_locale.programmes.model import ExpiredGoesTo
from monnaie_locale.programmes.queries import programme_of
from monnaie_locale.programmes.rules import expires_by
from wallets.move_queries import merged_into

# Two refunds of one charge at the same instant: the second sees the first and is planned again.
ATTEMPTS_MAX = 5


def refund(
    *,
    engine: Engine,
    writer: Writer,
    territory_id: int,
    till: Till,
    charge_entry_id: int,
    amount_cents: int | None,
    idempotency_key: str,
    now: datetime.datetime,
) -> Receipt:
    """Give back a charge to the purses that paid it, the last drawn first; so an offline guarantee before any purse.

    What a household paid before it was merged into another goes to the other, whose card its holder has now.

    Args:
        engine: the database.
        writer: of the runtime.
        territory_id: whose books.
        till: a till of the shop that took the charge; a suspended shop may still give back.
        charge_entry_id: the number of the charge.
        amount_cents: how much, None for all that is left of it.
        idempotency_key: the till's own; the same key gives the same receipt.
        now: aware UTC.

    Refuses, in this order: amount_malformed, amount_not_positive, amount_too_large, idempotency_key_reused,
    charge_unknown, refund_exceeds_charge, debt_limit_reached.

    """
    if amount_cents is not None:
        check_cents(amount_cents)
    digest = request_digest(operation="refund", charge=charge_entry_id, amount_cents=amount_cents)
    with reading(engine) as db:
        # The journal keeps keys for ever; looking here first answers a retry even when the charge is spent since.
        key = {"caller": till.caller, "idempotency_key": idempotency_key}
        posted = find_posted(db, territory_id=territory_id, request_digest=digest, **key)
        if posted is not None:
            return _receipt(db, territory_id, till, posted, charge_entry_id, replayed=True)
    plan = _Plan(territory_id, till, charge_entry_id, amount_cents, idempotency_key, digest, now)
    for _ in range(ATTEMPTS_MAX - 1):
        try:
            posted = writer.submit(transact(engine, _posting, plan))
            break
        except RefundCrossed:
            continue
    else:
        posted = writer.submit(transact(engine, _posting, plan))
    with reading(engine) as db:
        return _receipt(db, territory_id, till, posted, charge_entry_id, replayed=posted.replayed)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A refund as it was asked for."""

    territory_id: int
    till: Till
    charge_entry_id: int
    amount_cents: int | None
    idempotency_key: str
    digest: bytes
    now: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOfCharge:
    """Companion: what was refunded before, as planned, and how much the shop may owe."""

    charge_entry_id: int
    charged_cents: int
    refunded_before_cents: int
    amount_cents: int
    debt_account_id: int
    debt_limit_cents: int

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["RefundOfCharge"]) -> "_RefundsOfCharges":
        """Read what was refunded of these charges and what their shops owe; the posting lock is held."""
        charges = {companion.charge_entry_id for companion in companions}
        debts = {companion.debt_account_id for companion in companions}
        balances = balances_of(db, territory_id=territory_id, account_ids=debts)
        return _RefundsOfCharges(
            territory_id=territory_id,
            stored=refunded_of(db, territory_id=territory_id, charge_entry_ids=charges),
            owed={account_id: -balance.net_credit_cents for account_id, balance in balances.items()},
        )


@dataclass(slots=True, kw_only=True)
class _RefundsOfCharges:
    """The refunds of the charges of a batch, and the debts of their shops, as the batch changes them."""

    territory_id: int
    stored: dict[int, int]
    owed: dict[int, int]
    changed: dict[int, tuple[int, int]] = field(default_factory=dict)

    def check(self, companion: RefundOfCharge, transfers: Sequence[Transfer]) -> None:
        """Refuse a refund planned on an older state, above its charge, or above what the shop may owe."""
        refunded_cents = self._refunded(companion.charge_entry_id)
        if refunded_cents + companion.amount_cents > companion.charged_cents:
            raise RefundExceedsCharge(refundable_cents=companion.charged_cents - refunded_cents)
        if refunded_cents != companion.refunded_before_cents:
            raise RefundCrossed
        new_debt_cents = _debited(transfers, companion.debt_account_id)
        if new_debt_cents and self._owed(companion) + new_debt_cents > companion.debt_limit_cents:
            raise DebtLimitReached(limit_cents=companion.debt_limit_cents)

    def accept(self, companion: RefundOfCharge, posted: Posted) -> None:
        """Count the refund."""
        refunded_cents = self._refunded(companion.charge_entry_id) + companion.amount_cents
        self.changed[companion.charge_entry_id] = (companion.charged_cents, refunded_cents)
        added_cents = _debited(posted.entry.transfers, companion.debt_account_id)
        self.owed[companion.debt_account_id] = self._owed(companion) + added_cents

    def save(self, db: Connection) -> None:
        """Write what is refunded now; the CHECK of the table is the truth."""
        for charge_entry_id, (charged_cents, refunded_cents) in self.changed.items():
            if charge_entry_id in self.stored:
                db.execute(
                    update(charge_refunds)
                    .where(
                        charge_refunds.c.territory_id == self.territory_id,
                        charge_refunds.c.charge_entry_id == charge_entry_id,
                    )
                    .values(refunded_cents=refunded_cents)
                )
            else:
                db.execute(
                    insert(charge_refunds),
                    {
                        "territory_id": self.territory_id,
                        "charge_entry_id": charge_entry_id,
                        "charged_cents": charged_cents,
                        "refunded_cents": refunded_cents,
                    },
                )

    def _refunded(self, charge_entry_id: int) -> int:
        if charge_entry_id in self.changed:
            return self.changed[charge_entry_id][1]
        return self.stored.get(charge_entry_id, 0)

    def _owed(self, companion: RefundOfCharge) -> int:
        return self.owed.get(companion.debt_account_id, 0)


@dataclass(frozen=True, slots=True)
class UnmergedWallets:
    """Companion: the wallets that a refund goes to are still those it was planned for."""

    wallet_ids: frozenset[int]

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["UnmergedWallets"]) -> "_MergedWallets":
        """Read which of the wallets were merged into another; the posting lock is held, which a merge takes too."""
        wallet_ids = frozenset[int]().union(*(each.wallet_ids for each in companions))
        return _MergedWallets(frozenset(merged_into(db, territory_id=territory_id, wallet_ids=wallet_ids)))


@dataclass(frozen=True, slots=True)
class _MergedWallets:
    """Which of a batch's wallets were merged since."""

    merged: frozenset[int]

    def check(self, companion: UnmergedWallets, _transfers: Sequence[Transfer]) -> None:
        """Refuse a refund planned before a merge: it is planned again."""
        if companion.wallet_ids & self.merged:
            raise RefundCrossed

    def accept(self, companion: UnmergedWallets, posted: Posted) -> None:
        """Keep nothing."""

    def save(self, db: Connection) -> None:
        """Write nothing."""


def _posting(db: Connection, plan: _Plan) -> Posting:
    """Return the posting of a refund on the state of this instant; opens the account for expired units if needed."""
    territory_id = plan.territory_id
    merchant = _shop(db, plan)
    own_id, debt_id = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant.id)
    charge = _charge(db, plan, own_id)
    refunded = refunded_of(db, territory_id=territory_id, charge_entry_ids=[plan.charge_entry_id])
    before_cents = refunded.get(plan.charge_entry_id, 0)
    refundable_cents = charge.amount_cents - before_cents
    amount_cents = refundable_cents if plan.amount_cents is None else plan.amount_cents
    if amount_cents > refundable_cents or not amount_cents:
        raise RefundExceedsCharge(refundable_cents=refundable_cents)
    returns = _returned(charge.transfers, skip_cents=before_cents, amount_cents=amount_cents)
    owners = owners_of(db, territory_id=territory_id, account_ids=list(returns))
    wallet_ids = {owner.wallet_id for owner in owners.values() if owner.wallet_id}
    heirs = merged_into(db, territory_id=territory_id, wallet_ids=wallet_ids)
    targets = _targets(db, plan, owners, heirs)
    by_target: dict[int, int] = defaultdict(int)
    for purse_id, part_cents in returns.items():
        by_target[targets[purse_id]] += part_cents
    return Posting(
        territory_id=territory_id,
        caller=plan.till.caller,
        idempotency_key=plan.idempotency_key,
        request_digest=plan.digest,
        kind=EntryKind.REFUND,
        draws=tuple(Draw((own_id, debt_id), target, cents) for target, cents in by_target.items()),
        happened_at_ms=instant_ms(plan.now),
        reference=f"CHARGE:{plan.charge_entry_id}",
        companions=(
            RefundOfCharge(
                charge_entry_id=plan.charge_entry_id,
                charged_cents=charge.amount_cents,
                refunded_before_cents=before_cents,
                amount_cents=amount_cents,
                debt_account_id=debt_id,
                debt_limit_cents=merchant.debt_limit_cents,
            ),
            OpenTill(
                plan.till.id,
                key_digest(caller=plan.till.caller, idempotency_key=plan.idempotency_key),
                plan.till.paired_at_ms,
                gives_back=True,
            ),
            UnmergedWallets(frozenset(heirs.get(wallet_id, wallet_id) for wallet_id in wallet_ids)),
        ),
    )


def _shop(db: Connection, plan: _Plan) -> Merchant:
    till = find_till(db, territory_id=plan.territory_id, till_id=plan.till.id)
    return find_merchant(db, territory_id=plan.territory_id, merchant_id=till.merchant_id)


def _charge(db: Connection, plan: _Plan, own_account_id: int) -> JournalEntry:
    """Return the charge; one of another shop is as unknown as one that does not exist."""
    try:
        entry = entry_of(db, territory_id=plan.territory_id, entry_id=plan.charge_entry_id).entry
    except EntryUnknown as error:
        raise ChargeUnknown(entry_id=plan.charge_entry_id) from error
    is_ours = all(line.credit_account_id == own_account_id for line in entry.transfers)
    if entry.kind is not EntryKind.CHARGE or not is_ours:
        raise ChargeUnknown(entry_id=plan.charge_entry_id)
    return entry


def _returned(transfers: Sequence[Transfer], *, skip_cents: int, amount_cents: int) -> dict[int, int]:
    """Return how much goes back to each purse: the last drawn first, after what earlier refunds gave back."""
    parts: dict[int, int] = {}
    for line in reversed(transfers):
        skipped_cents = min(skip_cents, line.amount_cents)
        skip_cents -= skipped_cents
        part_cents = min(amount_cents, line.amount_cents - skipped_cents)
        if part_cents:
            parts[line.debit_account_id] = part_cents
            amount_cents -= part_cents
    return parts


def _targets(db: Connection, plan: _Plan, owners: Mapping[int, Owner], heirs: Mapping[int, int]) -> dict[int, int]:
    """Return the account credited for each that paid: itself, or what its purse became, or where expired units go."""
    day = paris_date(instant_ms(plan.now))
    targets = {account_id: account_id for account_id in owners}
    for account_id, owner in owners.items():
        if owner.expires_on < day:
            programme = programme_of(db, territory_id=plan.territory_id, programme_id=owner.programme_id)
            if owner.expires_on <= expires_by(programme, day=day):
                is_kept = programme.expired_goes_to is ExpiredGoesTo.PROGRAMME
                kind = AccountKind.PROGRAMME_FUNDS if is_kept else AccountKind.EXPIRED
                targets[account_id] = _opened(db, plan, Owner(kind, owner.programme_id))
                continue
        if owner.wallet_id in heirs:
            targets[account_id] = _opened(db, plan, replace(owner, wallet_id=heirs[owner.wallet_id]))
    return targets


def _opened(db: Connection, plan: _Plan, owner: Owner) -> int:
    return open_account(db, territory_id=plan.territory_id, owner=owner, now_ms=instant_ms(plan.now))


def _debited(transfers: Sequence[Transfer], account_id: int) -> int:
    return sum(line.amount_cents for line in transfers if line.debit_account_id == account_id)


def _receipt(
    db: Connection, territory_id: int, till: Till, posted: Posted, charge_entry_id: int, *, replayed: bool
) -> Receipt:
    """Return the receipt of a refund; what remains is what may still be refunded of the charge."""
    merchant = find_merchant(db, territory_id=territory_id, merchant_id=till.merchant_id)
    charge = entry_of(db, territory_id=territory_id, entry_id=charge_entry_id).entry
    refunded = refunded_of(db, territory_id=territory_id, charge_entry_ids=[charge_entry_id])
    return receipt_of(
        posted,
        merchant=merchant,
        remaining_cents=charge.amount_cents - refunded.get(charge_entry_id, 0),
        replayed=replayed,
    )
