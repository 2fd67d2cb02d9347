"""What does not agree about the charges and refunds themselves: the bank sees nothing of it. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Iterator

from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.reconciliation.differences.finding import found, is_shown
from monnaie_locale.reconciliation.differences.model import Charge, Difference, DifferenceKind, Facts

# The same card at the same shop for the same amount within this time: scanned twice rather than bought twice.
DOUBLE_SCAN_MS = 90_000


def double_scans(facts: Facts) -> Iterator[Difference]:
    """The same card, shop and amount within seconds; explained once one of the two was given back."""
    alike: dict[tuple[int, int, int], list[Charge]] = defaultdict(list)
    for charge in facts.charges:
        alike[charge.wallet_id, charge.shop_account_id, charge.amount_cents].append(charge)
    for same in alike.values():
        same.sort(key=lambda each: (each.happened_at_ms, each.entry_id))
        for first, second in itertools.pairwise(same):
            if second.happened_at_ms - first.happened_at_ms > DOUBLE_SCAN_MS:
                continue
            back = second.given_back_by or first.given_back_by
            if is_shown(facts, second.accounted_on, back is not None):
                yield _of_charge(facts, second, DifferenceKind.DOUBLE_SCAN, back)


def expired_purses_charged(facts: Facts) -> Iterator[Difference]:
    """A purse paid after its last day, by the day on which the charge happened."""
    for charge in facts.charges:
        is_late = paris_date(charge.happened_at_ms) > charge.purse_expires_on
        if is_late and is_shown(facts, charge.accounted_on, charge.given_back_by is not None):
            yield _of_charge(facts, charge, DifferenceKind.EXPIRED_PURSE_CHARGED, charge.given_back_by)


def refunds_above_charge(facts: Facts) -> Iterator[Difference]:
    """More was given back than had been paid: by so much, with this refund."""
    for refund in facts.refunds:
        above_cents = refund.before_cents + refund.amount_cents - refund.charged_cents
        if above_cents > 0:
            yield found(
                facts,
                DifferenceKind.REFUND_ABOVE_CHARGE,
                f"entry:{refund.entry_id}",
                min(above_cents, refund.amount_cents),
                refund.happened_on,
                entry_id=refund.entry_id,
            )


def _of_charge(facts: Facts, charge: Charge, kind: DifferenceKind, given_back_by: int | None) -> Difference:
    return found(
        facts,
        kind,
        f"entry:{charge.entry_id}",
        charge.amount_cents,
        paris_date(charge.happened_at_ms),
        entry_id=charge.entry_id,
        explained_by=f"entry:{given_back_by}" if given_back_by else "",
    )
