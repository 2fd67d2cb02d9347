"""Write journal entries: lock, look up the keys, decide in memory, insert set-based. The only writer of the journal."""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection, select

from monnaie_locale.database.bulk import insert_columns, insert_rows
from monnaie_locale.database.driver import sent_ahead
from monnaie_locale.journal.companions import Companion, CompanionBatch, LookedUp
from monnaie_locale.journal.locking import lock_books
from monnaie_locale.journal.tables import journal_entries, transfers
from monnaie_locale.ledger.accounts import Balance
from monnaie_locale.ledger.entries import JournalEntry, Transfer
from monnaie_locale.ledger.errors import AlreadyReversed, IdempotencyKeyReused, PeriodClosed, Refusal
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.ledger.posting import Posted, Posting, apply, decide

# Of a distribution's chunk, so that Python decides while PostgreSQL writes; far above what the tills ask at once.
DECIDED_AT_ONCE = 256


def post(db: Connection, posting: Posting, *, recorded_at_ms: int) -> Posted:
    """Post one entry inside the caller's transaction.

    Refuses with the ledger's codes (see `ledger.posting.decide`), idempotency_key_reused, period_closed, and with
    what the posting's companions refuse.
    """
    answer = post_batch(db, [posting], recorded_at_ms=recorded_at_ms)[0]
    if isinstance(answer, Refusal):
        raise answer
    return answer


def post_batch(
    db: Connection, postings: Sequence[Posting], *, recorded_at_ms: int, until_commit: bool = False
) -> list[Posted | Refusal]:
    """Post the entries of one territory in order; a refusal is an answer, the others go on.

    Args:
        db: a connection in a transaction; nothing is durable before it commits.
        postings: requests of one territory.
        recorded_at_ms: the instant of recording, milliseconds UTC.
        until_commit: the transaction ends with it: what it writes goes to the server together with the commit.

    """
    if not postings:
        return []
    territory_id = postings[0].territory_id
    keys = [posting.key_digest for posting in postings]
    carried = _by_class(postings)
    looked_up = [each for each in carried if issubclass(each, LookedUp)]
    books, seen = lock_books(
        db,
        territory_id=territory_id,
        key_digests=keys,
        account_ids=_account_ids(postings),
        looks=[each.look(territory_id=territory_id, companions=carried[each]) for each in looked_up],
    )
    batch = _Batch(
        territory_id=territory_id,
        recorded_at_ms=recorded_at_ms,
        open_day=_open_day(paris_date(recorded_at_ms), books.closed_through),
        last_entry_id=books.last_entry_id,
        closed_through=books.closed_through,
        posted=books.posted,
        balances=books.balances,
        last_moves=books.last_moves,
        companions=_load_companions(db, territory_id, carried, seen=dict(zip(looked_up, seen, strict=True))),
        reversed_ids=_reversed_among(db, territory_id, postings),
    )
    return batch.post(db, postings, keys, until_commit=until_commit)


@dataclass(slots=True, kw_only=True)
class _Batch:
    """The state of the books under the lock, and what this batch adds to it."""

    territory_id: int
    recorded_at_ms: int
    open_day: datetime.date
    last_entry_id: int
    closed_through: datetime.date | None
    posted: dict[bytes, Posted]
    balances: dict[int, Balance]
    last_moves: dict[int, int]
    companions: dict[type[object], CompanionBatch]
    reversed_ids: set[int]
    added: list[Posted] = field(default_factory=list)

    def answer(self, posting: Posting, key: bytes) -> Posted | Refusal:
        """Decide one request: what it posted, what its key had posted, or why not."""
        try:
            earlier = self.posted.get(key)
            if earlier is not None:
                return replayed(earlier, posting)
            accounted_on = self._accounted_on(posting)
            if posting.reverses_entry_id in self.reversed_ids:
                raise AlreadyReversed(entry_id=posting.reverses_entry_id)
            moves = decide(posting, self.balances)
            for companion in posting.companions:
                self.companions[type(companion)].check(companion, moves)
        except Refusal as refusal:
            return refusal
        posted = self._add(posting, key, moves, accounted_on)
        for companion in posting.companions:
            self.companions[type(companion)].accept(companion, posted)
        return posted

    def post(
        self, db: Connection, postings: Sequence[Posting], keys: Sequence[bytes], *, until_commit: bool
    ) -> list[Posted | Refusal]:
        """Answer every request in order and write what they add: a part while the next is decided."""
        answers: list[Posted | Refusal] = []
        with sent_ahead(db, until_commit=until_commit):
            for start in range(0, len(postings), DECIDED_AT_ONCE):
                part = slice(start, start + DECIDED_AT_ONCE)
                answers += [self.answer(posting, key) for posting, key in zip(postings[part], keys[part], strict=True)]
                self._write(db)
            for shared in self.companions.values():
                shared.save(db)
        return answers

    def _write(self, db: Connection) -> None:
        """Insert the transfers, then the entries: the database refuses an entry that has none."""
        if not self.added:
            return
        entries = [posted.entry for posted in self.added]
        insert_rows(db, transfers, self._lines(entries))
        # Column by column, as both databases take them.
        territory_ids, entry_ids, kinds, *others, _ = zip(*entries, strict=True)
        leaf_hashes = [posted.leaf_hash for posted in self.added]
        insert_columns(db, journal_entries, [territory_ids, entry_ids, list(map(int, kinds)), *others, leaf_hashes])
        self.added.clear()

    def _lines(self, entries: Sequence[JournalEntry]) -> list[tuple[int, ...]]:
        """Return the rows of the entries' transfers, each side with the entry that moved its account before."""
        rows: list[tuple[int, ...]] = []
        last_moves = self.last_moves
        for territory_id, entry_id, *_, lines in entries:
            rows += [
                (
                    territory_id, entry_id, number, int(debit_kind), int(credit_kind), debit_id, credit_id,
                    amount_cents, last_moves[debit_id], last_moves[credit_id],
                )
                for number, (debit_id, debit_kind, credit_id, credit_kind, amount_cents) in enumerate(lines, 1)
            ]  # fmt: skip
            for debit_id, _, credit_id, _, _ in lines:
                last_moves[debit_id] = last_moves[credit_id] = entry_id
        return rows

    def _accounted_on(self, posting: Posting) -> datetime.date:
        if posting.accounted_on is not None:
            if self.closed_through is not None and posting.accounted_on <= self.closed_through:
                raise PeriodClosed(accounted_on=f"{posting.accounted_on:%d/%m/%Y}")
            return posting.accounted_on
        return self.open_day

    def _add(self, posting: Posting, key: bytes, moves: tuple[Transfer, ...], accounted_on: datetime.date) -> Posted:
        self.last_entry_id += 1
        entry = JournalEntry(
            self.territory_id, self.last_entry_id, posting.kind, posting.happened_at_ms, self.recorded_at_ms,
            accounted_on, posting.caller, key, posting.request_digest, posting.reverses_entry_id, posting.reference,
            moves,
        )  # fmt: skip
        balances = self.balances
        apply(moves, balances)
        left_cents = 0
        for source in _sources(posting):
            _, debits_cents, credits_cents = balances[source]
            left_cents += credits_cents - debits_cents
        posted = Posted(entry, entry.leaf_hash(), left_cents=left_cents)
        self.added.append(posted)
        self.posted[key] = posted
        if posting.reverses_entry_id is not None:
            self.reversed_ids.add(posting.reverses_entry_id)
        return posted


def _open_day(today: datetime.date, closed_through: datetime.date | None) -> datetime.date:
    """Return today or the first open day: what happened in a closed month is accounted then, and keeps its own date."""
    return today if closed_through is None else max(today, closed_through + datetime.timedelta(days=1))


def replayed(earlier: Posted, posting: Posting) -> Posted:
    """Return what the key had posted; refuses idempotency_key_reused when the request is another one."""
    if earlier.entry.request_digest != posting.request_digest:
        raise IdempotencyKeyReused
    return earlier._replace(replayed=True)


def _sources(posting: Posting) -> Collection[int]:
    """Return the accounts drawn from, each once; most postings have one draw from one purse."""
    draws = posting.draws
    if len(draws) == 1 and len(draws[0].sources) == 1:
        return draws[0].sources
    return {source for draw in draws for source in draw.sources}


def _account_ids(postings: Sequence[Posting]) -> set[int]:
    return {account_id for posting in postings for account_id in posting.account_ids()}


def _reversed_among(db: Connection, territory_id: int, postings: Sequence[Posting]) -> set[int]:
    asked = [posting.reverses_entry_id for posting in postings if posting.reverses_entry_id is not None]
    if not asked:
        return set()
    reverses = journal_entries.c.reverses_entry_id
    rows = db.scalars(select(reverses).where(journal_entries.c.territory_id == territory_id, reverses.in_(asked)))
    return set(rows.all())


def _by_class(postings: Sequence[Posting]) -> dict[type[object], list[object]]:
    by_class: dict[type[object], list[object]] = {}
    for posting in postings:
        for companion in posting.companions:
            by_class.setdefault(type(companion), []).append(companion)
    return by_class


def _load_companions(
    db: Connection, territory_id: int, carried: dict[type[object], list[object]], *, seen: Mapping[type[object], Any]
) -> dict[type[object], CompanionBatch]:
    loaded: dict[type[object], CompanionBatch] = {}
    for each, companions in carried.items():
        if issubclass(each, LookedUp):
            loaded[each] = each.loaded(db, territory_id=territory_id, companions=companions, seen=seen[each])
        else:
            loaded[each] = cast("type[Companion]", each).load(db, territory_id=territory_id, companions=companions)
    return loaded
