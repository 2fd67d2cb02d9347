"""Every reason identity can refuse, in the order in which they are looked at."""

from monnaie_locale.ledger.errors import Nature, Refusal


class RouteUnmarked(Refusal):
    """This address does not say who may open it, so nobody may."""

    code = "route_unmarked"
    nature = Nature.FORBIDDEN
    french = "Cette adresse ne dit pas qui peut l’ouvrir : elle reste fermée."


class ForeignOrigin(Refusal):
    """The form was sent from another site."""

    code = "foreign_origin"
    nature = Nature.FORBIDDEN
    french = "Ce formulaire a été envoyé depuis un autre site : il est refusé."


class ApiKeyUnknown(Refusal):
    """The API key is unknown or was revoked."""

    code = "api_key_unknown"
    nature = Nature.UNAUTHENTICATED
    french = "Cette clé d’accès est inconnue ou révoquée."


class SignInNeeded(Refusal):
    """Sign in first: there is no session, or it has ended."""

    code = "sign_in_needed"
    nature = Nature.UNAUTHENTICATED
    french = "Vous n’êtes pas connecté, ou votre session a pris fin."


class TillNotPaired(Refusal):
    """This device is not paired with a till, or its pairing was revoked."""

    code = "till_not_paired"
    nature = Nature.UNAUTHENTICATED
    french = "Cet appareil n’est pas appairé à une caisse. Scannez le code d’appairage fourni par le CCAS."


class HolderNotSignedIn(Refusal):
    """Show the card and its PIN first."""

    code = "holder_not_signed_in"
    nature = Nature.UNAUTHENTICATED
    french = "Scannez votre carte et saisissez votre code secret pour continuer."


class PermissionMissing(Refusal):
    """Your role does not allow this."""

    code = "permission_missing"
    nature = Nature.FORBIDDEN
    french = "Votre rôle ne permet pas cette action."


class CsrfTokenInvalid(Refusal):
    """The form is stale or does not come from this session."""

    code = "csrf_token_invalid"
    nature = Nature.FORBIDDEN
    french = "Ce formulaire n’est plus valable. Rechargez la page et recommencez."


class SignInRefused(Refusal):
    """The login, the password or the code is wrong, or there were too many attempts."""

    code = "sign_in_refused"
    nature = Nature.UNAUTHENTICATED
    french = (
        "Identifiant, mot de passe ou code incorrect. Après cinq essais de suite, l’accès est suspendu quinze minutes."
    )


class SignInLinkSpent(Refusal):
    """The sign-in link is unknown, was used or has expired."""

    code = "sign_in_link_spent"
    nature = Nature.GONE
    french = "Ce lien de connexion est inconnu, déjà utilisé ou expiré."


class LoginMalformed(Refusal):
    """A login is 2 to 32 lower-case letters, digits, dots or hyphens."""

    code = "login_malformed"
    nature = Nature.INVALID
    french = "Un identifiant compte 2 à 32 lettres minuscules sans accent, chiffres, points ou tirets."


class StaffNameMissing(Refusal):
    """The name is missing."""

    code = "staff_name_missing"
    nature = Nature.INVALID
    french = "Le nom est obligatoire."


class PasswordTooShort(Refusal):
    """A password has at least 12 characters."""

    code = "password_too_short"
    nature = Nature.INVALID
    french = "Un mot de passe compte au moins 12 caractères."


class RoleUnknown(Refusal):
    """There is no such role for staff."""

    code = "role_unknown"
    nature = Nature.INVALID
    french = "Ce rôle n’existe pas."


class LoginTaken(Refusal):
    """This login is already taken."""

    code = "login_taken"
    nature = Nature.CONFLICT
    french = "L’identifiant « {login} » est déjà pris."


class StaffUnknown(Refusal):
    """There is no such staff member."""

    code = "staff_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette personne n’existe pas."


class OwnAccount(Refusal):
    """Nobody changes their own roles or account: another operator does."""

    code = "own_account"
    nature = Nature.CONFLICT
    french = "Vous ne pouvez pas modifier vos propres rôles : un autre exploitant doit le faire."


class NothingToConfirm(Refusal):
    """Nothing of this account waits for a confirmation."""

    code = "nothing_to_confirm"
    nature = Nature.CONFLICT
    french = "Rien n’attend de confirmation pour cette personne."


class ConfirmedByMaker(Refusal):
    """Who opened the account, drew its credentials or granted its roles does not confirm them."""

    code = "confirmed_by_maker"
    nature = Nature.CONFLICT
    french = "Vous avez vous-même préparé cet accès : une autre personne doit le confirmer."


REFUSALS: tuple[type[Refusal], ...] = (
    RouteUnmarked,
    ForeignOrigin,
    ApiKeyUnknown,
    SignInNeeded,
    TillNotPaired,
    HolderNotSignedIn,
    PermissionMissing,
    CsrfTokenInvalid,
    SignInRefused,
    SignInLinkSpent,
    LoginMalformed,
    StaffNameMissing,
    PasswordTooShort,
    RoleUnknown,
    LoginTaken,
    StaffUnknown,
    OwnAccount,
    NothingToConfirm,
    ConfirmedByMaker,
)
