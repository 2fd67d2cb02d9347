"""Files that are not statements, that attack the reader, or that lie about one thing; and exactness as properties."""

import datetime
import decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.money import CENTS_MAX
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.formats.iso_fields import parse_cents
from monnaie_locale.reconciliation.formats.reading import MEBIBYTE, MEBIBYTES_MAX
from tests.factories.camt import balance_xml, entry_xml, message_xml, read_statements

OURS = "FR7630006000011234567890189"
XXE = '<!DOCTYPE Document [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
LAUGHS = (
    '<!DOCTYPE Document [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{("&" + old + ";") * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
BALANCED = balance_xml("OPBD", 1000) + balance_xml("CLBD", 1500) + entry_xml(500)


def read(content):
    return read_statements(content=content, iban=OURS)


def test_the_plain_statement_that_the_others_corrupt_is_read():
    (statement,) = read(message_xml(BALANCED))
    assert statement.statement_id == "REL-1"
    assert statement.lines[0].amount_cents == 500


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   \n",
        b"%PDF-1.7 not a statement",
        b"0101;VIR;12,50",
        b"<html><body><p>Session expir\xc3\xa9e<br></body></html>",
        message_xml(BALANCED)[:-20],
        message_xml(BALANCED).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        message_xml(BALANCED).replace(b"UTF-8", b"UTF-7"),
        message_xml(BALANCED, head=XXE, identifier="&secret;"),
        message_xml(BALANCED, head=LAUGHS, identifier="&i;"),
        message_xml(BALANCED, head='<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">'),
        message_xml(BALANCED, identifier="&undefined;"),
        b"<a>" * 100_000,
    ],
    ids=[
        "empty",
        "blank",
        "pdf",
        "csv",
        "html",
        "cut",
        "utf-16",
        "utf-7",
        "xxe",
        "laughs",
        "dtd",
        "undefined-entity",
        "deep",
    ],
)
def test_what_is_not_safe_xml_is_refused(content):
    with pytest.raises(errors.StatementNotXml):
        read(content)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<html><body>Session</body></html>", "html"),
        (message_xml(BALANCED).replace(b"camt.053.001", b"camt.052.001"), "camt.052.001.08"),
        (message_xml(BALANCED).replace(b"camt.053.001.08", b"camt.053.001.01"), "camt.053.001.01"),
        (message_xml(BALANCED).replace(b"urn:iso", b"urn:other"), "Document"),
    ],
)
def test_xml_that_is_not_camt_053_is_named_and_refused(content, found):
    with pytest.raises(errors.StatementNotCamt053) as caught:
        read(content)
    assert caught.value.details["found"] == found


def test_a_file_above_ten_mebibytes_is_refused_before_it_is_parsed():
    with pytest.raises(errors.StatementTooLarge):
        read(b"<" * (MEBIBYTES_MAX * MEBIBYTE + 1))
    with pytest.raises(errors.StatementNotXml):
        read(b"<" * (MEBIBYTES_MAX * MEBIBYTE))


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (BALANCED.replace("10.00", "10..00"), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", "10.001"), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", "-10.00"), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", "1e1"), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", "10,00"), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", "١٠"), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", ""), errors.StatementAmountMalformed),
        (BALANCED.replace("10.00", "90071992547409.92"), errors.StatementAmountMalformed),
        (BALANCED.replace('Ccy="EUR">5.00', 'Ccy="CHF">5.00'), errors.StatementForeignCurrency),
        (BALANCED.replace("CLBD", "CLAV"), errors.StatementWithoutBalances),
        (BALANCED.replace("OPBD", "ITBD"), errors.StatementWithoutBalances),
        (BALANCED.replace("CRDT", "BOTH"), errors.StatementIncomplete),
        (BALANCED.replace("2026-11-24", "24/11/2026"), errors.StatementIncomplete),
        (BALANCED.replace("2026-11-24", "2026-02-30"), errors.StatementIncomplete),
        (BALANCED.replace("<Dt>2026-11-24</Dt>", "<DtTm>9999-12-31T23:59:59-12:00</DtTm>"), errors.StatementIncomplete),
        (BALANCED.replace("<Sts><Cd>BOOK</Cd></Sts>", ""), errors.StatementIncomplete),
        (BALANCED.replace("15.00", "15.01"), errors.StatementDoesNotAddUp),
        (BALANCED + entry_xml(500), errors.StatementDoesNotAddUp),
    ],
)
def test_one_lie_is_one_refusal(body, refusal):
    with pytest.raises(refusal):
        read(message_xml(body))


def test_refusals_come_in_the_announced_order():
    """Everything is wrong at once; each fault is repaired in turn, and the next one appears."""
    body = (
        balance_xml("OPBD", 1000, on="demain") + balance_xml("CLXX", 9999) + entry_xml(500, currency="CHF")
    ).replace("5.00", "5..00")
    steps = [
        (lambda text: text, errors.StatementTooLarge),
        (lambda text: text.replace(b" " * MEBIBYTES_MAX * MEBIBYTE, b""), errors.StatementNotXml),
        (lambda text: text.replace(b"<!DOCTYPE x>", b""), errors.StatementNotCamt053),
        (lambda text: text.replace(b"camt.052", b"camt.053"), errors.StatementAbsent),
        (lambda text: text.replace(b"Stomt", b"Stmt"), errors.StatementNotOurs),
        (lambda text: text.replace(b"DE89370400440532013000", OURS.encode()), errors.StatementAmountMalformed),
        (lambda text: text.replace(b"5..00", b"5.00"), errors.StatementIncomplete),
        (lambda text: text.replace(b"demain", b"2026-11-24"), errors.StatementForeignCurrency),
        (lambda text: text.replace(b"CHF", b"EUR"), errors.StatementWithoutBalances),
        (lambda text: text.replace(b"CLXX", b"CLBD"), errors.StatementDoesNotAddUp),
    ]
    assert [refusal for _, refusal in steps] == list(errors.REFUSALS[: len(steps)])
    content = message_xml(body, iban="DE89370400440532013000", head="<!DOCTYPE x>") + b" " * MEBIBYTES_MAX * MEBIBYTE
    content = content.replace(b"camt.053", b"camt.052").replace(b"Stmt>", b"Stomt>").replace(b"StrStomt", b"StrStmt")
    content = content.replace(b"CstmrStomt", b"CstmrStmt")
    for repair, refusal in steps:
        content = repair(content)
        with pytest.raises(refusal):
            read(content)
    assert len(read(content.replace(b"99.99", b"15.00"))) == 1


def test_only_booked_lines_count_and_they_are_numbered_from_one():
    pending = entry_xml(77, status="<Sts><Cd>PDNG</Cd></Sts>")
    (statement,) = read(message_xml(balance_xml("OPBD", 0) + balance_xml("CLBD", 3) + pending + entry_xml(3)))
    assert [(line.line_no, line.amount_cents) for line in statement.lines] == [(1, 3)]


def test_debit_balances_are_negative_and_a_reversal_keeps_its_own_direction():
    body = balance_xml("PRCD", -1000) + balance_xml("CLBD", -1200)
    (statement,) = read(message_xml(body + entry_xml(-200, extra="<RvslInd>true</RvslInd>")))
    assert (statement.opening_cents, statement.closing_cents) == (-1000, -1200)
    assert (statement.lines[0].amount_cents, statement.lines[0].is_reversal) == (-200, True)


def test_the_first_opening_and_the_last_closing_balance_count_when_there_are_several_days():
    body = (
        balance_xml("OPBD", 500, on="2026-11-25")
        + balance_xml("CLBD", 500, on="2026-11-24")
        + balance_xml("OPBD", 0, on="2026-11-24")
        + balance_xml("CLBD", 900, on="2026-11-25")
    )
    (statement,) = read(message_xml(body + entry_xml(900)))
    assert (statement.opening_cents, statement.closing_cents) == (0, 900)
    assert (statement.from_on, statement.to_on) == (datetime.date(2026, 11, 24), datetime.date(2026, 11, 25))


def test_a_returned_transfer_keeps_its_reason_and_our_reference():
    inside = (
        '<TxDtls><Refs><EndToEndId>MLC-1</EndToEndId></Refs><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls>"
    )
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd>"
    body = balance_xml("OPBD", 0) + balance_xml("CLBD", 500) + entry_xml(500, inside=inside, after=code)
    (line,) = read(message_xml(body))[0].lines
    assert (line.end_to_end_id, line.return_reason, line.bank_code) == ("MLC-1", "AC04", "PMNT/ICDT/RRTN")


def test_a_detail_in_another_currency_has_no_amount_of_ours():
    inside = '<TxDtls><Amt Ccy="USD">5.40</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls>'
    (line,) = read(message_xml(balance_xml("OPBD", 0) + balance_xml("CLBD", 500) + entry_xml(500, inside=inside)))[
        0
    ].lines
    assert line.details[0].amount_cents is None


def test_an_instant_counts_for_its_date_in_paris():
    late = entry_xml(500).replace("<Dt>2026-11-24</Dt>", "<DtTm>2026-11-30T23:30:00Z</DtTm>")
    (statement,) = read(message_xml(balance_xml("OPBD", 0) + balance_xml("CLBD", 500) + late))
    assert statement.lines[0].booked_on == datetime.date(2026, 12, 1)


def test_a_second_page_has_its_own_identifier():
    page = message_xml("<StmtPgntn><PgNb>2</PgNb></StmtPgntn>" + BALANCED)
    assert read(page)[0].statement_id == "REL-1#2"


@given(st.integers(min_value=0, max_value=CENTS_MAX), st.integers(min_value=0, max_value=4))
def test_an_amount_is_read_back_to_the_cent_whatever_its_length(cents, zeros):
    assert parse_cents(f"{cents // 100}.{cents % 100:02d}{'0' * zeros}") == cents


@given(st.text(alphabet="0123456789.,-+eE ٣", max_size=12))
def test_an_amount_is_exact_or_refused(text):
    try:
        cents = parse_cents(text)
    except errors.StatementAmountMalformed:
        return
    assert decimal.Decimal(text.strip()) * 100 == cents
    assert cents >= 0


@given(
    st.integers(min_value=-(10**9), max_value=10**9),
    st.lists(st.integers(min_value=-(10**9), max_value=10**9), max_size=12),
    st.integers(min_value=-3, max_value=3),
)
def test_a_statement_is_read_exactly_when_it_adds_up(opening, moves, error):
    content = message_xml(
        balance_xml("OPBD", opening)
        + balance_xml("CLBD", opening + sum(moves) + error)
        + "".join(entry_xml(move) for move in moves)
    )
    if error:
        with pytest.raises(errors.StatementDoesNotAddUp) as caught:
            read(content)
        assert caught.value.details["difference_cents"] == error
    else:
        (statement,) = read(content)
        assert [line.amount_cents for line in statement.lines] == moves


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(content):
    try:
        read(content)
    except (errors.StatementNotXml, errors.StatementNotCamt053):
        return
    pytest.fail("random bytes were read as a statement")
