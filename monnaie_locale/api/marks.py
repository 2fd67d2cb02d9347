"""The mark that says what a route asks for; the guard of `monnaie_locale.identity.access` reads it."""

from collections.abc import Callable
from typing import Any, TypeVar

MARK = "access_permission"
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
