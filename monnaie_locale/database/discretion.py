"""What a database says of an error, without the values that it says it of: errors go to logs and to screens.

PostgreSQL tells the row that a constraint refused (DETAIL: "Key (token_digest)=(…) already exists"), and in CONTEXT the
data that it was reading. SQLAlchemy's `hide_parameters` knows nothing of it: for SQLAlchemy, it is the message.
"""

from typing import Any

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

# SQLSTATE class of data that is not what a type asks for: here even the first sentence quotes them.
DATA_EXCEPTION = "22"
TOLD_OF_ROWS = ("DETAIL:", "CONTEXT:")


def without_values(error: BaseException) -> None:
    """Leave, of what a driver's error says, only what holds no value; `diag` still has the rest for who asks.

    Args:
        error: of PostgreSQL's driver; any other, and one that the server did not write, stays as it is.

    """
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    if primary is None:
        return
    sqlstate = str(getattr(error, "sqlstate", None) or "")
    error.args = (f"{type(error).__name__} ({sqlstate})" if sqlstate.startswith(DATA_EXCEPTION) else primary,)


def leave_values_out(context: ExceptionContext) -> None:
    """Do the same to what SQLAlchemy is about to raise; a listener of `handle_error`."""
    original, told = context.original_exception, context.sqlalchemy_exception
    without_values(original)
    if isinstance(told, DBAPIError):
        kind: Any = type(original)
        told.args = (f"({kind.__module__}.{kind.__name__}) {original}",)


def lines_without_values(said: str, *, tool: str) -> str:
    """Return what one of PostgreSQL's programs printed, without what it passed on of the server's rows."""
    kept, is_told_of_rows = [], False
    for line in said.splitlines():
        # What follows belongs to it, until the program itself speaks again: a value may hold line feeds.
        is_told_of_rows = line.startswith(TOLD_OF_ROWS) or (is_told_of_rows and not line.startswith(f"{tool}: "))
        if not is_told_of_rows:
            kept.append(line)
    return "\n".join(kept)
