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


class BackupBesideKeys(Refusal):
    """The folder of the backups and the installation, which holds the keys, are one inside the other."""

    code = "backup_beside_keys"
    nature = Nature.INVALID
    french = (
        "Le dossier {folder} et l’installation {home}, qui contient les clés, sont l’un dans l’autre : choisissez un"
        " dossier à part, de préférence sur un autre disque."
    )


class KeyringBesideBooks(Refusal):
    """The keys would lie with a copy of the books: whoever finds both can attack names and PINs."""

    code = "keyring_beside_books"
    nature = Nature.INVALID
    french = (
        "Les clés ({file}) ne vont pas avec une copie des comptes ({folder}) : qui trouve les deux peut s’attaquer aux"
        " noms et aux codes. Mettez-les dans deux dossiers séparés, de préférence en deux lieux."
    )


class KeyringFileTaken(Refusal):
    """The file holds something else than these keys, and nothing is ever overwritten."""

    code = "keyring_file_taken"
    nature = Nature.CONFLICT
    french = "{file} contient autre chose que les clés de cette installation : rien n’est écrasé, donnez un autre nom."


class BackupExists(Refusal):
    """There is a backup of this name already, and nothing is ever overwritten."""

    code = "backup_exists"
    nature = Nature.CONFLICT
    french = "Il y a déjà {path} : rien n’est écrasé. Recommencez dans un instant."


class DatabaseToolMissing(Refusal):
    """PostgreSQL's own program is not on this machine."""

    code = "database_tool_missing"
    nature = Nature.UNAVAILABLE
    french = (
        "Le programme {tool} de PostgreSQL n’est pas sur cette machine : installez le paquet postgresql-client de la"
        " version {server} ou plus récente (Debian, Ubuntu : apt install postgresql-client), ou lancez la commande sur"
        " la machine de la base."
    )


class DatabaseToolTooOld(Refusal):
    """PostgreSQL's program is older than the server, which it would refuse."""

    code = "database_tool_too_old"
    nature = Nature.UNAVAILABLE
    french = (
        "{tool} est en version {found} et le serveur PostgreSQL en version {server} : installez postgresql-client"
        " {server} ou plus récent, et mettez-le en premier dans le PATH."
    )


class DatabaseToolFailed(Refusal):
    """PostgreSQL's program said that it failed."""

    code = "database_tool_failed"
    nature = Nature.UNAVAILABLE
    french = "{tool} a échoué : {said}"


class SchemaUnknown(Refusal):
    """The books are of a newer version of the program than this one."""

    code = "schema_unknown"
    nature = Nature.CONFLICT
    french = (
        "Ces comptes sont d’une version plus récente du programme (schéma {revision}, celui-ci connaît {newest}) :"
        " installez d’abord cette version."
    )


class BooksPresent(Refusal):
    """The database of a new installation holds books already."""

    code = "books_present"
    nature = Nature.CONFLICT
    french = (
        "Cette base tient déjà des comptes (schéma {revision}) : rien n’y est touché. Donnez une base vide ; ou, si ce"
        " sont les vôtres, remettez le keyring.json de ces comptes dans le dossier."
    )


class SchemaOld(Refusal):
    """The books are of an older version of the program than this one."""

    code = "schema_old"
    nature = Nature.CONFLICT
    french = (
        "Ces comptes sont d’une version plus ancienne du programme (schéma {revision}, il faut {newest}) :"
        " sauvegardez-les (monnaie-locale backup), puis lancez « monnaie-locale upgrade »."
    )


class BooksAtWork(Refusal):
    """A service or a command works on the books whose schema is to change."""

    code = "books_at_work"
    nature = Nature.CONFLICT
    french = (
        "Un service ou une commande travaille sur ces comptes : arrêtez le service, attendez la fin des commandes,"
        " puis relancez « monnaie-locale upgrade ». Rien n’a été changé."
    )


class CopyFaulty(Refusal):
    """The copy just made does not stand, and was removed."""

    code = "copy_faulty"
    nature = Nature.UNAVAILABLE
    french = (
        "La copie n’est pas bonne ({what}) et n’a pas été gardée. Lancez « monnaie-locale verify » : si l’original est"
        " atteint aussi, ne l’effacez pas, et reprenez la dernière bonne sauvegarde."
    )


class HomeNotEmpty(Refusal):
    """The folder to restore into holds something, and nothing is ever overwritten."""

    code = "home_not_empty"
    nature = Nature.CONFLICT
    french = "Le dossier {home} n’est pas vide : rien n’est écrasé, donnez à --into un dossier vide ou à créer."


class BackupMissing(Refusal):
    """There is no finished backup in the folder."""

    code = "backup_missing"
    nature = Nature.NOT_FOUND
    french = "Il n’y a pas de sauvegarde terminée dans {folder}."


class BackupInterrupted(Refusal):
    """The backup was interrupted: it is not whole."""

    code = "backup_interrupted"
    nature = Nature.CONFLICT
    french = "{folder} est une sauvegarde interrompue : elle n’est pas entière. Prenez-en une autre."


class BackupsOfSeveralTowns(Refusal):
    """The folder holds backups of several towns: one must be named."""

    code = "backups_of_several_towns"
    nature = Nature.INVALID
    french = "{folder} contient des sauvegardes de plusieurs villes ({codes}) : donnez le dossier de l’une d’elles."


class ManifestUnreadable(Refusal):
    """What should describe the backup cannot be read, or is of another version."""

    code = "manifest_unreadable"
    nature = Nature.INVALID
    french = "Le fichier manifest.json de la sauvegarde est illisible, ou d’une autre version du programme."


class KeyringUnreadable(Refusal):
    """The file holds no keys."""

    code = "keyring_unreadable"
    nature = Nature.INVALID
    french = "{file} ne contient pas de clés : donnez à --keyring le fichier écrit par « backup --keyring »."


class KeyringOfAnother(Refusal):
    """These keys are not those that signed the books of the backup."""

    code = "keyring_of_another"
    nature = Nature.CONFLICT
    french = (
        "Les clés de {file} ne sont pas celles qui ont signé cette sauvegarde : avec elles, aucun code, aucun nom"
        " et aucune signature ne serait lisible."
    )


class ManifestAltered(Refusal):
    """The manifest is not the one that the installation signed."""

    code = "manifest_altered"
    nature = Nature.CONFLICT
    french = "Le fichier manifest.json n’est plus celui qui a été signé : cette sauvegarde a été modifiée."


class BackupOfAnotherDatabase(Refusal):
    """The backup is of one kind of database and would be restored into another."""

    code = "backup_of_another_database"
    nature = Nature.INVALID
    french = (
        "Cette sauvegarde est celle d’une base {database} : SQLite se restaure dans le dossier, sans --database-url ;"
        " PostgreSQL, dans une base vide que --database-url désigne."
    )


class DatabaseNotEmpty(Refusal):
    """The PostgreSQL database to restore into holds tables."""

    code = "database_not_empty"
    nature = Nature.CONFLICT
    french = "La base PostgreSQL contient déjà des tables : rien n’est écrasé, créez-en une vide (createdb)."


class CopyAltered(Refusal):
    """The copy is not the one of the manifest: its size or its SHA-256 is another."""

    code = "copy_altered"
    nature = Nature.CONFLICT
    french = (
        "La copie {file} n’est pas celle du manifeste (taille ou SHA-256) : elle a été modifiée, coupée ou abîmée."
        " Prenez une autre sauvegarde."
    )


class CopyHeadDiffers(Refusal):
    """The books in the copy do not end as the manifest says, or are not what was signed."""

    code = "copy_head_differs"
    nature = Nature.CONFLICT
    french = "Les comptes de la copie ne sont pas ceux que le manifeste annonce ({what}). Prenez une autre sauvegarde."


REFUSALS: tuple[type[Refusal], ...] = (
    TerritoryCodeMalformed,
    HostMalformed,
    HeadUnknown,
    HeadsReversed,
    EntryNotSealed,
    BackupBesideKeys,
    KeyringBesideBooks,
    KeyringFileTaken,
    BackupExists,
    DatabaseToolMissing,
    DatabaseToolTooOld,
    DatabaseToolFailed,
    SchemaUnknown,
    BooksPresent,
    SchemaOld,
    BooksAtWork,
    CopyFaulty,
    HomeNotEmpty,
    BackupMissing,
    BackupInterrupted,
    BackupsOfSeveralTowns,
    ManifestUnreadable,
    KeyringUnreadable,
    KeyringOfAnother,
    ManifestAltered,
    BackupOfAnotherDatabase,
    DatabaseNotEmpty,
    CopyAltered,
    CopyHeadDiffers,
)
