"""What a person types, read with the reasons beside the fields."""

import datetime

import pytest

from monnaie_locale.web.forms import FormReader


@pytest.mark.parametrize(
    ("typed", "amount_cents"), [("12,50", 1250), ("12.5", 1250), (" 1 234 € ", 123400), ("0,01", 1), ("7", 700)]
)
def test_an_amount_is_read_as_people_write_it(typed, amount_cents):
    form = FormReader({"amount": typed})

    assert form.euros("amount") == amount_cents
    assert not form.errors


@pytest.mark.parametrize("typed", ["", "0", "-5", "12,345", "abc", "1e3", "９", "99999999999999999", "12,5O"])
def test_what_is_no_amount_is_said_beside_the_field_and_kept(typed):
    form = FormReader({"amount": typed})

    assert form.euros("amount") == 0
    assert form.error("amount")
    assert form.value("amount") == typed


@pytest.mark.parametrize("typed", ["2026-10-03", "03/10/2026", " 3/10/2026 "])
def test_a_date_is_read_as_browsers_and_people_write_it(typed):
    assert FormReader({"day": typed}).date("day") == datetime.date(2026, 10, 3)


@pytest.mark.parametrize("typed", ["", "2026-02-30", "demain", "10/03/26x"])
def test_what_is_no_date_is_said(typed):
    form = FormReader({"day": typed})

    assert form.date("day") == datetime.date.min
    assert form.errors


def test_every_wrong_field_is_told_at_once_and_the_first_reason_stays():
    form = FormReader({"count": "2x", "category": "weapons", "name": "a" * 11})

    form.integer("count")
    form.choice("category", {"food"})
    form.text("name", length_max=10)
    form.text("reference")
    form.add_error("count", "another reason")

    assert list(form.errors) == ["count", "category", "name", "reference"]
    assert form.error("count") == "Écrivez un nombre entier."


@pytest.mark.parametrize(("typed", "number"), [("7", 7), ("007", 7), ("0", 0)])
def test_a_whole_number_is_read(typed, number):
    assert FormReader({"n": typed}).integer("n") == number


@pytest.mark.parametrize("typed", ["-1", "11", "1.0", "٣", "9" * 40])
def test_a_number_out_of_bounds_is_refused(typed):
    form = FormReader({"n": typed})

    assert form.integer("n", at_most=10) == 0
    assert form.errors


def test_control_characters_are_refused():
    form = FormReader({"name": "Camille\x00"})

    assert form.text("name") == ""
    assert form.errors


def test_a_field_that_may_be_empty_is_not_wrong():
    form = FormReader({})

    assert (form.text("a", required=False), form.euros("b", required=False), form.checked("c")) == ("", 0, False)
    assert not form.errors
