"""Closing a month on real databases: two people, a clean checklist, a locked period, a certificate that stands."""

import datetime
import json

import pytest
from sqlalchemy import Engine

from monnaie_locale.closing import errors
from monnaie_locale.closing.certificate import verify_certificate
from monnaie_locale.closing.facts import facts_of
from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.model import CloseState
from monnaie_locale.closing.operations import check_month, next_month_to_close
from monnaie_locale.closing.queries import closes_of
from monnaie_locale.closing.rapprochement import reconciliation_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.errors import PeriodAlreadyClosed
from monnaie_locale.journal.queries import closed_through, head_of
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.errors import PeriodClosed
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.month import (
    CHECKER,
    FUNDED_CENTS,
    MAKER,
    NOVEMBER,
    OCTOBER,
    moment,
    open_month,
    statement_xml,
)
from tests.factories.vandal import run, take_the_guards_down


def failing(month) -> list[str]:
    verdict = month.verdict()
    with reading(month.engine) as db:
        checks = check_month(db, territory_id=1, month=OCTOBER, verdict=verdict)
    return [check.code for check in checks if not check.ok]


def test_a_month_prepared_by_one_and_approved_by_another_is_sealed(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()

    close = month.approve(month.prepare())

    assert close.state is CloseState.CLOSED
    assert (close.prepared_by, close.approved_by) == (MAKER, CHECKER)
    assert all(check.ok for check in close.checks)
    assert len(close.checks) == 9
    with reading(db_engine) as db:
        assert closed_through(db, territory_id=1) == OCTOBER.last_day
        assert next_month_to_close(db, territory_id=1) == NOVEMBER
    assert month.verdict().ok


def test_the_certificate_says_what_the_books_held_and_bears_its_signature(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()

    certificate = month.approve(month.prepare()).certificate

    key = month.keyring.public_key_pem
    assert verify_certificate(certificate=certificate, public_key_pem=key) == ()
    body = json.loads(certificate)["certificate"]
    assert body["month"] == "2026-10"
    assert body["entries"] == {"first": 1, "last": 9, "count": 9}
    assert body["reserve_cents"] == FUNDED_CENTS - 5_250 - 300
    assert body["owed_cents"] == 30_000 - 5_250
    assert sum(account["balance_cents"] for account in body["accounts"]) == 0
    assert (body["prepared_by"], body["approved_by"]) == (MAKER, CHECKER)
    assert body["log_head"]["size"] == 9


def test_a_certificate_changed_by_one_cent_or_signed_by_another_key_is_seen(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    certificate = month.approve(month.prepare()).certificate
    key = month.keyring.public_key_pem
    changed = certificate.replace('"owed_cents": 24750', '"owed_cents": 24751')
    assert changed != certificate

    assert verify_certificate(certificate=changed, public_key_pem=key) == ("certificate_signature_wrong",)
    stranger = Keyring.generate().public_key_pem
    assert verify_certificate(certificate=certificate, public_key_pem=stranger) == (
        "certificate_signature_wrong",
        "certificate_key_differs",
        "certificate_head_signature_wrong",
    )
    for nonsense in ("", "{}", "[1]", '{"certificate": {"format": "other"}, "signature": "00"}'):
        with pytest.raises(errors.CertificateMalformed):
            verify_certificate(certificate=nonsense, public_key_pem=key)


def test_a_certificate_of_anything_else_than_numbers_is_malformed_never_a_crash(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    certificate = month.approve(month.prepare()).certificate
    key = month.keyring.public_key_pem
    assert verify_certificate(certificate=certificate, public_key_pem=key) == ()

    for path, value in (
        (("log_head", "size"), "é"),
        (("log_head", "size"), 9.0),
        (("log_head", "accounts_size"), True),
        (("log_head", "sealed_at_ms"), None),
        (("log_head", "root"), "é"),
        (("log_head",), []),
        (("territory", "id"), "1"),
        (("accounts",), 5),
        (("accounts", 0, "balance_cents"), 0.5),
    ):
        signed = json.loads(certificate)
        place = signed["certificate"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(errors.CertificateMalformed):
            verify_certificate(certificate=json.dumps(signed), public_key_pem=key)
    deep = "[" * 100_000
    for nonsense in (deep, f'{{"certificate": {deep}', certificate.replace('"owed_cents": ', f'"owed_cents": {deep}')):
        with pytest.raises(errors.CertificateMalformed):
            verify_certificate(certificate=nonsense, public_key_pem=key)


def test_who_prepared_may_not_approve(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.prepare()

    with pytest.raises(errors.MakerIsChecker):
        month.approve(close, actor=MAKER)

    with reading(db_engine) as db:
        assert closed_through(db, territory_id=1) is None


def test_the_database_too_refuses_one_person_alone(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.approve(month.prepare())
    with reading(db_engine) as db:
        period_is_locked = closed_through(db, territory_id=1)
    assert period_is_locked
    alone = (
        "INSERT INTO closes (territory_id, id, period_starts_on, period_ends_on, state, prepared_by, approved_by,"
        " carried_reason, checklist, certificate, prepared_at_ms, closed_at_ms)"
        " VALUES (1, 9, '2026-09-01', '2026-10-31', 'closed', 'staff:3', 'staff:3', '', '[]', '{}', 1, 2)"
    )
    take_the_guards_down(db_engine)
    run(db_engine, f"DELETE FROM closes WHERE id = {close.close_id}")

    with pytest.raises(errors.MakerIsChecker):
        run(db_engine, alone)

    run(db_engine, alone.replace("'staff:3', '', '[]'", "'staff:4', '', '[]'"))  # two people: it is only that


def test_a_month_is_closed_once(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.approve(month.prepare())

    with pytest.raises(errors.MonthAlreadyClosed):
        month.approve(close)
    with pytest.raises(errors.MonthAlreadyClosed):
        month.prepare()
    with pytest.raises(PeriodAlreadyClosed):
        run(
            db_engine,
            "INSERT INTO closed_periods (territory_id, ends_on, starts_on, last_entry_id, closed_at_ms)"
            " VALUES (1, '2026-10-31', '2026-10-01', 9, 1)",
        )


def test_a_month_that_is_not_over_or_not_next_is_refused(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()

    # 31 October, 23:30 in Paris: still October. Half an hour later it is November there, and still October in UTC.
    late = datetime.datetime(2026, 10, 31, 22, 30, tzinfo=datetime.UTC)
    with pytest.raises(errors.MonthNotEnded):
        month.prepare(now=late)
    assert month.prepare(now=late + datetime.timedelta(minutes=30)).state is CloseState.PREPARED
    with pytest.raises(errors.MonthOutOfOrder):
        month.prepare(NOVEMBER, now=moment(2, 12))


def test_empty_books_have_nothing_to_close(db_engine: Engine) -> None:
    with pytest.raises(errors.NothingToClose):
        open_month(db_engine).prepare()


def test_nothing_is_accounted_in_a_closed_month_not_even_by_raw_sql(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    month.approve(month.prepare())
    with reading(db_engine) as db:
        last = head_of(db, territory_id=1).last_entry_id
    transfer = (
        "INSERT INTO transfers (territory_id, entry_id, line_no, debit_kind, credit_kind, debit_account_id,"
        f" credit_account_id, amount_cents) SELECT 1, {last + 1}, 1, debit_kind, credit_kind, debit_account_id,"
        " credit_account_id, 1 FROM transfers WHERE entry_id = 3 AND line_no = 1"
    )
    entry = (
        "INSERT INTO journal_entries SELECT territory_id, {number}, kind, happened_at_ms, recorded_at_ms, '{day}',"
        " caller, leaf_hash, request_digest, NULL, reference, leaf_hash FROM journal_entries WHERE id = 3"
    )

    with pytest.raises(PeriodClosed):
        run(db_engine, transfer, entry.format(number=last + 1, day="2026-10-31"))

    run(db_engine, transfer, entry.format(number=last + 1, day="2026-11-01"))  # the same, a day later


def test_a_close_keeps_no_charge_back_a_late_one_falls_in_the_next_month(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.prepare()
    month.world.now_ms = instant_ms(moment(2, 11))
    in_november = month.world.charge(7, month.shops[0].id, 100)
    month.approve(close)

    month.world.now_ms = instant_ms(moment(30, 10))
    late = month.world.charge(7, month.shops[0].id, 200, happened_at_ms=instant_ms(moment(30, 10)))

    assert in_november.entry.accounted_on == datetime.date(2026, 11, 2)
    assert late.entry.accounted_on == datetime.date(2026, 11, 1)
    assert late.entry.happened_at_ms == instant_ms(moment(30, 10))


def test_what_happens_after_the_month_is_not_in_its_certificate(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    month.world.now_ms = instant_ms(moment(2, 11))
    month.world.charge(7, month.shops[0].id, 100)

    body = json.loads(month.approve(month.prepare()).certificate)["certificate"]

    assert body["entries"]["count"] == 9
    assert body["log_head"]["size"] == 10
    assert {each["code"]: each["balance_cents"] for each in body["accounts"]}["467200"] == 0


def test_preparing_again_replaces_what_was_prepared(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    month.prepare()

    again = month.prepare(actor=CHECKER)

    with reading(db_engine) as db:
        assert closes_of(db, territory_id=1) == [again]
    assert month.approve(again, actor=MAKER).approved_by == MAKER


def test_without_the_end_of_the_bank_statements_a_month_is_not_clean(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement())
    month.spend()

    assert failing(month) == ["statements_imported"]
    with pytest.raises(errors.ChecklistNotClean, match="checklist_not_clean"):
        month.prepare()
    with reading(db_engine) as db:
        assert closes_of(db, territory_id=1) == []


def test_a_transfer_still_in_transit_is_listed_with_its_age(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement())
    month.spend()
    month.pay()
    quiet = statement_xml(
        identifier="B",
        opening=FUNDED_CENTS,
        from_on=datetime.date(2026, 10, 11),
        to_on=datetime.date(2026, 10, 31),
    )
    month.import_(quiet)

    close = month.approve(month.prepare())

    (transit,) = [check for check in close.checks if check.code == "transit_listed"]
    assert len(transit.details) == 2
    assert "(5 jours)" in transit.details[0]


def test_books_that_were_tampered_with_are_not_closed(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    take_the_guards_down(db_engine)
    run(db_engine, "UPDATE balances SET credits_cents = credits_cents + 1 WHERE kind = 3")

    assert {"books_balance", "books_verified"} <= set(failing(month))


def test_a_closed_close_does_not_change_any_more(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    prepared = month.prepare()
    run(db_engine, "UPDATE closes SET carried_reason = 'x'")  # it may, while it is prepared
    month.approve(prepared)
    attacks = ["UPDATE closes SET certificate = 'x'", "DELETE FROM closes"]
    attacks += ["TRUNCATE closes CASCADE"] if db_engine.dialect.name == "postgresql" else []

    for attack in attacks:
        with pytest.raises(errors.MonthAlreadyClosed):
            run(db_engine, attack)
    with pytest.raises(Exception, match=r"uq_closes_period|closes_final|pk_closes"):
        run(db_engine, f"{'INSERT OR REPLACE' if db_engine.dialect.name == 'sqlite' else 'INSERT'} INTO closes"
            " SELECT * FROM closes")  # fmt: skip


def test_the_database_closes_no_month_whose_period_is_open(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    month.prepare()

    with pytest.raises(Exception, match="closes_not_locked"):
        run(
            db_engine,
            "UPDATE closes SET state = 'closed', approved_by = 'staff:4', certificate = '{}', closed_at_ms = 1",
        )


def test_the_paper_names_its_signatories_by_their_number_in_plain_words(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.approve(month.prepare())
    with reading(db_engine) as db:
        registers = said_of(db, territory_id=1, month=close.month, close=close).registers
        facts = facts_of(db, territory_id=1, month=close.month, verdict=month.verdict())
        paper = reconciliation_of(db, registers=registers, facts=facts, close=close, head=None)

    assert (paper.prepared_by.name, paper.approved_by.name) == ("Agent n°\u00a03", "Agent n°\u00a04")
