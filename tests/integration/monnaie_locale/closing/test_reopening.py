"""The last closed month is reopened by two people with a reason; otherwise a closed month stays closed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from monnaie_locale.audit.checking import audit
from monnaie_locale.closing import errors
from monnaie_locale.closing.documents import kept_documents
from monnaie_locale.closing.model import Close, CloseState
from monnaie_locale.closing.package import month_package
from monnaie_locale.closing.queries import close_of, closes_of
from monnaie_locale.closing.reopening_act import sha256_of, verify_act
from monnaie_locale.commands.audit_export import export_for_audit
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.period_balances import balances_at_end, count_month, kept_of
from monnaie_locale.journal.periods import balances_through
from monnaie_locale.journal.queries import closed_through, head_of
from monnaie_locale.ledger.errors import PeriodClosed, Refusal
from tests.factories.audited import falsified, of_type
from tests.factories.month import (
    CHECKER,
    FUNDED_CENTS,
    MAKER,
    NOVEMBER,
    OCTOBER,
    Month2026,
    moment,
    open_month,
    statement_xml,
)
from tests.factories.vandal import run, take_the_guards_down

# By a constraint, by a trigger, or by the refusal that one of them means.
REFUSED = (
    "append_only|closes_final|close_reopenings_final|closes_not_locked|uq_closes_period|reopening_not|two_people"
    "|month_already_closed|reopening_maker_is_checker|reopening_reason_missing|documents_not_kept|period_not_last"
)
REOPENED_MS = "CAST(1793872800000 AS BIGINT)"


def closed(engine: Engine, *, kept: bool = True) -> tuple[Month2026, Close]:
    month = open_month(engine)
    month.live()
    close = month.approve(month.prepare())
    if kept:
        month.keep(close)
    return month, close


def reopened(engine: Engine) -> tuple[Month2026, Close]:
    month, close = closed(engine)
    month.ask_reopening(close)
    month.reopen(close)
    return month, close


def post_in_october(month: Month2026, *, key: str = "late") -> int:
    """Post what was forgotten, dated on the last day of October; return its number."""
    issued = month.world.issue(7, 700, key=key, accounted_on=OCTOBER.last_day)
    return issued.entry.entry_id


def close_again(month: Month2026) -> Close:
    again = month.prepare(now=moment(6, 11))
    return month.approve(again, now=moment(6, 11, hour=10))


def findings(month: Month2026) -> list[str]:
    with reading(month.engine) as db:
        verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
    return [finding.code for finding in verdict.findings]


def test_two_people_reopen_the_last_month_and_it_is_closed_again_beside_its_first_close(db_engine: Engine) -> None:
    month, first = reopened(db_engine)
    with reading(db_engine) as db:
        assert closed_through(db, territory_id=1) is None
        assert close_of(db, territory_id=1, close_id=first.close_id) == replace(first, state=CloseState.REOPENED)
    number = post_in_october(month)

    second = close_again(month)

    with reading(db_engine) as db:
        assert [each.close_id for each in closes_of(db, territory_id=1)] == [second.close_id, first.close_id]
        assert closed_through(db, territory_id=1) == OCTOBER.last_day
        act = db.scalar(text("SELECT act FROM close_reopenings"))
    body = json.loads(second.certificate)["certificate"]
    assert body["supersedes"] == {
        "certificate_sha256": sha256_of(first.certificate),
        "act_sha256": sha256_of(act),
    }
    assert body["entries"]["last"] == number
    assert "supersedes" not in json.loads(first.certificate)["certificate"]
    assert verify_act(act=act, certificate=first.certificate, public_key_pem=month.keyring.public_key_pem) == ()
    said = json.loads(act)["act"]
    assert (said["prepared_by"], said["approved_by"], said["month"]) == (MAKER, CHECKER, "2026-10")
    assert said["reason"] == "Frais oubliés par la banque."
    assert said["log_head"]["size"] == 9
    assert findings(month) == []


def test_the_documents_of_the_first_close_stay_and_the_second_carries_both_certificates(db_engine: Engine) -> None:
    month, first = closed(db_engine)
    with reading(db_engine) as db:
        kept = kept_documents(db, territory_id=1, close_id=first.close_id)
    month.ask_reopening(first)
    month.reopen(first)
    post_in_october(month)
    second = close_again(month)
    month.keep(second)

    with reading(db_engine) as db:
        assert kept_documents(db, territory_id=1, close_id=first.close_id) == kept
        files = month_package(
            db, territory_id=1, month=OCTOBER, public_key_pem=month.keyring.public_key_pem, now=moment(20, 12)
        )
        assert files == kept_documents(db, territory_id=1, close_id=second.close_id)
    found = {file.name: file.content.decode("latin-1") for file in files}
    assert found["close-certificate.json"] == second.certificate
    assert found["close-certificate-1.json"] == first.certificate
    assert "reopening-act-1.json" in found
    assert {file.name for file in kept} == found.keys() - {"close-certificate-1.json", "reopening-act-1.json"}


def test_a_reopening_is_refused_without_reason_alone_unasked_or_without_kept_documents(db_engine: Engine) -> None:
    month, close = closed(db_engine, kept=False)

    with pytest.raises(errors.ReopeningReasonMissing):
        month.ask_reopening(close, reason="  ")
    with pytest.raises(errors.ReopeningNotPrepared):
        month.reopen(close)
    month.ask_reopening(close)
    with pytest.raises(errors.ReopeningMakerIsChecker):
        month.reopen(close, actor=MAKER)
    with pytest.raises(errors.DocumentsNotKept):
        month.reopen(close)
    month.keep(close)
    month.reopen(close)
    for again in (month.ask_reopening, month.reopen):
        with pytest.raises(errors.CloseNotClosed):
            again(close)


def test_only_the_last_month_is_reopened(db_engine: Engine) -> None:
    month, october = closed(db_engine)
    month.import_(
        statement_xml(
            identifier="REL-2026-11",
            opening=FUNDED_CENTS - 5_550,
            from_on=NOVEMBER.first_day,
            to_on=NOVEMBER.last_day,
        ),
        now=moment(1, 12),
    )
    november = month.approve(month.prepare(NOVEMBER, now=moment(2, 12)), now=moment(2, 12, hour=10))
    month.keep(november)

    with pytest.raises(errors.NotTheLastClose):
        month.ask_reopening(october, now=moment(3, 12))
    month.ask_reopening(november, now=moment(3, 12))
    month.reopen(november, now=moment(4, 12))
    month.ask_reopening(october, now=moment(4, 12, hour=11))
    month.reopen(october, now=moment(4, 12, hour=12))
    with reading(db_engine) as db:
        assert closed_through(db, territory_id=1) is None


def attacks(close_id: int) -> list[tuple[str, ...]]:
    """Ways to open a closed month by hand, with the database's password and its guards up."""
    asked = (
        "INSERT INTO close_reopenings (territory_id, close_id, reason, prepared_by, prepared_at_ms, act)"
        f" VALUES (1, {close_id}, 'x', 'staff:3', 1, '')"
    )
    alone = (
        "INSERT INTO close_reopenings (territory_id, close_id, reason, prepared_by, prepared_at_ms, approved_by,"
        f" approved_at_ms, act) VALUES (1, {close_id}, 'x', 'staff:3', 1, 'staff:3', 2, 'x')"
    )
    unreasoned = alone.replace("'x', 'staff:3', 1, 'staff:3'", "' ', 'staff:3', 1, 'staff:4'")
    at_once = alone.replace("'staff:3', 2", f"'staff:4', {REOPENED_MS}")
    remembered = (
        "INSERT INTO reopened_periods (territory_id, ends_on, closed_at_ms, starts_on, last_entry_id,"
        " reopened_entry_id, reopened_at_ms) SELECT territory_id, ends_on, closed_at_ms, starts_on, last_entry_id,"
        f" last_entry_id, {REOPENED_MS} FROM closed_periods"
    )
    return [
        ("DELETE FROM closed_periods",),
        ("UPDATE closed_periods SET ends_on = '2026-09-30'",),
        ("UPDATE closes SET state = 'reopened'",),
        ("UPDATE closes SET state = 'prepared', approved_by = NULL, certificate = '', closed_at_ms = NULL",),
        (alone,),
        (unreasoned,),
        (at_once, remembered, "DELETE FROM closed_periods"),
        (remembered, "DELETE FROM closed_periods"),
        (asked, remembered, "DELETE FROM closed_periods"),
        (asked, "UPDATE close_reopenings SET approved_by = 'staff:3', approved_at_ms = 2, act = 'x'"),
        (asked, "DELETE FROM close_reopenings"),
        ("DELETE FROM close_documents",),
        ("UPDATE close_documents SET compressed = sha256",),
        ("DELETE FROM period_balances",),
        ("UPDATE period_balances SET debits_cents = 0",),
    ]


def test_a_closed_month_stays_closed_to_raw_sql(db_engine: Engine) -> None:
    month, close = closed(db_engine)

    for attack in attacks(close.close_id):
        with pytest.raises((IntegrityError, DatabaseError, Refusal), match=REFUSED):
            run(db_engine, *attack)

        with reading(db_engine) as db:
            assert closed_through(db, territory_id=1) == OCTOBER.last_day, attack
            assert close_of(db, territory_id=1, close_id=close.close_id) == close, attack
    with pytest.raises(PeriodClosed):
        post_in_october(month)


def test_an_old_reopening_opens_no_second_close(db_engine: Engine) -> None:
    month, first = reopened(db_engine)
    post_in_october(month)
    close_again(month)

    for attack in (
        "DELETE FROM closed_periods",
        "UPDATE closes SET state = 'reopened' WHERE id = 2",
        "UPDATE close_reopenings SET close_id = 2",
        "UPDATE close_reopenings SET reason = 'y'",
        "DELETE FROM reopened_periods",
        "UPDATE reopened_periods SET reopened_at_ms = reopened_at_ms + 1",
        f"UPDATE closes SET state = 'closed' WHERE id = {first.close_id}",
    ):
        with pytest.raises((IntegrityError, DatabaseError, Refusal), match=REFUSED):
            run(db_engine, attack)


def test_a_month_is_not_closed_again_before_it_was_reopened(db_engine: Engine) -> None:
    month, _ = reopened(db_engine)
    post_in_october(month)
    again = month.prepare(now=moment(6, 11))

    with pytest.raises(Exception, match="closed_before_reopened"):
        month.approve(again, now=moment(5, 11, hour=10))
    month.approve(again, now=moment(5, 11, hour=11))


UNDONE = {
    "an act changed": ("UPDATE close_reopenings SET act = REPLACE(act, 'banque', 'bonque')", "act_signature_wrong"),
    "a reason changed": ("UPDATE close_reopenings SET reason = 'autre'", "reopening_differs"),
    "an approver changed": ("UPDATE close_reopenings SET approved_by = 'staff:9'", "reopening_differs"),
    "a reopening taken away": ("DELETE FROM close_reopenings", "reopening_missing"),
    "the first close taken away": ("DELETE FROM closes WHERE id = 1", "close_supersedes_another"),
    "the lock let go forgotten": ("DELETE FROM reopened_periods", "reopened_lock_missing"),
    "a balance kept changed": (
        "UPDATE period_balances SET credits_cents = credits_cents + 1 WHERE kind = 3",
        "close_balances_differ",
    ),
    "a document changed": (
        "UPDATE close_documents SET compressed = sha256 WHERE position = 1",
        "close_document_altered",
    ),
    "a document taken away": ("DELETE FROM close_documents WHERE position = 1", "close_document_altered"),
    "all documents taken away": ("DELETE FROM close_documents", "close_document_altered"),
    "an entry recorded while the month was closed": (
        "UPDATE reopened_periods SET reopened_entry_id = reopened_entry_id + 1",
        "entry_in_closed_period",
    ),
}


def test_verify_names_what_no_longer_says_how_a_month_was_reopened(db_engine: Engine) -> None:
    month, _ = reopened(db_engine)
    post_in_october(month)
    close_again(month)
    take_the_guards_down(db_engine)
    assert findings(month) == []

    for fault, (statement, code) in UNDONE.items():
        with db_engine.connect() as db:
            db.execute(text(statement))
            verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
            db.rollback()
        assert code in {finding.code for finding in verdict.findings}, fault


def test_the_audit_knows_a_month_reopened_from_one_undone(db_engine: Engine, tmp_path: Path) -> None:
    month, first = closed(db_engine)

    def export(name: str) -> Path:
        with reading(db_engine) as db:
            export_for_audit(
                db,
                territory_id=1,
                path=tmp_path / name,
                public_key_pem=month.keyring.public_key_pem,
                sign=month.keyring.sign,
                now=moment(7, 11),
            )
        return tmp_path / name

    older = export("older")
    month.ask_reopening(first)
    month.reopen(first)
    number = post_in_october(month)
    close_again(month)
    newer = export("newer")

    assert audit(newer, older=older).findings == []

    def forget(lines: list[dict]) -> None:
        lines.remove(of_type(lines, "reopening")[0])

    def move(lines: list[dict]) -> None:
        of_type(lines, "reopening")[0]["reopened_entry"] = number

    forgotten = {each.code for each in audit(falsified(newer, tmp_path / "forgotten", forget), older=older).findings}
    assert "period_undone" in forgotten
    moved = {each.code for each in audit(falsified(newer, tmp_path / "moved", move), older=older).findings}
    assert "entry_in_closed_period" in moved


def test_the_balances_kept_are_the_sums_of_the_entries_and_the_next_month_starts_from_them(db_engine: Engine) -> None:
    month, close = closed(db_engine)
    month.world.now_ms = int(moment(9, 11).timestamp() * 1000)
    month.world.charge(7, month.shops[0].id, 300)

    with reading(db_engine) as db:
        kept = kept_of(db, territory_id=1, ends_on=OCTOBER.last_day, closed_at_ms=close.closed_at_ms or 0)
        assert kept == balances_through(db, territory_id=1, last_day=OCTOBER.last_day)
        after = balances_at_end(db, territory_id=1, last_day=NOVEMBER.last_day)
        assert after == balances_through(db, territory_id=1, last_day=NOVEMBER.last_day)
        assert after != kept
        assert (
            count_month(db, territory_id=1, month=NOVEMBER).through_entry_id
            == head_of(db, territory_id=1).last_entry_id
        )


def test_what_was_posted_after_the_count_is_in_the_close(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    with reading(db_engine) as db:
        counted = count_month(db, territory_id=1, month=OCTOBER)
    post_in_october(month)
    month.world.now_ms = int(moment(2, 11).timestamp() * 1000)
    month.world.charge(7, month.shops[0].id, 300)

    close = month.approve(month.prepare(counted=counted), counted=counted)

    owed = json.loads(close.certificate)["certificate"]["owed_cents"]
    assert owed == 30_000 - 5_250 + 700
    assert all(check.ok for check in close.checks)
    with reading(db_engine) as db:
        kept = kept_of(db, territory_id=1, ends_on=OCTOBER.last_day, closed_at_ms=close.closed_at_ms or 0)
        assert kept == balances_through(db, territory_id=1, last_day=OCTOBER.last_day)
