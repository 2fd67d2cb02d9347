"""A town drawn from a seed: two months lived through the service's own operations, so that every table has rows."""

import datetime
import random
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from merchants.charging.charge import charge
from merchants.charging.refund import refund
from merchants.model import Till
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes.operations.distributing import approve_distribution, prepare_distribution
from monnaie_locale.programmes.operations.expiring import expire_purses
from monnaie_locale.programmes.operations.paying_out import post_distribution
from tests.factories.ledger import TERRITORY_ID, open_world, territory
from tests.factories.market import issue
from tests.factories.merchants import paired
from tests.factories.month import CHECKER, MAKER, Month2026, moment, open_month_in
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard
from wallets.operations.cards import reset_pin

SOON = datetime.date(2026, 10, 14)
LATER = datetime.date(2026, 12, 31)
HOUSEHOLDS = 3
EXPECTED = frozenset({"insufficient_funds", "pin_required", "purse_expired", "debt_limit_reached"})


@dataclass
class RandomWorld:
    """A town after its two months."""

    month: Month2026
    tills: tuple[Till, ...]
    cards: tuple[IssuedCard, ...]
    writer: Writer
    now: datetime.datetime

    @property
    def engine(self) -> Engine:
        return self.month.engine

    @property
    def keyring(self) -> Keyring:
        return self.month.keyring

    def verdict(self, db: Connection) -> Verdict:
        """Verify the whole installation."""
        return verify_installation(db, territory_id=TERRITORY_ID, public_key_pem=self.keyring.public_key_pem)

    def verified(self) -> Verdict:
        """Verify what is stored now."""
        with reading(self.engine) as db:
            return self.verdict(db)

    def seal(self) -> None:
        """Sign the heads, as the background sealer does every few seconds."""
        for step in (seal, seal_audit):
            transact(self.engine, step, territory_id=TERRITORY_ID, sign=self.keyring.sign, now_ms=instant_ms(self.now))

    def spend(self, rng: random.Random, count: int) -> None:
        """Charge, and give back some of it; what is refused is refused."""
        for _ in range(count):
            self.now += datetime.timedelta(minutes=rng.randint(1, 90))
            till = rng.choice(self.tills)
            card = rng.choice(self.cards)
            key = f"c{rng.getrandbits(64):x}"
            try:
                receipt = charge(
                    engine=self.engine, keyring=self.keyring, writer=self.writer, territory_id=TERRITORY_ID,
                    host=territory().host, till=till, card_code=card_url(host=territory().host, token=card.token),
                    amount_cents=rng.randint(1, 900), idempotency_key=key, now=self.now,
                )  # fmt: skip
                if rng.random() < 0.4:
                    refund(
                        engine=self.engine, writer=self.writer, territory_id=TERRITORY_ID, till=till,
                        charge_entry_id=receipt.entry_id, amount_cents=rng.choice([None, 1]),
                        idempotency_key=f"r{key}", now=self.now,
                    )  # fmt: skip
            except Refusal as refusal:
                # A card with nothing left, or five payments without PIN: the town goes on.
                if refusal.code not in EXPECTED:
                    raise
            if rng.random() < 0.2:
                self.seal()

    def close(self) -> None:
        """Let another person approve what was prepared; the verdict is the whole installation's."""
        self.month.approve(self.month.prepare())

    def distribute(self, rng: random.Random, expires_on: datetime.date) -> None:
        """Prepare, approve and post aid for every household."""
        lines = [(card.wallet_id, rng.randint(1_000, 6_000)) for card in self.cards]
        common = {"territory_id": TERRITORY_ID, "now": self.now}
        made = transact(
            self.engine, prepare_distribution, programme_id=1, lines=lines, expires_on=expires_on, label="Aide",
            actor=MAKER, **common,
        )  # fmt: skip
        number = {"distribution_id": made.distribution_id, "actor": CHECKER}
        transact(self.engine, approve_distribution, **number, **common)
        post_distribution(self.engine, **number, **common)


def random_world(engine: Engine, rng: random.Random) -> RandomWorld:
    """Live October, close it, live a little of November: aid, charges, refunds, expiry, payout, new PIN, statements."""
    month = open_month_in(open_world(engine))
    cards = tuple(issue(month.world, month.keyring, reference=f"M-{rng.getrandbits(32)}") for _ in range(HOUSEHOLDS))
    tills = tuple(paired(month.world, shop) for shop in month.shops)
    world = RandomWorld(month, tills, cards, Writer(engine, clock_ms=lambda: instant_ms(world.now)), moment(6))
    month.import_(month.first_statement(), now=moment(11))
    world.distribute(rng, SOON)
    world.distribute(rng, LATER)
    world.spend(rng, rng.randint(4, 8))
    transact(
        engine, reset_pin, territory_id=TERRITORY_ID, card_id=rng.choice(cards).card_id, keyring=month.keyring,
        random_bytes=rng.randbytes, actor=MAKER, now=world.now,
    )  # fmt: skip
    world.now = max(world.now, moment(20))
    transact(engine, expire_purses, territory_id=TERRITORY_ID, programme_id=1, actor=MAKER, now=world.now)
    for till, card in zip(tills, cards, strict=False):
        _sure_charge(world, till, card)
    payout = month.pay()
    month.import_(month.second_statement(payout))
    world.now = moment(2, 11)
    world.close()
    world.spend(rng, rng.randint(2, 4))
    world.seal()
    return world


def _sure_charge(world: RandomWorld, till: Till, card: IssuedCard) -> None:
    """Charge with the first PIN or without: each shop is owed something when it is paid."""
    world.month.world.charge(card.wallet_id, till.merchant_id, 500)
