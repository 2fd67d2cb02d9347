"""Admitting, changing, suspending, pairing: each leaves its line in the audit trail, and closes what it must."""

import datetime
import json
import os

import pytest
from sqlalchemy import Connection, Engine, text

from merchants import errors
from merchants.queries import find_merchant, find_till, list_merchants, merchant_by_code
from merchants.register_digests import shop_digests
from merchants.shops.operations import (
    change_iban,
    open_till,
    pair_till,
    renew_pairing,
    resume_merchant,
    suspend_merchant,
    unpair_till,
)
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import queries as identity
from monnaie_locale.identity import tokens
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.journal.directory import Owner, find_accounts
from monnaie_locale.ledger.accounts import AccountKind
from tests.factories.ledger import World, open_world
from tests.factories.merchants import MANAGER, MINUTE, NOW, admit, chance, iban, paired, pairing


@pytest.fixture
def world(db_engine: Engine) -> World:
    return open_world(db_engine)


def execute(db: Connection, statement: str) -> None:
    db.execute(text(statement))


def trail(world: World) -> list[tuple[str, str]]:
    with reading(world.engine) as db:
        events = identity.audit_events_page(db, territory_id=1, offset=0, limit=50)
    return [(event.action, event.target) for event in events]


def sessions(world: World) -> int:
    with world.engine.connect() as db:
        return db.scalar(text("SELECT count(*) FROM sessions WHERE subject_kind = 'till'"))


def test_a_shop_is_admitted_with_its_accounts_and_a_short_code(world: World) -> None:
    merchant = admit(world)
    assert (merchant.id, merchant.code, merchant.is_active) == (1, "C0001", True)
    owners = [Owner(kind, merchant_id=1) for kind in (AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT)]
    with reading(world.engine) as db:
        assert set(find_accounts(db, territory_id=1, owners=owners)) == set(owners)
        assert merchant_by_code(db, territory_id=1, code=" c0001 ") == merchant
    assert trail(world) == [("merchant.admit", "merchant:1")]


def test_a_siret_is_admitted_once(world: World) -> None:
    admit(world)
    with pytest.raises(errors.SiretAlreadyAdmitted):
        admit(world)
    admit(world, 2)
    # The database says so too, and its answer is the same refusal.
    with pytest.raises(errors.SiretAlreadyAdmitted):
        transact(world.engine, execute, "UPDATE merchants SET siret = (SELECT min(siret) FROM merchants)")


def test_a_changed_account_is_on_the_trail_by_its_ends_only(world: World) -> None:
    admit(world)
    changed = transact(world.engine, change_iban, territory_id=1, merchant_id=1, iban=iban(99), actor=MANAGER, now=NOW)
    assert changed.iban == iban(99)
    with reading(world.engine) as db:
        newest = identity.audit_events_page(db, territory_id=1, offset=0, limit=1)[0]
        digest = shop_digests(db, territory_id=1)[1]
    assert json.loads(newest.detail) == {"before": iban(1)[-4:], "after": iban(99)[-4:], "sha256": digest}
    assert iban(99) not in newest.detail


def test_a_suspended_shop_opens_no_till_and_pairs_none(world: World) -> None:
    merchant = admit(world)
    _, code = pairing(world, merchant)
    suspended = {"territory_id": 1, "merchant_id": 1, "actor": MANAGER, "now": NOW}
    transact(world.engine, suspend_merchant, reason="fermeture", **suspended)
    with pytest.raises(errors.MerchantSuspended):
        pairing(world, merchant, label="Deux")
    with pytest.raises(errors.PairingCodeSpent):
        transact(world.engine, pair_till, territory_id=1, code=code, now=NOW, random_bytes=chance())
    with reading(world.engine) as db:
        assert list_merchants(db, territory_id=1, only_active=True) == []
    transact(world.engine, resume_merchant, **suspended)
    with reading(world.engine) as db:
        assert find_merchant(db, territory_id=1, merchant_id=1).is_active


def test_a_code_pairs_once_within_a_quarter_of_an_hour(world: World) -> None:
    merchant = admit(world)
    till, code = pairing(world, merchant)
    assert not till.is_paired
    with pytest.raises(errors.PairingCodeSpent):
        transact(world.engine, pair_till, territory_id=1, code=code, now=NOW + 15 * MINUTE, random_bytes=chance())
    after = NOW + 15 * MINUTE - datetime.timedelta(milliseconds=1)
    paired_till, token = transact(
        world.engine, pair_till, territory_id=1, code=code.lower(), now=after, random_bytes=chance()
    )
    assert paired_till.is_paired
    assert token
    with pytest.raises(errors.PairingCodeSpent):
        transact(world.engine, pair_till, territory_id=1, code=code, now=NOW, random_bytes=chance("b"))


def test_a_new_code_voids_the_one_before_and_pairing_signs_the_old_device_out(world: World) -> None:
    merchant = admit(world)
    till, old = pairing(world, merchant)
    common = {"territory_id": 1, "now": NOW}
    new = transact(world.engine, renew_pairing, till_id=till.id, actor=MANAGER, random_bytes=chance("new"), **common)
    with pytest.raises(errors.PairingCodeSpent):
        transact(world.engine, pair_till, code=old, random_bytes=chance("a"), **common)
    transact(world.engine, pair_till, code=new, random_bytes=chance("a"), **common)
    again = transact(world.engine, renew_pairing, till_id=till.id, actor=MANAGER, random_bytes=chance("x"), **common)
    transact(world.engine, pair_till, code=again, random_bytes=chance("y"), **common)
    assert sessions(world) == 1


def test_pairing_another_device_ends_the_keys_of_the_one_before(world: World) -> None:
    till = paired(world, admit(world))
    other = paired(world, admit(world, 2))
    key, others = (till_key(world, each.id) for each in (till, other))
    common = {"territory_id": 1, "now": NOW}
    code = transact(world.engine, renew_pairing, till_id=till.id, actor=MANAGER, random_bytes=chance("n"), **common)
    assert [subject_of(world, each) for each in (key, others)] == [till.id, other.id]
    transact(world.engine, pair_till, code=code, random_bytes=chance("d"), **common)
    assert [subject_of(world, each) for each in (key, others)] == [None, other.id]
    assert subject_of(world, till_key(world, till.id)) == till.id


def till_key(world: World, till_id: int) -> str:
    return transact(
        world.engine,
        issue_api_key,
        territory_id=1,
        kind=SubjectKind.TILL,
        subject_id=till_id,
        label="test",
        actor=MANAGER,
        now=NOW,
        random_bytes=os.urandom,
    )


def subject_of(world: World, key: str) -> int | None:
    with reading(world.engine) as db:
        digest = tokens.digest(key)
        found = identity.find_api_keys(db, territory_id=1, token_digests=[digest]).get(digest)
    return None if found is None else found[1]


def test_an_unpaired_till_has_no_session_left(world: World) -> None:
    till = paired(world, admit(world))
    assert sessions(world) == 1
    transact(world.engine, unpair_till, territory_id=1, till_id=till.id, actor=MANAGER, now=NOW)
    assert sessions(world) == 0
    with reading(world.engine) as db:
        assert not find_till(db, territory_id=1, till_id=till.id).is_paired


@pytest.mark.parametrize("label", ["", "   ", "x" * 41, "a\x00b"])
def test_a_till_has_a_name(world: World, label: str) -> None:
    admit(world)
    with pytest.raises(errors.TillLabelInvalid):
        transact(
            world.engine,
            open_till,
            territory_id=1,
            merchant_id=1,
            label=label,
            actor=MANAGER,
            now=NOW,
            random_bytes=chance(),
        )


def test_neither_code_nor_account_is_in_the_trail(world: World) -> None:
    merchant = admit(world)
    _, code = pairing(world, merchant)
    with world.engine.connect() as db:
        written = " ".join(db.scalars(text("SELECT detail || target || actor FROM audit_events")).all())
    assert code not in written
    assert merchant.iban not in written
