"""Whoever guesses learns nothing: unknown, blocked, locked and wrong get one answer after the same work.

What is compared is the work itself, never the time: every statement with the rows it changed, every commit, every PIN
evaluation.
"""

from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, Engine, event, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import NOW
from tests.factories.wallets import AGENT, CountingKeyring, Holder, ask, holder, keyring, random_bytes
from wallets import pin_check
from wallets.codes.card_token import draw_card_number, draw_token
from wallets.operations.cards import block_card, reset_pin

TOWN = {"territory_id": TERRITORY_ID}
GUESSES = 6
WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Work:
    """What was asked of the database since `done` was cleared."""

    engine: Engine
    done: list[str] = field(default_factory=list)
    rows: int = 0

    def __post_init__(self) -> None:
        event.listen(self.engine, "begin", self._begun)
        event.listen(self.engine, "after_cursor_execute", self._executed)
        event.listen(self.engine, "commit", self._committed)

    def _begun(self, db: Connection) -> None:
        self.rows = -db.connection.dbapi_connection.total_changes if db.dialect.name == "sqlite" else 0

    def _executed(self, db: Connection, cursor, statement: str, *_: object) -> None:
        word = statement.split(maxsplit=1)[0].upper()
        # Which row is written does not matter, that one is does: the disk is waited for.
        self.done.append("WRITE" if word in WRITES else word)
        if word in WRITES and db.dialect.name == "postgresql":
            self.rows += cursor.rowcount

    def _committed(self, db: Connection) -> None:
        rows = self.rows + (db.connection.dbapi_connection.total_changes if db.dialect.name == "sqlite" else 0)
        self.done.append(f"COMMIT {rows}")


@dataclass
class Town:
    """Two cards, one of them blocked, and a number and a code that nobody has."""

    engine: Engine
    keys: CountingKeyring
    active: Holder
    blocked: Holder
    work: Work

    def guess(self, code: str, pin: str) -> tuple[object, ...]:
        """Return everything a guesser could notice: the answer, and the work behind it."""
        self.work.done.clear()
        before = self.keys.evaluations
        with pytest.raises(Refusal) as refused:
            ask(self.engine, self.keys, code, 100, pin=pin)
        said = refused.value
        return (type(said).__name__, said.details, said.sentence(), self.keys.evaluations - before, *self.work.done)


@pytest.fixture
def town(db_engine: Engine) -> Town:
    open_world(db_engine)
    keys = keyring()
    active, blocked = holder(db_engine, keys, "M-1"), holder(db_engine, keys, "M-2")
    transact(db_engine, block_card, **TOWN, card_id=blocked.card.card_id, actor=AGENT, now=NOW)
    return Town(db_engine, keys, active, blocked, Work(db_engine))


def test_a_number_that_nobody_has_is_answered_as_one_that_somebody_has(town: Town) -> None:
    asked = {
        "unknown": (draw_card_number(random_bytes), "7305"),
        "wrong": (town.active.card.number, town.active.wrong_pin),
        "blocked, and right": (town.blocked.card.number, town.blocked.card.pin),
        "blocked, and wrong": (town.blocked.card.number, town.blocked.wrong_pin),
    }
    seen = {name: [town.guess(code, pin) for _ in range(GUESSES)] for name, (code, pin) in asked.items()}
    every = {answer for answers in seen.values() for answer in map(str, answers)}
    assert len(every) == 1, every
    answer = seen["unknown"][0]
    assert answer[0] == "CardRefused"
    assert answer[3] == 1
    assert answer[-2:] == ("WRITE", "COMMIT 1")
    # Locked in truth, by the fifth: the right PIN opens nothing any more, until the desk gives another.
    assert town.guess(town.active.card.number, town.active.card.pin) == answer
    with reading(town.engine) as db:
        assert set(db.scalars(text("SELECT tries_left FROM cards"))) == {0}
    new = transact(
        town.engine, reset_pin, **TOWN, card_id=town.active.card.card_id, keyring=town.keys, random_bytes=random_bytes,
        actor=AGENT, now=NOW,
    )  # fmt: skip
    with pytest.raises(Refusal) as refused:
        ask(town.engine, town.keys, town.active.card.number, 100, pin=new.pin)
    assert refused.value.code == "insufficient_funds"


def test_without_its_decoy_an_unknown_number_would_be_told_by_its_work(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the comparison does see a write that is missing."""
    wrong = town.guess(town.active.card.number, town.active.wrong_pin)
    assert town.guess(draw_card_number(random_bytes), "7305") == wrong
    monkeypatch.setattr(pin_check, "WRITE_DECOY", text("SELECT 1 WHERE :territory_id <> :place OR true"))
    assert town.guess(draw_card_number(random_bytes), "7305") != wrong


def test_a_thief_with_the_card_does_not_learn_that_it_was_reported(town: Town) -> None:
    wrong = [town.guess(town.active.card.token, town.active.wrong_pin) for _ in range(GUESSES)]
    blocked = [town.guess(town.blocked.card.token, town.blocked.card.pin) for _ in range(GUESSES)]
    assert [each[:4] for each in blocked] == [each[:4] for each in wrong]
    assert wrong[:5] == blocked[:5]
    assert [each[0] for each in blocked] == ["CardRefused"] * 5 + ["PinLocked"] * (GUESSES - 5)
    # A code that nobody has: five tries look the same. The hundred bits of a code are not found by trying.
    assert town.guess(draw_token(random_bytes), "7305") == wrong[0]


def test_what_is_typed_for_no_card_leaves_sixty_four_counts_and_nothing_else(town: Town) -> None:
    for _ in range(3):
        town.guess(draw_card_number(random_bytes), "7305")
    with reading(town.engine) as db:
        rows = db.execute(text("SELECT * FROM decoy_tries")).all()
    assert sum(row[2] for row in rows) == 3
    assert all(len(row) == 3 and 0 <= row[1] < pin_check.PLACES for row in rows)
