"""May this card pay this amount at this kind of shop, and from which purses? The way of a charge, before the posting.

The answer is a proposal: the posting decides again under the lock, and its companion `CardUse` (to be put in
`Posting.companions`) refuses there a card blocked meanwhile, or one payment without PIN too many.

What a shop is told, and why:

* an unknown card, a blocked card and a wrong PIN get one answer, card_refused, after the same work: a shop cannot find
  out which numbers exist, and a thief at the counter does not learn that the card was reported;
* the tries left are not told; a locked card is, to who shows its QR: the holder must know to go to the desk. Behind a
  typed number it is refused like an unknown one;
* a typed card number always needs the PIN. The number is not secret, the code of the QR is: without this rule a shop
  could charge, or read the balance of, a card it never saw by typing numbers;
* a phone's code stands for its card, under the same rules and counters. It is refused before any PIN is evaluated when
  its signature is wrong, its phone was taken away, or it is older than a minute.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import PurseBalance
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.errors import InsufficientFunds
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes.model import Category, PinRule
from monnaie_locale.programmes.rules import (
    category_labels,
    drawn_purses,
    eligible_purses,
    is_expired,
    needs_pin,
    pays_for,
)
from wallets import queries
from wallets.codes.phone_code import parse_shown_code
from wallets.errors import (
    CardRefused,
    MerchantNotEligible,
    PhoneCodeExpired,
    PhoneRefused,
    PinLocked,
    PinRequired,
    PurseExpired,
)
from wallets.model import Card, PurseView
from wallets.paying.card_reading import ReadCard, read_cards
from wallets.paying.card_use import CardUse, Unpinned
from wallets.paying.offline_guarantee import CardEnd, end_of, guarantees_behind
from wallets.paying.phone_use import PhoneUse
from wallets.pin_check import a_try_comes_back, prove_holder


class Authorisation(NamedTuple):
    """What a charge may do: draw on these purses in this order, then on these guarantees, with these companions."""

    card_id: int
    wallet_id: int
    purse_account_ids: tuple[int, ...]
    available_cents: int
    with_pin: bool
    companion: CardUse
    phone_use: PhoneUse | None = None
    guarantee_account_ids: tuple[int, ...] = ()

    @property
    def account_ids(self) -> tuple[int, ...]:
        """Return all that the charge draws on, in order."""
        return self.purse_account_ids + self.guarantee_account_ids

    @property
    def companions(self) -> tuple[CardUse | PhoneUse, ...]:
        """Return what the posting carries: the use of the card, and of the phone's code when one was shown."""
        return (self.companion,) if self.phone_use is None else (self.companion, self.phone_use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What is left on a card for one kind of shop."""

    card_id: int
    wallet_id: int
    available_cents: int
    purses: tuple[PurseView, ...]


def authorise(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    host: str,
    card_code: str,
    amount_cents: int,
    category: Category,
    pin: str | None,
    now: datetime.datetime,
) -> Authorisation:
    """Return what the charge may draw on; nothing is posted, a PIN that is given takes a try.

    Args:
        engine: the PIN's try is a transaction of its own, so this is called outside any other.
        keyring: checks the PIN.
        territory_id: whose card.
        host: the public name of the service, as in the cards' addresses.
        card_code: the scanned address, its 21 characters, the ten digits of the card number, or a phone's code.
        amount_cents: the whole payment.
        category: what the shop is.
        pin: four digits, or None when the holder gave none.
        now: the moment of the payment, aware UTC: purses expire at the end of their day in Paris.

    Refuses, in this order: amount_not_positive, amount_too_large, card_malformed, card_of_another_town, phone_refused,
    phone_code_expired, pin_malformed, pin_required (a number alone), pin_locked (by the QR), card_refused (unknown, not
    active, wrong PIN, a number that is locked), pin_required, purse_expired, merchant_not_eligible, insufficient_funds
    (available_cents: of what pays here).

    """
    check_amount(amount_cents)
    code = parse_shown_code(card_code, host=host, now_ms=instant_ms(now))
    with reading(engine) as db:
        (read,) = read_cards(db, territory_id=territory_id, host=host, codes=[code])
    return authorise_read(
        engine,
        keyring,
        territory_id=territory_id,
        read=read,
        amount_cents=amount_cents,
        category=category,
        pin=pin,
        now=now,
    )


def authorise_read(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    read: ReadCard,
    amount_cents: int,
    category: Category,
    pin: str | None,
    now: datetime.datetime,
    patient: bool = True,
    guarantees: Mapping[int, int] | None = None,
) -> Authorisation:
    """Return what the charge may draw on, of a card that `read_cards` has just read.

    Without patience, a card whose tries are all being evaluated is refused at once as locked. `guarantees` are the
    guarantee accounts by programme, for a charge taken offline (`wallets.paying.offline_guarantee`). Other arguments
    and refusals are those of `authorise`, from phone_refused on.
    """
    day = paris_date(instant_ms(now))
    fit = eligible_purses(read.purses, programmes=read.programmes, category=category, day=day)
    end = CardEnd.ACTIVE if guarantees is None else end_of(read.card, happened_at_ms=instant_ms(now))
    eligible = () if end is CardEnd.BEFORE else fit
    backing = guarantees_behind(fit, read.programmes, guarantees or {}, amount_cents=amount_cents)
    asking = _asking(read, eligible, amount_cents=amount_cents)
    pin_needed = _payment_needs_pin(read, eligible, asking, amount_cents=amount_cents)
    card = _proved(
        engine, keyring, territory_id=territory_id, read=read, pin=pin, pin_needed=pin_needed, now=now, patient=patient,
        may_have_ended=end is not CardEnd.ACTIVE,
    )  # fmt: skip
    available_cents = sum(purse.balance_cents for purse in eligible)
    _check_shop(read, fit, category=category, day=day)
    # What a guarantee holds is looked at under the lock, with what the purses hold then.
    if available_cents < amount_cents and not backing:
        raise InsufficientFunds(available_cents=available_cents, amount_cents=amount_cents)
    return Authorisation(
        card_id=card.card_id,
        wallet_id=card.wallet_id,
        purse_account_ids=tuple(purse.account_id for purse in eligible),
        available_cents=available_cents,
        with_pin=pin is not None,
        companion=CardUse(
            card_id=card.card_id,
            with_pin=pin is not None,
            pin_account_ids=asking,
            may_have_ended=guarantees is not None,
        ),
        phone_use=_phone_use(read),
        guarantee_account_ids=backing,
    )


def look_up(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    host: str,
    card_code: str,
    category: Category,
    pin: str | None,
    now: datetime.datetime,
) -> Remaining:
    """Return what is left on a card for this kind of shop: the till's "combien reste-t-il ?".

    Arguments and refusals are those of `authorise`, without an amount. The PIN is needed for a typed number, and when
    a purse that pays here belongs to a programme that always asks for it.
    """
    code = parse_shown_code(card_code, host=host, now_ms=instant_ms(now))
    with reading(engine) as db:
        (read,) = read_cards(db, territory_id=territory_id, host=host, codes=[code])
    day = paris_date(instant_ms(now))
    eligible = eligible_purses(read.purses, programmes=read.programmes, category=category, day=day)
    always = any(read.programmes[purse.programme_id].pin_rule is PinRule.ALWAYS for purse in eligible)
    pin_needed = always or read.is_number
    card = _proved(engine, keyring, territory_id=territory_id, read=read, pin=pin, pin_needed=pin_needed, now=now)
    _check_shop(read, eligible, category=category, day=day)
    return Remaining(
        card_id=card.card_id,
        wallet_id=card.wallet_id,
        available_cents=sum(purse.balance_cents for purse in eligible),
        purses=tuple(queries.as_purse_view(purse, programmes=read.programmes) for purse in eligible),
    )


def _payment_needs_pin(
    read: ReadCard, eligible: Sequence[PurseBalance], asking: frozenset[int], *, amount_cents: int
) -> bool:
    """Tell whether this payment asks for the PIN: by the norm, by a programme it draws on, or for a typed number."""
    if read.card is None or read.is_number:
        return True
    if Unpinned(read.card.unpinned_count, read.card.unpinned_cents).needs_pin(amount_cents=amount_cents):
        return True
    return bool(asking) and any(
        purse.account_id in asking for purse in drawn_purses(eligible, amount_cents=amount_cents)
    )


def _asking(read: ReadCard, eligible: Sequence[PurseBalance], *, amount_cents: int) -> frozenset[int]:
    """Return the purses whose programme asks for the PIN at this amount."""
    return frozenset(
        purse.account_id
        for purse in eligible
        if needs_pin(read.programmes[purse.programme_id], amount_cents=amount_cents)
    )


def _proved(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    read: ReadCard,
    pin: str | None,
    pin_needed: bool,
    now: datetime.datetime,
    patient: bool = True,
    may_have_ended: bool = False,
) -> Card:
    _check_phone_code(read)
    if pin is not None:
        return prove_holder(
            engine,
            keyring,
            territory_id=territory_id,
            card=read.card,
            pin=pin,
            code_key=read.code_key,
            now=now,
            is_number=read.is_number,
        )
    if read.is_number:
        # Before looking: without a PIN, no answer may tell a number that exists from one that does not.
        raise PinRequired
    if read.card is None or not (read.card.is_active or may_have_ended):
        raise CardRefused
    if read.card.is_locked and not (
        patient and a_try_comes_back(engine, territory_id=territory_id, card_id=read.card.card_id)
    ):
        # Whoever tried five PINs does not go on with small payments without PIN.
        raise PinLocked
    if pin_needed:
        raise PinRequired
    return read.card


def _check_phone_code(read: ReadCard) -> None:
    if read.phone_code is None:
        return
    if read.card is None:
        raise PhoneRefused
    if not read.phone_code.is_fresh:
        raise PhoneCodeExpired


def _phone_use(read: ReadCard) -> PhoneUse | None:
    code = read.phone_code
    return None if code is None else PhoneUse(phone_id=code.phone_id, code_digest=code.digest)


def _check_shop(read: ReadCard, eligible: Sequence[PurseBalance], *, category: Category, day: datetime.date) -> None:
    """Refuse when no purse pays here though something is held: it has expired, or it is for other shops."""
    if eligible:
        return
    held = [purse for purse in read.purses if purse.balance_cents > 0]
    expired = [purse for purse in held if pays_for(purse, programmes=read.programmes, category=category)]
    if expired:
        last = max(purse.expires_on for purse in expired)
        raise PurseExpired(expired_on=f"{last:%d/%m/%Y}", category=category.label_fr)
    usable = {
        accepted
        for purse in held
        if purse.programme_id in read.programmes and not is_expired(expires_on=purse.expires_on, day=day)
        for accepted in read.programmes[purse.programme_id].categories
    }
    if usable:
        raise MerchantNotEligible(category=category.label_fr, accepted=category_labels(usable))
