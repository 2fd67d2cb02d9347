"""A balance moves to another wallet, two households become one: by two people, and to the cent."""

import datetime
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import api_keys
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.journal.queries import entry_of, purses_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes import app as programmes_app
from monnaie_locale.programmes.operations.paying_out import post_distribution
from tests.factories import programmes as made
from tests.factories.ledger import EXPIRES_ON, TERRITORY_ID, World, open_world
from tests.factories.programmes import CHECKER, NOW
from tests.factories.site import build_site
from tests.factories.vandal import run, take_the_guards_down
from tests.factories.wallets import AGENT, CountingKeyring, Holder, ask, holder, keyring, pay
from wallets import app as wallets_app
from wallets import queries
from wallets.model import CardState, MoveKind, MoveState, WalletMove
from wallets.operations.enrolling import erase_household
from wallets.operations.moving import approve_move, cancel_move, prepare_move

SOON = datetime.date(2026, 10, 31)
TOWN = {"territory_id": TERRITORY_ID}


@dataclass
class Town:
    """Two households: the first one has 70 € until the end of the year and 30 € until the end of October."""

    engine: Engine
    world: World
    keys: CountingKeyring
    first: Holder
    second: Holder

    def prepare(self, kind: MoveKind = MoveKind.MOVE, **more: object) -> WalletMove:
        asked = {"from_wallet_id": self.first.wallet.wallet_id, "to_wallet_id": self.second.wallet.wallet_id}
        return transact(self.engine, prepare_move, **TOWN, kind=kind, actor=AGENT, now=NOW, **(asked | more))

    def approve(self, move_id: int = 1, *, actor: str = CHECKER) -> WalletMove:
        return transact(self.engine, approve_move, **TOWN, move_id=move_id, actor=actor, now=NOW)

    def held(self, who: Holder) -> dict[datetime.date, int]:
        with reading(self.engine) as db:
            purses = purses_of(db, **TOWN, wallet_id=who.wallet.wallet_id)
        return {purse.expires_on: purse.balance_cents for purse in purses if purse.balance_cents}

    def findings(self) -> list[str]:
        with reading(self.engine) as db:
            verdict = verify_installation(db, **TOWN, public_key_pem=self.keys.public_key_pem)
        return [finding.code for finding in verdict.findings]


@pytest.fixture
def town(db_engine: Engine) -> Town:
    world = open_world(db_engine)
    keys = keyring()
    food = made.programme(db_engine)
    given = Town(db_engine, world, keys, holder(db_engine, keys, "D-1"), holder(db_engine, keys, "D-2"))
    for cents, day in ((7_000, EXPIRES_ON), (3_000, SOON)):
        made.distributed(db_engine, food.programme_id, [(given.first.wallet.wallet_id, cents)], expires_on=day)
    made.distributed(db_engine, food.programme_id, [(given.second.wallet.wallet_id, 500)])
    return given


def code_of(asked: object, *args: object, **more: object) -> str:
    with pytest.raises(Refusal) as refused:
        asked(*args, **more)  # type: ignore[operator]
    return refused.value.code


def test_a_balance_moves_whole_by_one_entry_once_another_person_approves(town: Town) -> None:
    prepared = town.prepare()
    assert town.held(town.second) == {EXPIRES_ON: 500}, "nothing moves before"
    assert code_of(town.approve, actor=AGENT) == "maker_is_checker"
    # What is spent meanwhile is not moved.
    pay(town.world, ask(town.engine, town.keys, town.first.card.token), 1_000)
    posted = town.approve()
    assert (posted.state, posted.approved_by, prepared.state) == (MoveState.POSTED, CHECKER, MoveState.PREPARED)
    assert town.held(town.first) == {}
    assert town.held(town.second) == {EXPIRES_ON: 7_500, SOON: 2_000}
    with reading(town.engine) as db:
        entry = entry_of(db, **TOWN, entry_id=posted.entry_id or 0).entry
    assert (entry.kind, entry.amount_cents, entry.caller) == (EntryKind.WALLET_MOVE, 9_000, CHECKER)
    assert code_of(town.approve) == "wallet_move_ended"
    # Both cards stay, the second one pays with what arrived.
    pay(town.world, ask(town.engine, town.keys, town.second.card.token, pin=town.second.card.pin), 2_500)
    assert town.findings() == []


def test_a_merge_ends_the_cards_and_the_wallet_and_what_comes_late_can_still_follow(town: Town) -> None:
    late = made.approved(town.engine, 1, [(town.first.wallet.wallet_id, 400)])
    made.fund(town.engine, 1, 400)
    town.prepare(MoveKind.MERGE)
    town.approve()
    assert sum(town.held(town.second).values()) == 10_500
    with reading(town.engine) as db:
        cards = queries.cards_of(db, **TOWN, wallet_id=town.first.wallet.wallet_id)
        assert [card.state for card in cards] == [CardState.BLOCKED]
        assert queries.wallet_of_household(db, **TOWN, household_id=town.first.household_id) is None
    assert code_of(ask, town.engine, town.keys, town.first.card.token) == "card_refused"
    assert code_of(town.prepare, MoveKind.MERGE) == "wallet_closed"
    assert code_of(town.prepare) == "wallet_empty"
    # A distribution that had been decided before the merge.
    post_distribution(town.engine, **TOWN, distribution_id=late.distribution_id, actor=CHECKER, now=NOW)
    assert town.prepare().move_id == 2
    town.approve(2)
    assert sum(town.held(town.second).values()) == 10_900
    assert town.findings() == []


def test_each_refusal_has_its_reason(town: Town) -> None:
    first, second = town.first.wallet.wallet_id, town.second.wallet.wallet_id
    assert code_of(town.prepare, to_wallet_id=first) == "wallet_move_to_itself"
    assert code_of(town.prepare, to_wallet_id=99) == "wallet_unknown"
    assert code_of(town.approve, 99) == "wallet_move_unknown"
    town.prepare()
    # Waiting on one side or the other.
    assert code_of(town.prepare) == "wallet_move_waiting"
    assert code_of(town.prepare, from_wallet_id=second, to_wallet_id=first) == "wallet_move_waiting"
    cancelled = transact(town.engine, cancel_move, **TOWN, move_id=1, actor=AGENT, now=NOW)
    assert (cancelled.state, cancelled.entry_id) == (MoveState.CANCELLED, None)
    assert code_of(town.approve) == "wallet_move_ended"
    town.prepare()
    transact(town.engine, erase_household, **TOWN, household_id=town.second.household_id, actor=AGENT, now=NOW)
    assert code_of(town.approve, 2) == "household_erased"
    assert sum(town.held(town.first).values()) == 10_000


ATTACKS = {
    "UPDATE wallet_moves SET state = 'posted', approved_by = prepared_by, ended_at_ms = 1, entry_id = 1": "two_people",
    "UPDATE wallet_moves SET state = 'posted', ended_at_ms = 1, entry_id = 1": "ck_wallet_moves_approved",
    "UPDATE wallet_moves SET state = 'posted', approved_by = 'staff:2', ended_at_ms = 1": "ck_wallet_moves_entry",
    "UPDATE wallet_moves SET prepared_by = 'staff:9'": "wallet_move_frozen",
    "UPDATE wallet_moves SET to_wallet_id = 1, from_wallet_id = 2": "wallet_move_frozen",
    "DELETE FROM wallet_moves": "wallet_move_frozen",
    "INSERT INTO wallet_moves SELECT territory_id, 7, kind, 2, 1, 'posted', prepared_by, 1, 'staff:2', 1, 1"
    " FROM wallet_moves": "wallet_move_not_fresh",
}


@pytest.mark.parametrize("statement", ATTACKS)
def test_a_move_resists_raw_sql(statement: str, town: Town) -> None:
    town.prepare()
    with pytest.raises((DBAPIError, Refusal)) as refused:
        transact(town.engine, lambda db: db.execute(text(statement)))
    said = str(refused.value.__cause__ or refused.value)
    assert ATTACKS[statement] in said or "wallet_move_frozen" in said


def test_a_decision_that_is_rewritten_is_found(town: Town) -> None:
    """The negative control: without the trigger, the audit trail still knows who prepared."""
    town.prepare()
    town.approve()
    assert town.findings() == []
    drop = "DROP TRIGGER wallet_moves_keep" + (" ON wallet_moves" if town.engine.dialect.name == "postgresql" else "")
    for statement in (drop, "UPDATE wallet_moves SET prepared_by = 'staff:9'"):
        transact(town.engine, lambda db, done=statement: db.execute(text(done)))
    assert "preparer_differs" in town.findings()


def test_over_json_the_agent_prepares_and_only_an_approver_approves(db_engine: Engine) -> None:
    def with_everything(app: Flask) -> None:
        programmes_app.init_app(app)
        wallets_app.init_app(app)

    site = build_site(db_engine, init=with_everything)
    food = made.programme(db_engine)
    holders = [holder(db_engine, site.rt.keyring, reference) for reference in ("D-1", "D-2")]
    made.distributed(db_engine, food.programme_id, [(holders[0].wallet.wallet_id, 1_500)])
    keys = {}
    for role in (Role.AGENT, Role.APPROVER):
        person = {"kind": SubjectKind.STAFF, "subject_id": site.staff(role).staff_id, "label": "essai"}
        more = {"actor": "job:test", "now": site.clock(), "random_bytes": site.rt.random_bytes}
        keys[role] = transact(db_engine, api_keys.issue_api_key, **TOWN, **person, **more)

    def send(role: Role, path: str, body: object = None, *, key: str = "k1"):
        headers = {"Authorization": f"Bearer {keys[role]}", "Idempotency-Key": key}
        return site.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)

    prepared = send(Role.AGENT, "/wallets/1/moves", {"to_wallet_id": 2, "kind": "merge"})
    assert (prepared.status_code, prepared.json["state"]) == (201, "prepared")
    assert send(Role.AGENT, "/wallets/1/moves", {"to_wallet_id": 2, "kind": "merge"}).json == prepared.json
    assert send(Role.AGENT, "/wallet-moves/1/approve", key="k2").status_code == 403
    posted = send(Role.APPROVER, "/wallet-moves/1/approve")
    assert posted.json["state"] == "posted"
    assert send(Role.APPROVER, "/wallet-moves/1/approve").json == posted.json
    assert send(Role.AGENT, "/wallet-moves/1/cancel", key="k3").json["code"] == "wallet_move_ended"
    listed = site.app.test_client().get("/api/v1/wallet-moves", headers={"Authorization": f"Bearer {keys[Role.AGENT]}"})
    assert [move["move_id"] for move in listed.json["moves"]] == [1]


# What was done by hand -> the SQL -> the code that verify must give.
FORGED_MOVES = {
    "a move that disappeared": ("DELETE FROM wallet_moves", "wallet_move_missing"),
    "a move said to be another entry's": ("UPDATE wallet_moves SET entry_id = entry_id - 1", "wallet_move_differs"),
    "a move approved by another": (
        "UPDATE wallet_moves SET approved_by = 'staff:77'",
        "wallet_move_differs",
    ),
}


@pytest.mark.parametrize("fault", FORGED_MOVES)
def test_a_move_that_is_not_that_of_its_entry_is_named(town: Town, fault: str) -> None:
    town.approve(town.prepare().move_id)
    take_the_guards_down(town.engine)
    assert town.findings() == []  # the control
    statement, code = FORGED_MOVES[fault]
    run(town.engine, statement)
    assert code in town.findings()
