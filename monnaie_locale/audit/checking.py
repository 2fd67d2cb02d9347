"""Audit an export: everything it says is derived again from its entries, and held against what was signed.

Time is linear in the entries. Memory is that of the accounts, of the heads and of each shop's months, and some bytes an
entry: the beginnings of the idempotency keys, among which two alike are looked for.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from monnaie_locale.audit.log import Expected, Log
from monnaie_locale.audit.model import Account, Entry, Head, Header, Period, Reopening, Report, Trailer
from monnaie_locale.audit.reading import Malformed, read_export
from monnaie_locale.audit.replay import Replay, key_ending
from monnaie_locale.ledger.canonical import entry_bytes, opening_bytes
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.heads import export_text, head_text
from monnaie_locale.ledger.merkle import hash_leaf

KINDS = frozenset(int(kind) for kind in EntryKind)
ALTERED = "L’écriture n° {number} n’est plus celle qui a été enregistrée : son empreinte diffère."


@dataclass(frozen=True, slots=True)
class PaperHead:
    """A head kept elsewhere, on a printed certificate: how many entries, and their root."""

    size: int
    root: bytes


def audit(
    path: Path, *, public_key_pem: str | None = None, older: Path | None = None, paper: Sequence[PaperHead] = ()
) -> Report:
    """Return what an export holds and everything that is wrong with it.

    Args:
        path: the export.
        public_key_pem: the installation's key, had from elsewhere; None believes the key in the export.
        older: an export made before, of which this one must be the continuation.
        paper: heads kept elsewhere.

    Raises OSError when a file cannot be read.

    """
    audited = _Audit(Report(), public_key_pem)
    audited.vouched(paper)
    if older is not None:
        audited.vouched_by_export(older)
    try:
        for read in read_export(path):
            audited.take(read.item, read.digest_before)
    except Malformed as error:
        audited.report.find("export_malformed", f"line {error.line_no}", error.french)
    audited.end()
    audited.look_at_keys(path)
    return audited.report


@dataclass(slots=True)
class _Audit:
    """One audit under way."""

    report: Report
    wanted_key_pem: str | None
    entries: Log = field(init=False)
    accounts: Log = field(init=False)
    replay: Replay = field(init=False)
    key: Ed25519PublicKey | None = None
    counts: Counter[type] = field(default_factory=Counter)
    transfers: int = 0
    trailer: Trailer | None = None
    older_periods: list[Period] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with empty books."""
        self.entries, self.accounts = Log(self.report), Log(self.report)
        self.replay = Replay(self.report)

    def vouched(self, paper: Sequence[PaperHead]) -> None:
        """Expect the roots that somebody kept."""
        self.entries.expect(
            Expected(
                each.size,
                each.root,
                "older_head_differs",
                "older_head_missing",
                f"log head {each.size}",
                f"Le journal n’est pas la suite de celui dont l’empreinte à {each.size} écritures a été gardée.",
            )
            for each in paper
        )

    def vouched_by_export(self, older: Path) -> None:
        """Expect every head of an older export."""
        try:
            items = [read.item for read in read_export(older) if isinstance(read.item, Head | Period)]
        except Malformed as error:
            self.report.find(
                "older_export_malformed", f"older line {error.line_no}", f"Export plus ancien : {error.french}"
            )
            return
        self.vouched([PaperHead(item.size, item.root) for item in items if isinstance(item, Head)])
        self.older_periods = [item for item in items if isinstance(item, Period)]

    def take(self, item: object, digest_before: bytes) -> None:
        """Take the next item of the export."""
        self.counts[type(item)] += 1
        if isinstance(item, Entry):
            self._entry(item)
        elif isinstance(item, Account):
            self._account(item)
        elif isinstance(item, Head):
            self._head(item)
        elif isinstance(item, Period):
            self._period(item)
        elif isinstance(item, Reopening):
            self.replay.reopenings.append(item)
        elif isinstance(item, Header):
            self._header(item)
        elif isinstance(item, Trailer):
            self.trailer = item
            self._sealed_export(item, digest_before)

    def end(self) -> None:
        """Say what is missing, and what it all amounts to."""
        report = self.report
        if self.trailer is None:
            report.find("export_truncated", "trailer", "L’export est incomplet : sa dernière ligne manque.")
        if report.header is None:
            return
        report.root = self.entries.root()
        report.heads, report.entries = self.counts[Head], self.counts[Entry]
        report.accounts, report.transfers = self.counts[Account], self.transfers
        report.unsealed = self.entries.size - (report.newest_head.size if report.newest_head else 0)
        self.entries.end()
        self.accounts.end()
        self.replay.end()
        self._check_older_periods()

    def look_at_keys(self, path: Path) -> None:
        """Name the entries that share an idempotency key; the export is read again only if two look alike."""
        suspect = self.replay.repeated_endings()
        if not suspect:
            return
        first: dict[bytes, int] = {}
        for entry in _entries_of(path):
            if key_ending(entry) not in suspect:
                continue
            earlier = first.setdefault(entry.key_digest, entry.entry_id)
            if earlier != entry.entry_id:
                self.report.find(
                    "key_repeated",
                    f"entry {entry.entry_id}",
                    f"L’écriture n° {entry.entry_id} a la même clé d’idempotence que la n° {earlier}.",
                )

    def _header(self, header: Header) -> None:
        self.report.header = header
        if self.wanted_key_pem is not None and self.wanted_key_pem.split() != header.public_key_pem.split():
            self.report.find(
                "key_differs", "public key", "La clé publique de l’export n’est pas celle que vous avez donnée."
            )
        try:
            key = load_pem_public_key((self.wanted_key_pem or header.public_key_pem).encode())
        except ValueError:
            key = None
        if isinstance(key, Ed25519PublicKey):
            self.key = key
        else:
            self.report.find("key_unreadable", "public key", "La clé publique est illisible.")

    def _head(self, head: Head) -> None:
        territory_id = self.report.header.territory_id if self.report.header else 0
        text = head_text(
            territory_id=territory_id,
            size=head.size,
            root=head.root,
            accounts_size=head.accounts_size,
            accounts_root=head.accounts_root,
            sealed_at_ms=head.sealed_at_ms,
        )
        subject = f"log head {head.size}"
        if not self._signed(text, head.signature):
            self.report.find("log_signature_invalid", subject, f"La signature du journal à {head.size} est fausse.")
        newest = self.report.newest_head
        if newest is not None and (head.size <= newest.size or head.accounts_size < newest.accounts_size):
            self.report.find("heads_not_growing", subject, f"Le journal signé à {head.size} ne suit pas le précédent.")
        self.report.newest_head = head
        self.entries.expect([_expected(head.size, head.root, "log", "Les écritures")])
        self.accounts.expect([_expected(head.accounts_size, head.accounts_root, "accounts", "Les comptes")])

    def _period(self, period: Period) -> None:
        periods = self.replay.periods
        if periods and (period.starts_on - periods[-1].ends_on).days != 1:
            self.report.find(
                "period_gap", f"period {period.starts_on}", f"Il manque un arrêté avant le {period.starts_on}."
            )
        periods.append(period)

    def _check_older_periods(self) -> None:
        """Every month closed in an older export is still closed as it was, or its reopening says so."""
        there: list[Period | Reopening] = [*self.replay.periods, *self.replay.reopenings]
        known = {(each.starts_on, each.ends_on, each.last_entry_id) for each in there}
        for each in self.older_periods:
            if (each.starts_on, each.ends_on, each.last_entry_id) not in known:
                self.report.find(
                    "period_undone",
                    f"period {each.starts_on}",
                    f"Le mois arrêté au {each.ends_on} dans l’export plus ancien ne l’est plus, et rien ne dit qu’il a"
                    " été rouvert.",
                )

    def _account(self, account: Account) -> None:
        number = account.account_id
        subject = f"account {number}"
        if number != self.accounts.size + 1:
            self.report.find("account_number_gap", subject, f"La numérotation des comptes a un trou avant le {number}.")
        content = opening_bytes(
            self.report.header.territory_id if self.report.header else 0,
            number,
            account.kind,
            account.programme_id,
            account.wallet_id,
            account.merchant_id,
            account.expires_on,
            account.opened_at_ms,
        )
        if hash_leaf(content) != account.leaf_hash:
            self.report.find("account_altered", subject, f"Le compte {number} n’est plus celui qui a été ouvert.")
        self.accounts.append(account.leaf_hash)
        self.replay.open(account)

    def _entry(self, entry: Entry) -> None:
        number = entry.entry_id
        subject = f"entry {number}"
        if number != self.entries.size + 1:
            self.report.find(
                "entry_number_gap",
                subject,
                f"L’écriture n° {number} suit la n° {self.entries.size} : la numérotation a un trou.",
            )
        content = entry_bytes(
            self.report.header.territory_id if self.report.header else 0,
            number,
            entry.kind,
            entry.happened_at_ms,
            entry.recorded_at_ms,
            entry.accounted_on,
            entry.caller,
            entry.key_digest,
            entry.request_digest,
            entry.reverses_entry_id,
            entry.reference,
            entry.lines,
        )
        if entry.kind not in KINDS:
            self.report.find("entry_kind_unknown", subject, f"L’écriture n° {number} est d’une nature inconnue.")
        if hash_leaf(content) != entry.leaf_hash:
            self.report.find("entry_altered", subject, ALTERED.format(number=number))
        self.transfers += len(entry.lines)
        self.entries.append(entry.leaf_hash)
        self.replay.post(entry)

    def _sealed_export(self, trailer: Trailer, digest: bytes) -> None:
        said = (
            trailer.heads, trailer.periods, trailer.reopenings, trailer.accounts, trailer.entries, trailer.transfers,
        )  # fmt: skip
        found = (*(self.counts[each] for each in (Head, Period, Reopening, Account, Entry)), self.transfers)
        if said != found:
            self.report.find(
                "counts_differ",
                "trailer",
                f"L’export annonce {said[0]} signatures, {said[1]} arrêtés, {said[2]} réouvertures, {said[3]} comptes,"
                f" {said[4]} écritures et {said[5]} mouvements ; il en contient"
                f" {', '.join(str(each) for each in found[:-1])} et {found[-1]}.",
            )
        territory_id = self.report.header.territory_id if self.report.header else 0
        signed = self._signed(export_text(territory_id=territory_id, sha256=trailer.sha256), trailer.signature)
        if trailer.sha256 != digest or not signed:
            self.report.find(
                "export_signature_invalid",
                "trailer",
                "L’export n’est plus, à l’octet près, celui que l’installation a signé.",
            )

    def _signed(self, text: bytes, signature: bytes) -> bool:
        if self.key is None:
            return False
        try:
            self.key.verify(signature, text)
        except InvalidSignature:
            return False
        return True


def fingerprint(public_key_pem: str) -> str:
    """Return the first 64 bits of the SHA-256 of a key's PEM text, as the printed documents show it."""
    return hashlib.sha256(public_key_pem.encode()).hexdigest()[:16]


def _expected(size: int, root: bytes, word: str, what: str) -> Expected:
    return Expected(
        size,
        root,
        f"{word}_rewritten",
        f"{word}_shortened",
        f"{word} head {size}",
        f"{what} n° 1 à {size} ne sont plus ce qui a été scellé.",
    )


def _entries_of(path: Path) -> Iterator[Entry]:
    try:
        for read in read_export(path):
            if isinstance(read.item, Entry):
                yield read.item
    except Malformed:
        return
