"""However the bank names a rejected transfer that it debits, the debit is kept back: the shop is not paid twice."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from merchants.payouts.terms import set_payout_terms
from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.reconciliation.decisions import take_match_back
from monnaie_locale.reconciliation.differences.model import DifferenceKind
from tests.factories.month import CHECKER, MAKER, Month2026, moment, open_month
from tests.integration.monnaie_locale.reconciliation.test_paid_rejections import (
    FEE,
    GROSS,
    NET,
    approve,
    by,
    faults,
    held,
    listed,
    next_payout,
    payout_of,
    prepare,
    reject,
)


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Give a month whose first transfer was rejected; its statement is still to come."""
    opened = open_month(db_engine)
    opened.import_(opened.first_statement(), now=moment(11))
    opened.spend()
    transact(db_engine, set_payout_terms, territory_id=1, terms=FEE, actor=CHECKER, now=moment(12))
    reject(opened, opened.pay())
    return opened


def as_one_batch(month: Month2026) -> bytes:
    """Return the second statement with both transfers in one line, which names them in its details alone."""
    lines = payout_of(month).lines
    sent = month.second_statement(payout_of(month)).decode()
    first, second, *_ = re.findall(r"<Ntry>.*?</Ntry>", sent)
    details = "".join(each for entry in (first, second) for each in re.findall(r"<TxDtls>.*</TxDtls>", entry))
    total = format_decimal(sum(line.amount_cents for line in lines))
    batch = first.replace(f">{format_decimal(lines[0].amount_cents)}<", f">{total}<", 1)
    return sent.replace(first, re.sub(r"<TxDtls>.*</TxDtls>", details, batch)).replace(second, "").encode()


def in_the_text(month: Month2026) -> bytes:
    """Return it with the first transfer in small letters, in the text alone."""
    named = payout_of(month).lines[0].end_to_end_id
    sent = month.second_statement(payout_of(month)).decode()
    sent = sent.replace(f"<Refs><EndToEndId>{named}</EndToEndId></Refs>", "")
    said = f"<RmtInf><Ustrd>vir emis {named.lower()}</Ustrd></RmtInf></TxDtls>"
    return sent.replace("</TxDtls>", said, 1).encode()


def in_its_field(month: Month2026) -> bytes:
    """Return it with the first transfer in small letters, in its own field."""
    named = payout_of(month).lines[0].end_to_end_id
    return month.second_statement(payout_of(month)).replace(named.encode(), named.lower().encode())


@pytest.mark.parametrize("statement", [as_one_batch, in_the_text, in_its_field])
def test_it_is_kept_back_and_two_people_say_what_it_is(
    month: Month2026, statement: Callable[[Month2026], bytes]
) -> None:
    month.import_(statement(month))
    assert held(month) == {"shop": GROSS, "debt": 0, "fees": 20, "suspense": -NET}
    assert next_payout(month) == []
    assert DifferenceKind.PAYOUT_REJECTED_DEBITED in listed(month)
    prepare(month, end_to_end_id=payout_of(month).lines[0].end_to_end_id)
    approve(month)
    assert held(month) == {"shop": 0, "debt": 0, "fees": 26, "suspense": 0}
    assert faults(month) == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_batch_in_one_line_names_what_is_taken_back_of_it(db_engine: Engine) -> None:
    """The statement comes before the rejection, which nobody believes of a transfer that is debited already."""
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    payout = month.pay()
    sent = as_one_batch(month).decode()
    batch = re.findall(r"<Ntry>.*?</Ntry>", sent)[0]
    told = f"<NtryDtls><Btch><PmtInfId>{payout.message_id}</PmtInfId></Btch></NtryDtls>"
    alone = re.sub(r"<NtryDtls>.*</NtryDtls>", told, batch)
    month.import_(sent.replace(batch, alone).encode())
    back = {"bank_statement_id": 2, "line_no": 1, "part_no": 1}
    transact(db_engine, take_match_back, by=by(MAKER), **back)
    reject(month, payout)
    assert held(month)["suspense"] == -payout.lines[0].amount_cents
    assert next_payout(month) == []
    prepare(month, part_no=1, end_to_end_id=payout.lines[0].end_to_end_id)
    approve(month)
    assert (held(month)["shop"], held(month)["suspense"], faults(month)) == (0, 0, [])
