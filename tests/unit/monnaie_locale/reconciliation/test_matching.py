"""What a bank line is in the books: sure, or in suspense with its reason."""

import datetime
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.matching import match
from monnaie_locale.reconciliation.model import Detail, Expectation, ExpectationKind, Line, MatchKind
from tests.factories.camt import read_statements

SAMPLES = pathlib.Path(__file__).parents[3] / "data" / "camt053"
DAY = datetime.date(2026, 11, 24)
FUNDING_REFERENCE = "RF52MLC20261100042"


def line(cents, *, line_no=1, **fields):
    return Line(line_no=line_no, booked_on=DAY, value_on=DAY, amount_cents=cents, **fields)


def funding(cents=250_000, *, reference=FUNDING_REFERENCE, expectation_id=7, kind=ExpectationKind.FUNDING):
    return Expectation(kind=kind, expectation_id=expectation_id, amount_cents=cents, reference=reference)


def payout(cents, end_to_end_id, expectation_id, *, batch_reference="LOT-11", is_settled=False):
    return Expectation(
        kind=ExpectationKind.PAYOUT,
        expectation_id=expectation_id,
        amount_cents=cents,
        end_to_end_id=end_to_end_id,
        batch_reference=batch_reference,
        is_settled=is_settled,
    )


def kinds(lines, expectations=()):
    return [(each.kind, each.expectation_id) for each in match(lines=lines, expectations=expectations)]


SUSPENSE_IN = (MatchKind.SUSPENSE_IN, None)
SUSPENSE_OUT = (MatchKind.SUSPENSE_OUT, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"remittance": FUNDING_REFERENCE},
        {"remittance": "RF52 MLC2 0261 1000 42"},
        {"remittance": "rf52mlc20261100042"},
        {"label": "VIR CCAS RF52 MLC2 0261 1000 42 dotation"},
        {"end_to_end_id": FUNDING_REFERENCE},
    ],
)
def test_funding_is_known_by_its_reference_and_its_exact_amount(fields):
    assert kinds([line(250_000, **fields)], [funding()]) == [(MatchKind.FUNDING, 7)]
    assert kinds([line(249_999, **fields)], [funding()]) == [SUSPENSE_IN]
    assert kinds([line(-250_000, **fields)], [funding()]) == [SUSPENSE_OUT]


def test_funding_of_another_amount_says_both_amounts():
    (found,) = match(lines=[line(240_000, remittance=FUNDING_REFERENCE)], expectations=[funding()])
    assert "2\u202f400,00" in found.reason_fr
    assert "2\u202f500,00" in found.reason_fr


@pytest.mark.parametrize("text", ["DOT-2026-110", "XDOT-2026-11", "DOT-2026-1 1", "dotation", ""])
def test_a_reference_inside_a_longer_one_is_not_that_reference(text):
    assert kinds([line(100, label=text, remittance=text)], [funding(100, reference="DOT-2026-11")]) == [SUSPENSE_IN]


def test_a_label_reference_is_found_in_the_text_without_accents_or_case():
    expected = funding(100, reference="Décision 42")
    assert kinds([line(100, label="CCAS DECISION 42 AIDE")], [expected]) == [(MatchKind.FUNDING, 7)]


def test_a_reference_too_short_or_empty_never_matches():
    assert kinds([line(100, remittance="A1")], [funding(100, reference="A1")]) == [SUSPENSE_IN]
    assert kinds([line(100, remittance="")], [funding(100, reference="")]) == [SUSPENSE_IN]


def test_the_right_amount_without_a_reference_is_not_enough():
    assert kinds([line(250_000, label="VIREMENT CCAS")], [funding()]) == [SUSPENSE_IN]


def test_two_orders_with_the_same_reference_are_for_a_person_to_tell_apart():
    both = [funding(expectation_id=7), funding(expectation_id=8)]
    assert kinds([line(250_000, remittance=FUNDING_REFERENCE)], both) == [SUSPENSE_IN]


def test_the_same_funding_received_twice_counts_once():
    lines = [line(250_000, line_no=number, remittance=FUNDING_REFERENCE) for number in (1, 2)]
    found = match(lines=lines, expectations=[funding()])
    assert [each.kind for each in found] == [MatchKind.FUNDING, MatchKind.SUSPENSE_IN]
    assert "déjà été reçue" in found[1].reason_fr


def test_a_reserve_top_up_is_its_own_kind():
    expected = funding(5_000, reference="COMPLEMENT-11", kind=ExpectationKind.RESERVE_TOP_UP)
    assert kinds([line(5_000, label="COMPLEMENT-11")], [expected]) == [(MatchKind.RESERVE_TOP_UP, 7)]


def test_a_payout_is_settled_by_its_reference_and_its_exact_amount():
    ordered = [payout(12_050, "MLC-1", 1), payout(4_200, "MLC-2", 2)]
    assert kinds([line(-4_200, end_to_end_id="MLC-2")], ordered) == [(MatchKind.PAYOUT_SETTLED, 2)]
    assert kinds([line(-4_201, end_to_end_id="MLC-2")], ordered) == [SUSPENSE_OUT]
    assert kinds([line(-4_200, end_to_end_id="MLC-9")], ordered) == [SUSPENSE_OUT]


def test_a_second_debit_of_the_same_payout_is_a_suspense():
    lines = [line(-100, line_no=number, end_to_end_id="MLC-1") for number in (1, 2)]
    assert kinds(lines, [payout(100, "MLC-1", 1)]) == [(MatchKind.PAYOUT_SETTLED, 1), SUSPENSE_OUT]
    assert kinds(lines[:1], [payout(100, "MLC-1", 1, is_settled=True)]) == [SUSPENSE_OUT]


def test_a_batch_line_settles_each_of_its_payouts_and_leaves_the_stranger_in_suspense():
    details = tuple(
        Detail(amount_cents=-cents, end_to_end_id=reference)
        for cents, reference in ((100, "MLC-1"), (200, "MLC-2"), (50, "AUTRE"))
    )
    ordered = [payout(100, "MLC-1", 1), payout(200, "MLC-2", 2)]
    found = match(lines=[line(-350, details=details)], expectations=ordered)
    assert [(each.part_no, each.kind, each.amount_cents, each.expectation_id) for each in found] == [
        (1, MatchKind.PAYOUT_SETTLED, -100, 1),
        (2, MatchKind.PAYOUT_SETTLED, -200, 2),
        (3, MatchKind.SUSPENSE_OUT, -50, None),
    ]


def test_a_batch_whose_details_do_not_make_the_line_is_not_split():
    details = (Detail(amount_cents=-100, end_to_end_id="MLC-1"), Detail(amount_cents=-200, end_to_end_id="MLC-2"))
    ordered = [payout(100, "MLC-1", 1), payout(200, "MLC-2", 2)]
    assert kinds([line(-301, details=details)], ordered) == [SUSPENSE_OUT]
    unknown = (*details[:1], Detail(amount_cents=None, end_to_end_id="MLC-2"))
    assert kinds([line(-300, details=unknown)], ordered) == [SUSPENSE_OUT]


def test_one_debit_for_a_whole_order_is_known_by_the_orders_reference_and_total():
    ordered = [payout(200, "MLC-2", 2), payout(100, "MLC-1", 1), payout(999, "MLC-3", 3, batch_reference="LOT-12")]
    found = match(lines=[line(-300, batch_reference="LOT-11")], expectations=ordered)
    assert [(each.part_no, each.kind, each.amount_cents, each.expectation_id) for each in found] == [
        (1, MatchKind.PAYOUT_SETTLED, -100, 1),
        (2, MatchKind.PAYOUT_SETTLED, -200, 2),
    ]
    assert kinds([line(-299, batch_reference="LOT-11")], ordered) == [SUSPENSE_OUT]
    assert kinds([line(-300, batch_reference="LOT-99")], ordered) == [SUSPENSE_OUT]


@pytest.mark.parametrize(
    "sign_of_return", [{"bank_code": "PMNT/ICDT/RRTN"}, {"return_reason": "AC04"}, {"is_reversal": True}]
)
def test_a_settled_payout_that_comes_back_is_a_return(sign_of_return):
    back = line(100, end_to_end_id="MLC-1", **sign_of_return)
    settled = payout(100, "MLC-1", 1, is_settled=True)
    assert kinds([back], [settled]) == [(MatchKind.PAYOUT_RETURNED, 1)]
    assert kinds([back], [payout(100, "MLC-1", 1)]) == [SUSPENSE_IN]  # never debited yet
    assert kinds([back], [payout(101, "MLC-1", 1, is_settled=True)]) == [SUSPENSE_IN]
    assert kinds([back], []) == [SUSPENSE_IN]
    assert kinds([line(100, end_to_end_id="MLC-1")], [settled]) == [SUSPENSE_IN]  # nothing says that it is a return


def test_a_transfer_and_its_return_on_one_statement_match_in_either_order():
    out = line(-100, line_no=1, end_to_end_id="MLC-1")
    back = line(100, line_no=2, end_to_end_id="MLC-1", return_reason="AC01")
    ordered = [payout(100, "MLC-1", 1)]
    assert kinds([out, back], ordered) == [(MatchKind.PAYOUT_SETTLED, 1), (MatchKind.PAYOUT_RETURNED, 1)]
    assert kinds([back, out], ordered) == [(MatchKind.PAYOUT_RETURNED, 1), (MatchKind.PAYOUT_SETTLED, 1)]


def test_a_payout_comes_back_once():
    lines = [line(100, line_no=number, end_to_end_id="MLC-1", return_reason="AC01") for number in (1, 2)]
    settled = [payout(100, "MLC-1", 1, is_settled=True)]
    assert kinds(lines, settled) == [(MatchKind.PAYOUT_RETURNED, 1), SUSPENSE_IN]


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (MatchKind.BANK_CHARGE, {"bank_code": "ACMT/MDOP/CHRG"}),
        (MatchKind.BANK_CHARGE, {"bank_code": "PMNT/RCDT/CHRG"}),
        (MatchKind.BANK_CHARGE, {"bank_code": "PMNT/ICDT/FEES"}),
        (MatchKind.BANK_CHARGE, {"label": "FRAIS TENUE DE COMPTE"}),
        (MatchKind.BANK_CHARGE, {"label": "Commissions de mouvement", "bank_code": "544"}),
        (MatchKind.SUSPENSE_OUT, {"label": "PRIMEUR PRODUITS FRAIS", "bank_code": "PMNT/ICDT/ESCT"}),
        (MatchKind.SUSPENSE_OUT, {"label": "PRODUITS FRAIS", "end_to_end_id": "X-1"}),
        (MatchKind.SUSPENSE_OUT, {"label": "REFRAISIER"}),
        (MatchKind.SUSPENSE_OUT, {"bank_code": "ACMT/MDOP/INTR"}),
        (MatchKind.SUSPENSE_OUT, {"label": "FRAIS", "is_reversal": True}),
        (MatchKind.SUSPENSE_OUT, {}),
    ],
)
def test_bank_charges_are_known_by_their_code_or_by_their_text(expected, fields):
    assert [each.kind for each in match(lines=[line(-500, **fields)], expectations=[])] == [expected]


def test_charges_paid_back_or_unusually_high_are_for_a_person():
    assert kinds([line(500, bank_code="ACMT/MDOP/CHRG")]) == [SUSPENSE_IN]
    assert kinds([line(-50_000, bank_code="ACMT/MDOP/CHRG")]) == [(MatchKind.BANK_CHARGE, None)]
    assert kinds([line(-50_001, bank_code="ACMT/MDOP/CHRG")]) == [SUSPENSE_OUT]


def test_a_line_without_amount_moves_nothing():
    assert kinds([line(0, label="Information")]) == [(MatchKind.NOTHING_MOVED, None)]


def test_the_statements_of_a_foreign_bank_are_matched_end_to_end():
    """The bank simulator's own statements: a funding, then four of the five transfers we ordered."""
    lines = []
    for name in ("005", "011"):
        content = (SAMPLES / f"mockbank_accept_{name}_camt.053.001.08.xml").read_bytes()
        (statement,) = read_statements(content=content, iban="FR7630006000011234567890189")
        lines.append(statement.lines)
    amounts = [12_050, 4_200, 99, 3_333, 7_777]
    expected = [funding()] + [
        payout(cents, f"MLC202611-000{number}", number) for number, cents in enumerate(amounts, start=1)
    ]
    assert kinds(lines[0], expected) == [(MatchKind.FUNDING, 7)]
    assert kinds(lines[1], expected) == [(MatchKind.PAYOUT_SETTLED, number) for number in (1, 2, 3, 5)]


REFERENCES = st.sampled_from(["", "MLC-1", "MLC-2", "MLC-3", "DOTATION-1", "DOTATION-2"])
CENTS = st.sampled_from([-300, -200, -100, 0, 100, 200, 300])
TEXTS = st.sampled_from(["", "DOTATION-1", "DOTATION-2", "FRAIS", "DOTATION-1 DOTATION-2", "autre"])
CODES = st.sampled_from(["", "PMNT/ICDT/ESCT", "PMNT/ICDT/RRTN", "ACMT/MDOP/CHRG", "544"])
DETAILS = st.builds(Detail, amount_cents=st.one_of(st.none(), CENTS), end_to_end_id=REFERENCES, bank_code=CODES)


@st.composite
def statements(draw):
    lines = []
    for number in range(1, draw(st.integers(min_value=1, max_value=6)) + 1):
        details = tuple(draw(st.lists(DETAILS, max_size=3)))
        amounts = [each.amount_cents or 0 for each in details]
        lines.append(
            line(
                sum(amounts) if draw(st.booleans()) else draw(CENTS),
                line_no=number,
                end_to_end_id=draw(REFERENCES),
                remittance=draw(TEXTS),
                label=draw(TEXTS),
                bank_code=draw(CODES),
                batch_reference=draw(st.sampled_from(["", "LOT-11"])),
                details=details,
            )
        )
    return lines


@st.composite
def expected(draw):
    found = [
        payout(draw(st.sampled_from([100, 200])), f"MLC-{n}", n, is_settled=draw(st.booleans())) for n in (1, 2, 3)
    ]
    found += [funding(draw(st.sampled_from([100, 200])), reference=f"DOTATION-{n}", expectation_id=n) for n in (1, 2)]
    return found


@given(statements(), expected())
def test_no_cent_of_a_statement_is_lost_or_counted_twice(lines, expectations):
    found = match(lines=lines, expectations=expectations)
    for each in lines:
        parts = [part for part in found if part.line_no == each.line_no]
        assert sum(part.amount_cents for part in parts) == each.amount_cents
        assert [part.part_no for part in parts] == list(range(1, len(parts) + 1))
    assert [part.line_no for part in found] == sorted(part.line_no for part in found)


@given(statements(), expected())
def test_what_is_matched_has_the_exact_amount_and_is_matched_once(lines, expectations):
    amounts = {(each.kind, each.expectation_id): each.amount_cents for each in expectations}
    sources = {
        MatchKind.FUNDING: (ExpectationKind.FUNDING, 1),
        MatchKind.PAYOUT_SETTLED: (ExpectationKind.PAYOUT, -1),
        MatchKind.PAYOUT_RETURNED: (ExpectationKind.PAYOUT, 1),
    }
    found = match(lines=lines, expectations=expectations)
    matched = [(each.kind, each.expectation_id) for each in found if each.kind in sources]
    assert len(matched) == len(set(matched))
    for each in found:
        assert each.reason_fr.endswith(".")
        if each.kind in sources:
            kind, sign = sources[each.kind]
            assert each.amount_cents == sign * amounts[kind, each.expectation_id]
        else:
            assert each.expectation_id is None


@given(statements(), expected(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_expected_changes_nothing(lines, expectations, shuffler):
    shuffled = list(expectations)
    shuffler.shuffle(shuffled)
    assert match(lines=lines, expectations=shuffled) == match(lines=lines, expectations=expectations)


def top_up(cents):
    return funding(cents, reference="COMPLEMENT RESERVE", kind=ExpectationKind.RESERVE_TOP_UP)


def charge(cents, **more):
    return line(-cents, bank_code="ACMT/MDOP/CHRG", **more)


def test_a_top_up_may_cover_the_charges_of_its_own_statement():
    made_good = line(800, label="COMPLEMENT RESERVE", line_no=2)
    charged, topped = (MatchKind.BANK_CHARGE, None), (MatchKind.RESERVE_TOP_UP, 7)
    # What was owed before, all of it after the statement's charge, but nothing else.
    assert kinds([charge(500), made_good], [top_up(800)]) == [charged, topped]
    assert kinds([charge(500), made_good], [top_up(300)]) == [charged, topped]
    assert kinds([made_good, charge(800, line_no=3)], [top_up(0)]) == [topped, charged]
    assert kinds([charge(500), made_good], [top_up(0)]) == [charged, SUSPENSE_IN]
    assert kinds([made_good], [top_up(0)]) == [SUSPENSE_IN]


def test_a_top_up_of_a_wrong_amount_says_what_is_owed_with_the_charges_of_the_statement():
    found = match(lines=[charge(500), line(900, label="COMPLEMENT RESERVE", line_no=2)], expectations=[top_up(300)])
    assert found[1].reason_fr.endswith(f"mais pour {format_euros(900)} au lieu de {format_euros(800)}.")
