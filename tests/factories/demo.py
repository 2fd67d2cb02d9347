"""A small demonstration, as `monnaie-locale demo` makes it: one of each thing, in some seconds."""

from pathlib import Path

from monnaie_locale.demo.run import Demo, run_demo

SEED, HOUSEHOLDS, SHOPS, CHARGES = 7, 12, 8, 60


def small_demo(out: Path, *, seed: int = SEED) -> Demo:
    """Live a small month into `out`, and let go of its database."""
    shown = run_demo(out=out, seed=seed, households=HOUSEHOLDS, shops=SHOPS, charges=CHARGES)
    shown.rt.stop()
    return shown
