"""Cursor pagination: where the next page starts, opaque to the caller."""

import base64
import binascii
import json

from pydantic import Field

from monnaie_locale.api.errors import CursorInvalid
from monnaie_locale.api.schema import Query

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
CURSOR_LENGTH_MAX = 400
NUMBER_MAX = 2**63 - 1


class PageQuery(Query):
    """`?limit=50&cursor=…`."""

    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(default=None, max_length=CURSOR_LENGTH_MAX)


def write_cursor(position: tuple[int | str, ...]) -> str:
    """Return the cursor of a position: the sort key of the last row given."""
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *, shape: tuple[type, ...] = (int,)) -> tuple[int | str, ...] | None:
    """Return the position in a cursor, None for the first page.

    Args:
        cursor: as received.
        shape: the types of the position's parts, `int` or `str`.

    Refuses: cursor_invalid.

    """
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise CursorInvalid from error
    fits = isinstance(parts, list) and tuple(type(part) for part in parts) == shape
    # A number that no column holds would be a fault of the database instead of an empty page.
    if not fits or any(isinstance(part, int) and abs(part) > NUMBER_MAX for part in parts):
        raise CursorInvalid
    return tuple(parts)
