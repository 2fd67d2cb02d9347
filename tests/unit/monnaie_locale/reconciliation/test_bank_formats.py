"""What is not a camt.053: notices, answers, returns, CFONB 120; each read into the same model, judged where one can."""

import datetime
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from schwifty import IBAN

from merchants.model import PaymentStatus
from monnaie_locale.ledger.money import CENTS_MAX
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.formats.cfonb120 import iban_of
from monnaie_locale.reconciliation.formats.reading import read_bank_file
from tests.factories.camt import entry_xml, message_xml, read_statements
from tests.factories.cfonb import closing, entry, opening, statement_file
from tests.factories.pain002 import status_report

DATA = pathlib.Path(__file__).parents[3] / "data"
OURS = "FR7630006000011234567890189"
CFONB = (DATA / "cfonb120" / "synthetic_cfonb120_2026-11.txt").read_bytes()


def news(content, account=None):
    return [
        (each.end_to_end_id, each.status, each.reason) for each in read_bank_file(content=content, account=account).news
    ]


def notice_xml(*entries, version="08"):
    """Return a camt.054 of these entries, valid to its schema."""
    return (
        message_xml("".join(entries), version=version)
        .replace(b"camt.053.001", b"camt.054.001")
        .replace(b"BkToCstmrStmt", b"BkToCstmrDbtCdtNtfctn")
        .replace(b"<Stmt>", b"<Ntfctn>")
        .replace(b"</Stmt>", b"</Ntfctn>")
    )


def payment(end_to_end_id, *, reason="", cents=0, way="DBIT"):
    returned = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason else ""
    amount = f'<Amt Ccy="EUR">{cents // 100}.{cents % 100:02d}</Amt><CdtDbtInd>{way}</CdtDbtInd>' if cents else ""
    return f"<TxDtls><Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs>{amount}{returned}</TxDtls>"


RETURNED = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd>"


@pytest.mark.parametrize("version", ["02", "04", "08"])
def test_a_notice_tells_what_was_debited_and_what_comes_back(version):
    status = "<Sts><Cd>BOOK</Cd></Sts>" if version == "08" else "<Sts>BOOK</Sts>"
    cents = 0 if version == "02" else 500
    content = notice_xml(
        entry_xml(-500, inside=payment("E1", cents=cents), status=status, after=RETURNED.replace("RRTN", "ESCT")),
        entry_xml(500, inside=payment("E1", reason="AC04", cents=cents, way="CRDT"), status=status, after=RETURNED),
        entry_xml(
            900,
            inside=payment("THEIRS", cents=cents, way="CRDT"),
            status=status,
            after=RETURNED.replace("RRTN", "ESCT"),
        ),
        version=version,
    )
    etree.XMLSchema(file=str(DATA / "xsd" / f"camt.054.001.{version}.xsd")).assertValid(etree.fromstring(content))
    assert news(content, OURS) == [("E1", PaymentStatus.DEBITED, ""), ("E1", PaymentStatus.RETURNED, "AC04")]
    assert not read_bank_file(content=content).is_booked


def test_a_batch_told_as_one_debit_names_its_order_and_one_with_details_names_each():
    whole = "<Btch><PmtInfId>LOT-1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
    (told,) = read_bank_file(content=notice_xml(entry_xml(-700, inside=whole))).news
    assert (told.end_to_end_id, told.order_ids, told.status) == ("", ("LOT-1",), PaymentStatus.DEBITED)
    inside = whole + payment("E1", cents=300) + payment("E2", cents=400)
    detailed = read_bank_file(content=notice_xml(entry_xml(-700, inside=inside))).news
    assert [(each.end_to_end_id, each.amount_cents) for each in detailed] == [("E1", 300), ("E2", 400)]


def test_a_pending_notice_tells_nothing_yet():
    pending = entry_xml(-500, inside=payment("E1"), status="<Sts><Cd>PDNG</Cd></Sts>")
    assert news(notice_xml(pending)) == []


def test_an_intraday_report_is_read_as_a_notice():
    content = (
        notice_xml(entry_xml(-500, inside=payment("E1")))
        .replace(b"camt.054", b"camt.052")
        .replace(b"BkToCstmrDbtCdtNtfctn", b"BkToCstmrAcctRpt")
        .replace(b"Ntfctn>", b"Rpt>")
    )
    assert news(content) == [("E1", PaymentStatus.DEBITED, "")]


def test_a_notice_of_another_account_is_refused():
    with pytest.raises(errors.StatementNotOurs):
        read_bank_file(content=notice_xml(entry_xml(-500)), account="FR1420041010050500013M02606")


@pytest.mark.parametrize("version", ["03", "12", "14"])
def test_an_answer_is_read_in_each_version_whose_schema_we_have(version):
    content = status_report(group="PART", payments=[("E1", "ACSP", ""), ("E2", "RJCT", "AC01")], version=version)
    etree.XMLSchema(file=str(DATA / "xsd" / f"pain.002.001.{version}.xsd")).assertValid(etree.fromstring(content))
    assert news(content) == [("E1", PaymentStatus.ACCEPTED, ""), ("E2", PaymentStatus.REJECTED, "AC01")]


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("RCVD", "", PaymentStatus.PENDING),
        ("ACTC", "", PaymentStatus.ACCEPTED),
        ("ACCP", "", PaymentStatus.ACCEPTED),
        ("ACSC", "", PaymentStatus.DEBITED),
        ("RJCT", "FF01", PaymentStatus.REJECTED),
        ("RJCT", "DUPL", PaymentStatus.REPEATED),
        ("RJCT", "AM05", PaymentStatus.REPEATED),
    ],
)
def test_what_is_said_of_a_whole_order(code, reason, status):
    (told,) = read_bank_file(content=status_report(group=code, reason=reason)).news
    assert (told.end_to_end_id, told.order_ids, told.status, told.reason) == ("", ("LOT-1",), status, reason)


def test_an_answer_that_says_nothing_is_refused():
    with pytest.raises(errors.StatementAbsent):
        read_bank_file(content=status_report(group="PART"))


def test_two_kinds_of_message_in_one_file_are_refused():
    notice, statement = notice_xml(entry_xml(-500)), message_xml("")
    content = b"<all>" + notice.partition(b"?>")[2] + statement.partition(b"?>")[2] + b"</all>"
    with pytest.raises(errors.StatementNotCamt053) as caught:
        read_bank_file(content=content)
    assert caught.value.details["found"] == "camt.053 + camt.054"


def test_the_cfonb_sample_is_read_to_the_cent():
    (statement,) = read_statements(content=CFONB, iban=OURS)
    assert (statement.opening_cents, statement.closing_cents) == (500_000, 733_161)
    assert (statement.from_on, statement.to_on) == (datetime.date(2026, 11, 1), datetime.date(2026, 11, 30))
    received, sent, returned, charged = statement.lines
    assert (received.amount_cents, received.remittance) == (250_000, "DOT-2026-11")
    assert "DOTATION AIDES NOVEMBRE" in received.label
    assert (sent.amount_cents, sent.batch_reference) == (-24_126, "MLC-2026-11-LOT1")
    assert (returned.amount_cents, returned.return_reason, returned.end_to_end_id) == (7_777, "AC04", "MLC20261100005")
    assert (returned.bank_code, charged.bank_code) == ("PMNT/ICDT/RRTN", "ACMT/MDOP/CHRG")
    assert charged.amount_cents == -490


def test_cfonb_without_line_breaks_with_short_lines_or_french_braces_is_the_same():
    lines = CFONB.splitlines()
    read = read_statements(content=CFONB, iban=OURS)
    assert read_statements(content=b"".join(line.ljust(120) for line in lines), iban=OURS) == read
    assert read_statements(content=b"\r\n".join(line.rstrip() for line in lines), iban=OURS) == read
    french = CFONB.replace(b"{", "é".encode("latin-1")).replace(b"}", "è".encode("latin-1"))
    assert read_statements(content=french, iban=OURS) == read


def test_an_end_to_end_identifier_is_read_from_its_own_record():
    content = statement_file(opening(1_000), entry(-400, rcn="VILLE1-P00001-0001"), closing(600))
    (line,) = read_statements(content=content, iban=OURS)[0].lines
    assert line.end_to_end_id == "VILLE1-P00001-0001"


def test_the_name_of_the_other_party_is_not_read():
    content = statement_file(opening(0), entry(400, npy="MADAME EXEMPLE"), closing(400))
    assert "EXEMPLE" not in repr(read_statements(content=content, iban=OURS))


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (CFONB.replace(b"0000000073316A", b"0000000073316B"), errors.StatementDoesNotAddUp),
        (CFONB.replace(b"0000000073316A", b"00000000733161"), errors.StatementAmountMalformed),
        (CFONB.replace(b"0000000073316A", b"000000007331.A"), errors.StatementAmountMalformed),
        (CFONB.replace(b"301126  ", b"311126  "), errors.StatementIncomplete),
        (CFONB[: CFONB.rindex(b"\n07") + 1], errors.StatementWithoutBalances),
        (CFONB[: CFONB.rindex(b"\n07") + 61], errors.StatementIncomplete),
        (CFONB.replace(b"\n04", b"\n09", 1), errors.StatementIncomplete),
        (CFONB.replace(b"\n0530006", b"\n0530007", 1), errors.StatementIncomplete),
        (CFONB.replace(b"EUR2", b"USD2"), errors.StatementForeignCurrency),
        (CFONB.replace(b"EUR2", b"EUR3").replace(b"49}", b"4A}"), errors.StatementAmountMalformed),
        (CFONB.replace(b"12345678901", b"12345678902"), errors.StatementNotOurs),
        (CFONB[1:], errors.StatementNotXml),
    ],
)
def test_one_lie_in_cfonb_is_one_refusal(content, refusal):
    with pytest.raises(refusal):
        read_statements(content=content, iban=OURS)


@given(
    st.integers(min_value=-(10**12), max_value=10**12),
    st.lists(st.integers(min_value=-(10**12), max_value=10**12).filter(bool), max_size=6),
)
def test_cfonb_amounts_of_either_sign_are_read_back(opening_cents, moves):
    closing_cents = opening_cents + sum(moves)
    content = statement_file(opening(opening_cents), *(entry(cents) for cents in moves), closing(closing_cents))
    (statement,) = read_statements(content=content, iban=OURS)
    assert [line.amount_cents for line in statement.lines] == moves
    assert (statement.opening_cents, statement.closing_cents) == (opening_cents, closing_cents)
    assert abs(closing_cents) <= CENTS_MAX


@given(st.from_regex(r"[0-9]{5}", fullmatch=True), st.from_regex(r"[0-9A-Z]{11}", fullmatch=True))
def test_the_keys_of_an_account_are_those_that_another_program_works_out(branch, number):
    iban = iban_of(f"0130006    {branch}EUR2 {number}")
    assert IBAN(iban, validate_bban=True).account_code == number
    with pytest.raises(ValueError, match=r"IBAN|checksum|digit"):
        IBAN(f"{iban[:-2]}{(int(iban[-2:]) + 1) % 97:02d}", validate_bban=True)
