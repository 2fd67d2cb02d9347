"""What the books are waiting for from the bank: fundings announced, transfers ordered, charges to be made good."""

from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.model import LineState
from merchants.payouts.redemption import message_id
from merchants.queries import open_lines
from monnaie_locale.journal.directory import Territory, single_account
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.programmes.model import FundingState
from monnaie_locale.programmes.queries import funding_orders_of
from monnaie_locale.reconciliation.model import Expectation, ExpectationKind

# The words that the issuer writes on its own transfer when it makes good the charges that the bank took.
TOP_UP_REFERENCE = "COMPLEMENT RESERVE"
# A payout line has no number of its own: its payout's and its own, apart.
LINES_PER_PAYOUT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected, and the end-to-end identifier of each payout line by its expectation's number."""

    expectations: tuple[Expectation, ...]
    end_to_end_ids: dict[int, str]


def expected_by(db: Connection, *, territory: Territory) -> Expected:
    """Return everything that a bank statement may confirm now."""
    territory_id = territory.territory_id
    found = [
        Expectation(
            kind=ExpectationKind.FUNDING,
            expectation_id=order.funding_order_id,
            amount_cents=order.amount_cents,
            reference=order.reference,
        )
        for order in funding_orders_of(db, territory_id=territory_id, state=FundingState.EXPECTED)
    ]
    charges_cents = -balance_of(
        db,
        territory_id=territory_id,
        account_id=single_account(db, territory_id=territory_id, kind=AccountKind.BANK_CHARGES),
    )
    # Even when nothing is owed yet: a charge and what makes it good may be on one statement.
    found.append(
        Expectation(
            kind=ExpectationKind.RESERVE_TOP_UP,
            expectation_id=0,
            amount_cents=max(0, charges_cents),
            reference=TOP_UP_REFERENCE,
        )
    )
    end_to_end_ids: dict[int, str] = {}
    for line, _ in open_lines(db, territory_id=territory_id):
        number = line.payout_id * LINES_PER_PAYOUT_MAX + line.line_no
        end_to_end_ids[number] = line.end_to_end_id
        found.append(
            Expectation(
                kind=ExpectationKind.PAYOUT,
                expectation_id=number,
                amount_cents=line.amount_cents,
                end_to_end_id=line.end_to_end_id,
                batch_reference=message_id(territory_code=territory.code, payout_id=line.payout_id),
                is_settled=line.state is LineState.SETTLED,
            )
        )
    return Expected(tuple(found), end_to_end_ids)
