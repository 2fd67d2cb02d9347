"""What `backup` and `restore` print: French for people, JSON for programs."""

import json
from pathlib import Path

from monnaie_locale.commands import wording
from monnaie_locale.commands.backing_up import Taken
from monnaie_locale.commands.backup_manifest import FULL, Manifest
from monnaie_locale.commands.restoring import Restored
from monnaie_locale.ledger.periods import PARIS, moment_of

KEYS_ARE_APART = (
    "Les clés (keyring.json) n’y sont pas : sans elles, ni codes, ni noms, ni signatures. Gardez-les une fois pour"
    " toutes en un autre lieu : « monnaie-locale backup --keyring FICHIER »."
)
SAME_DISK = (
    "Attention : la copie est sur le même disque que l’installation. Une panne de ce disque emporterait les deux :"
    " recopiez ce dossier ailleurs."
)
LEFTOVER = "À effacer, si aucune autre sauvegarde n’est en cours : celle-ci a été interrompue et ne se restaure pas"
COMPARE = "Pour confronter ces comptes à l’empreinte d’un document imprimé (certificat, relevé)"
ONLY_ONE = "Ne servez plus l’ancienne installation : deux suites du même journal ne se recollent pas."


def taken_text(taken: Taken) -> str:
    """Return what a backup is, as a person reads it."""
    manifest = taken.manifest
    lines = [f"Sauvegarde terminée : {taken.folder}", f"{manifest.territory_name} : {_extent(manifest)}"]
    lines.append(_verified(manifest))
    lines += [f"- {finding}" for finding in manifest.findings]
    lines.append(KEYS_ARE_APART)
    if taken.is_on_same_disk:
        lines.append(SAME_DISK)
    lines += [f"{LEFTOVER} : {each}" for each in taken.leftovers]
    return "\n".join(lines)


def taken_json(taken: Taken) -> str:
    """Return what a backup is, as JSON: its folder and its manifest."""
    return _json(
        {
            "ok": not taken.manifest.findings,
            "folder": str(taken.folder),
            "same_disk": taken.is_on_same_disk,
            "leftovers": [str(each) for each in taken.leftovers],
            "manifest": json.loads(taken.manifest.to_json()),
        }
    )


def keyring_text(file: Path, *, is_new: bool) -> str:
    """Return where the keys are kept, and what to do about it."""
    said = f"Les clés sont dans {file}" if is_new else f"Les clés étaient déjà dans {file}, les mêmes"
    return (
        f"{said}. Qui les a avec une copie des comptes peut s’attaquer aux noms et aux codes : gardez-les loin des"
        " sauvegardes, sous clé."
    )


def restored_text(restored: Restored) -> str:
    """Return what a restoration gave, what is lost, and what to do next, as a person reads it."""
    manifest, head = restored.manifest, restored.manifest.head
    lines = [
        f"Restauré dans {restored.home} depuis {restored.source}",
        f"{manifest.territory_name} : {_extent(manifest)}",
        wording.verdict_text(restored.verdict),
        *_lost(manifest),
        ONLY_ONE,
        f"{COMPARE} : « monnaie-locale verify --home {restored.home} --head TAILLE:RACINE ».",
    ]
    if head is not None:
        lines.append(f"Empreinte de cette sauvegarde : {head.size}:{head.root.hex()}")
    return "\n".join(lines)


def restored_json(restored: Restored) -> str:
    """Return what a restoration gave, as JSON."""
    return _json(
        {
            "ok": restored.verdict.ok,
            "home": str(restored.home),
            "source": str(restored.source),
            "last_entry": restored.manifest.last_entry,
            "last_entry_at_ms": restored.manifest.last_entry_at_ms,
            "verdict": json.loads(wording.verdict_json(restored.verdict)),
        }
    )


def _lost(manifest: Manifest) -> list[str]:
    """Say plainly what the backup does not hold: money by the last entry, the rest by the instant of the backup."""
    last = f"l’écriture n° {manifest.last_entry}" if manifest.last_entry else "la création"
    money = (
        f"Tout ce qui a été confirmé après {last} est perdu : encaissements, remboursements, distributions, virements."
    )
    cards = f"De même les cartes données, bloquées ou remplacées depuis la sauvegarde ({_paris(manifest.taken_at_ms)})"
    return [money, f"{cards} : bloquez de nouveau les cartes perdues depuis, et demandez aux commerces leurs tickets."]


def _paris(instant_ms: int) -> str:
    return f"{moment_of(instant_ms).astimezone(PARIS):%d/%m/%Y à %H:%M:%S}"


def _extent(manifest: Manifest) -> str:
    if not manifest.last_entry:
        return "aucune écriture encore."
    at = _paris(manifest.last_entry_at_ms)
    return f"{manifest.last_entry} écritures, la dernière enregistrée le {at} (heure de Paris)."


def _verified(manifest: Manifest) -> str:
    if manifest.verified != FULL:
        return (
            "La copie a été relue : fichier entier, journal signé recalculé. Les écritures une à une et les autres"
            " registres ne l’ont pas été : « restore » le fait."
        )
    if manifest.findings:
        return (
            f"La copie a été relue : elle est fidèle, mais les comptes ont {len(manifest.findings)} anomalies, que"
            " « monnaie-locale verify » explique :"
        )
    return "La copie a été relue : fichier entier, journal signé, chaque écriture et chaque solde. Aucune anomalie."


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
