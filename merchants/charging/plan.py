"""From what was asked at a till to the posting: replay, till, shop, authorisation of the card."""

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from merchants.charging.counter import Asked, Seen, at_the_counter
from merchants.charging.open_till import OpenTill
from merchants.model import OpenShop, Till
from monnaie_locale.identity.errors import ApiKeyUnknown
from monnaie_locale.journal.plans import Outcome
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest
from monnaie_locale.programmes.model import Category
from wallets.codes.phone_code import ShownCode
from wallets.paying.authorisation import Authorisation, authorise_read
from wallets.paying.card_reading import ReadCard


class ChargeOrder(NamedTuple):
    """A payment as it was asked for.

    `caller` and `idempotency_key` make it unique; `companions` are what else must hold or change with it. The code of
    a phone is judged by `received_at`, the service's clock, whatever `happened_at` says. `asks_cashier`, `is_offline`
    and `cashier_id` as in `open_till.OpenTill`. `api_key_digest` is of the till's key when its guard has not read it: a
    revoked one is refused. `guarantees` are the guarantee accounts by programme, behind a charge taken offline.
    `operation` tells requests apart under one key.
    """

    till: Till
    card_code: str
    amount_cents: int
    pin: str | None
    partial: bool
    happened_at: datetime.datetime
    received_at: datetime.datetime
    caller: str
    idempotency_key: str
    companions: tuple[object, ...] = ()
    api_key_digest: bytes | None = None
    asks_cashier: bool = False
    is_offline: bool = False
    cashier_id: int | None = None
    guarantees: Mapping[int, int] | None = None
    operation: str = "charge"

    def open_till(self, digest: bytes) -> OpenTill:
        """Return what must hold of the till when the order is posted under a key."""
        return OpenTill(
            self.till.id,
            digest,
            self.till.paired_at_ms,
            asks_cashier=self.asks_cashier,
            is_offline=self.is_offline,
            cashier_id=self.cashier_id,
        )


class ChargePlan:
    """An order on its way to a posting; `merchant` is the shop, once it was seen open."""

    def __init__(
        self, engine: Engine, keyring: Keyring, order: ChargeOrder, code: ShownCode, *, territory_id: int, host: str
    ) -> None:
        """Keep what the order asks for, and by what a retry of it is known.

        Args:
            engine: where a PIN's try is taken.
            keyring: checks the PIN.
            order: what was asked for.
            code: the card of the order, understood.
            territory_id: whose books.
            host: the public name of the service, for which a phone signs its codes.

        """
        self.merchant: OpenShop
        self.asked = Asked(
            territory_id=territory_id,
            host=host,
            key_digest=key_digest(caller=order.caller, idempotency_key=order.idempotency_key),
            till_id=order.till.id,
            card_code=code,
            api_key_digest=order.api_key_digest,
            is_offline=order.guarantees is not None,
        )
        self._engine = engine
        self._keyring = keyring
        self._order = order
        self._request_digest = request_digest(
            operation=order.operation, card=code.key, amount_cents=order.amount_cents, partial=order.partial
        )

    @classmethod
    def prepare(cls, db: Connection, *, territory_id: int, plans: Sequence["ChargePlan"]) -> list[Outcome]:
        """Work out charges without PIN, read together; each that fails fails alone."""
        del territory_id  # each question carries it
        seen = at_the_counter(db, [plan.asked for plan in plans])
        return [plan.outcome_or_error(one) for plan, one in zip(plans, seen, strict=True)]

    def outcome(self, seen: Seen, *, patient: bool = True) -> Posting | Posted:
        """Return the posting, or what the key had posted; a PIN that is given takes a try.

        `patient` waits for a card whose tries are all being evaluated by others: never in the writer's batch.

        Refuses api_key_unknown, idempotency_key_reused, till_unknown, till_unpaired, merchant_suspended, then as
        `wallets.paying.authorisation.authorise_read`.
        """
        order = self._order
        if not seen.is_key_good:
            raise ApiKeyUnknown
        if seen.posted is not None:
            if seen.posted.entry.request_digest != self._request_digest:
                raise IdempotencyKeyReused
            return seen.posted._replace(replayed=True)
        self.merchant, account_id = seen.open_shop()
        allowed = self._authorised(seen.card, patient=patient)
        return Posting(
            territory_id=self.asked.territory_id,
            caller=order.caller,
            idempotency_key=order.idempotency_key,
            request_digest=self._request_digest,
            kind=EntryKind.CHARGE,
            draws=(Draw(allowed.account_ids, account_id, order.amount_cents, at_most=order.partial),),
            happened_at_ms=instant_ms(order.happened_at),
            reference=f"CARD:{allowed.card_id}",
            companions=(order.open_till(self.asked.key_digest), *allowed.companions, *order.companions),
        )

    def outcome_or_error(self, seen: Seen) -> Outcome:
        """Return the outcome, or what was raised instead of it."""
        try:
            return self.outcome(seen, patient=False)
        except Exception as error:  # noqa: BLE001 - a fault of one charge must not become that of its neighbours
            return error

    def _authorised(self, card: ReadCard, *, patient: bool) -> Authorisation:
        order = self._order
        try:
            return self._allow(card, order.amount_cents, patient=patient)
        except InsufficientFunds as short:
            available_cents = short.details.get("available_cents")
            if not order.partial or not isinstance(available_cents, int) or available_cents <= 0:
                raise
            return self._allow(card, available_cents, patient=patient)

    def _allow(self, card: ReadCard, amount_cents: int, *, patient: bool) -> Authorisation:
        return authorise_read(
            self._engine,
            self._keyring,
            territory_id=self.asked.territory_id,
            read=card,
            amount_cents=amount_cents,
            category=Category(self.merchant.category),
            pin=self._order.pin,
            now=self._order.happened_at,
            patient=patient,
            guarantees=self._order.guarantees,
        )
