"""The staff of Ville-Exemple: one person a role, so that nobody approves what they prepared."""

from dataclasses import dataclass

from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.operations import create_staff
from monnaie_locale.identity.roles import Role
from monnaie_locale.runtime import Runtime

INSTALLER = "job:demo"
NAMES: dict[Role, tuple[str, str]] = {
    Role.AGENT: ("accueil", "Alix Démo (accueil)"),
    Role.PROGRAMME_MANAGER: ("gestion", "Camille Démo (gestion)"),
    Role.APPROVER: ("validation", "Dominique Démo (validation)"),
    Role.ACCOUNTANT: ("compta", "Maxime Démo (comptabilité)"),
    Role.AUDITOR: ("audit", "Sacha Démo (audit)"),
    Role.OPERATOR: ("exploitation", "Charlie Démo (exploitation)"),
}


@dataclass(frozen=True, slots=True)
class People:
    """The number of each role's person."""

    staff_ids: dict[Role, int]

    def __getitem__(self, role: Role) -> str:
        """Return the caller under which the person of a role acts: "staff:3"."""
        return f"staff:{self.staff_ids[role]}"


def hire(rt: Runtime) -> People:
    """Create everybody, through the operation of the staff page."""
    staff_ids = {
        role: transact(
            rt.engine,
            create_staff,
            territory_id=rt.territory_id,
            login=login,
            name=name,
            roles=[role],
            keyring=rt.keyring,
            actor=INSTALLER,
            now=rt.clock(),
            random_bytes=rt.random_bytes,
        ).staff_id
        for role, (login, name) in NAMES.items()
    }
    return People(staff_ids)
