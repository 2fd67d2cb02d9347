"""The payment order, judged by its schema and by a bank we did not write."""

import dataclasses
import datetime
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from mockbank import validate
from stdnum import iso11649

from monnaie_locale.exports import errors
from monnaie_locale.exports.sepa import CreditTransfer, Debtor, PaymentFile, PostalAddress, write_payment_file
from monnaie_locale.exports.sepa_text import check_identifier, check_reference, creditor_reference, sepa_text

NAMESPACE = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
XSD = pathlib.Path(__file__).parents[3] / "data" / "xsd"
SCHEMA = etree.XMLSchema(file=str(XSD / "pain.001.001.09.xsd"))
OLD_SCHEMA = etree.XMLSchema(file=str(XSD / "pain.001.001.03.xsd"))
CREATED_AT = datetime.datetime(2026, 12, 1, 8, 0, 0, 123_456, tzinfo=datetime.UTC)
EXECUTION_ON = datetime.date(2026, 12, 2)
TOWN = PostalAddress(street="Grande Rue", building="12 bis", postcode="64100", town="Ville-Exemple")
DEBTOR = Debtor(
    name="Association Monnaie d'Ici – Ville-Exemple",
    siret="732 829 320 00074",
    iban="FR76 3000 6000 0112 3456 7890 189",
    bic="AGRIFRPP",
    address=TOWN,
)


def transfer(number=1, **changes):
    plain = CreditTransfer(
        end_to_end_id=f"MLC-2026-11-{number:04d}",
        amount_cents=12_050,
        creditor_name="Boulangerie Éluard & Fils",
        creditor_iban="FR1420041010050500013M02606",
        creditor_bic=None,
        address=TOWN,
        rf_reference=creditor_reference(body=f"MLC202611{number:04d}"),
    )
    return dataclasses.replace(plain, **changes)


def order(*transfers, **changes):
    plain = PaymentFile(
        message_id="MLC-2026-11-LOT-1",
        created_at=CREATED_AT,
        execution_on=EXECUTION_ON,
        debtor=DEBTOR,
        transfers=transfers or (transfer(1), transfer(2, amount_cents=99, creditor_bic="AGRIFRPPXXX", address=None)),
    )
    return dataclasses.replace(plain, **changes)


def findings_of_a_foreign_bank(content):
    return validate.validate(content, today=CREATED_AT.date())


def texts(content, tag):
    return [each.text for each in etree.fromstring(content).iter(f"{NAMESPACE}{tag}")]


def test_the_order_is_valid_to_its_schema_and_a_foreign_bank_finds_nothing_to_say():
    content = write_payment_file(payment=order())
    SCHEMA.assertValid(etree.fromstring(content))
    assert findings_of_a_foreign_bank(content) == []


@pytest.mark.parametrize("bic", ["AGRIFRPP", None])
def test_the_older_version_is_valid_to_its_own_schema_and_says_the_same(bic):
    payment = order(debtor=dataclasses.replace(DEBTOR, bic=bic))
    content = write_payment_file(payment=dataclasses.replace(payment, version="03"))
    OLD_SCHEMA.assertValid(etree.fromstring(content))
    assert findings_of_a_foreign_bank(content) == []

    newer = [
        (each.tag.rpartition("}")[2], each.text)
        for each in etree.fromstring(write_payment_file(payment=payment)).iter()
    ]
    older = [(each.tag.rpartition("}")[2], each.text) for each in etree.fromstring(content).iter()]
    words = [(tag, text) for tag, text in newer if text and text.strip() and tag not in {"BICFI", "Dt"}]
    assert words == [(tag, text) for tag, text in older if text and text.strip() and tag not in {"BIC", "ReqdExctnDt"}]
    assert not OLD_SCHEMA.validate(etree.fromstring(write_payment_file(payment=payment)))


def test_the_judges_would_have_seen_a_fault():
    content = write_payment_file(payment=order())
    wrong_sum = content.replace(b"<CtrlSum>121.49</CtrlSum>", b"<CtrlSum>121.50</CtrlSum>", 1)
    assert [finding.level for finding in findings_of_a_foreign_bank(wrong_sum)] == ["error"]
    assert not SCHEMA.validate(etree.fromstring(content.replace(b"SLEV", b"OURS")))


def test_what_the_order_says():
    content = write_payment_file(payment=order())
    assert texts(content, "InstdAmt") == ["120.50", "0.99"]
    assert texts(content, "CtrlSum") == ["121.49", "121.49"]
    assert texts(content, "NbOfTxs") == ["2", "2"]
    assert texts(content, "CreDtTm") == ["2026-12-01T08:00:00+00:00"]
    assert texts(content, "Nm")[:2] == ["Association Monnaie d'Ici - Ville-Exemple"] * 2
    assert "Boulangerie Eluard + Fils" in texts(content, "Nm")
    assert texts(content, "Prtry") == ["SIRET"]
    assert "73282932000074" in texts(content, "Id")
    assert texts(content, "Cd") == ["SEPA", "SCOR", "SCOR"]
    assert texts(content, "ChrgBr") == ["SLEV"]
    assert texts(content, "BldgNb") == ["12 bis", "12 bis"]
    assert texts(content, "AdrLine") == []
    assert texts(content, "BICFI") == ["AGRIFRPP", "AGRIFRPPXXX"]


def test_the_same_order_gives_the_same_bytes():
    assert write_payment_file(payment=order()) == write_payment_file(payment=order())
    assert write_payment_file(payment=order()) != write_payment_file(payment=order(message_id="MLC-2026-11-LOT-2"))


def test_an_unknown_bank_of_ours_is_written_not_provided():
    content = write_payment_file(payment=order(debtor=dataclasses.replace(DEBTOR, bic=None)))
    SCHEMA.assertValid(etree.fromstring(content))
    assert findings_of_a_foreign_bank(content) == []
    assert "NOTPROVIDED" in texts(content, "Id")


@pytest.mark.parametrize(
    ("payment", "refusal"),
    [
        (dataclasses.replace(order(), transfers=()), errors.PaymentFileEmpty),
        (order(execution_on=datetime.date(2026, 11, 30)), errors.PaymentDateInPast),
        (order(message_id="M" * 36), errors.PaymentIdentifierMalformed),
        (order(message_id=""), errors.PaymentIdentifierMalformed),
        (order(transfer(end_to_end_id="/MLC")), errors.PaymentIdentifierMalformed),
        (order(transfer(end_to_end_id="MLC//1")), errors.PaymentIdentifierMalformed),
        (order(transfer(end_to_end_id="MLC é")), errors.PaymentIdentifierMalformed),
        (order(transfer(end_to_end_id="MLC-1\n")), errors.PaymentIdentifierMalformed),
        (order(transfer(1), transfer(1)), errors.PaymentIdentifierRepeated),
        (order(debtor=dataclasses.replace(DEBTOR, siret="73282932000075")), errors.PaymentSiretMalformed),
        (order(transfer(amount_cents=0)), errors.PaymentAmountOutOfRange),
        (order(transfer(amount_cents=-1)), errors.PaymentAmountOutOfRange),
        (order(transfer(amount_cents=100_000_000_000)), errors.PaymentAmountOutOfRange),
        (order(transfer(creditor_name="店")), errors.PaymentNameMalformed),
        (order(transfer(creditor_iban="FR1420041010050500013M02607")), errors.PaymentIbanMalformed),
        (order(transfer(creditor_bic="AGRI")), errors.PaymentBicMalformed),
        (order(transfer(address=PostalAddress(town=" "))), errors.PaymentAddressIncomplete),
        (order(transfer(address=PostalAddress(town="Lyon", country="France"))), errors.PaymentAddressIncomplete),
        (order(transfer(rf_reference="RF53MLC2026110001")), errors.PaymentReferenceMalformed),
        (order(transfer(rf_reference="")), errors.PaymentReferenceMalformed),
    ],
)
def test_an_order_that_a_bank_would_reject_is_refused(payment, refusal):
    with pytest.raises(refusal) as caught:
        write_payment_file(payment=payment)
    assert "{" not in caught.value.sentence()


def test_a_transfer_may_be_made_on_the_day_of_the_file_counted_in_paris():
    late = datetime.datetime(2026, 11, 30, 23, 30, tzinfo=datetime.UTC)  # already 1 December in Paris
    with pytest.raises(errors.PaymentDateInPast):
        write_payment_file(payment=order(created_at=late, execution_on=datetime.date(2026, 11, 30)))
    assert write_payment_file(payment=order(created_at=late, execution_on=datetime.date(2026, 12, 1)))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Œuvres & Cœurs « L’Été »", "OEuvres + Coeurs ' L'Ete '"),
        ("Épicerie  d'Ici\n(bio)", "Epicerie d'Ici (bio)"),
        ("5 € @ la_carte", "5 EUR (at) la-carte"),
        ("//bord//", "bord"),
        ("ﬁn ½", "fin 1 2"),
        ("店", ""),
    ],
)
def test_names_are_spelt_with_the_letters_banks_know(text, plain):
    assert sepa_text(text, length_max=70) == plain


@given(st.text(max_size=120), st.integers(min_value=1, max_value=70))
def test_any_text_becomes_short_sepa_text_and_stays_itself_the_second_time(text, length_max):
    plain = sepa_text(text, length_max=length_max)
    assert len(plain) <= length_max
    assert set(plain) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
    assert sepa_text(plain, length_max=length_max) == plain


@given(st.from_regex(r"[0-9A-Z]{1,21}", fullmatch=True))
def test_every_reference_we_make_has_the_key_that_iso_11649_asks(body):
    reference = creditor_reference(body=body)
    assert iso11649.is_valid(reference)
    assert check_reference(f" {reference[:4]} {reference[4:].lower()} ") == reference


@given(st.from_regex(r"[0-9A-Z]{1,21}", fullmatch=True), st.integers(min_value=1, max_value=96))
def test_a_reference_with_another_key_is_refused(body, shift):
    reference = creditor_reference(body=body)
    other = (int(reference[2:4]) - 2 + shift) % 97 + 2
    with pytest.raises(errors.PaymentReferenceMalformed):
        check_reference(f"RF{other:02d}{body}")


@pytest.mark.parametrize("body", ["", "A" * 22, "ABC-1", "É1", "١"])
def test_a_reference_cannot_be_made_of_anything_else(body):
    with pytest.raises(errors.PaymentReferenceMalformed):
        creditor_reference(body=body)


@given(st.text(alphabet="AZaz09/-?:().,'+ é_", max_size=37))
def test_an_accepted_identifier_is_one_that_every_bank_carries(identifier):
    try:
        accepted = check_identifier(identifier, field="EndToEndId")
    except errors.PaymentIdentifierMalformed:
        return
    assert accepted == identifier == sepa_text(identifier, length_max=35)
    assert "//" not in identifier


@given(st.lists(st.integers(min_value=1, max_value=99_999_999_999), min_size=1, max_size=8), st.text(max_size=90))
def test_any_order_that_is_written_is_valid_and_sums_to_the_cent(amounts, name):
    payment = order(
        *(transfer(number, amount_cents=cents, creditor_name=f"X{name}") for number, cents in enumerate(amounts, 1))
    )
    content = write_payment_file(payment=payment)
    SCHEMA.assertValid(etree.fromstring(content))
    assert findings_of_a_foreign_bank(content) == []
    for total in texts(content, "CtrlSum"):
        euros, cents = total.split(".")
        assert int(euros) * 100 + int(cents) == sum(amounts)
