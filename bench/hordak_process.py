"""django-hordak at work, in a process of its own: Django is configured once for a process, and never in ours.

Reads one job as JSON from the standard input (an address holds a password: it must not show in the list of processes),
writes its figures as JSON to the standard output. `python -m bench.hordak_process` is called by bench/hordak.py only.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import django  # type: ignore[import-untyped]
from django.apps import apps  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.management import call_command  # type: ignore[import-untyped]
from django.db import connection, transaction  # type: ignore[import-untyped]
from django.db.models import Sum  # type: ignore[import-untyped]
from moneyed import Money

from bench.books import SHOPS, WALLETS
from bench.hordak import Job
from bench.measure import Figures, Step, Timing, measure, ready
from bench.raw_cases import payments

CURRENCY = "EUR"
CENTS_PER_UNIT = 100
# What each payer holds at the start: more than a run can take.
PURSE = Money(1_000_000, CURRENCY)
# Legs of one opening transaction: hordak's trigger sums the legs of a transaction again for each of them.
OPENED_AT_ONCE = 100
OPENINGS = WALLETS // OPENED_AT_ONCE


class HordakWrong(Exception):
    """Hordak's books do not add up: its figures would be no comparison."""


def main() -> None:
    job = Job(**json.load(sys.stdin))
    _configure(job.database)
    if not job.callers:
        _prepare()
        return
    step_of = _guarded if job.guarded else _bare
    figures = measure(step_of(), callers=job.callers, timing=Timing(job.warm_up_s, job.seconds))
    _check(figures)
    json.dump(asdict(figures), sys.stdout)


def _configure(address: Mapping[str, str]) -> None:
    """Set up Django as its tutorial does; nothing that makes a commit more or less durable, no debug log of queries."""
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address["dbname"],
        "USER": address.get("user", ""),
        "PASSWORD": address.get("password", ""),
        "HOST": address.get("host", ""),
        "PORT": address.get("port", ""),
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_CURRENCY=CURRENCY,
        HORDAK_CURRENCIES=[CURRENCY],
        USE_TZ=True,
    )
    django.setup()


def _model(name: str) -> Any:  # noqa: ANN401 - Django has no types
    return apps.get_model("hordak", name)


def _prepare() -> None:
    """Make hordak's tables and as many accounts as our town has, payers first, then shops; fill the payers' purses."""
    call_command("migrate", verbosity=0, interactive=False)
    account = _model("Account")
    account.objects.bulk_create(
        [
            # Each is a tree of its own, which mptt numbers itself only when accounts are saved one by one.
            account(name=f"account {number}", type="LI", currencies=[CURRENCY], lft=1, rght=2, tree_id=number, level=0)
            for number in range(1, WALLETS + SHOPS + 1)
        ],
        batch_size=1_000,
    )
    bank = account.objects.create(name="bank", type="AS", currencies=[CURRENCY])
    purses = [each for each in account.objects.order_by("tree_id") if each.tree_id <= WALLETS]
    for first in range(0, WALLETS, OPENED_AT_ONCE):
        _open(bank, purses[first : first + OPENED_AT_ONCE])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _open(bank: Any, purses: Sequence[Any]) -> None:  # noqa: ANN401 - same
    leg = _model("Leg")
    with transaction.atomic():
        opening = _model("Transaction").objects.create()
        credits_ = [leg(transaction=opening, account=purse, credit=PURSE) for purse in purses]
        leg.objects.bulk_create([leg(transaction=opening, account=bank, debit=PURSE * len(purses)), *credits_])


def _bare() -> Callable[[int], Step]:
    """Return threads with a connection each; the accounts are at hand, which spares hordak two queries a posting."""
    accounts = {account.tree_id: account for account in _model("Account").objects.all()}

    def step_of(caller: int) -> Step:
        connection.ensure_connection()  # of this thread
        drawn = ready(payments(caller, hot=False))

        def step() -> int:
            payer, shop, amount_cents = next(drawn)
            # Credits the first account and debits the second: more is owed to the shop, less to the payer.
            accounts[shop].transfer_to(accounts[payer], Money(amount_cents, CURRENCY) / CENTS_PER_UNIT)
            return 1

        return step

    return step_of


def _guarded() -> Callable[[int], Step]:
    """Return the same, and no payer falls below zero: its account is locked and its legs summed first."""
    account = _model("Account")
    keys = dict(account.objects.values_list("tree_id", "pk"))

    def step_of(caller: int) -> Step:
        connection.ensure_connection()
        drawn = ready(payments(caller, hot=False))

        def step() -> int:
            payer_number, shop_number, amount_cents = next(drawn)
            amount = Money(amount_cents, CURRENCY) / CENTS_PER_UNIT
            with transaction.atomic():
                payer = account.objects.select_for_update().get(pk=keys[payer_number])
                if payer.get_simple_balance()[CURRENCY] < amount:
                    raise HordakWrong(f"purse {payer_number} is short")
                account.objects.get(pk=keys[shop_number]).transfer_to(payer, amount)
            return 1

        return step

    return step_of


def _check(figures: Figures) -> None:
    legs = _model("Leg").objects
    sums = legs.aggregate(credit=Sum("credit"), debit=Sum("debit"))
    found = (_model("Transaction").objects.count(), legs.count(), sums["credit"] - sums["debit"])
    opened = WALLETS + OPENINGS
    if found != (figures.acknowledged + OPENINGS, 2 * figures.acknowledged + opened, 0):
        raise HordakWrong(f"transactions, legs, sum: {found}; acknowledged: {figures.acknowledged}")


if __name__ == "__main__":
    main()
