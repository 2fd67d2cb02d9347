"""The journal over JSON: entries as they are hashed, accounts, the books' state and its verification."""

import datetime

from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.api.schema import Reply
from monnaie_locale.chart.model import Chart
from monnaie_locale.chart.queries import chart_of
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import entries_by_number, entry_of, head_of
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.journal.verify import verify
from monnaie_locale.ledger.errors import EntryUnknown
from monnaie_locale.ledger.posting import Posted

blueprint = api_blueprint("journal_api", __name__)


class TransferReply(Reply):
    """One transfer of an entry: the accounts' numbers and their lines of the chart of accounts."""

    debit_account_id: int
    debit_code: str
    credit_account_id: int
    credit_code: str
    amount_cents: int


class EntryReply(Reply):
    """One journal entry; `leaf_hash` is its leaf of the log, in hexadecimal."""

    id: int
    kind: str
    happened_at_ms: int
    recorded_at_ms: int
    accounted_on: datetime.date
    caller: str
    reference: str
    reverses_entry_id: int | None
    leaf_hash: str
    transfers: list[TransferReply]


class EntriesReply(Reply):
    """Entries in the order of their numbers."""

    entries: list[EntryReply]
    next_cursor: str | None


class BooksReply(Reply):
    """The state of the books, and the newest signed head of their log."""

    last_entry_id: int
    reserve_cents: int
    owed_cents: int
    sealed_entries: int
    sealed_root: str


class FindingReply(Reply):
    """Something that is wrong in the books."""

    code: str
    subject: str
    french: str


class VerdictReply(Reply):
    """The result of a full verification."""

    ok: bool
    entries: int
    findings: list[FindingReply]


@endpoint(
    blueprint,
    "GET",
    "/journal/entries",
    summary="List journal entries",
    permission=Permission.VIEW_JOURNAL,
    query=PageQuery,
    answers=EntriesReply,
)
def list_entries(db: Connection, *, query: PageQuery, call: Call) -> EntriesReply:
    """List the entries in the order of their numbers."""
    del call
    territory_id = runtime.current().territory_id
    position = read_cursor(query.cursor)
    after = int(position[0]) if position else 0
    last = min(head_of(db, territory_id=territory_id).last_entry_id, after + query.limit)
    found = entries_by_number(db, territory_id=territory_id, entry_ids=list(range(after + 1, last + 1)))
    chart = chart_of(db, territory_id=territory_id, day=datetime.date.max)
    is_full = len(found) == query.limit
    return EntriesReply(
        entries=[_entry(each, chart) for each in found],
        next_cursor=write_cursor((found[-1].entry.entry_id,)) if is_full else None,
    )


@endpoint(
    blueprint,
    "GET",
    "/journal/entries/<int:entry_id>",
    summary="Show a journal entry",
    permission=Permission.VIEW_JOURNAL,
    answers=EntryReply,
    refusals=(EntryUnknown,),
)
def show_entry(db: Connection, *, call: Call, entry_id: int) -> EntryReply:
    """Show one entry with its transfers."""
    del call
    territory_id = runtime.current().territory_id
    chart = chart_of(db, territory_id=territory_id, day=datetime.date.max)
    return _entry(entry_of(db, territory_id=territory_id, entry_id=entry_id), chart)


@endpoint(
    blueprint,
    "GET",
    "/journal/head",
    summary="Show the state of the books",
    permission=Permission.VIEW_JOURNAL,
    answers=BooksReply,
)
def show_books(db: Connection, *, call: Call) -> BooksReply:
    """Show the reserve, what it owes, and the newest signed head."""
    del call
    territory_id = runtime.current().territory_id
    head, sealed = head_of(db, territory_id=territory_id), latest_head(db, territory_id=territory_id)
    return BooksReply(
        last_entry_id=head.last_entry_id,
        reserve_cents=head.reserve_cents,
        owed_cents=head.owed_cents,
        sealed_entries=0 if sealed is None else sealed.size,
        sealed_root="" if sealed is None else sealed.root.hex(),
    )


@endpoint(
    blueprint,
    "GET",
    "/journal/verification",
    summary="Verify the books",
    permission=Permission.VIEW_JOURNAL,
    answers=VerdictReply,
)
def verify_books(db: Connection, *, call: Call) -> VerdictReply:
    """Recompute everything from the rows and say what is wrong."""
    del call
    rt = runtime.current()
    verdict = verify(db, territory_id=rt.territory_id, public_key_pem=rt.keyring.public_key_pem)
    return VerdictReply(
        ok=verdict.ok,
        entries=verdict.entries,
        findings=[FindingReply(code=each.code, subject=each.subject, french=each.french) for each in verdict.findings],
    )


def _entry(posted: Posted, chart: Chart) -> EntryReply:
    entry = posted.entry
    return EntryReply(
        id=entry.entry_id,
        kind=entry.kind.name.lower(),
        happened_at_ms=entry.happened_at_ms,
        recorded_at_ms=entry.recorded_at_ms,
        accounted_on=entry.accounted_on,
        caller=entry.caller,
        reference=entry.reference,
        reverses_entry_id=entry.reverses_entry_id,
        leaf_hash=posted.leaf_hash.hex(),
        transfers=[
            TransferReply(
                debit_account_id=line.debit_account_id,
                debit_code=chart.issuer(line.debit_kind).code,
                credit_account_id=line.credit_account_id,
                credit_code=chart.issuer(line.credit_kind).code,
                amount_cents=line.amount_cents,
            )
            for line in entry.transfers
        ],
    )
