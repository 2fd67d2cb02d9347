"""Books as values, for the tests of the exports: a month by hand, and any sound books for properties."""

import datetime

from hypothesis import strategies as st

from monnaie_locale.exports.model import BookEntry, BookLine, LedgerAccount, journal_of
from monnaie_locale.journal.directory import Owner
from monnaie_locale.ledger.accounts import ACCOUNT_MAP, AccountKind
from monnaie_locale.ledger.entries import EntryKind

FIRST_DAY = datetime.date(2026, 1, 1)
LAST_DAY = datetime.date(2026, 12, 31)
CLOSED_ON = datetime.date(2026, 11, 30)
AUXILIARIES = {
    AccountKind.PROGRAMME_FUNDS: [("P1", "Dispositif 1"), ("P2", "Dispositif 2")],
    AccountKind.PURSE: [("P1-W17-20261231", "Porte-monnaie 17"), ("P1-W18-20261231", "Porte-monnaie 18")],
    AccountKind.MERCHANT: [("M1", "Commerçant 1"), ("M2", "Commerçant 2")],
    AccountKind.EXPIRED: [("P1", "Dispositif 1")],
    AccountKind.MERCHANT_DEBT: [("M1", "Commerçant 1")],
}


def account(account_id, kind, auxiliary=("", ""), *, opened_on=FIRST_DAY):
    """Return an account under its default general account."""
    return LedgerAccount(
        account_id=account_id,
        owner=Owner(kind),
        general_code=ACCOUNT_MAP[kind].code,
        general_label=ACCOUNT_MAP[kind].french,
        auxiliary_code=auxiliary[0],
        auxiliary_label=auxiliary[1],
        opened_on=opened_on,
    )


ACCOUNTS = [
    account(number, kind, auxiliary)
    for number, (kind, auxiliary) in enumerate(
        ((kind, auxiliary) for kind in AccountKind for auxiliary in AUXILIARIES.get(kind, [("", "")])), start=1
    )
]


def named(kind, auxiliary_code=""):
    """Return the account of a kind, by its auxiliary code."""
    return next(each for each in ACCOUNTS if (each.kind, each.auxiliary_code) == (kind, auxiliary_code))


def entry(number, kind, moves, *, on=datetime.date(2026, 11, 3), label="Écriture", piece="PIECE-1"):
    """Return an entry of (account, cents) moves: + debits, − credits."""
    journal = journal_of(kind, moves_reserve=any(each.kind is AccountKind.RESERVE for each, _ in moves))
    return BookEntry(
        number=number,
        kind=kind,
        journal_code=journal.code,
        journal_label=journal.french,
        accounted_on=on,
        recorded_on=on,
        piece_reference=piece,
        piece_on=on,
        label=label,
        lines=tuple(
            BookLine(account=each, debit_cents=max(cents, 0), credit_cents=max(-cents, 0)) for each, cents in moves
        ),
    )


def month():
    """Return a small month: funded, distributed, charged over two purses, refunded, paid out, a fee."""
    reserve, funds = named(AccountKind.RESERVE), named(AccountKind.PROGRAMME_FUNDS, "P1")
    first, second = named(AccountKind.PURSE, "P1-W17-20261231"), named(AccountKind.PURSE, "P1-W18-20261231")
    merchant, transit = named(AccountKind.MERCHANT, "M1"), named(AccountKind.PAYOUT_TRANSIT)
    return [
        entry(1, EntryKind.FUNDING, [(reserve, 100_000), (funds, -100_000)], label="Dotation CCAS", piece="RF52MLC1"),
        entry(2, EntryKind.DISTRIBUTION, [(funds, 8_000), (first, -5_000), (second, -3_000)], label="Distribution 1"),
        entry(3, EntryKind.CHARGE, [(first, 1_250), (second, 1), (merchant, -1_251)], label="Encaissement"),
        entry(4, EntryKind.REFUND, [(merchant, 51), (first, -51)], label="Remboursement"),
        entry(5, EntryKind.PAYOUT_ORDER, [(merchant, 1_200), (transit, -1_200)], label="Virement", piece="MLC-1"),
        entry(6, EntryKind.PAYOUT_SETTLED, [(transit, 1_200), (reserve, -1_200)], label="Virement débité"),
        entry(7, EntryKind.BANK_CHARGE, [(named(AccountKind.BANK_CHARGES), 350), (reserve, -350)], label="Frais"),
    ]


@st.composite
def books(draw):
    """Draw sound books: balanced entries over any accounts, dates going up, any printable labels."""
    count = draw(st.integers(min_value=0, max_value=8))
    days = sorted(draw(st.lists(st.dates(FIRST_DAY, CLOSED_ON), min_size=count, max_size=count)))
    entries = []
    for number, day in enumerate(days, start=draw(st.integers(min_value=1, max_value=10**6))):
        moves, total = [], 0
        for _ in range(draw(st.integers(min_value=1, max_value=4))):
            cents = draw(st.integers(min_value=1, max_value=10**12)) * draw(st.sampled_from([1, -1]))
            moves.append((draw(st.sampled_from(ACCOUNTS)), cents))
            total += cents
        if total:
            moves.append((draw(st.sampled_from(ACCOUNTS)), -total))
        label = "x" + draw(st.text(max_size=30))
        entries.append(entry(number, draw(st.sampled_from(EntryKind)), moves, on=day, label=label, piece=f"P{label}"))
    return entries
