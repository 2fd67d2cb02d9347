"""Say how far the demonstration is: a bar on a terminal, one line a stage elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import click

Advance = Callable[[int], None]


class Progress(Protocol):
    """Where stages are announced."""

    @contextmanager
    def stage(self, label: str, *, length: int) -> Iterator[Advance]:
        """Announce a stage of `length` steps; what it gives is called with the steps done since the last call."""


class Silent:
    """Say nothing."""

    @contextmanager
    def stage(self, label: str, *, length: int) -> Iterator[Advance]:
        """Announce nothing."""
        del label, length
        yield lambda _done: None


class Terminal:
    """A bar for each stage; click draws none when nobody watches, so that a log has one line a stage."""

    @contextmanager
    def stage(self, label: str, *, length: int) -> Iterator[Advance]:
        """Draw the stage."""
        with click.progressbar(length=length, label=f"{label:<44}", show_pos=length > 1, width=24) as bar:
            yield bar.update
