"""The pure rules of a backup: its name, where it may lie beside the keys, what its manifest says."""

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest

from monnaie_locale.commands.backup_manifest import Manifest, are_apart, name_of, tool_suits, town_of
from monnaie_locale.commands.errors import REFUSALS, ManifestUnreadable
from monnaie_locale.journal.sealer import LogHead

MORNING = datetime.datetime(2026, 11, 26, 7, 4, 5, 67_890, datetime.timezone(datetime.timedelta(hours=1)))
MANIFEST = Manifest(
    territory_id=1,
    territory_code="VILLEEX",
    territory_name="L’Éguille-sur-Mer",
    taken_at_ms=1_795_673_045_067,
    database="sqlite",
    database_version="3.53.4",
    program_version="0.1.0",
    schema_revision="0032",
    file="VILLEEX-20261126T060405.067Z.sqlite",
    size_bytes=4096,
    sha256="ab" * 32,
    last_entry=12,
    last_entry_at_ms=1_795_673_000_000,
    head=LogHead(1, 12, b"\x01" * 32, 7, b"\x02" * 32, 1_795_673_045_000, b"\x03" * 64),
    verified="full",
    findings=("reserve_short territory 1",),
    public_key="-----BEGIN PUBLIC KEY-----\n",
    signature="04" * 64,
)


def test_a_name_carries_the_town_and_the_instant_in_utc_and_sorts_by_it():
    name = name_of("VILLEEX", taken_at=MORNING)
    assert name == "VILLEEX-20261126T060405.067Z"
    assert town_of(name) == "VILLEEX"
    assert name < name_of("VILLEEX", taken_at=MORNING + datetime.timedelta(milliseconds=1))


@pytest.mark.parametrize("name", ["", "VILLEEX", "VILLEEX-20261126T060405.067Z.part", "VILLEEX-20261126T060405Z", "-x"])
def test_nothing_else_is_the_name_of_a_finished_backup(name):
    assert town_of(name) is None


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("/srv/backups", "/srv/instance", True),
        ("/srv/instance-old", "/srv/instance", True),
        ("/srv/instance", "/srv/instance", False),
        ("/srv/instance/backups", "/srv/instance", False),
        ("/srv", "/srv/instance", False),
        ("/", "/srv/instance", False),
    ],
)
def test_two_folders_are_apart_when_neither_holds_the_other(one, other, apart):
    assert are_apart(Path(one), Path(other)) is apart
    assert are_apart(Path(other), Path(one)) is apart


@pytest.mark.parametrize(("tool", "server", "suits"), [(18, 18, True), (18, 15, True), (15, 18, False)])
def test_a_program_of_postgresql_suits_its_own_server_and_older_ones(tool, server, suits):
    assert tool_suits(tool=tool, server=server) is suits


@pytest.mark.parametrize("manifest", [MANIFEST, replace(MANIFEST, head=None, last_entry=0, findings=())])
def test_a_manifest_is_read_as_it_was_written(manifest):
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_signature_covers_every_other_field():
    seen = {MANIFEST.signed_text()}
    changes = {
        "territory_id": 2, "territory_code": "X", "territory_name": "X", "taken_at_ms": 1, "database": "postgresql",
        "database_version": "1", "program_version": "1", "schema_revision": "1", "file": "x", "size_bytes": 1,
        "sha256": "0", "last_entry": 1, "last_entry_at_ms": 1, "head": None, "verified": "quick", "findings": (),
        "public_key": "x",
    }  # fmt: skip
    assert {*changes, "signature"} == set(Manifest.__dataclass_fields__)
    for name, value in changes.items():
        text = replace(MANIFEST, **{name: value}).signed_text()
        assert text not in seen, name
        seen.add(text)
    assert replace(MANIFEST, signature="").signed_text() == MANIFEST.signed_text()


# One without a signature is read, and refused for it.
@pytest.mark.parametrize("name", sorted(Manifest.__dataclass_fields__.keys() - {"signature"}))
def test_a_field_that_is_missing_is_a_manifest_that_cannot_be_read(name):
    content = json.loads(MANIFEST.to_json())
    del content[name]
    with pytest.raises(ManifestUnreadable):
        Manifest.from_json(json.dumps(content))


def test_the_refusals_of_commands_have_codes_of_their_own_and_two_languages():
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)
    for refusal in REFUSALS:
        assert refusal().sentence()
        assert refusal().english().endswith(".")
