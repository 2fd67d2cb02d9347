"""A crash between the cut of a month and the rendering of its documents changes nothing that they say."""

import json

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.closing.certificate import canonical_bytes, verify_certificate
from monnaie_locale.closing.package import month_package
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.merchants import admit
from tests.factories.month import OCTOBER, Month2026, moment, open_month
from tests.factories.vandal import run, take_the_guards_down

# What people may change while nobody has rendered the documents of the month that was cut.
CHANGED_LATER = (
    "UPDATE merchants SET name = 'Autre nom', iban = 'FR7630004000031234567890143', street = 'Autre rue' WHERE id = 1",
    "UPDATE territories SET issuer_name = 'Autre association', issuer_town = 'Ailleurs'",
    "UPDATE programmes SET name = 'Autre nom de dispositif', decision_reference = 'D-AUTRE'",
)


def cut(engine: Engine) -> Month2026:
    """Return a month that was approved, by a process that died before it rendered anything."""
    month = open_month(engine)
    month.live()
    month.approve(month.prepare())
    return month


def rendered(month: Month2026) -> dict[str, bytes]:
    with reading(month.engine) as db:
        files = month_package(
            db, territory_id=1, month=OCTOBER, public_key_pem=month.keyring.public_key_pem, now=moment(20, 12)
        )
    return {file.name: file.content for file in files}


def findings(month: Month2026) -> set[str]:
    with reading(month.engine) as db:
        verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
    return {each.code for each in verdict.findings}


def test_documents_rendered_after_a_crash_say_what_the_registers_said_at_the_cut(db_engine: Engine) -> None:
    month = cut(db_engine)
    without_a_crash = rendered(month)
    run(db_engine, *CHANGED_LATER)
    admit(month.world, 9)
    month.world.now_ms = instant_ms(moment(5, 11))
    month.world.charge(7, month.shops[0].id, 100)

    assert rendered(month) == without_a_crash
    # The close stands; that the shop's row was changed by hand is another finding.
    assert findings(month) == {"shop_altered"}
    # Without what the close kept, the same documents would say what the registers say today.
    take_the_guards_down(db_engine)
    run(db_engine, "DELETE FROM close_facts")
    later = rendered(month)
    differing = {name for name in later if later[name] != without_a_crash[name]}
    assert {
        "payouts.xml",
        "statement-C0001-2026-10.pdf",
        "compte-emploi-2026-10.csv",
        "reconciliation.pdf",
    } <= differing
    assert findings(month) == {"shop_altered", "close_facts_differ"}


@pytest.mark.parametrize(
    ("tampered", "code"),
    [
        ("UPDATE close_facts SET facts = REPLACE(facts, 'Boulangerie', 'Boulangorie')", "close_facts_differ"),
        ("UPDATE period_flows SET amount_cents = amount_cents + 1 WHERE debit_kind = 3", "close_balances_differ"),
        ("DELETE FROM period_flows", "close_balances_differ"),
    ],
)
def test_what_a_close_keeps_is_held_by_its_certificate(db_engine: Engine, tampered: str, code: str) -> None:
    month = cut(db_engine)
    with pytest.raises(Exception, match="append_only"):
        run(db_engine, tampered)
    take_the_guards_down(db_engine)
    run(db_engine, tampered)

    assert findings(month) == {code}


def test_a_month_closed_by_an_older_version_still_verifies(db_engine: Engine) -> None:
    month = cut(db_engine)
    take_the_guards_down(db_engine)
    with reading(db_engine) as db:
        body = json.loads(db.scalar(text("SELECT certificate FROM closes")))["certificate"]
    older = {name: said for name, said in body.items() if name not in {"facts_sha256", "kept_sha256"}}
    signed = json.dumps({"certificate": older, "signature": month.keyring.sign(canonical_bytes(older)).hex()})
    run(
        db_engine,
        "UPDATE closes SET certificate = :signed",
        "DELETE FROM close_facts",
        "DELETE FROM period_flows",
        signed=signed,
    )

    assert verify_certificate(certificate=signed, public_key_pem=month.keyring.public_key_pem) == ()
    assert findings(month) == set()
    assert rendered(month)["compte-emploi-2026-10.csv"]


def test_nothing_is_kept_for_a_month_that_is_closed_already(db_engine: Engine) -> None:
    cut(db_engine)
    for attack, refused in (
        (
            "INSERT INTO close_facts (territory_id, close_id, facts) VALUES (1, 1, '{}')",
            "append_only|facts_after_close",
        ),
        (
            "INSERT INTO period_flows VALUES (1, '2026-10-31', 1, 1, 1, 2, 5)",
            "flow_without_period",
        ),
    ):
        with pytest.raises(Exception, match=refused):
            run(db_engine, attack)
