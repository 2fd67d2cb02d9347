"""`monnaie-locale prove`: a stranger checks what it prints with pymerkle and a public key, and nothing of ours."""

import hashlib
import json
import shutil

import pymerkle
import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pymerkle.core import _consistency_path_layout, _inclusion_path_layout

from monnaie_locale.__main__ import main
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.ledger.proofs import consistency_spans
from monnaie_locale.runtime import DATABASE_FILE
from tests.factories import demo as small
from tests.factories.vandal import run, take_the_guards_down


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return small.small_demo(tmp_path_factory.mktemp("proved") / "out").home


@pytest.fixture(scope="module")
def contents(home):
    """Give the leaf hashes and the sizes that were signed, read by plain SQL."""
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    with reading(engine) as db:
        leaves = list(db.exec_driver_sql("SELECT leaf_hash FROM journal_entries ORDER BY id").scalars())
        sizes = list(db.exec_driver_sql("SELECT size FROM log_heads ORDER BY size").scalars())
    engine.dispose()
    return leaves, sizes


@pytest.fixture
def altered(home, tmp_path):
    folder = tmp_path / "instance"
    shutil.copytree(home, folder)

    def alter(*statements):
        engine = open_engine(f"sqlite:///{folder / DATABASE_FILE}")
        take_the_guards_down(engine)
        run(engine, *statements)
        engine.dispose()
        return folder

    return alter


def typed(home, *words):
    return CliRunner().invoke(main, ["prove", *map(str, words), "--home", str(home)])


def proof(home, *words):
    answer = typed(home, *words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def check_signature(head, public_key):
    signed = head["signed_text"].encode()
    load_pem_public_key(public_key.encode()).verify(bytes.fromhex(head["signature"]), signed)
    assert f"\n{head['size']}\n{head['root']}\n" in head["signed_text"]


def check_inclusion(said):
    """Check the printed proof with hashlib, pymerkle and cryptography alone."""
    leaf = hashlib.sha256(b"\x00" + said["canonical"].encode()).digest()
    assert leaf.hex() == said["leaf_hash"]
    rule, _ = _inclusion_path_layout(said["index"] + 1, said["tree_size"])
    path = [leaf, *(bytes.fromhex(step) for step in said["path"])]
    built = pymerkle.InclusionProof("sha256", True, said["tree_size"], said["index"] + 1, rule, path)
    pymerkle.verify_inclusion(leaf, bytes.fromhex(said["head"]["root"]), built)
    check_signature(said["head"], said["public_key"])


def test_every_entry_is_proved_to_a_stranger(home, contents):
    leaves, sizes = contents
    for number in {1, 2, len(leaves) // 2, sizes[-1] - 1, sizes[-1]}:
        said = proof(home, number)
        assert said["entry"] == number
        assert said["leaf_hash"] == leaves[number - 1].hex()
        assert json.loads(said["canonical"])[2] == number
        check_inclusion(said)


def test_an_older_head_proves_it_too(home, contents):
    _, sizes = contents
    said = proof(home, sizes[0], "--head", sizes[0])
    assert said["tree_size"] == sizes[0]
    check_inclusion(said)


@pytest.mark.parametrize("field", ["canonical", "path", "root", "signature"])
def test_a_proof_somebody_changed_is_not_believed(home, field):
    said = proof(home, 5)
    if field == "canonical":
        said["canonical"] = said["canonical"].replace("]]]", "1]]]")
    elif field == "path":
        said["path"][0] = said["path"][0][::-1]
    else:
        said["head"][field] = "00" + said["head"][field][2:]
    with pytest.raises((AssertionError, pymerkle.InvalidProof, InvalidSignature)):
        check_inclusion(said)


def test_a_stranger_sees_that_the_log_only_grew(home, contents):
    leaves, sizes = contents
    old, new = sizes[0], sizes[-1]
    said = proof(home, "--from", old, "--to", new)
    check_signature(said["from"], said["public_key"])
    check_signature(said["to"], said["public_key"])

    ours = dict(zip(consistency_spans(old_size=old, new_size=new), map(bytes.fromhex, said["path"]), strict=True))
    rule, subset, spans = _consistency_path_layout(old, new)
    # pymerkle opens the node right of the old log down to its first leaf; every other hash is ours.
    opened = [ours.get(span) or _subtree(leaves[slice(*span)]) for span in spans]
    built = pymerkle.ConsistencyProof("sha256", True, new, old, rule, subset, opened)
    pymerkle.verify_consistency(bytes.fromhex(said["from"]["root"]), bytes.fromhex(said["to"]["root"]), built)
    with pytest.raises(pymerkle.InvalidProof):
        pymerkle.verify_consistency(bytes.fromhex(said["from"]["root"])[::-1], bytes.fromhex(said["to"]["root"]), built)


def test_people_are_told_in_french_with_everything_needed(home, contents):
    printed = typed(home, 3).stdout
    said = proof(home, 3)
    assert "est dans le journal scellé" in printed
    assert all(
        text in printed for text in (said["canonical"], said["leaf_hash"], *said["path"], said["public_key"].strip())
    )
    grown = typed(home, "--from", contents[1][0]).stdout
    assert "rien n’y est réécrit" in grown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["99999999"], "entry_unknown"),
        (["1", "--head", "99999999"], "head_unknown"),
        (["--from", "99999999"], "head_unknown"),
    ],
)
def test_what_cannot_be_proved_is_refused_in_a_sentence(home, words, code):
    answer = typed(home, *words, "--json")
    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["code"] == code


def test_an_entry_beyond_the_head_is_refused(home, contents):
    leaves, sizes = contents
    answer = typed(home, len(leaves), "--head", sizes[0], "--json")
    assert len(leaves) > sizes[0]
    assert json.loads(answer.stdout)["code"] == "entry_not_sealed"


def test_heads_the_wrong_way_round_are_refused(home, contents):
    _, sizes = contents
    answer = typed(home, "--from", sizes[-1], "--to", sizes[0], "--json")
    assert len(sizes) > 1
    assert json.loads(answer.stdout)["code"] == "heads_reversed"


@pytest.mark.parametrize("words", [[], ["1", "--from", "2"], ["--from", "2", "--head", "2"], ["1", "--to", "2"]])
def test_words_that_do_not_go_together_are_said_so(home, words):
    answer = typed(home, *words)
    assert answer.exit_code == 2
    assert "Donnez un numéro d’écriture" in answer.output


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = 5",
        "UPDATE journal_entries SET leaf_hash = zeroblob(32) WHERE id = 7",
    ],
)
def test_altered_books_prove_nothing_and_the_status_is_one(altered, statement):
    answer = typed(altered(statement), 5)
    assert answer.exit_code == 1
    assert "ne tient pas" in answer.output


def test_books_with_an_entry_missing_prove_nothing(altered):
    folder = altered("DELETE FROM transfers WHERE entry_id = 5", "DELETE FROM journal_entries WHERE id = 5")
    assert typed(folder, 6).exit_code == 1


def _subtree(leaves):
    """Return the root by the definition of RFC 9162 §2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _subtree(leaves[:split]) + _subtree(leaves[split:])).digest()
