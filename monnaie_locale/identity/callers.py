"""Who acted, in French, when it was no person: "till:3" is a till, "bank" what the statement said. Pure."""

PROGRAMS = {
    "bank": "relevé de la banque",
    "bank:import": "relevé de la banque",
    "payouts": "ordre de virement",
    "job:expiry": "tâche de nuit, aide périmée",
}
# What is numbered.
DEVICES = {
    "till": "caisse n° {}",
    "counter": "carte de comptoir, caisse n° {}",
    "request": "demande de paiement n° {}",
    "holder": "porteur de la carte n° {}",
    "api": "clé d’accès n° {}",
}


def caller_fr(caller: str) -> str:
    """Return a caller in French; one that nobody has named here stays as it is written."""
    if caller in PROGRAMS:
        return PROGRAMS[caller]
    kind, _, number = caller.partition(":")
    return DEVICES[kind].format(number) if kind in DEVICES and number.isdigit() else caller
