"""What the commands refuse beyond what the operations do."""

from monnaie_locale.ledger.errors import Nature, Refusal


class TerritoryCodeMalformed(Refusal):
    """A territory's code is 2 to 12 capital letters and digits."""

    code = "territory_code_malformed"
    nature = Nature.INVALID
    french = "Le code du territoire a de 2 à 12 lettres capitales ou chiffres, sans accent (exemple : VILLEEX)."


class HostMalformed(Refusal):
    """A host is a name, without scheme or path."""

    code = "host_malformed"
    nature = Nature.INVALID
    french = "« {given} » n'est pas un nom d'hôte : écrivez « monnaie.exemple.fr », sans https:// ni barre oblique."


REFUSALS: tuple[type[Refusal], ...] = (TerritoryCodeMalformed, HostMalformed)
