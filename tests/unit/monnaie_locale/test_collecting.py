"""A process that looks for cycles rarely still finds them."""

import subprocess
import sys

LOOKS = """
import gc, weakref
from monnaie_locale.runtime import CONTAINERS_BETWEEN_LOOKS, collect_rarely

class Node:
    pass

def cycle():
    node = Node()
    node.itself = node
    return weakref.ref(node)

{before}
left = [cycle() for _ in range(2 * CONTAINERS_BETWEEN_LOOKS)]
print(gc.get_freeze_count() > 0, sum(node() is not None for node in left) <= CONTAINERS_BETWEEN_LOOKS)
"""


def said(before: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", LOOKS.format(before=before)], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_what_was_imported_is_frozen_and_new_cycles_are_found() -> None:
    assert said("collect_rarely()") == "True True"


def test_without_it_nothing_is_frozen_and_without_a_collector_nothing_found() -> None:
    """The negative control."""
    assert said("gc.disable()") == "False False"
