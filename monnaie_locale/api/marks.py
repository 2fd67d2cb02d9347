"""The marks that say what a route asks for; the guard of `monnaie_locale.identity.access` reads them."""

from collections.abc import Callable
from typing import Any, TypeVar

MARK = "access_permission"
READS_KEY = "access_reads_key"
# What `Permission.OPEN_TO_ALL` is called; the API kit stands below identity and cannot name it.
OPEN_TO_ALL = "open_to_all"

View = TypeVar("View", bound=Callable[..., Any])


def mark(view: View, permission: str) -> View:
    """Write on a view the one permission that it asks for."""
    setattr(view, MARK, permission)
    return view


def mark_of(view: Callable[..., Any] | None) -> str | None:
    """Return what a view asks for, or None when it does not say."""
    permission: str | None = getattr(view, MARK, None)
    return permission


def mark_reads_key(view: View) -> View:
    """Write on a view that its operation reads the caller's API key again, in the transaction that posts."""
    setattr(view, READS_KEY, True)
    return view


def reads_key(view: Callable[..., Any]) -> bool:
    """Tell whether a view's operation reads the caller's API key again."""
    return getattr(view, READS_KEY, False)
