"""What happens once in the month, on purpose: a lost card, five wrong PINs, a network cut, an aid that expires."""

import datetime
from collections.abc import Callable
from dataclasses import replace

from monnaie_locale.demo.appointments import day_of
from monnaie_locale.demo.plan import (
    BROUGHT_BACK_CENTS,
    Aid,
    ApprovePayout,
    BlockCard,
    CardShown,
    Charge,
    Expire,
    GoodsBack,
    MarketDay,
    MergeHouseholds,
    PinTyped,
    PreparePayout,
    Refund,
    ReplaceCard,
    ResetPin,
)
from monnaie_locale.demo.pocket import Pocket
from monnaie_locale.demo.shopping import Paid, Shopping
from monnaie_locale.programmes.model import Category

LOSES_CARD, FORGETS_PIN, PAYS_OFFLINE = 2, 3, 4
GOES_TO_MARKET = (5, 6, 7)
FOUND_CENTS = 750
PIN_TRIES_MAX = 5


def plan_mishaps(shopping: Shopping) -> None:
    """Put the month's appointments and mishaps into the queue."""
    _plan_market(shopping)
    _plan_wrong_requests(shopping)
    _plan_lost_card(shopping)
    _plan_forgotten_pin(shopping)
    _plan_network_cut(shopping)
    _plan_two_programmes(shopping)
    _plan_expiry(shopping)
    _plan_late_refunds(shopping)
    shopping.at(shopping.days.payout_prepared_at, lambda at: shopping.steps.append(PreparePayout(at=at)))
    shopping.at(shopping.days.payout_approved_at, lambda at: shopping.steps.append(ApprovePayout(at=at)))


def _try(shopping: Shopping, household: int, *, at: datetime.datetime, category: Category = Category.FOOD) -> Charge:
    """Return a small payment to be changed into what goes wrong."""
    shop = shopping.categories.index(category)
    return Charge(at=at, key=shopping.key(), household=household, shop=shop, amount_cents=FOUND_CENTS)


def _plan_wrong_requests(shopping: Shopping) -> None:
    def no_amount(at: datetime.datetime) -> None:
        shopping.refuse(replace(_try(shopping, 0, at=at), amount_cents=0), "amount_not_positive")

    def malformed(at: datetime.datetime) -> None:
        shopping.refuse(replace(_try(shopping, 0, at=at), card=CardShown.MALFORMED), "card_malformed")

    def unknown(at: datetime.datetime) -> None:
        shopping.refuse(replace(_try(shopping, 0, at=at), card=CardShown.UNKNOWN), "card_refused")

    def wrong_shop(at: datetime.datetime) -> None:
        household = _find(shopping, lambda each: _only_food(shopping, each, at))
        if household is not None:
            shopping.refuse(_try(shopping, household, at=at, category=Category.TRANSPORT), "merchant_not_eligible")

    def same_key(at: datetime.datetime) -> None:
        first = shopping.paid[0].charge
        again = replace(first, at=at, amount_cents=first.amount_cents + 1)
        shopping.refuse(again, "idempotency_key_reused")

    def too_much_back(at: datetime.datetime) -> None:
        first = shopping.paid[0].charge
        shopping.steps.append(
            Refund(
                at=at,
                key=shopping.key(),
                charge_key=first.key,
                shop=first.shop,
                amount_cents=first.paid_cents + 1,
                is_whole=False,
                expects="refund_exceeds_charge",
            )
        )

    days = shopping.days
    shopping.at(days.at(days.open_day(days.given_day + 1), 9, 20), no_amount)
    shopping.at(days.at(days.open_day(5), 9, 40), malformed)
    shopping.at(days.at(days.open_day(6), 15, 10), unknown)
    shopping.at(days.at(days.open_day(7), 11, 30), same_key)
    shopping.at(days.at(days.open_day(7), 15, 30), too_much_back)
    for day in (5, 9, 14, 21):
        shopping.at(days.at(days.open_day(day), 10, 5), wrong_shop)


def _plan_lost_card(shopping: Shopping) -> None:
    days = shopping.days
    lost = days.open_day(8)
    back = days.open_day(lost + 1)

    def block(at: datetime.datetime) -> None:
        shopping.pockets[LOSES_CARD].away_until = days.at(back, 10)
        shopping.steps.append(BlockCard(at=at, household=LOSES_CARD))

    def found(at: datetime.datetime) -> None:
        shopping.refuse(_try(shopping, LOSES_CARD, at=at), "card_refused")

    def replaced(at: datetime.datetime) -> None:
        shopping.pockets[LOSES_CARD].new_card()
        shopping.steps.append(ReplaceCard(at=at, household=LOSES_CARD))

    def found_again(at: datetime.datetime) -> None:
        shopping.refuse(replace(_try(shopping, LOSES_CARD, at=at), card=CardShown.OLD), "card_refused")

    shopping.at(days.at(lost, 11), block)
    shopping.at(days.at(lost, 15, 20), found)
    shopping.at(days.at(back, 9, 30), replaced)
    shopping.at(days.at(days.open_day(back + 1), 16, 5), found_again)


def _plan_forgotten_pin(shopping: Shopping) -> None:
    days = shopping.days
    forgotten = days.open_day(14)
    helped = days.open_day(forgotten + 1)

    def locked(at: datetime.datetime) -> None:
        shopping.pockets[FORGETS_PIN].away_until = days.at(helped, 10)
        pay = replace(_try(shopping, FORGETS_PIN, at=at), pin=PinTyped.WRONG)
        for _ in range(PIN_TRIES_MAX):
            pay = shopping.refuse(pay, "card_refused")
        shopping.refuse(replace(pay, pin=PinTyped.RIGHT), "pin_locked")

    def new_pin(at: datetime.datetime) -> None:
        shopping.steps.append(ResetPin(at=at, household=FORGETS_PIN))

    def back(at: datetime.datetime) -> None:
        pay = replace(_try(shopping, FORGETS_PIN, at=at), pin=PinTyped.RIGHT)
        if shopping.available_cents(pay) >= pay.amount_cents:
            shopping.accept(pay)

    shopping.at(days.at(forgotten, 17, 45), locked)
    shopping.at(days.at(helped, 9, 10), new_pin)
    shopping.at(days.at(helped, 10, 30), back)


def _plan_network_cut(shopping: Shopping) -> None:
    days = shopping.days
    cut = days.open_day(12)
    taken_at = days.at(cut, 18, 40)

    def comes_in(at: datetime.datetime) -> None:
        pay = replace(_try(shopping, PAYS_OFFLINE, at=at), happened_at=taken_at)
        household = _find(
            shopping,
            lambda each: (
                not shopping.pockets[each].needs_pin(amount_cents=FOUND_CENTS)
                and shopping.available_cents(replace(pay, household=each)) >= FOUND_CENTS
            ),
        )
        if household is not None:
            shopping.accept(replace(pay, household=household))

    shopping.at(days.at(days.open_day(cut + 1), 9, 2), comes_in)


def _plan_two_programmes(shopping: Shopping) -> None:
    def pay_from_both(at: datetime.datetime) -> None:
        """Let somebody with little food aid left pay for hygiene: the rest comes from the mobility aid."""
        pay = _try(shopping, 0, at=at, category=Category.HYGIENE)
        found = []
        for household, pocket in enumerate(shopping.pockets):
            purses = pocket.eligible(category=Category.HYGIENE, day=day_of(at))
            if [purse.aid for purse in purses] == [Aid.FOOD, Aid.MOBILITY] and pocket.away_until is None:
                found.append((purses[0].cents + min(purses[1].cents, FOUND_CENTS), household))
        if found:
            amount_cents, household = min(found)
            pin = PinTyped.RIGHT if shopping.pockets[household].needs_pin(amount_cents=amount_cents) else PinTyped.NONE
            shopping.accept(replace(pay, household=household, amount_cents=amount_cents, pin=pin))

    days = shopping.days
    shopping.at(days.at(days.open_day(21), 11, 10), pay_from_both)


def _plan_market(shopping: Shopping) -> None:
    first, second, third = (shopping.pockets[each] for each in GOES_TO_MARKET)
    for pocket in (first, second, third):
        pocket.away_until = shopping.days.close_approved_at
    day = day_of(shopping.days.market_at)

    def held_cents(pocket: Pocket) -> int:
        return pocket.available_cents(category=Category.FOOD, day=day)

    def open_stall(at: datetime.datetime) -> None:
        shopping.steps.append(
            MarketDay(
                at=at,
                shop=shopping.categories.index(Category.FOOD),
                neighbour=shopping.categories.index(Category.HYGIENE),
                households=GOES_TO_MARKET,
                held_cents=(held_cents(first), held_cents(second), held_cents(third)),
            )
        )

    def merge(at: datetime.datetime) -> None:
        # It spent all its food aid at the market; what is for other shops is still there.
        kept_cents = sum(purse.cents for purse in second.purses) - held_cents(second)
        shopping.steps.append(MergeHouseholds(at=at, moved_cents=kept_cents + BROUGHT_BACK_CENTS))

    shopping.at(shopping.days.market_at, open_stall)
    shopping.at(shopping.days.goods_back_at, lambda at: shopping.steps.append(GoodsBack(at=at)))
    shopping.at(shopping.days.merged_at, merge)


def _plan_expiry(shopping: Shopping) -> None:
    days = shopping.days

    def too_late(at: datetime.datetime) -> None:
        shopping.refuse(_try(shopping, len(shopping.pockets) - 1, at=at), "purse_expired")

    def within_grace(at: datetime.datetime) -> None:
        paid = _paid_from_short_aid(shopping)
        if paid is not None:
            shopping.paid.remove(paid)
            shopping.give_back(paid, at=at, whole=True)

    def expire(at: datetime.datetime) -> None:
        shopping.steps.append(Expire(at=at))
        for pocket in shopping.pockets:
            pocket.expire(through=shopping.days.short_expiry)

    def after_grace(at: datetime.datetime) -> None:
        paid = _paid_from_short_aid(shopping)
        if paid is not None:
            shopping.paid.remove(paid)
            shopping.give_back(paid, at=at, whole=True, comes_back=False)

    shopping.at(days.at(days.open_day(16), 10, 15), too_late)
    shopping.at(days.at(days.open_day(17), 11, 20), within_grace)
    shopping.at(days.expiry_at, expire)
    shopping.at(days.at(days.open_day(20), 16, 30), after_grace)


def _plan_late_refunds(shopping: Shopping) -> None:
    days = shopping.days
    fresh_from = days.at(days.market_day + 1, 0)

    def after_payout(at: datetime.datetime) -> None:
        # The shop was paid this morning and has taken nothing since: it owes what it gives back.
        known = [paid for paid in shopping.paid if len(paid.taken) == 1 and paid.charge.at > fresh_from]
        refunded = {step.charge_key for step in shopping.steps if isinstance(step, Refund)}
        fresh = [paid for paid in known if paid.charge.key not in refunded]
        if fresh:
            shopping.give_back(fresh[0], at=at, whole=True)

    shopping.at(days.at(days.market_day + 4, 8, 50), after_payout)


def _paid_from_short_aid(shopping: Shopping) -> Paid | None:
    """Return a payment taken whole from the aid that expires in the month, and not given back yet."""
    refunded = {step.charge_key for step in shopping.steps if isinstance(step, Refund)}
    for paid in shopping.paid:
        purses = [purse for purse, _ in paid.taken]
        if [purse.expires_on for purse in purses] == [shopping.days.short_expiry] and paid.charge.key not in refunded:
            return paid
    return None


def _find(shopping: Shopping, fits: Callable[[int], bool]) -> int | None:
    present = (each for each, pocket in enumerate(shopping.pockets) if pocket.away_until is None)
    return next((each for each in present if fits(each)), None)


def _only_food(shopping: Shopping, household: int, at: datetime.datetime) -> bool:
    pocket = shopping.pockets[household]
    open_to = pocket.categories(day=day_of(at))
    is_kept_out = Category.FOOD in open_to and Category.TRANSPORT not in open_to
    never_mobile = all(purse.expires_on.year == shopping.days.month.year for purse in pocket.purses)
    return is_kept_out and never_mobile and not pocket.needs_pin(amount_cents=FOUND_CENTS)
