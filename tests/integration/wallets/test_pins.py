"""PINs: five tries whatever happens in parallel, and never a PIN in clear anywhere on the disk."""

import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import NOW
from tests.factories.wallets import AGENT, ask, holder, keyring, random_bytes, wallet
from wallets import pin_check
from wallets.errors import CardRefused, PinLocked
from wallets.model import CardSecrets
from wallets.operations.cards import draw_secrets, issue_cards
from wallets.queries import card_of

TOWN = {"territory_id": TERRITORY_ID}


def tries_left(engine: Engine, card_id: int) -> int:
    with reading(engine) as db:
        return card_of(db, **TOWN, card_id=card_id).tries_left


@pytest.mark.parametrize("processes", ["one", "several"])
def test_twelve_thieves_at_once_get_five_tries(
    db_engine: Engine, processes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if processes == "several":
        # The turns of a process are unknown to the others: the database alone holds the limit.
        monkeypatch.setattr(pin_check, "_TURNS", (contextlib.nullcontext(),))
    open_world(db_engine)
    keys = keyring()
    victim = holder(db_engine, keys)
    before = keys.evaluations

    def guess(number: int) -> type[Refusal]:
        wrong = f"{(int(victim.card.pin) + 1 + number) % 10_000:04d}"
        with pytest.raises(Refusal) as refused:
            ask(db_engine, keys, victim.card.token, 100, pin=wrong)
        return type(refused.value)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(guess, range(12)))
    assert keys.evaluations - before == 5
    assert sorted(answer.__name__ for answer in answers) == ["CardRefused"] * 5 + ["PinLocked"] * 7
    assert tries_left(db_engine, victim.card.card_id) == 0


def test_twelve_payments_at_once_with_the_right_pin_lock_nothing(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    owner = holder(db_engine, keys)
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(owner.wallet.wallet_id, 1_000)])

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, db_engine, keys, owner.card.token, 100, pin=owner.card.pin) for _ in range(12)]
        assert all(each.result().with_pin for each in asked)
    assert tries_left(db_engine, owner.card.card_id) == 5


def test_a_try_is_lost_even_when_the_check_never_ends(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    victim = holder(db_engine, keys)

    class Killed(BaseException):
        pass

    class Interrupted(type(keys)):  # type: ignore[misc]
        def check_secret(self, hashed: str, secret: str) -> bool:
            raise Killed

    broken = Interrupted.generate()
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(Killed):
            ask(db_engine, broken, victim.card.token, 100, pin=victim.wrong_pin)
        assert tries_left(db_engine, victim.card.card_id) == left
    with pytest.raises(PinLocked):
        ask(db_engine, keys, victim.card.token, 100, pin=victim.card.pin)


def test_a_right_pin_gives_the_tries_back(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    owner = holder(db_engine, keys)
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(owner.wallet.wallet_id, 1_000)])
    for _ in range(4):
        with pytest.raises(CardRefused):
            ask(db_engine, keys, owner.card.token, 100, pin=owner.wrong_pin)
    assert tries_left(db_engine, owner.card.card_id) == 1
    ask(db_engine, keys, owner.card.token, 100, pin=owner.card.pin)
    assert tries_left(db_engine, owner.card.card_id) == 5


def test_a_malformed_pin_takes_no_try(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    owner = holder(db_engine, keys)
    for pin in ("", "123", "12345", "12a4", "１２３４", " 1234"):
        with pytest.raises(Refusal) as refused:
            ask(db_engine, keys, owner.card.token, 100, pin=pin)
        assert refused.value.code == "pin_malformed"
    assert tries_left(db_engine, owner.card.card_id) == 5


def test_the_secrets_of_a_card_are_nowhere_on_the_disk_or_in_the_logs(db_engine: Engine, tmp_path: Path) -> None:
    canary = "CANARY" * 6
    open_world(db_engine)
    keys = keyring()
    opened = wallet(db_engine, keys, "DOSSIER-SECRET-77")
    (drawn,) = draw_secrets(count=1, keyring=keys, random_bytes=random_bytes)
    # A PIN of four digits would be found by chance: this one would not, and is treated like any other.
    planted = CardSecrets(token=drawn.token, number=drawn.number, pin=canary, pin_hash=keys.hash_secret(canary))
    log = StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        (issued,) = transact(
            db_engine,
            issue_cards,
            **TOWN,
            wallet_ids=[opened.wallet_id],
            secrets=[planted],
            random_bytes=random_bytes,
            actor=AGENT,
            now=NOW,
        )
        with pytest.raises(CardRefused):
            ask(db_engine, keys, issued.token, 100, pin="9753")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)
    assert canary not in repr(issued)
    assert issued.token not in repr(issued)
    stored = everything_stored(db_engine) + log.getvalue().encode()
    for secret in (canary, issued.token, "DOSSIER-SECRET-77", "Famille"):
        assert secret.encode() not in stored
    # The search does find what is there.
    assert issued.number.encode() in stored


def everything_stored(engine: Engine) -> bytes:
    """Return the database file and its write-ahead log, or every row of every table as text."""
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        return b"".join(path.read_bytes() for path in (database, Path(f"{database}-wal")) if path.exists())
    with reading(engine) as db:
        tables = db.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        rows = [str(row) for table in tables for row in db.execute(text(f'SELECT t::text FROM "{table}" t'))]
    return "\n".join(rows).encode()
