"""PINs hashed at the old cost still open their cards, are hashed again when typed, and nothing tells them meanwhile."""

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Engine, text

from monnaie_locale.commands.verification_trail import check_trail
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.keyring import OLD_LANES, OLD_MEMORY_KIB, OLD_PASSES, is_old_hash
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import NOW
from tests.factories.wallets import AGENT, CountingKeyring, Holder, ask, holder, random_bytes
from wallets.codes.card_token import draw_card_number
from wallets.errors import CardRefused
from wallets.operations.cards import block_card

TOWN = {"territory_id": TERRITORY_ID}


class OldKeyring(CountingKeyring):
    """Hashes as the service did until November 2026."""

    def hash_secret(self, secret: str) -> str:
        argon2 = Argon2id(
            salt=random_bytes(16), length=32, iterations=OLD_PASSES, lanes=OLD_LANES, memory_cost=OLD_MEMORY_KIB,
            secret=self._pepper,
        )  # fmt: skip
        return argon2.derive_phc_encoded(secret.encode())


class Noting(CountingKeyring):
    """Notes whether each evaluation costs as much as an old one."""

    def __init__(self, **keys: object) -> None:
        super().__init__(**keys)  # type: ignore[arg-type]
        self.costs: list[bool] = []

    def check_secret(self, hashed: str, secret: str, *, as_old: bool = False) -> bool:
        self.costs.append(as_old or is_old_hash(hashed))
        return super().check_secret(hashed, secret, as_old=as_old)

    def waste_time(self, secret: str, *, as_old: bool = False) -> None:
        self.costs.append(as_old)
        super().waste_time(secret, as_old=as_old)


@pytest.fixture
def keys() -> Noting:
    made_now = Noting.generate(random_bytes)
    assert isinstance(made_now, Noting)
    return made_now


def old_holder(engine: Engine, keys: Noting, reference: str) -> Holder:
    """Give a household a card whose PIN was hashed at the old cost."""
    from_before = OldKeyring(pepper=keys._pepper, sealing_keys=keys._sealing_keys, signing_key=keys._signing_key)
    return holder(engine, from_before, reference)


def hash_of(engine: Engine, card_id: int) -> str:
    with reading(engine) as db:
        found = db.scalar(text("SELECT pin_hash FROM cards WHERE id = :id"), {"id": card_id})
    assert isinstance(found, str)
    return found


def refused(engine: Engine, keys: Noting, code: str, pin: str) -> None:
    with pytest.raises(CardRefused):
        ask(engine, keys, code, 100, pin=pin)


def test_an_old_pin_is_hashed_again_when_it_is_typed(db_engine: Engine, keys: Noting) -> None:
    open_world(db_engine)
    owner = old_holder(db_engine, keys, "M-1")
    food = made.programme(db_engine)
    made.distributed(db_engine, food.programme_id, [(owner.wallet.wallet_id, 1_000)])
    card_id = owner.card.card_id
    before = hash_of(db_engine, card_id)
    assert is_old_hash(before)
    refused(db_engine, keys, owner.card.token, owner.wrong_pin)
    assert hash_of(db_engine, card_id) == before
    assert ask(db_engine, keys, owner.card.token, 100, pin=owner.card.pin).with_pin
    after = hash_of(db_engine, card_id)
    assert not is_old_hash(after)
    refused(db_engine, keys, owner.card.token, owner.wrong_pin)
    assert ask(db_engine, keys, owner.card.token, 100, pin=owner.card.pin).with_pin
    assert hash_of(db_engine, card_id) == after
    # The audit trail knows of it: a hash that nobody typed the PIN for is still found.
    with reading(db_engine) as db:
        assert list(check_trail(db, **TOWN, public_key_pem=keys.public_key_pem)) == []
        assert db.scalar(text("SELECT actor FROM audit_events WHERE action = 'card.rehash-pin'")) == f"holder:{card_id}"
    with db_engine.begin() as db:
        db.execute(text("UPDATE cards SET pin_hash = :old WHERE id = :id"), {"old": before, "id": card_id})
    with reading(db_engine) as db:
        assert [found.code for found in check_trail(db, **TOWN, public_key_pem=keys.public_key_pem)] == ["card_altered"]


def test_while_an_old_hash_remains_every_evaluation_costs_as_much(db_engine: Engine, keys: Noting) -> None:
    open_world(db_engine)
    old, new, blocked = old_holder(db_engine, keys, "M-1"), *(holder(db_engine, keys, f"M-{n}") for n in (2, 3))
    transact(db_engine, block_card, **TOWN, card_id=blocked.card.card_id, actor=AGENT, now=NOW)
    asked = [
        (old.card.number, old.wrong_pin),
        (new.card.number, new.wrong_pin),
        (blocked.card.number, blocked.card.pin),
        (draw_card_number(random_bytes), "7305"),
    ]
    for code, pin in asked:
        refused(db_engine, keys, code, pin)
    assert keys.costs == [True] * len(asked)
    # The desk ends the old card: nothing of the old cost is left, for anybody.
    transact(db_engine, block_card, **TOWN, card_id=old.card.card_id, actor=AGENT, now=NOW)
    keys.costs.clear()
    for code, pin in asked:
        refused(db_engine, keys, code, pin)
    assert keys.costs == [False] * len(asked)


def test_todays_hash_has_the_prefix_by_which_the_database_tells_it(db_engine: Engine, keys: Noting) -> None:
    open_world(db_engine)
    holder(db_engine, keys, "M-1")
    old = "state = 'active' AND substr(pin_hash, 1, 30) <> '$argon2id$v=19$m=7168,t=5,p=1$'"
    of_the_index = f"SELECT count(*) FROM cards WHERE {old}"
    with reading(db_engine) as db:
        assert db.scalar(text(of_the_index)) == 0
    old_holder(db_engine, keys, "M-2")
    with reading(db_engine) as db:
        assert db.scalar(text(of_the_index)) == 1
