"""The entries of the back office's menu; each package adds its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from flask import Flask

EXTENSION = "web.navigation"
DOORS = "web.doors"


@dataclass(frozen=True, slots=True, order=True)
class MenuEntry:
    """One line of the menu, shown to whoever may open it."""

    order: int
    label: str
    endpoint: str
    permission: str
    blueprints: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Door:
    """A way in from the front page, for people who are not staff."""

    order: int
    title: str
    sentence: str
    endpoint: str


def add(app: Flask, *, label: str, endpoint: str, permission: str, order: int, also: Iterable[str] = ()) -> None:
    """Add a line to the menu.

    Args:
        app: the application.
        label: the French word shown.
        endpoint: where it leads.
        permission: who sees it; the route itself is guarded on its own.
        order: small numbers come first.
        also: the other blueprints whose pages belong to it, beside the endpoint's own.

    """
    blueprints = frozenset({endpoint.rpartition(".")[0], *also})
    entries: list[MenuEntry] = app.extensions.setdefault(EXTENSION, [])
    entries.append(MenuEntry(order=order, label=label, endpoint=endpoint, permission=permission, blueprints=blueprints))
    entries.sort()


def entries_of(app: Flask) -> list[MenuEntry]:
    """Return every line of the menu in its order."""
    entries: list[MenuEntry] = app.extensions.get(EXTENSION, [])
    return entries


def add_door(app: Flask, *, title: str, sentence: str, endpoint: str, order: int) -> None:
    """Add a way in to the front page: a title, what it is for, and where it leads."""
    doors: list[Door] = app.extensions.setdefault(DOORS, [])
    doors.append(Door(order=order, title=title, sentence=sentence, endpoint=endpoint))
    doors.sort()


def doors_of(app: Flask) -> list[Door]:
    """Return the ways in, in their order."""
    doors: list[Door] = app.extensions.get(DOORS, [])
    return doors
