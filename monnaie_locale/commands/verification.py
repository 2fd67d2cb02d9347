"""Verify a whole installation: the books from their rows, then what the other packages keep, against the books.

Reads only, and goes on after the first fault. A distribution, a refund, a transfer to a shop or a bank line is told
twice, once in its own table and once in the journal: whoever changes one of them is found by the other.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from merchants.model import LineState, Payout, PayoutLine
from merchants.payouts.operations import order_digest
from merchants.queries import lines_of, list_payouts, refunds_noted
from monnaie_locale.commands.told import Shares, Told
from monnaie_locale.commands.verification_approvals import check_approvals
from monnaie_locale.commands.verification_bank import check_bank
from monnaie_locale.commands.verification_closes import check_closes
from monnaie_locale.commands.verification_decided import check_decided
from monnaie_locale.commands.verification_guarantees import check_guarantees
from monnaie_locale.commands.verification_heads import KeptHead, check_kept_heads
from monnaie_locale.commands.verification_offline import check_offline_ends
from monnaie_locale.commands.verification_paid_rejections import check_paid_rejections
from monnaie_locale.commands.verification_registers import check_registers
from monnaie_locale.commands.verification_trail import check_trail
from monnaie_locale.journal.directory import Owner, single_account
from monnaie_locale.journal.queries import balance_of, owners_of
from monnaie_locale.journal.verify import Finding, Verdict, verify
from monnaie_locale.journal.verify_rows import UNREADABLE
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.programmes.model import Distribution
from monnaie_locale.programmes.queries import distribution_lines_of, distributions_of, funding_orders_of
from wallets.move_queries import moves

ROWS_PER_READ = 2_000


def verify_installation(
    db: Connection,
    *,
    territory_id: int,
    public_key_pem: str,
    processes: int | None = None,
    kept: Sequence[KeptHead] = (),
) -> Verdict:
    """Return how many entries were read, and everything that is wrong.

    Args:
        db: a connection that sees one state of the database.
        territory_id: whose books.
        public_key_pem: the key that signed the heads of the log and the certificates.
        processes: how many read the entries; None is one, or two when there are many entries.
        kept: heads of the log kept elsewhere, on paper.

    """
    told = Told()
    books = verify(
        db,
        territory_id=territory_id,
        public_key_pem=public_key_pem,
        processes=processes,
        visit=told.take,
    )
    findings = (
        *books.findings,
        *_readable("log", check_kept_heads(db, territory_id=territory_id, kept=kept)),
        *_readable("distributions", _check_distributions(db, territory_id, told)),
        *_readable("funding orders", _check_funding(db, territory_id, told)),
        *_readable("refunds", _check_refunds(db, territory_id, told)),
        *_readable("payouts", _check_payouts(db, territory_id, told)),
        *_readable("wallet moves", _check_moves(db, territory_id, told)),
        *_readable("offline guarantees", check_guarantees(db, territory_id=territory_id, told=told)),
        *_readable("offline charges", check_offline_ends(db, territory_id=territory_id)),
        *_readable("bank statements", check_bank(db, territory_id=territory_id, told=told)),
        *_readable("approvals", check_approvals(db, territory_id=territory_id)),
        *_readable("registers", check_registers(db, territory_id=territory_id)),
        *_readable("paid rejections", check_paid_rejections(db, territory_id=territory_id)),
        *_readable("decisions", check_decided(db, territory_id=territory_id, told=told)),
        *_readable("closes", check_closes(db, territory_id=territory_id, public_key_pem=public_key_pem)),
        *_readable("audit trail", check_trail(db, territory_id=territory_id, public_key_pem=public_key_pem)),
    )
    return Verdict(books.entries, findings)


def _readable(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings; a row whose values mean nothing is one more, never a crash."""
    try:
        yield from findings
    except UNREADABLE:
        yield Finding("row_unreadable", subject, "Une ligne est illisible : ce qui la suit n’a pas été vérifié.")


def _check_distributions(db: Connection, territory_id: int, told: Told) -> Iterator[Finding]:
    """Each distribution has as many entries as lines posted, a whole one the total approved, by who approved it."""
    for each in distributions_of(db, territory_id=territory_id):
        shares = told.shares_of(f"D{each.distribution_id}")
        subject = f"distribution {each.distribution_id}"
        is_whole = each.posted_through_line == each.line_count
        if len(shares) != each.posted_through_line or (is_whole and shares.total_cents != each.total_cents):
            yield Finding(
                "distribution_differs",
                subject,
                f"La distribution « {each.label} » annonce {each.posted_through_line} lignes versées, total"
                f" {format_euros(each.total_cents)} ; le journal en porte {len(shares)},"
                f" {format_euros(shares.total_cents)}.",
            )
        if shares.callers - {each.approved_by}:
            yield Finding(
                "distribution_approver_differs",
                subject,
                f"La distribution « {each.label} » n’a pas été approuvée par la personne inscrite.",
            )
        yield from _check_distribution_lines(db, territory_id, each, shares)


def _check_distribution_lines(
    db: Connection, territory_id: int, distribution: Distribution, shares: Shares
) -> Iterator[Finding]:
    """Each line posted went to the purse of its wallet, with the programme, the expiry and the amount approved."""
    for start in range(0, len(shares), ROWS_PER_READ):
        posted = shares.some(start, start + ROWS_PER_READ)
        # Lines are posted in the order of their numbers, one entry each.
        lines = distribution_lines_of(
            db,
            territory_id=territory_id,
            distribution_id=distribution.distribution_id,
            after_line=start,
            limit=len(posted),
        )
        owners = owners_of(db, territory_id=territory_id, account_ids={share.account_id for share in posted})
        for line, share in zip(lines, posted, strict=False):
            purse = Owner(
                AccountKind.PURSE,
                distribution.programme_id,
                wallet_id=line.wallet_id,
                expires_on=distribution.expires_on,
            )
            if owners.get(share.account_id) != purse or share.amount_cents != line.amount_cents:
                yield Finding(
                    "distribution_line_differs",
                    f"distribution {distribution.distribution_id} line {line.line_no}",
                    f"La ligne {line.line_no} de la distribution « {distribution.label} » n’est pas allée au"
                    " porte-monnaie inscrit, ou pas pour ce montant ou cette échéance.",
                )


def _check_funding(db: Connection, territory_id: int, told: Told) -> Iterator[Finding]:
    for order in funding_orders_of(db, territory_id=territory_id):
        if order.entry_id is not None and told.amounts.get(order.entry_id) != (EntryKind.FUNDING, order.amount_cents):
            yield Finding(
                "funding_differs",
                f"funding {order.funding_order_id}",
                f"L’appel de fonds {order.reference} n’est pas celui que l’écriture n° {order.entry_id} a reçu.",
            )


def _check_refunds(db: Connection, territory_id: int, told: Told) -> Iterator[Finding]:
    """What is noted as refunded of each charge is the sum of its refunds."""
    noted = refunds_noted(db, territory_id=territory_id)
    for charge in sorted(noted.keys() | told.refunded.keys()):
        noted_cents, told_cents = noted.get(charge, 0), told.refunded.get(charge, 0)
        if noted_cents != told_cents:
            yield Finding(
                "refunds_differ",
                f"entry {charge}",
                f"L’encaissement n° {charge} : {format_euros(noted_cents)} notés comme remboursés,"
                f" {format_euros(told_cents)} au journal.",
            )


def _check_moves(db: Connection, territory_id: int, told: Told) -> Iterator[Finding]:
    """Each move stands by its own entry, posted by who approved it, and no entry moves a balance that nobody moved."""
    unclaimed = dict(told.moved)
    for move in moves(db, territory_id=territory_id):
        if move.entry_id is None:
            continue
        if unclaimed.pop(move.entry_id, None) != (f"M{move.move_id}", move.approved_by):
            yield Finding(
                "wallet_move_differs",
                f"wallet-move {move.move_id}",
                f"Le déplacement n° {move.move_id} n’est pas celui de l’écriture n° {move.entry_id}.",
            )
    for entry_id in sorted(unclaimed):
        yield Finding(
            "wallet_move_missing",
            f"entry {entry_id}",
            f"L’écriture n° {entry_id} déplace un solde, et le déplacement a disparu.",
        )


def _check_payouts(db: Connection, territory_id: int, told: Told) -> Iterator[Finding]:
    """Each line stands by its entries, and the payouts in transit are the lines that the bank has not debited."""
    waiting_cents = 0
    unclaimed = set(told.orders)
    for payout in list_payouts(db, territory_id=territory_id):
        lines = lines_of(db, territory_id=territory_id, payout_id=payout.id)
        waiting_cents += sum(line.amount_cents for line in lines if line.state is LineState.ORDERED)
        unclaimed -= {line.order_entry_id for line in lines if line.order_entry_id is not None}
        yield from _check_payout(payout, lines, told)
    for entry_id in sorted(unclaimed):
        yield Finding(
            "payout_line_missing", f"entry {entry_id}", f"L’écriture n° {entry_id} ordonne un virement qui a disparu."
        )
    account_id = single_account(db, territory_id=territory_id, kind=AccountKind.PAYOUT_TRANSIT)
    transit_cents = balance_of(db, territory_id=territory_id, account_id=account_id)
    if transit_cents != waiting_cents:
        yield Finding(
            "transit_differs",
            f"account {account_id}",
            f"Virements en cours : {format_euros(transit_cents)} aux comptes, {format_euros(waiting_cents)} en attente"
            " de la banque.",
        )


def _check_payout(payout: Payout, lines: Sequence[PayoutLine], told: Told) -> Iterator[Finding]:
    """The lines make the total, each by its entries, and what was ordered is what its approver approved."""
    if payout.total_cents != sum(line.amount_cents for line in lines):
        yield Finding(
            "payout_differs",
            f"payout {payout.id}",
            f"Le virement groupé {payout.id} n’est plus la somme de ses lignes.",
        )
    for line in lines:
        subject = f"payout {line.end_to_end_id}"
        if not _line_stands(line, told):
            yield Finding(
                "payout_line_differs",
                subject,
                f"Le virement {line.end_to_end_id} ({format_euros(line.amount_cents)}) ne correspond pas à ses"
                " écritures.",
            )
        digest = None if line.order_entry_id is None else told.orders.get(line.order_entry_id)
        if digest is not None and digest != order_digest(line, approved_by=str(payout.approved_by)):
            yield Finding(
                "payout_order_differs",
                subject,
                f"Le virement {line.end_to_end_id} n’est plus celui qui a été approuvé : commerçant, montant, IBAN ou"
                " personne qui approuve.",
            )


def _line_stands(line: PayoutLine, told: Told) -> bool:
    """Each step that the line has taken is its own entry, and what the bank rejected is the order's reversal."""
    paid_cents, ordered_cents = line.amount_cents, line.amount_cents + line.fee_cents
    ended = frozenset({LineState.SETTLED, LineState.RETURNED})
    is_rejected = line.rejected_entry_id is not None
    steps: Sequence[tuple[EntryKind, int | None, int, frozenset[LineState]]] = (
        (EntryKind.PAYOUT_ORDER, line.order_entry_id, ordered_cents, frozenset(LineState) - {LineState.PREPARED}),
        # What was rejected and paid all the same takes the fee again.
        (EntryKind.PAYOUT_SETTLED, line.settled_entry_id, ordered_cents if is_rejected else paid_cents, ended),
        (EntryKind.PAYOUT_RETURNED, line.returned_entry_id, paid_cents, frozenset({LineState.RETURNED})),
    )
    rejection_stands = not is_rejected or (
        told.is_told(line.rejected_entry_id, EntryKind.REVERSAL, ordered_cents)
        and told.reversed.get(line.rejected_entry_id or 0) == line.order_entry_id
    )
    return rejection_stands and all(
        (entry_id is not None) == (line.state in states) and (entry_id is None or told.is_told(entry_id, kind, cents))
        for kind, entry_id, cents, states in steps
    )
