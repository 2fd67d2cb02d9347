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
    french = "« {given} » n’est pas un nom d’hôte : écrivez « monnaie.exemple.fr », sans https:// ni barre oblique."


class EntryNotSealed(Refusal):
    """No signed head covers this entry yet."""

    code = "entry_not_sealed"
    nature = Nature.CONFLICT
    french = "L’écriture n° {entry_id} n’est pas encore scellée : le journal signé s’arrête à {size}."


class HeadUnknown(Refusal):
    """The log was never signed at this size."""

    code = "head_unknown"
    nature = Nature.NOT_FOUND
    french = "Le journal n’a jamais été signé à la taille {size}."


class HeadsReversed(Refusal):
    """A log does not shrink: the second head must not be smaller than the first."""

    code = "heads_reversed"
    nature = Nature.INVALID
    french = "Le journal ne rétrécit pas : {new_size} est plus petit que {old_size}."


REFUSALS: tuple[type[Refusal], ...] = (
    TerritoryCodeMalformed,
    HostMalformed,
    HeadUnknown,
    HeadsReversed,
    EntryNotSealed,
)
