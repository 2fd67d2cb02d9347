"""Hold how refused offline charges ended against the journal and the audit trail.

What is paid names a charge of its shop, by the till and at the instant that it says; what is given up is in the trail.
"""

import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from merchants.offline.ends import DISMISSED, OfflineEnd, ends_of
from merchants.queries import merchant_accounts
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Posted

# Who, when, and the amount and the hour of the charge: all that the trail keeps of one that was given up.
_Dismissal = tuple[str, int, int, int]


def check_offline_ends(db: Connection, *, territory_id: int) -> Iterator[Finding]:
    """Each refused charge that is paid is paid by its shop's own charge; each one given up is one of the trail's."""
    ends = ends_of(db, territory_id=territory_id)
    numbers = [each.entry_id for each in ends if each.entry_id is not None]
    paying = {
        posted.entry.entry_id: posted for posted in entries_by_number(db, territory_id=territory_id, entry_ids=numbers)
    }
    accounts = {
        merchant_id: merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)[0]
        for merchant_id in {each.merchant_id for each in ends}
    }
    for each in ends:
        if each.entry_id is not None and not _pays(paying.get(each.entry_id), each, accounts[each.merchant_id]):
            yield Finding(
                "offline_end_differs",
                f"entry {each.entry_id}",
                f"L’écriture n° {each.entry_id} n’est pas l’encaissement qui a payé un encaissement hors connexion"
                " refusé.",
            )
    given_up = Counter(
        (each.ended_by, each.ended_at_ms, each.amount_cents, each.happened_at_ms)
        for each in ends
        if each.entry_id is None
    )
    told = Counter(_told(db, territory_id))
    for who, *_ in sorted((given_up - told) + (told - given_up)):
        yield Finding(
            "offline_end_differs",
            who.replace(":", " "),
            "Un encaissement hors connexion refusé n’est pas classé comme le journal d’audit s’en souvient.",
        )


def _pays(posted: Posted | None, end: OfflineEnd, account_id: int) -> bool:
    if posted is None:
        return False
    entry = posted.entry
    said = (entry.kind, entry.caller, entry.amount_cents, entry.happened_at_ms)
    credited = {line.credit_account_id for line in entry.transfers}
    return said == (EntryKind.CHARGE, end.ended_by, end.amount_cents, end.ended_at_ms) and credited == {account_id}


def _told(db: Connection, territory_id: int) -> Iterator[_Dismissal]:
    for event in events_of_actions(db, territory_id=territory_id, actions=(DISMISSED,)):
        detail = json.loads(event.detail)
        yield event.actor, event.at_ms, detail["amount_cents"], detail["happened_at_ms"]
