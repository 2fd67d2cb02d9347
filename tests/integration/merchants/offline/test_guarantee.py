"""What a purse no longer holds is paid by the programme's offline guarantee: within it, flagged, and nothing else."""

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from merchants.charging.charge import LATE_MAX, find_charge
from merchants.charging.refund import refund
from merchants.model import OfflineAnswer, Receipt
from merchants.offline.charges import refused_offline
from merchants.offline.guarantee import guarantee_paid
from merchants.queries import merchant_accounts
from merchants.statements.movements import day_movements
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.journal.queries import entry_of, head_of
from monnaie_locale.journal.sealer import seal
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import InsufficientFunds
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import PinRule
from tests.factories.guarantee import TOWN, code_of, device_of, guarantee_cents, guaranteed, send
from tests.factories.ledger import NOON_MS
from tests.factories.market import Market, issue, open_market
from tests.factories.merchants import NOW
from tests.factories.phones import bound_phone
from tests.factories.till_device import Device
from tests.factories.vandal import run, take_the_guards_down
from wallets.errors import CardRefused
from wallets.holders.history import history_of
from wallets.model import IssuedCard
from wallets.operations.cards import block_card
from wallets.paying.offline_guarantee import END_UNKNOWN_MAX
from wallets.shops import NoShops

HOUR = datetime.timedelta(hours=1)
DAY = 24 * HOUR


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine, cents=1_000)
    yield opened
    opened.writer.stop()


@pytest.fixture
def device(market: Market) -> Device:
    return device_of(market)


def paid(answer: OfflineAnswer) -> Receipt:
    assert answer.receipt is not None, answer
    return answer.receipt


def take(market: Market, device: Device, cents: int, *, card: IssuedCard | None = None, at=None) -> OfflineAnswer:
    return send(market, device.sign(code_of(card or market.card), cents, at=at or market.now - HOUR))


def findings(market: Market) -> list[str]:
    with reading(market.engine) as db:
        verdict = verify_installation(db, **TOWN, public_key_pem=market.keyring.public_key_pem)
    return [finding.code for finding in verdict.findings]


def test_an_offline_day_with_three_short_purses_is_paid_and_the_one_beyond_the_guarantee_is_listed(
    market: Market, device: Device
) -> None:
    """Four households hold 10 €, each takes 15 €; the guarantee holds 16 €."""
    guaranteed(market.engine, 1_600)
    cards = [market.card, *(issue(market.world, market.keyring, reference=f"M-{number}") for number in (2, 3, 4))]
    for card in cards[1:]:
        market.world.issue(card.wallet_id, 1_000)
    with reading(market.engine) as db:
        before = head_of(db, **TOWN)
    day = [device.sign(code_of(card), 1_500, at=market.now - HOUR) for card in cards]

    answers = [send(market, signed) for signed in day]
    again = [send(market, signed) for signed in [*day, *day]]

    assert [answer.refusal_code for answer in answers] == [None, None, None, "offline_guarantee_short"]
    assert [paid(answer).guaranteed_cents for answer in answers[:3]] == [500, 500, 500]
    assert [answer.refusal_code for answer in again] == [answer.refusal_code for answer in answers] * 2
    assert guarantee_cents(market.engine) == 100, "replays are harmless"
    assert market.owed() == 4_500
    purses = [market.cents(market.world.purse(card.wallet_id)) for card in cards]
    assert purses == [0, 0, 0, 1_000], "who is refused has paid nothing"
    with reading(market.engine) as db:
        listed = refused_offline(db, **TOWN, merchant_id=market.merchant.id)
        # Moved within what is owed: nothing was issued.
        after = head_of(db, **TOWN)
    assert [each.amount_cents for each in listed] == [1_500]
    assert "CCAS" in listed[0].sentence
    assert (after.owed_cents, after.reserve_cents) == (before.owed_cents, before.reserve_cents)
    assert findings(market) == []


def test_the_purse_pays_first_and_the_receipt_tells_the_part_of_the_guarantee_and_not_what_it_holds(
    market: Market, device: Device
) -> None:
    guaranteed(market.engine, 9_000)
    enough, short = paid(take(market, device, 400)), paid(take(market, device, 900))
    assert (enough.guaranteed_cents, enough.remaining_cents) == (0, 600)
    assert (short.guaranteed_cents, short.remaining_cents, short.amount_cents) == (300, 0, 900)
    with reading(market.engine) as db:
        entry = entry_of(db, **TOWN, entry_id=short.entry_id).entry
        movements = day_movements(db, **TOWN, merchant_id=market.merchant.id, day=NOW.date())
    assert entry.kind is EntryKind.CHARGE
    assert [line.debit_kind for line in entry.transfers] == [AccountKind.PURSE, AccountKind.OFFLINE_GUARANTEE]
    assert [each.guaranteed_cents for each in movements] == [300, 0]
    shown = find_charge(market.engine, **TOWN, till=market.till, idempotency_key="off2")
    assert shown is not None
    assert (shown.guaranteed_cents, shown.remaining_cents) == (300, 0)


def test_the_holder_reads_plainly_what_was_paid_beside_the_purse(market: Market, device: Device) -> None:
    guaranteed(market.engine, 9_000)
    take(market, device, 1_400)
    with reading(market.engine) as db:
        line = history_of(db, **TOWN, wallet_id=market.card.wallet_id, shops=NoShops(), limit=1)[0]
    assert (line.amount_cents, line.guaranteed_cents) == (-1_000, 400)


def test_a_payment_with_network_never_draws_on_the_guarantee(market: Market, device: Device) -> None:
    guaranteed(market.engine, 9_000)
    with pytest.raises(InsufficientFunds):
        market.charge(1_001)
    late = {"happened_at": market.now - HOUR, "key": "late"}
    with pytest.raises(InsufficientFunds):
        market.charge(1_001, **late)  # type: ignore[arg-type]
    assert market.charge(1_001, key="part", partial=True).amount_cents == 1_000
    assert guarantee_cents(market.engine) == 9_000
    # The control.
    assert paid(take(market, device, 500)).guaranteed_cents == 500


def test_each_programme_pays_in_the_order_of_the_purses_and_only_those_of_the_card_at_this_shop(
    market: Market, device: Device
) -> None:
    """Programme 1 sells food, programme 2 transport: to a food shop, only the first one's guarantee pays."""
    market.world.fund(50_000, programme=2)
    market.world.issue(market.card.wallet_id, 700, programme=2)
    guaranteed(market.engine, 5_000, programme=2)
    assert take(market, device, 1_200).refusal_code == "offline_guarantee_short"
    guaranteed(market.engine, 5_000)
    assert paid(take(market, device, 1_200)).guaranteed_cents == 200
    assert guarantee_cents(market.engine, programme=2) == 5_000
    assert market.purse(programme=2) == 700
    # Once the second one is for food too, its purse pays before any guarantee.
    run(market.engine, "UPDATE programme_categories SET category = 'food' WHERE programme_id = 2")
    assert paid(take(market, device, 1_000)).guaranteed_cents == 300
    assert (guarantee_cents(market.engine), market.purse(programme=2)) == (4_500, 0)


def test_a_guarantee_that_ends_is_followed_by_that_of_the_next_programme(market: Market, device: Device) -> None:
    market.world.fund(50_000, programme=2)
    market.world.issue(market.card.wallet_id, 100, programme=2)
    run(market.engine, "UPDATE programme_categories SET category = 'food' WHERE programme_id = 2")
    for programme in (1, 2):
        guaranteed(market.engine, 200, programme=programme)
    assert take(market, device, 1_501).refusal_code == "offline_guarantee_short"
    assert paid(take(market, device, 1_350)).guaranteed_cents == 250
    assert [guarantee_cents(market.engine, programme=each) for each in (1, 2)] == [0, 150]


def test_a_programme_that_asks_for_the_pin_guarantees_nothing_without_it(market: Market, device: Device) -> None:
    guaranteed(market.engine, 9_000)
    market.charge(1_000)
    run(market.engine, f"UPDATE programmes SET pin_rule = '{PinRule.ABOVE}', pin_above_cents = 1000 WHERE id = 1")
    assert take(market, device, 1_001).refusal_code == "offline_guarantee_short"
    assert paid(take(market, device, 1_000)).guaranteed_cents == 1_000


def test_neither_an_expired_purse_nor_one_for_other_shops_nor_an_unknown_card_is_guaranteed(
    market: Market, device: Device
) -> None:
    guaranteed(market.engine, 9_000)
    stranger = issue(market.world, market.keyring, reference="M-9")
    assert take(market, device, 500, card=stranger).refusal_code == "offline_guarantee_short", "no purse, no programme"
    market.world.fund(50_000, programme=2)
    market.world.issue(stranger.wallet_id, 900, programme=2)
    assert take(market, device, 500, card=stranger).refusal_code == "merchant_not_eligible"
    old = issue(market.world, market.keyring, reference="M-10")
    gone = market.world.purse(old.wallet_id, expires_on=NOW.date() - DAY)
    market.world.do(EntryKind.DISTRIBUTION, Draw((market.world.funds(),), gone, 900))
    assert take(market, device, 500, card=old).refusal_code == "purse_expired"
    assert guarantee_cents(market.engine) == 9_000


def block(market: Market, *, at: datetime.datetime) -> None:
    transact(
        market.engine, block_card, **TOWN, card_id=market.card.card_id, actor="staff:1", now=at, reason="lost"
    )  # fmt: skip


def test_a_card_blocked_after_the_payment_pays_it_and_one_blocked_before_is_paid_for(
    market: Market, device: Device
) -> None:
    guaranteed(market.engine, 5_000)
    block(market, at=market.now - 2 * HOUR)
    before = paid(take(market, device, 700, at=market.now - 3 * HOUR))
    assert (before.guaranteed_cents, market.purse()) == (0, 300)
    after = paid(take(market, device, 200))
    assert (after.guaranteed_cents, market.purse()) == (200, 300), "who reported a card bears nothing afterwards"
    # With a network, nothing pays.
    with pytest.raises(CardRefused):
        market.charge(100)
    assert guarantee_cents(market.engine) == 4_800
    assert findings(market) == []


def test_a_card_blocked_for_longer_than_a_till_may_be_away_is_refused(market: Market, device: Device) -> None:
    assert END_UNKNOWN_MAX == LATE_MAX
    guaranteed(market.engine, 5_000)
    block(market, at=market.now - HOUR - LATE_MAX - datetime.timedelta(milliseconds=1))
    assert take(market, device, 500).refusal_code == "card_refused"
    assert guarantee_cents(market.engine) == 5_000


def test_the_caps_bound_what_the_guarantee_pays(market: Market, device: Device) -> None:
    guaranteed(market.engine, 9_000)
    market.charge(1_000)
    answers = [take(market, device, cents) for cents in (2_001, 2_000, 2_000, 1)]
    assert [answer.refusal_code for answer in answers] == ["offline_cap_reached", None, None, "offline_cap_reached"]
    assert guarantee_cents(market.engine) == 5_000


def test_a_phone_is_bounded_as_a_card_is_though_each_of_its_codes_is_another(market: Market, device: Device) -> None:
    guaranteed(market.engine, 30_000)
    phone = bound_phone(market.engine, market.card.card_id)
    answers = [
        send(
            market,
            device.sign(phone.code(chance=number), 2_000, at=market.now - datetime.timedelta(seconds=9 - number)),
        )
        for number in range(4)
    ]
    assert [answer.refusal_code for answer in answers] == [None, None, "offline_cap_reached", "offline_cap_reached"]


def test_a_card_that_ended_pays_offline_no_more_often_without_pin_than_before(market: Market, device: Device) -> None:
    """Found by whoever tries each till that is away, it would otherwise empty the guarantee for three days."""
    guaranteed(market.engine, 90_000)
    block(market, at=market.now - 70 * HOUR)
    answers = [take(market, device, 100, at=market.now - number * HOUR) for number in range(60, 53, -1)]
    assert [answer.refusal_code for answer in answers] == [None] * 5 + ["pin_required"] * 2
    assert guarantee_cents(market.engine) == 89_500


def test_charges_sent_at_once_never_bring_the_guarantee_below_zero(market: Market, device: Device) -> None:
    guaranteed(market.engine, 1_100)
    cards = [issue(market.world, market.keyring, reference=f"M-{number}") for number in range(20, 26)]
    for card in cards:
        market.world.issue(card.wallet_id, 100)
    day = [device.sign(code_of(card), 600, at=market.now - HOUR) for card in cards]
    with ThreadPoolExecutor(len(day)) as pool:
        answers = list(pool.map(lambda signed: send(market, signed), day))
    codes = [answer.refusal_code for answer in answers]
    assert sorted(map(str, codes)) == ["None"] * 2 + ["offline_guarantee_short"] * 4
    assert (guarantee_cents(market.engine), market.owed()) == (100, 1_200)


def give_back(market: Market, charge_id: int, cents: int | None, *, key: str) -> Receipt:
    return refund(
        engine=market.engine, writer=market.writer, **TOWN, till=market.till, charge_entry_id=charge_id,
        amount_cents=cents, idempotency_key=key, now=market.now,
    )  # fmt: skip


def test_a_refund_gives_back_to_the_guarantee_first_and_makes_nothing_for_the_holder(
    market: Market, device: Device
) -> None:
    guaranteed(market.engine, 500)
    charge = paid(take(market, device, 1_400))
    assert (market.purse(), guarantee_cents(market.engine)) == (0, 100)
    first = give_back(market, charge.entry_id, 300, key="r1")
    assert (first.guaranteed_cents, market.purse(), guarantee_cents(market.engine)) == (300, 0, 400)
    second = give_back(market, charge.entry_id, 500, key="r2")
    assert (second.guaranteed_cents, market.purse(), guarantee_cents(market.engine)) == (100, 400, 500)
    give_back(market, charge.entry_id, None, key="r3")
    assert (market.purse(), guarantee_cents(market.engine), market.owed()) == (1_000, 500, 0)
    assert findings(market) == []


def test_a_shop_that_was_paid_out_gives_back_to_the_guarantee_too(market: Market, device: Device) -> None:
    guaranteed(market.engine, 500)
    charge = paid(take(market, device, 1_400))
    with reading(market.engine) as db:
        account_id, debt_id = merchant_accounts(db, **TOWN, merchant_id=market.merchant.id)
    transit = market.world.single(AccountKind.PAYOUT_TRANSIT)
    market.world.do(EntryKind.PAYOUT_ORDER, Draw((account_id,), transit, 1_400))
    give_back(market, charge.entry_id, None, key="r1")
    assert (market.purse(), guarantee_cents(market.engine), market.cents(debt_id)) == (1_000, 500, -1_400)


def test_the_verifier_names_a_guarantee_that_paid_what_was_not_taken_offline(market: Market) -> None:
    guaranteed(market.engine, 500)
    account = market.world.account(AccountKind.OFFLINE_GUARANTEE, programme=1)
    assert findings(market) == []
    market.world.charge(market.card.wallet_id, market.merchant.id, 100)
    assert findings(market) == []
    market.world.do(EntryKind.CHARGE, Draw((account,), market.world.shop(market.merchant.id), 100))
    assert findings(market) == ["guarantee_not_offline"]


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("UPDATE guarantee_moves SET amount_cents = 501", ["guarantee_move_differs"]),
        ("UPDATE guarantee_moves SET programme_id = 2", ["guarantee_move_differs"]),
        ("UPDATE guarantee_moves SET approved_by = 'staff:9'", ["guarantee_move_differs", "approver_differs"]),
        ("UPDATE guarantee_moves SET prepared_by = 'staff:9'", ["preparer_differs"]),
        ("DELETE FROM guarantee_moves", ["guarantee_move_missing", "approval_missing", "approval_missing"]),
        ("UPDATE guarantee_moves SET id = id", []),
    ],
)
def test_the_verifier_names_a_move_that_is_not_the_one_approved(market: Market, edit: str, named: list[str]) -> None:
    guaranteed(market.engine, 500)
    transact(market.engine, seal, **TOWN, sign=market.keyring.sign, now_ms=NOON_MS)
    transact(market.engine, seal_audit, **TOWN, sign=market.keyring.sign, now_ms=NOON_MS)
    take_the_guards_down(market.engine)
    run(market.engine, edit)
    assert [code for code in findings(market) if "guarantee" in code or "appro" in code or "preparer" in code] == named


def test_a_month_counts_what_the_guarantee_paid_by_shop(market: Market, device: Device) -> None:
    guaranteed(market.engine, 5_000)
    charge = paid(take(market, device, 1_400))
    take(market, device, 100)
    give_back(market, charge.entry_id, 50, key="r1")
    with reading(market.engine) as db:
        (line,) = guarantee_paid(db, **TOWN, programme_id=1, now=market.now)
        elsewhere = guarantee_paid(db, **TOWN, programme_id=2, now=market.now)
    assert (str(line.month), line.merchant_name, line.paid_cents, line.charge_count) == (
        "2026-10", market.merchant.name, 450, 2,
    )  # fmt: skip
    assert elsewhere == []
