"""Whatever is asked, in whatever order, money is neither made nor lost, and the books verify."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.post import post
from monnaie_locale.journal.queries import balances_of, head_of
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import verify
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds, IssueExceedsReserve
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import NOON_MS, TERRITORY_ID, World, open_world, posting

KEYRING = Keyring.generate(lambda size: bytes(range(size)))
WALLETS = st.integers(1, 3)
SHOPS = st.integers(1, 2)
AMOUNTS = st.integers(1, 900)
ISSUES = {EntryKind.DISTRIBUTION, EntryKind.GUARANTEE_FUNDED}


class Books(RuleBasedStateMachine):
    """The real ledger beside a model in one dictionary: they must agree on every balance and every refusal."""

    @initialize()
    def open_books(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        engine = open_engine(f"sqlite:///{Path(self.folder.name) / 'books.sqlite'}", pool_size=2)
        upgrade(engine)
        self.world: World = open_world(engine)
        self.model: dict[str, int] = {"reserve": 0, "funds": 0, "charges": 0}
        self.posted: dict[str, tuple[Draw, ...]] = {}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.engine.dispose()
            self.folder.cleanup()

    def _move(self, source: str, target: str, amount_cents: int) -> None:
        self.model[source] = self.model.get(source, 0) - amount_cents
        self.model[target] = self.model.get(target, 0) + amount_cents

    def _do(self, kind: EntryKind, draw: Draw, source: str, target: str) -> None:
        owed = sum(value for name, value in self.model.items() if name.startswith(("w", "s", "guarantee")))
        short = self.model.get(source, 0) < draw.amount_cents and source not in {"reserve", "charges"}
        over = kind in ISSUES and owed + draw.amount_cents > -self.model["reserve"]
        try:
            self.world.do(kind, draw)
        except (InsufficientFunds, IssueExceedsReserve):
            assert short or over
        else:
            assert not short
            assert not over
            self.posted[f"k{self.world.keys}"] = (draw,)
            self._move(source, target, draw.amount_cents)

    @rule(amount_cents=AMOUNTS)
    def fund(self, amount_cents: int) -> None:
        draw = Draw((self.world.single(AccountKind.RESERVE),), self.world.funds(), amount_cents)
        self._do(EntryKind.FUNDING, draw, "reserve", "funds")

    @rule(amount_cents=st.integers(1, 50))
    def bank_takes_a_fee(self, amount_cents: int) -> None:
        draw = Draw(
            (self.world.single(AccountKind.BANK_CHARGES),), self.world.single(AccountKind.RESERVE), amount_cents
        )
        self._do(EntryKind.BANK_CHARGE, draw, "charges", "reserve")

    @rule(wallet=WALLETS, amount_cents=AMOUNTS)
    def issue(self, wallet: int, amount_cents: int) -> None:
        draw = Draw((self.world.funds(),), self.world.purse(wallet), amount_cents)
        self._do(EntryKind.DISTRIBUTION, draw, "funds", f"w{wallet}")

    @rule(wallet=WALLETS, shop=SHOPS, amount_cents=AMOUNTS)
    def charge(self, wallet: int, shop: int, amount_cents: int) -> None:
        draw = Draw((self.world.purse(wallet),), self.world.shop(shop), amount_cents)
        self._do(EntryKind.CHARGE, draw, f"w{wallet}", f"s{shop}")

    def _guarantee(self) -> int:
        return self.world.account(AccountKind.OFFLINE_GUARANTEE, programme=1)

    @rule(amount_cents=AMOUNTS)
    def fund_the_guarantee(self, amount_cents: int) -> None:
        draw = Draw((self.world.funds(),), self._guarantee(), amount_cents)
        self._do(EntryKind.GUARANTEE_FUNDED, draw, "funds", "guarantee")

    @rule(amount_cents=AMOUNTS)
    def take_the_guarantee_back(self, amount_cents: int) -> None:
        draw = Draw((self._guarantee(),), self.world.funds(), amount_cents)
        self._do(EntryKind.GUARANTEE_RETURNED, draw, "guarantee", "funds")

    @rule(wallet=WALLETS, shop=SHOPS, amount_cents=AMOUNTS)
    def charge_offline(self, wallet: int, shop: int, amount_cents: int) -> None:
        held, behind = self.model.get(f"w{wallet}", 0), self.model.get("guarantee", 0)
        draw = Draw((self.world.purse(wallet), self._guarantee()), self.world.shop(shop), amount_cents)
        try:
            self.world.do(EntryKind.CHARGE, draw)
        except InsufficientFunds:
            assert held + behind < amount_cents
            return
        assert held + behind >= amount_cents
        self.posted[f"k{self.world.keys}"] = (draw,)
        from_purse = min(held, amount_cents)
        self._move(f"w{wallet}", f"s{shop}", from_purse)
        self._move("guarantee", f"s{shop}", amount_cents - from_purse)

    @rule(wallet=WALLETS, shop=SHOPS, amount_cents=AMOUNTS)
    def refund(self, wallet: int, shop: int, amount_cents: int) -> None:
        draw = Draw((self.world.shop(shop),), self.world.purse(wallet), amount_cents)
        self._do(EntryKind.REFUND, draw, f"s{shop}", f"w{wallet}")

    @rule(data=st.data(), other=st.booleans())
    def send_a_key_again(self, data: st.DataObject, *, other: bool) -> None:
        if not self.posted:
            return
        key = data.draw(st.sampled_from(sorted(self.posted)))
        (draw,) = self.posted[key]
        again = Draw(draw.sources, draw.target, draw.amount_cents + other)
        try:
            answer = transact(
                self.world.engine, post, posting(EntryKind.CHARGE, again, key=key), recorded_at_ms=NOON_MS
            )
        except IdempotencyKeyReused:
            assert other
        else:
            assert answer.replayed
            assert not other

    @invariant()
    def the_model_and_the_books_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        accounts = {f"w{number}": self.world.purse(number) for number in (1, 2, 3)}
        accounts |= {f"s{number}": self.world.shop(number) for number in (1, 2)}
        accounts |= {"funds": self.world.funds(), "reserve": self.world.single(AccountKind.RESERVE)}
        accounts |= {"guarantee": self._guarantee()}
        with reading(self.world.engine) as db:
            stored = balances_of(db, territory_id=TERRITORY_ID, account_ids=accounts.values())
            head = head_of(db, territory_id=TERRITORY_ID)
        for name, account_id in accounts.items():
            assert stored[account_id].net_credit_cents == self.model.get(name, 0), name
        assert head.last_entry_id == len(self.posted)
        assert sum(self.model.values()) == 0

    @rule()
    def seal_and_verify(self) -> None:
        transact(self.world.engine, seal, territory_id=TERRITORY_ID, sign=KEYRING.sign, now_ms=NOON_MS)
        with reading(self.world.engine) as db:
            verdict = verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem)
        # A fee may leave the reserve short: that is flagged, and nothing else is ever wrong.
        assert {finding.code for finding in verdict.findings} <= {"reserve_short"}


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
