"""PINs: five tries whatever happens in parallel, and never a PIN in clear anywhere on the disk."""

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from tests.factories import programmes as made
from tests.factories.guesser import Guesser
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import NOW
from tests.factories.wallets import AGENT, CountingKeyring, ask, holder, keyring, random_bytes, wallet
from wallets import pin_check
from wallets.errors import CardRefused, PinLocked
from wallets.model import CardSecrets
from wallets.operations.cards import draw_secrets, issue_cards
from wallets.paying import authorisation
from wallets.queries import card_of

TOWN = {"territory_id": TERRITORY_ID}


def tries_left(engine: Engine, card_id: int) -> int:
    with reading(engine) as db:
        return card_of(db, **TOWN, card_id=card_id).tries_left


def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pin_check, "_TURNS", (contextlib.nullcontext(),) * pin_check.PLACES)


@pytest.mark.parametrize("processes", ["one", "several"])
def test_twelve_thieves_at_once_get_five_tries(
    db_engine: Engine, processes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if processes == "several":
        # The turns of a process are unknown to the others: the database alone holds the limit.
        no_turns(monkeypatch)
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


class HeldKeyring(CountingKeyring):
    """A keyring whose checks take until the test lets them go on."""

    def __init__(self, **keys: object) -> None:
        super().__init__(**keys)  # type: ignore[arg-type]
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def check_secret(self, hashed: str, secret: str, *, as_old: bool = False) -> bool:
        self.begun.release()
        self.go_on.wait()
        return super().check_secret(hashed, secret, as_old=as_old)


@pytest.mark.parametrize("looks", [pin_check.LOOKS_MAX, 0], ids=["looks again", "does not"])
def test_a_sixth_process_waits_for_the_five_that_check_the_same_card(
    db_engine: Engine, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_turns(monkeypatch)
    monkeypatch.setattr(pin_check, "LOOKS_MAX", looks)
    open_world(db_engine)
    keys = HeldKeyring.generate()
    assert isinstance(keys, HeldKeyring)
    owner = holder(db_engine, keys)
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(owner.wallet.wallet_id, 1_000)])
    look = pin_check.a_try_comes_back

    def looks_again(engine: Engine, *, territory_id: int, card_id: int) -> bool:
        assert tries_left(db_engine, owner.card.card_id) == 0
        keys.go_on.set()
        return look(engine, territory_id=territory_id, card_id=card_id)

    monkeypatch.setattr(pin_check, "a_try_comes_back", looks_again)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, db_engine, keys, owner.card.token, 100, pin=owner.card.pin) for _ in range(5)]
        for _ in range(5):
            keys.begun.acquire()
        asked.append(pool.submit(ask, db_engine, keys, owner.card.token, 100, pin=owner.card.pin))
    refused = [each.exception() for each in asked if each.exception()]
    # Who does not look again tells a holder with the right PIN that the card is locked.
    assert [type(each) for each in refused] == ([] if looks else [PinLocked])
    assert tries_left(db_engine, owner.card.card_id) == 5


def test_a_payment_without_pin_waits_for_the_last_try_that_another_payment_holds(
    db_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_world(db_engine)
    keys = HeldKeyring.generate()
    assert isinstance(keys, HeldKeyring)
    owner = holder(db_engine, keys)
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(owner.wallet.wallet_id, 1_000)])
    keys.go_on.set()
    for _ in range(4):
        with pytest.raises(CardRefused):
            ask(db_engine, keys, owner.card.token, 100, pin=owner.wrong_pin)
        keys.begun.acquire()
    keys.go_on.clear()
    look = pin_check.a_try_comes_back

    def looks_again(engine: Engine, *, territory_id: int, card_id: int) -> bool:
        keys.go_on.set()
        return look(engine, territory_id=territory_id, card_id=card_id)

    monkeypatch.setattr(authorisation, "a_try_comes_back", looks_again)
    with ThreadPoolExecutor(1) as pool:
        pinned = pool.submit(ask, db_engine, keys, owner.card.token, 100, pin=owner.card.pin)
        keys.begun.acquire()
        assert tries_left(db_engine, owner.card.card_id) == 0
        assert ask(db_engine, keys, owner.card.token, 100).with_pin is False
        assert pinned.result().with_pin is True
    assert keys.go_on.is_set(), "the payment without PIN did look again"


def test_whoever_plays_with_a_locked_card_keeps_few_threads_waiting(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    victim = holder(db_engine, keys)
    for _ in range(5):
        with pytest.raises(CardRefused):
            ask(db_engine, keys, victim.card.token, 100, pin=victim.wrong_pin)
    looked: list[str] = []
    event.listen(db_engine, "before_cursor_execute", lambda *call: looked.append(call[2].lstrip()))

    def knock(_: int) -> None:
        with pytest.raises(PinLocked):
            ask(db_engine, keys, victim.card.token, 100, pin=victim.card.pin)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(knock, range(12)))
    looks = sum(statement.startswith("SELECT cards.tries_left") for statement in looked)
    assert pin_check.LOOKS_MAX <= looks < 12 * pin_check.LOOKS_MAX


def test_two_workers_and_the_one_after_a_restart_evaluate_five_wrong_pins_together(
    db_engine: Engine, tmp_path: Path
) -> None:
    open_world(db_engine)
    keys = keyring()
    keys.save(tmp_path / "keyring.json")
    victim = holder(db_engine, keys)
    workers = [Guesser(db_engine, tmp_path / "keyring.json", card_code=victim.card.token) for _ in range(3)]
    for worker in workers:
        worker.wait_until_ready()
    for number, worker in enumerate(workers[:2]):
        worker.begin([f"{(int(victim.card.pin) + 1 + number * 6 + guess) % 10_000:04d}" for guess in range(6)])
    said = [worker.end() for worker in workers[:2]]
    answers = [answer for each, _ in said for answer in each]
    assert sum(evaluations for _, evaluations in said) == 5
    assert sorted(answers) == ["card_refused"] * 5 + ["pin_locked"] * 7
    # A process that begins when the others are gone: the sixth try is refused unseen, though it is right.
    workers[2].begin([victim.card.pin])
    assert workers[2].end() == (["pin_locked"], 0)


def test_a_worker_with_tries_left_does_evaluate(db_engine: Engine, tmp_path: Path) -> None:
    """The control of the test above: the same process answers otherwise when the card is not locked."""
    open_world(db_engine)
    keys = keyring()
    keys.save(tmp_path / "keyring.json")
    owner = holder(db_engine, keys)
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(owner.wallet.wallet_id, 1_000)])
    worker = Guesser(db_engine, tmp_path / "keyring.json", card_code=owner.card.token)
    worker.wait_until_ready()
    worker.begin([owner.wrong_pin, owner.card.pin])
    assert worker.end() == (["card_refused", ""], 2)


def test_a_try_is_lost_even_when_the_check_never_ends(db_engine: Engine) -> None:
    open_world(db_engine)
    keys = keyring()
    victim = holder(db_engine, keys)

    class Killed(BaseException):
        pass

    class Interrupted(type(keys)):  # type: ignore[misc]
        def check_secret(self, hashed: str, secret: str, *, as_old: bool = False) -> bool:
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
