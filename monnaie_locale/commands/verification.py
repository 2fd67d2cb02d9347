"""Verify a whole installation: the books from their rows, then what the other packages keep, against the books.

Reads only, and goes on after the first fault. A distribution, a refund, a transfer to a shop or a bank line is told
twice, once in its own table and once in the journal: whoever changes one of them is found by the other.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from merchants.model import LineState, PayoutLine
from merchants.queries import lines_of, list_payouts, refunded_of
from monnaie_locale.closing.certificate import certified_head, verify_certificate
from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.closing.queries import closes_of
from monnaie_locale.journal.directory import single_account
from monnaie_locale.journal.queries import balance_of, entries
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.journal.verify import Finding, Verdict, verify
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, JournalEntry
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.programmes.queries import distributions_of, funding_orders_of
from monnaie_locale.reconciliation.queries import bank_position, matches_of, statements_of

CHARGES_PER_READ = 500


@dataclass(slots=True)
class _Told:
    """What the journal tells, gathered in one pass."""

    amounts: dict[int, tuple[EntryKind, int]] = field(default_factory=dict)
    charges: list[int] = field(default_factory=list)
    refunded: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    distributed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, entry: JournalEntry) -> None:
        """Count one entry."""
        self.amounts[entry.entry_id] = (entry.kind, entry.amount_cents)
        if entry.kind is EntryKind.CHARGE:
            self.charges.append(entry.entry_id)
        elif entry.kind is EntryKind.REFUND:
            number = entry.reference.rpartition(":")[2]
            self.refunded[int(number) if number.isdigit() else 0] += entry.amount_cents
        elif entry.kind is EntryKind.DISTRIBUTION:
            self.distributed[entry.reference].append(entry.amount_cents)


def verify_installation(db: Connection, *, territory_id: int, public_key_pem: str) -> Verdict:
    """Return how many entries were read, and everything that is wrong.

    Args:
        db: a connection that sees one state of the database.
        territory_id: whose books.
        public_key_pem: the key that signed the heads of the log and the certificates.

    """
    books = verify(db, territory_id=territory_id, public_key_pem=public_key_pem)
    told = _Told()
    for posted in entries(db, territory_id=territory_id):
        told.take(posted.entry)
    findings = (
        *books.findings,
        *_check_distributions(db, territory_id, told),
        *_check_funding(db, territory_id, told),
        *_check_refunds(db, territory_id, told),
        *_check_payouts(db, territory_id, told),
        *_check_bank(db, territory_id, told),
        *_check_closes(db, territory_id, public_key_pem),
    )
    return Verdict(books.entries, findings)


def _check_distributions(db: Connection, territory_id: int, told: _Told) -> Iterator[Finding]:
    """Each distribution has as many entries as lines posted, and a whole one the total that was approved."""
    for each in distributions_of(db, territory_id=territory_id):
        cents = told.distributed.get(f"D{each.distribution_id}", [])
        is_whole = each.posted_through_line == each.line_count
        if len(cents) != each.posted_through_line or (is_whole and sum(cents) != each.total_cents):
            yield Finding(
                "distribution_differs",
                f"distribution {each.distribution_id}",
                f"La distribution « {each.label} » annonce {each.posted_through_line} lignes versées, total"
                f" {format_euros(each.total_cents)} ; le journal en porte {len(cents)}, {format_euros(sum(cents))}.",
            )


def _check_funding(db: Connection, territory_id: int, told: _Told) -> Iterator[Finding]:
    for order in funding_orders_of(db, territory_id=territory_id):
        if order.entry_id is not None and told.amounts.get(order.entry_id) != (EntryKind.FUNDING, order.amount_cents):
            yield Finding(
                "funding_differs",
                f"funding {order.funding_order_id}",
                f"L’appel de fonds {order.reference} n’est pas celui que l’écriture n° {order.entry_id} a reçu.",
            )


def _check_refunds(db: Connection, territory_id: int, told: _Told) -> Iterator[Finding]:
    """What is noted as refunded of each charge is the sum of its refunds."""
    noted: dict[int, int] = {}
    for start in range(0, len(told.charges), CHARGES_PER_READ):
        asked = told.charges[start : start + CHARGES_PER_READ]
        noted |= refunded_of(db, territory_id=territory_id, charge_entry_ids=asked)
    for charge in sorted(noted.keys() | told.refunded.keys()):
        noted_cents, told_cents = noted.get(charge, 0), told.refunded.get(charge, 0)
        if noted_cents != told_cents:
            yield Finding(
                "refunds_differ",
                f"entry {charge}",
                f"L’encaissement n° {charge} : {format_euros(noted_cents)} notés comme remboursés,"
                f" {format_euros(told_cents)} au journal.",
            )


def _check_payouts(db: Connection, territory_id: int, told: _Told) -> Iterator[Finding]:
    """Each line stands by its entries, and the payouts in transit are the lines that the bank has not debited."""
    waiting_cents = 0
    for payout in list_payouts(db, territory_id=territory_id):
        for line in lines_of(db, territory_id=territory_id, payout_id=payout.id):
            waiting_cents += line.amount_cents if line.state is LineState.ORDERED else 0
            if not _line_stands(line, told):
                yield Finding(
                    "payout_line_differs",
                    f"payout {line.end_to_end_id}",
                    f"Le virement {line.end_to_end_id} ({format_euros(line.amount_cents)}) ne correspond pas à ses"
                    " écritures.",
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


def _line_stands(line: PayoutLine, told: _Told) -> bool:
    steps: Sequence[tuple[EntryKind, int | None, frozenset[LineState]]] = (
        (EntryKind.PAYOUT_ORDER, line.order_entry_id, frozenset(LineState) - {LineState.PREPARED}),
        (EntryKind.PAYOUT_SETTLED, line.settled_entry_id, frozenset({LineState.SETTLED, LineState.RETURNED})),
        (EntryKind.PAYOUT_RETURNED, line.returned_entry_id, frozenset({LineState.RETURNED})),
    )
    return all(
        (entry_id is not None) == (line.state in states)
        and (entry_id is None or told.amounts.get(entry_id) == (kind, line.amount_cents))
        for kind, entry_id, states in steps
    )


def _check_bank(db: Connection, territory_id: int, told: _Told) -> Iterator[Finding]:
    """Statements follow one another, their lines add up, and each line is in the books for its amount."""
    closing_cents: int | None = None
    for statement in reversed(statements_of(db, territory_id=territory_id)):
        subject = f"statement {statement.statement_id}"
        matches = matches_of(db, territory_id=territory_id, bank_statement_id=statement.bank_statement_id)
        follows = closing_cents in {None, statement.opening_cents}
        if not follows or statement.opening_cents + sum(m.amount_cents for m in matches) != statement.closing_cents:
            yield Finding(
                "statement_does_not_add_up",
                subject,
                f"Le relevé {statement.statement_id} ne suit plus le précédent, ou ses lignes ne font plus son solde.",
            )
        closing_cents = statement.closing_cents
        for each in matches:
            booked_cents = told.amounts.get(each.entry_id, (None, 0))[1] if each.entry_id is not None else 0
            if booked_cents != abs(each.amount_cents):
                yield Finding(
                    "bank_line_differs",
                    f"{subject} line {each.line_no}",
                    f"La ligne {each.line_no} du relevé {statement.statement_id} n’est pas aux comptes pour son"
                    f" montant ({format_euros(abs(each.amount_cents))}).",
                )
    position = bank_position(db, territory_id=territory_id, day=datetime.date.max)
    if position is not None and position.balance_cents != closing_cents:
        yield Finding(
            "bank_lines_differ",
            "bank lines",
            f"Les lignes des relevés mènent à {format_euros(position.balance_cents)}, le dernier relevé dit"
            f" {format_euros(closing_cents or 0)}.",
        )


def _check_closes(db: Connection, territory_id: int, public_key_pem: str) -> Iterator[Finding]:
    """Each close's certificate is signed by us, over a head that the log still holds."""
    newest = latest_head(db, territory_id=territory_id)
    for close in closes_of(db, territory_id=territory_id):
        if not close.is_closed:
            continue
        try:
            faults = verify_certificate(certificate=close.certificate, public_key_pem=public_key_pem)
            size = certified_head(close.certificate).size
        except CertificateMalformed:
            faults, size = ("certificate_malformed",), 0
        if newest is None or newest.size < size:
            faults = (*faults, "certificate_beyond_log")
        for fault in faults:
            yield Finding(
                fault, f"close {close.month}", f"Le certificat de l’arrêté de {close.month.label_fr} ne tient plus."
            )
