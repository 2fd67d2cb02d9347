"""The reader against statements that real banks and other people's projects wrote."""

import datetime
import pathlib

import pytest
from lxml import etree

from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.reconciliation import errors
from tests.factories.camt import balance_xml, entry_xml, message_xml, read_statements

DATA = pathlib.Path(__file__).parents[3] / "data"
SAMPLES = DATA / "camt053"


def read(name, *, iban=None, currency="EUR"):
    return read_statements(content=(SAMPLES / name).read_bytes(), iban=iban, currency=currency)


@pytest.mark.parametrize(
    ("name", "currency", "lines"),
    [
        ("bsp_camt.053.001.02.xml", "SEK", [3]),
        ("genkgo_v2_multi.statement.xml", "EUR", [1, 1]),
        ("newinnovations_example-camt053-a.xml", "EUR", [7, 4]),
        ("viafintech_valid_example.xml", "EUR", [4]),
        ("viafintech_valid_example_v4.xml", "CHF", [13]),
        ("mockbank_accept_005_camt.053.001.08.xml", "EUR", [1]),
        ("mockbank_accept_011_camt.053.001.08.xml", "EUR", [4]),
        ("mockbank_accept_017_camt.053.001.08.xml", "EUR", [0]),
        ("mockbank_accept_023_camt.053.001.08.xml", "EUR", [0]),
        ("mockbank_accept_029_camt.053.001.08.xml", "EUR", [0]),
    ],
)
def test_a_statement_that_adds_up_is_read(name, currency, lines):
    statements = read(name, currency=currency)
    assert [len(statement.lines) for statement in statements] == lines
    for statement in statements:
        moved = sum(line.amount_cents for line in statement.lines)
        assert statement.opening_cents + moved == statement.closing_cents


@pytest.mark.parametrize(
    ("name", "currency", "refusal"),
    [
        ("bsp_camt.053.001.02.xml", "EUR", errors.StatementForeignCurrency),
        ("bsp_duplicate_same_day.xml", "EUR", errors.StatementWithoutBalances),
        ("bsp_garbled_amount.xml", "EUR", errors.StatementAmountMalformed),
        ("genkgo_v2_all-balance-types.xml", "EUR", errors.StatementDoesNotAddUp),
        ("genkgo_v2_five.decimals.xml", "EUR", errors.StatementDoesNotAddUp),
        ("genkgo_v2_wrong.xml", "EUR", errors.StatementAbsent),
        ("genkgo_v4.xml", "EUR", errors.StatementForeignCurrency),
        ("prowide_camt.053.001.07.xml", "USD", errors.StatementWithoutBalances),
    ],
)
def test_a_statement_that_is_wrong_is_refused_for_the_reason_it_is_wrong(name, currency, refusal):
    with pytest.raises(refusal) as caught:
        read(name, currency=currency)
    assert caught.value.sentence()
    assert "{" not in caught.value.sentence()


def test_every_sample_is_read_or_refused_and_nothing_else():
    for path in sorted(SAMPLES.glob("*.xml")):
        for currency in ("EUR", "CHF", "SEK", "USD"):
            try:
                read(path.name, currency=currency)
            except Refusal as refusal:
                assert refusal.code.startswith("statement_")  # noqa: PT017 - any refusal will do here


def test_the_difference_is_said_in_cents():
    with pytest.raises(errors.StatementDoesNotAddUp) as caught:
        read("genkgo_v2_five.decimals.xml")
    assert caught.value.details["difference_cents"] == 5
    one_currency = (SAMPLES / "genkgo_v4.xml").read_bytes().replace(b'Ccy="SEK"', b'Ccy="EUR"')
    with pytest.raises(errors.StatementDoesNotAddUp) as caught:
        read_statements(content=one_currency, iban=None)
    assert caught.value.details["difference_cents"] == -5400


def test_batches_and_reversals_of_the_swiss_sample_are_counted():
    (statement,) = read("viafintech_valid_example_v4.xml", currency="CHF")
    assert sum(len(line.details) for line in statement.lines) == 32
    assert [line.amount_cents for line in statement.lines if line.is_reversal] == [-600, -1553]
    assert "NARR" in {detail.return_reason for line in statement.lines for detail in line.details}


def test_fields_of_a_batch_written_in_version_02():
    (statement,) = read("viafintech_valid_example.xml")
    assert (statement.opening_cents, statement.closing_cents) == (3306, 2306)
    batch = statement.lines[3]
    assert batch.amount_cents == -600
    assert batch.batch_reference == "STZV-PmInf27122013-11:02-2"
    assert batch.end_to_end_id == ""
    assert [(each.amount_cents, each.end_to_end_id) for each in batch.details] == [
        (-350, "STZV-EtE27122013-11:02-1"),
        (-250, "STZV-EtE27122013-11:02-2"),
    ]
    assert statement.lines[1].end_to_end_id == ""  # NOTPROVIDED is nobody's reference


def test_fields_of_a_funding_line_written_in_version_08():
    (statement,) = read("mockbank_accept_005_camt.053.001.08.xml", iban="FR76 3000 6000 0112 3456 7890 189")
    (line,) = statement.lines
    assert line.amount_cents == 250_000
    assert line.remittance == "RF52MLC20261100042"
    assert line.label == "Dotation aides novembre"
    assert line.bank_code == "PMNT/RCDT/ESCT"
    assert line.bank_reference == "MB-RCV-1"
    assert (line.booked_on, line.value_on) == (datetime.date(2026, 11, 23), datetime.date(2026, 11, 23))
    assert (statement.from_on, statement.to_on) == (datetime.date(2026, 11, 23), datetime.date(2026, 11, 23))


def test_only_our_statements_are_taken_from_a_file_of_several_accounts():
    (statement,) = read("newinnovations_example-camt053-a.xml", iban="NL78SNSB0022446688")
    assert statement.statement_id == "CAMT05398765432164700000"
    with pytest.raises(errors.StatementNotOurs) as caught:
        read("newinnovations_example-camt053-a.xml", iban="FR7630006000011234567890189")
    assert caught.value.details["iban"] == "NL14SNSB0012345678"


def test_the_counterparty_is_not_read():
    (statement,) = read("mockbank_accept_011_camt.053.001.08.xml")
    assert "Boulangerie" not in repr(statement)


@pytest.mark.parametrize("version", ["02", "03", "04", "07", "08", "10", "14"])
def test_what_the_schema_of_each_version_accepts_is_read(version):
    is_text = version in {"02", "03", "04"}
    status = "<Sts>BOOK</Sts>" if is_text else "<Sts><Cd>BOOK</Cd></Sts>"
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
    amount = '<AmtDtls><TxAmt><Amt Ccy="EUR">10.00</Amt></TxAmt></AmtDtls>'
    if version != "02":
        amount = '<Amt Ccy="EUR">10.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>'
    inside = f"<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs>{amount}</TxDtls>"
    content = message_xml(
        balance_xml("OPBD", 1000) + balance_xml("CLBD", 0) + entry_xml(-1000, inside=inside, status=status, after=code),
        version=version,
    )
    schema = etree.XMLSchema(file=str(DATA / "xsd" / f"camt.053.001.{version}.xsd"))
    schema.assertValid(etree.fromstring(content))
    (statement,) = read_statements(content=content, iban="FR7630006000011234567890189")
    (line,) = statement.lines
    assert (line.amount_cents, line.end_to_end_id, line.details[0].amount_cents) == (-1000, "E1", -1000)


def test_an_envelope_around_the_document_changes_nothing():
    bare = message_xml(balance_xml("OPBD", 0) + balance_xml("CLBD", 500) + entry_xml(500))
    wrapped = (
        b'<message><AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.01"><BizMsgIdr>X</BizMsgIdr></AppHdr>'
        + bare.partition(b"?>")[2]
        + b"</message>"
    )
    assert read_statements(content=wrapped, iban=None) == read_statements(content=bare, iban=None)
