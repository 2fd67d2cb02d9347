"""Hold what one person decides alone, and what the bank's files said, as they are stored, against the audit trail.

Nothing in the journal tells them twice: terms of payouts and caps decide what comes, a certification what is owed, an
undone decision leaves two entries that cancel each other. The trail is signed, so it remembers.
"""

import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from merchants.offline.limits import limits_decided
from merchants.payouts.cap_claims import certifications_of, lapses_of
from merchants.payouts.news import news_digests
from merchants.payouts.terms import terms_decided
from monnaie_locale.commands.told import Told
from monnaie_locale.identity.model import AuditEvent
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.reconciliation.decision_queries import decisions_of, refusal_digests
from monnaie_locale.reconciliation.decisions import ENTERED, decision_digest, entries_digest
from monnaie_locale.reconciliation.model import DecisionKind
from monnaie_locale.reconciliation.queries import lines_digests, matches_digests

TERMS, CAPS, CERTIFIED, LAPSED = "payout.terms", "offline.limits", "merchant.certify_cap", "merchant.lapse_cap"
IMPORTED, HEARD = "statement.import", "statement.hear"
DECIDED = {f"statement.{kind.value}": kind for kind in DecisionKind}
# Before decisions had a table of their own (migration 0026), each was a line of the trail of this name.
RESOLVED_BEFORE = "statement.resolve"
REFUSED = "statement.refuse"
ACTIONS = (TERMS, CAPS, CERTIFIED, LAPSED, IMPORTED, HEARD, REFUSED, ENTERED, *DECIDED, RESOLVED_BEFORE)


def check_decided(db: Connection, *, territory_id: int, told: Told) -> Iterator[Finding]:
    """What the trail says was decided is stored as it says, and nothing else is."""
    events = list(events_of_actions(db, territory_id=territory_id, actions=ACTIONS))
    yield from _check_terms(db, territory_id, events)
    yield from _check_claims(db, territory_id, events, told)
    yield from _check_decisions(db, territory_id, events)
    imported = [event for event in events if event.action == IMPORTED]
    altered = {
        *_altered(imported, lines_digests(db, territory_id=territory_id)),
        *_altered(imported, matches_digests(db, territory_id=territory_id), noted_as="matches_sha256"),
    }
    for number in sorted(altered):
        yield Finding(
            "bank_lines_altered",
            f"statement {number}",
            f"Les lignes du relevé n° {number} ne sont plus celles qui ont été importées.",
        )
    yield from _check_refusals(db, territory_id, events)
    heard = [event for event in events if event.action == HEARD]
    for number in _altered(heard, news_digests(db, territory_id=territory_id)):
        yield Finding(
            "bank_news_altered",
            f"bank-message {number}",
            f"Ce que la banque a dit des virements dans son message n° {number} n’est plus ce qui a été lu.",
        )


def _check_refusals(db: Connection, territory_id: int, events: list[AuditEvent]) -> Iterator[Finding]:
    """Each file refused at the door is noted as it was, and none is noted that was not refused."""
    stored = refusal_digests(db, territory_id=territory_id)
    refused = [event for event in events if event.action == REFUSED]
    told = {int(event.target.partition(":")[2]) for event in refused}
    for number in sorted({*_altered(refused, stored), *(told ^ stored.keys())}):
        yield Finding(
            "refusal_altered",
            f"refusal {number}",
            f"Le relevé refusé n° {number} n’est pas noté comme le journal d’audit s’en souvient.",
        )


def _check_terms(db: Connection, territory_id: int, events: list[AuditEvent]) -> Iterator[Finding]:
    for action, stored, code, sentence in (
        (TERMS, terms_decided(db, territory_id=territory_id), "payout_terms_differ", "Les conditions des virements"),
        (CAPS, limits_decided(db, territory_id=territory_id), "offline_caps_differ", "Les plafonds hors connexion"),
    ):
        said = [(event.actor, event.at_ms, json.loads(event.detail)) for event in events if event.action == action]
        if said != stored:
            yield Finding(code, action, f"{sentence} ne sont plus ceux que le journal d’audit dit avoir décidés.")


def _check_claims(db: Connection, territory_id: int, events: list[AuditEvent], told: Told) -> Iterator[Finding]:
    certified = Counter(
        (event.target, json.loads(event.detail).get("year"), event.actor)
        for event in events
        if event.action == CERTIFIED
    )
    stored = Counter(
        (f"merchant:{each.merchant_id}", each.year, each.recorded_by)
        for each in certifications_of(db, territory_id=territory_id)
    )
    for target, year, _ in sorted((certified - stored) + (stored - certified)):
        yield Finding(
            "cap_certification_differs",
            f"{target.replace(':', ' ')} year {year}",
            f"La certification des chèques {year} n’est pas celle dont le journal d’audit se souvient.",
        )
    lapsed: Counter[tuple[str, int]] = Counter()
    for event in events:
        if event.action == LAPSED:
            detail = json.loads(event.detail)
            lapsed[event.target, detail["year"]] += detail["amount_cents"]
    for entry_id, merchant_id, year, amount_cents in lapses_of(db, territory_id=territory_id):
        lapsed[f"merchant:{merchant_id}", year] -= amount_cents
        if not told.is_told(entry_id, EntryKind.EXPIRY, amount_cents):
            # One cent that no sum makes up for.
            lapsed[f"merchant:{merchant_id}", year] = -1
    for (target, year), gap_cents in sorted(lapsed.items()):
        if gap_cents:
            yield Finding(
                "cap_lapse_differs",
                f"{target.replace(':', ' ')} year {year}",
                f"Les chèques {year} périmés chez ce commerce ne sont pas ceux du journal d’audit et des écritures.",
            )


def _check_decisions(db: Connection, territory_id: int, events: list[AuditEvent]) -> Iterator[Finding]:
    """Each decision is the one that was noted; only those brought over by the migration, the first ones, were not."""
    noted = {event.target: event for event in events if event.action in DECIDED}
    brought_over = sum(event.action == RESOLVED_BEFORE for event in events)
    entered = {event.target: json.loads(event.detail)["sha256"] for event in events if event.action == ENTERED}
    for decision in decisions_of(db, territory_id=territory_id):
        # An older version noted no entries.
        as_entered = entered.get(f"decision:{decision.decision_id}", "") in {"", entries_digest(decision.entries)}
        event = noted.pop(f"decision:{decision.decision_id}", None)
        if event is None and decision.decision_id <= brought_over:
            continue
        wanted = None if event is None else json.loads(event.detail).get("sha256", "")
        is_noted = event is not None and (DECIDED[event.action], event.actor, event.at_ms) == (
            decision.kind,
            decision.decided_by,
            decision.decided_at_ms,
        )
        # An older version noted no digest.
        if not (is_noted and as_entered) or wanted not in {"", decision_digest(decision)}:
            yield Finding(
                "decision_altered",
                f"decision {decision.decision_id}",
                f"La décision n° {decision.decision_id} sur le relevé n’est pas celle dont le journal d’audit se"
                " souvient.",
            )
    for target in noted:
        number = target.partition(":")[2]
        yield Finding(
            "decision_missing",
            target.replace(":", " "),
            f"La décision n° {number} sur le relevé, dont le journal d’audit se souvient, a disparu.",
        )


def _altered(events: list[AuditEvent], stored: dict[int, str], *, noted_as: str = "sha256") -> Iterator[int]:
    """Yield the numbers of what is stored under another digest than the trail noted; an older version noted none."""
    for event in events:
        wanted, number = json.loads(event.detail).get(noted_as), int(event.target.partition(":")[2])
        if wanted is not None and stored.get(number, "") != wanted:
            yield number
