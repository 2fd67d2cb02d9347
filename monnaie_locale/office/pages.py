"""The back office: what waits, the reserve against what it owes, the journal and each account's history."""

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.closing.desk import verdict_of
from monnaie_locale.closing.model import CloseState
from monnaie_locale.closing.operations import next_month_to_close
from monnaie_locale.closing.queries import closes_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import name_of_caller
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.account_history import entries_touching
from monnaie_locale.journal.queries import balance_of, entries_by_number, entry_of, head_of
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.ledger.errors import AccountUnknown
from monnaie_locale.ledger.periods import PARIS, paris_date
from monnaie_locale.office import ledger_view, trail, waiting
from monnaie_locale.reconciliation.queries import bank_position
from monnaie_locale.web import pages

ENTRIES_PER_PAGE = 50
# An address may carry any number of digits; a journal never numbers that far.
NUMBER_DIGITS_MAX = 15

blueprint = Blueprint("office", __name__, template_folder="templates")
# Apart, so that the menu shows where one is.
journal_blueprint = Blueprint("journal", __name__, template_folder="templates")


@blueprint.get("/bureau")
@access.requires(Permission.VIEW_DASHBOARD)
def dashboard() -> ResponseReturnValue:
    """Show what waits, and whether the reserve covers what is owed."""
    rt = runtime.current()
    now = pages.now()
    with reading(rt.engine) as db:
        head = head_of(db, territory_id=rt.territory_id)
        tasks = waiting.tasks(db, territory_id=rt.territory_id)
        closes = closes_of(db, territory_id=rt.territory_id)
        following = next_month_to_close(db, territory_id=rt.territory_id)
        position = bank_position(db, territory_id=rt.territory_id, day=paris_date(rt.now_ms()))
    subject = access.subject()
    last = next((close for close in closes if close.state is CloseState.CLOSED), None)
    is_due = following is not None and now.astimezone(PARIS).date() > following.last_day
    return pages.render(
        "office/dashboard.html",
        head=head,
        tasks=[(task, _link(task.endpoint)) for task in tasks if subject.may(task.permission)],
        others=sum(not subject.may(task.permission) for task in tasks),
        last_close=last,
        due_month=following if is_due else None,
        position=position,
    )


@journal_blueprint.get("/bureau/journal")
@access.requires(Permission.VIEW_JOURNAL)
def index() -> ResponseReturnValue:
    """List the entries, newest first."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        head = head_of(db, territory_id=rt.territory_id)
        newest = min(_before() - 1, head.last_entry_id) if _before() else head.last_entry_id
        oldest = max(1, newest - ENTRIES_PER_PAGE + 1)
        numbers = list(range(oldest, newest + 1))
        found = entries_by_number(db, territory_id=rt.territory_id, entry_ids=numbers)[::-1] if numbers else []
        entries = ledger_view.views(db, territory_id=rt.territory_id, found=found)
        sealed = latest_head(db, territory_id=rt.territory_id)
    return pages.render(
        "office/journal.html", entries=entries, head=head, sealed=sealed, older=oldest if oldest > 1 else None
    )


@journal_blueprint.get("/bureau/journal/<int:entry_id>")
@access.requires(Permission.VIEW_JOURNAL)
def entry(entry_id: int) -> ResponseReturnValue:
    """Show one entry and its transfers."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        posted = entry_of(db, territory_id=rt.territory_id, entry_id=entry_id)
        (view,) = ledger_view.views(db, territory_id=rt.territory_id, found=[posted])
        last = head_of(db, territory_id=rt.territory_id).last_entry_id
        by = name_of_caller(db, territory_id=rt.territory_id, caller=posted.entry.caller, keyring=rt.keyring)
        found = trail.trail_of(db, territory_id=rt.territory_id, entry=posted.entry)
    return pages.render("office/entry.html", entry=view, by=by, last=last, trail=found)


@journal_blueprint.get("/bureau/journal/comptes/<int:account_id>")
@access.requires(Permission.VIEW_JOURNAL)
def account(account_id: int) -> ResponseReturnValue:
    """Show an account: what it holds and the entries that moved it, newest first; follow the money from there."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        side = ledger_view.sides(db, territory_id=rt.territory_id, account_ids=[account_id]).get(account_id)
        if side is None:
            raise AccountUnknown(account_id=account_id)
        found = entries_touching(
            db,
            territory_id=rt.territory_id,
            account_ids=[account_id],
            before_entry_id=_before() or None,
            limit=ENTRIES_PER_PAGE + 1,
        )
        entries = ledger_view.views(db, territory_id=rt.territory_id, found=found[:ENTRIES_PER_PAGE])
        balance_cents = balance_of(db, territory_id=rt.territory_id, account_id=account_id)
    older = entries[-1].posted.entry.entry_id if len(found) > ENTRIES_PER_PAGE else None
    return pages.render("office/account.html", side=side, entries=entries, balance_cents=balance_cents, older=older)


@journal_blueprint.get("/bureau/journal/verification")
@access.requires(Permission.VIEW_JOURNAL)
def verification() -> ResponseReturnValue:
    """Recompute the whole journal and say what is wrong."""
    return pages.render("office/verification.html", verdict=verdict_of(runtime.current()))


def _before() -> int:
    """Return the entry number that the list starts below, 0 for the newest page."""
    typed = request.args.get("avant", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= NUMBER_DIGITS_MAX else 0


def _link(endpoint: str) -> str | None:
    """Return the address of a page of another package, None when that package is not on this application."""
    return url_for(endpoint) if endpoint in current_app.view_functions else None
