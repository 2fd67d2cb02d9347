"""Import a file of the bank, and let a person say what an unexplained line is."""

import datetime
import hashlib
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, Engine, insert

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import Territory, lock_territory, territory_of
from monnaie_locale.journal.queries import accounts_of, head_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.reconciliation.acceptance import (
    gap_sentence,
    proved,
    refuse_impossible_dates,
    refuse_repeated,
    refuse_too_early,
)
from monnaie_locale.reconciliation.decisions import By, decide
from monnaie_locale.reconciliation.entering import BANK_CALLER, Movement, enter_match
from monnaie_locale.reconciliation.errors import (
    LineAlreadyResolved,
    StatementAlreadyImported,
    StatementDoesNotFollow,
)
from monnaie_locale.reconciliation.expectations import expected_by
from monnaie_locale.reconciliation.formats.model import BankFile
from monnaie_locale.reconciliation.formats.reading import read_bank_file
from monnaie_locale.reconciliation.hearing import hear_message
from monnaie_locale.reconciliation.matching import match
from monnaie_locale.reconciliation.model import (
    ImportReport,
    Item,
    MatchKind,
    Resolution,
    Share,
    Statement,
    StoredMatch,
)
from monnaie_locale.reconciliation.queries import (
    imported_before,
    last_statement,
    lines_digests,
    marks_between,
    match_of,
    matches_digests,
    matches_of,
    statement_of,
)
from monnaie_locale.reconciliation.tables import bank_lines, bank_matches, bank_statements

LABEL_LENGTH_MAX = 500


class Rehearsed(Exception):
    """The import was only rehearsed: raised so that the transaction leaves nothing, it carries the report."""

    def __init__(self, report: ImportReport) -> None:
        """Keep what the import would have done."""
        super().__init__()
        self.report = report


def import_statement(
    db: Connection,
    *,
    territory_id: int,
    content: bytes,
    actor: str,
    now: datetime.datetime,
    is_rehearsal: bool = False,
    accepts_gap: bool = False,
) -> ImportReport:
    """Import a file of the bank: the statements of the reserve account, or the news of our transfers.

    A statement's lines are stored, matched and entered. News are noted, and move the books only for a transfer that
    the bank rejected (`merchants.payouts.news`).

    Args:
        db: a connection in a transaction; all of it is written, or nothing.
        territory_id: whose reserve.
        content: the file as received.
        actor: who imports, "staff:3".
        now: the present instant, aware.
        is_rehearsal: do everything, then raise `Rehearsed` so that nothing stays.
        accepts_gap: take a statement that does not add up: what it lacks waits in suspense, with a warning.

    Refuses, in the order of `reconciliation.errors.REFUSALS`: what `formats.reading.read_bank_file` refuses, then
    what `acceptance.proved` refuses, statement_in_future, statement_line_outside_period, statement_already_imported,
    statement_repeated, statement_too_early, statement_does_not_follow, bank_message_not_ours.

    """
    territory = territory_of(db, territory_id=territory_id)
    file = read_bank_file(content=content, account=territory.reserve_iban)
    # One import at a time: the second waits here, then sees what the first one stored.
    lock_territory(db, territory_id=territory_id)
    job = _Import(territory=territory, digest=hashlib.sha256(content).digest(), actor=actor, now=now)
    if file.is_booked:
        report = _import_statements(db, job, file, accepts_gap=accepts_gap)
    else:
        report = hear_message(db, territory_id=territory_id, file=file, digest=job.digest, actor=actor, now=now)
    if is_rehearsal:
        raise Rehearsed(replace(report, is_rehearsal=True))
    return report


def _import_statements(db: Connection, job: "_Import", file: BankFile, *, accepts_gap: bool) -> ImportReport:
    read = [proved(each, accepts_gap=accepts_gap) for each in file.reports]
    for statement in read:
        refuse_impossible_dates(statement, today=paris_date(instant_ms(job.now)))
    for statement in read:
        _refuse_known(db, job.territory_id, job.digest, statement)
    warnings = [
        *(gap_sentence(each) for each in file.reports if each.sums_up is False),
        *(f"Le compte {other} n’est pas celui de la réserve : laissé de côté." for other in file.other_accounts),
    ]
    report = ImportReport(statements=(), matches=(), warnings=tuple(warnings), format=file.format)
    for statement in sorted(read, key=lambda each: (each.from_on, each.to_on)):
        report = _joined(report, _import_one(db, job, statement))
    return report


def rehearse_import(
    engine: Engine,
    *,
    territory_id: int,
    content: bytes,
    actor: str,
    now: datetime.datetime,
    accepts_gap: bool = False,
) -> ImportReport:
    """Return what importing the file would do, and leave nothing; refuses as `import_statement`."""
    try:
        return transact(
            engine,
            import_statement,
            territory_id=territory_id,
            content=content,
            actor=actor,
            now=now,
            is_rehearsal=True,
            accepts_gap=accepts_gap,
        )
    except Rehearsed as rehearsed:
        return rehearsed.report


def resolve_line(
    db: Connection,
    *,
    territory_id: int,
    bank_statement_id: int,
    line_no: int,
    part_no: int = 1,
    kind: Resolution,
    reference: str = "",
    note: str = "",
    actor: str,
    now: datetime.datetime,
) -> StoredMatch:
    """Say what all that waits of a line is: one decision of one part and one entry (`decisions.decide`).

    `reference` names the funding order (RF…) or the transfer (end-to-end), for the kinds that need one; `note` says
    why in a few words, never a person's name; `actor` decides ("staff:3"); `now` is aware.

    Refuses, in this order: bank_line_unknown, bank_line_already_resolved, bank_line_not_in_suspense,
    resolution_impossible, decision_period_closed, then what the right entry refuses.
    """
    key = {"bank_statement_id": bank_statement_id, "line_no": line_no, "part_no": part_no}
    line = match_of(db, territory_id=territory_id, **key)
    if line.resolved is not None:
        raise LineAlreadyResolved
    decide(
        db,
        by=By(territory_id=territory_id, actor=actor, note=note, now=now),
        shares=[Share(amount_cents=line.waiting_cents, **key)],
        items=[Item(kind=kind, reference=reference, amount_cents=abs(line.waiting_cents))],
    )
    return match_of(db, territory_id=territory_id, **key)


def _refuse_known(db: Connection, territory_id: int, digest: bytes, statement: Statement) -> None:
    known = imported_before(
        db,
        territory_id=territory_id,
        file_digest=digest,
        statement_id=statement.statement_id,
        to_on=statement.to_on,
    )
    if known:
        raise StatementAlreadyImported(statement_id=statement.statement_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One file being imported: whose, its digest, by whom and when."""

    territory: Territory
    digest: bytes
    actor: str
    now: datetime.datetime

    @property
    def territory_id(self) -> int:
        return self.territory.territory_id


def _import_one(db: Connection, job: _Import, statement: Statement) -> ImportReport:
    _refuse_told_before(db, job.territory_id, statement)
    warnings = _refuse_gap(db, job.territory_id, statement)
    stored_id = next_id(db, bank_statements, territory_id=job.territory_id)
    _store(db, job, stored_id, statement)
    _match_and_enter(db, job, stored_id, statement)
    report = ImportReport(
        statements=(statement_of(db, territory_id=job.territory_id, bank_statement_id=stored_id),),
        matches=tuple(matches_of(db, territory_id=job.territory_id, bank_statement_id=stored_id)),
        warnings=warnings,
    )
    audit.record(
        db,
        territory_id=job.territory_id,
        at=job.now,
        actor=job.actor,
        action="statement.import",
        target=f"statement:{stored_id}",
        detail={
            "lines": len(statement.lines),
            "in_suspense": len(report.in_suspense),
            "sha256": lines_digests(db, territory_id=job.territory_id, bank_statement_id=stored_id).get(stored_id, ""),
            "matches_sha256": matches_digests(db, territory_id=job.territory_id, bank_statement_id=stored_id).get(
                stored_id, ""
            ),
        },
    )
    return report


def _refuse_told_before(db: Connection, territory_id: int, statement: Statement) -> None:
    days = [line.booked_on for line in statement.lines]
    if days:
        refuse_repeated(
            statement,
            stored=marks_between(db, territory_id=territory_id, first_on=min(days), last_on=max(days)),
        )


def _installed_on(db: Connection, territory_id: int) -> datetime.date:
    """Return the day on which the territory's books were opened, which is its reserve's."""
    opened = accounts_of(db, territory_id=territory_id, kinds=[AccountKind.RESERVE])
    return min(paris_date(account.opened_at_ms) for account, _ in opened)


def _refuse_gap(db: Connection, territory_id: int, statement: Statement) -> tuple[str, ...]:
    """Refuse a statement that does not open where the one before closed; warn when the first one disagrees."""
    before = last_statement(db, territory_id=territory_id)
    refuse_too_early(statement, before=before, installed_on=_installed_on(db, territory_id))
    if before is None:
        books_cents = head_of(db, territory_id=territory_id).reserve_cents
        if statement.opening_cents == books_cents:
            return ()
        opening, books = format_euros(statement.opening_cents), format_euros(books_cents)
        return (f"Ce premier relevé s’ouvre à {opening}, alors que les comptes disent {books} : écart à expliquer.",)
    if statement.opening_cents != before.closing_cents or statement.to_on < before.to_on:
        raise StatementDoesNotFollow(opening_cents=statement.opening_cents, previous_closing_cents=before.closing_cents)
    return ()


def _store(db: Connection, job: _Import, stored_id: int, statement: Statement) -> None:
    db.execute(
        insert(bank_statements),
        {
            "territory_id": job.territory_id,
            "id": stored_id,
            "statement_id": statement.statement_id,
            "file_digest": job.digest,
            "opening_cents": statement.opening_cents,
            "closing_cents": statement.closing_cents,
            "from_on": min(statement.from_on, statement.to_on),
            "to_on": statement.to_on,
            "imported_by": job.actor,
            "imported_at_ms": instant_ms(job.now),
        },
    )
    rows = [
        {
            "territory_id": job.territory_id,
            "bank_statement_id": stored_id,
            "line_no": line.line_no,
            "booked_on": line.booked_on,
            "value_on": line.value_on,
            "amount_cents": line.amount_cents,
            "bank_reference": line.bank_reference,
            "end_to_end_id": line.end_to_end_id,
            "label": (line.label or line.remittance)[:LABEL_LENGTH_MAX],
            "return_reason": line.return_reason,
            "bank_code": line.bank_code,
        }
        for line in statement.lines
    ]
    if rows:
        db.execute(insert(bank_lines), rows)


def _match_and_enter(db: Connection, job: _Import, stored_id: int, statement: Statement) -> None:
    """Enter each part under what it matched, and keep what it matched beside its entry."""
    expected = expected_by(db, territory=job.territory)
    matches = match(lines=statement.lines, expectations=expected.expectations)
    lines = {line.line_no: line for line in statement.lines}
    entered: dict[tuple[int, int], int] = {}
    # Debits first: a transfer and its return may be on one statement, in any order.
    for each in sorted(matches, key=lambda each: each.amount_cents >= 0):
        if each.kind is MatchKind.NOTHING_MOVED:
            continue
        movement = Movement(
            territory_id=job.territory_id,
            amount_cents=abs(each.amount_cents),
            booked_on=lines[each.line_no].booked_on,
            caller=BANK_CALLER,
            key=f"{statement.statement_id}|{statement.to_on}|{each.line_no}|{each.part_no}",
            reference=_reference(stored_id, each.line_no, each.part_no),
            actor=job.actor,
            now=job.now,
        )
        entered[each.line_no, each.part_no] = enter_match(db, each=each, expected=expected, movement=movement)
    rows = [
        {
            "territory_id": job.territory_id,
            "bank_statement_id": stored_id,
            **asdict(each),
            "kind": each.kind.value,
            "entry_id": entered.get((each.line_no, each.part_no)),
        }
        for each in matches
    ]
    if rows:
        db.execute(insert(bank_matches), rows)


def _joined(first: ImportReport, second: ImportReport) -> ImportReport:
    return replace(
        first,
        statements=first.statements + second.statements,
        matches=first.matches + second.matches,
        warnings=first.warnings + second.warnings,
    )


def _reference(bank_statement_id: int, line_no: int, part_no: int) -> str:
    """Return the piece that the entry names: statement, line and part."""
    return f"BQ{bank_statement_id}/{line_no}.{part_no}"
