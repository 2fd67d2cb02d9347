"""Every sentence of the holder's pages, in French and in English. Short words, one idea a sentence (FALC). Pure."""

SENTENCES: dict[str, tuple[str, str]] = {
    # The frame.
    "skip": ("Aller au contenu", "Go to the content"),
    "currency": ("Monnaie locale", "Local currency"),
    "language_fr": ("Français", "Français"),
    "language_en": ("English", "English"),
    "demo": (
        "Démonstration : rien ici n’a de valeur.",
        "Demonstration: nothing here has any value.",
    ),
    "call_ccas": ("Appelez le CCAS :", "Call the town’s social centre (CCAS):"),
    "nothing_saved": ("Rien n’a été enregistré.", "Nothing was recorded."),
    "code_of_refusal": ("Code", "Code"),
    "back_to_wallet": ("Retour à mon porte-monnaie", "Back to my wallet"),
    # The PIN.
    "pin": ("Code secret", "PIN"),
    "pin_hint": ("Il a 4 chiffres. Ne le dites à personne.", "It has 4 digits. Tell it to nobody."),
    "pin_phone_title": ("Voir mon argent", "See my money"),
    "pin_phone_why": (
        "Ce code vient d’un téléphone. Pour voir l’argent, tapez le code secret de la carte.",
        "This code comes from a phone. To see the money, type the PIN of the card.",
    ),
    "see_money": ("Voir mon argent", "See my money"),
    # Binding.
    "phones_title": ("Payer avec mon téléphone", "Pay with my phone"),
    "phones_why": (
        "Votre téléphone peut remplacer votre carte. La carte marche toujours.",
        "Your phone can replace your card. The card still works.",
    ),
    "bind_title": ("Ajouter ce téléphone", "Add this phone"),
    "bind_button": ("Utiliser ce téléphone", "Use this phone"),
    "bind_working": ("Un instant…", "One moment…"),
    "bind_lost": (
        "Pas de réponse. Vérifiez Internet et appuyez encore.",
        "No answer. Check the internet and press again.",
    ),
    "bind_impossible": (
        "Ce téléphone ne peut pas le faire. Utilisez votre carte.",
        "This phone cannot do it. Use your card.",
    ),
    "bound_here": ("Ce téléphone est le téléphone n° {number}.", "This phone is phone no. {number}."),
    "open_phone": ("Montrer mon code", "Show my code"),
    "your_phones": ("Les téléphones de votre carte", "The phones of your card"),
    "no_phone": ("Aucun téléphone.", "No phone."),
    "phone_number": ("Téléphone n° {number}", "Phone no. {number}"),
    "added_on": ("Ajouté le {date}", "Added on {date}"),
    "remove": ("Retirer", "Remove"),
    "remove_title": ("Retirer le téléphone n° {number} ?", "Remove phone no. {number}?"),
    "remove_why": (
        "Il ne pourra plus payer. Votre argent reste sur la carte.",
        "It will not pay any more. Your money stays on the card.",
    ),
    "remove_button": ("Retirer ce téléphone", "Remove this phone"),
    "keep": ("Ne pas le retirer", "Keep it"),
    "removed": ("Le téléphone n° {number} est retiré.", "Phone no. {number} is removed."),
    "lost_phone": (
        "Téléphone perdu ou volé ? Retirez-le ici, ou appelez le CCAS :",
        "Phone lost or stolen? Remove it here, or call the CCAS:",
    ),
    # The phone's page.
    "phone_title": ("Payer", "Pay"),
    "phone_show": ("Montrez ce code au magasin.", "Show this code to the shop."),
    "phone_code": ("Code à montrer au magasin", "Code to show to the shop"),
    "phone_changes": ("Un autre code dans {seconds} s.", "Another code in {seconds} s."),
    "phone_another": ("Un autre code", "Another code"),
    "phone_offline": (
        "Pas d’Internet. Vous pouvez payer quand même.",
        "No internet. You can pay all the same.",
    ),
    "phone_scan": ("Scanner le code du magasin", "Scan the shop’s code"),
    "phone_typed": ("Le magasin vous demandera peut-être votre code secret.", "The shop may ask for your PIN."),
    "phone_unbound_title": ("Mettre ma carte sur ce téléphone", "Put my card on this phone"),
    "phone_step_1": ("Ouvrez l’appareil photo du téléphone.", "Open the camera of the phone."),
    "phone_step_2": ("Visez le carré noir et blanc de votre carte.", "Aim at the black and white square of your card."),
    "phone_step_3": ("Tapez votre code secret.", "Type your PIN."),
    "phone_step_4": ("Touchez « Payer avec mon téléphone ».", "Touch “Pay with my phone”."),
    "phone_removed_title": ("Ce téléphone ne paie plus", "This phone does not pay any more"),
    "phone_removed_why": (
        "Il a été retiré, ou sa carte est arrêtée. Utilisez votre carte, ou appelez le CCAS :",
        "It was removed, or its card was stopped. Use your card, or call the CCAS:",
    ),
    "phone_forget": ("Effacer ce code du téléphone", "Erase this code from the phone"),
    "phone_broken": (
        "Le code ne peut pas s’afficher. Utilisez votre carte.",
        "The code cannot be shown. Use your card.",
    ),
    "phone_script": (
        "Cette page a besoin de JavaScript. Sans lui, utilisez votre carte.",
        "This page needs JavaScript. Without it, use your card.",
    ),
    "phone_install": (
        "Pour la retrouver : ajoutez cette page à l’écran d’accueil.",
        "To find it again: add this page to the home screen.",
    ),
    # The shop's counter card, and its till's request.
    "counter_title": ("Payer {shop}", "Pay {shop}"),
    "counter_amount": ("Combien payez-vous ?", "How much do you pay?"),
    "counter_amount_hint": ("Par exemple 12,50", "For example 12.50"),
    "counter_pay": ("Payer", "Pay"),
    "counter_nothing_yet": (
        "Rien n’est payé tant que vous n’appuyez pas sur « Payer ».",
        "Nothing is paid until you press “Pay”.",
    ),
    "counter_by_phone": ("Vous payez avec ce téléphone.", "You pay with this phone."),
    "counter_by_card": ("Vous payez avec la carte ouverte ici.", "You pay with the card that is open here."),
    "counter_no_card_title": ("Ouvrez d’abord votre porte-monnaie", "Open your wallet first"),
    "counter_no_card_1": ("Scannez votre carte avec ce téléphone.", "Scan your card with this phone."),
    "counter_no_card_2": ("Tapez votre code secret.", "Type your PIN."),
    "counter_no_card_3": ("Scannez à nouveau le code du magasin.", "Scan the shop’s code again."),
    "wrong_amount": ("Écrivez un montant, par exemple 12,50.", "Write an amount, for example 12.50."),
    "wrong_pin": ("Tapez votre code secret.", "Type your PIN."),
    "wrong_card": ("Tapez le numéro de votre carte.", "Type the number of your card."),
    "amount": ("Montant", "Amount"),
    "card_number": ("Numéro de votre carte", "Number of your card"),
    "card_number_hint": ("Les dix chiffres imprimés sur la carte.", "The ten digits printed on the card."),
    "your_pin": ("Votre code secret", "Your PIN"),
    "request_paid": ("Cette demande est payée.", "This request is paid."),
    "request_cancelled": ("La caisse a annulé cette demande.", "The till cancelled this request."),
    "request_expired": ("Cette demande a expiré.", "This request has expired."),
    "request_again": (
        "Rien n’a été payé : demandez au commerçant d’en afficher une autre.",
        "Nothing was paid: ask the shop to show another one.",
    ),
    "paid": ("Payé", "Paid"),
    "paid_to": ("à {shop}", "to {shop}"),
    "paid_word": ("Le mot du jour", "The word of the day"),
    "paid_show": ("Montrez cet écran au magasin.", "Show this screen to the shop."),
    "left_here": ("Il vous reste ici", "You have left here"),
    "date": ("Date", "Date"),
    "receipt": ("Reçu", "Receipt"),
    "receipt_number": ("n° {number}", "no. {number}"),
    "receipt_see": ("Voir le reçu", "See the receipt"),
    "receipt_hash": ("Empreinte", "Fingerprint"),
    "receipt_shop": ("Magasin", "Shop"),
    "receipt_amount": ("Montant", "Amount"),
    "receipt_refunded": ("Déjà rendu", "Already given back"),
    "refund_title": ("Un problème avec cet achat ?", "A problem with this purchase?"),
    "refund_why": (
        "Vous pouvez demander au magasin de vous rendre l’argent. C’est le magasin qui décide.",
        "You can ask the shop to give the money back. The shop decides.",
    ),
    "refund_ask": ("Demander un remboursement", "Ask for a refund"),
    "refund_asked": (
        "C’est demandé. Le magasin voit votre demande.",
        "It is asked. The shop sees your request.",
    ),
    "refund_all": ("Tout est rendu.", "All of it was given back."),
    # The camera.
    "scan_opening": ("La caméra s’ouvre…", "The camera is opening…"),
    "scan_reading": ("Placez le code dans le cadre.", "Put the code in the frame."),
    "scan_read": ("Code lu.", "Code read."),
    "scan_refused": (
        "La caméra est refusée. Autorisez-la, ou utilisez l’appareil photo du téléphone.",
        "The camera is refused. Allow it, or use the camera of the phone.",
    ),
    "scan_missing": ("Pas de caméra ici.", "No camera here."),
    "scan_undecodable": (
        "La lecture n’est pas possible ici. Utilisez l’appareil photo du téléphone.",
        "Reading is not possible here. Use the camera of the phone.",
    ),
    "scan_stop": ("Arrêter la caméra", "Stop the camera"),
    "scan_torch": ("Lampe", "Light"),
    "shop_code_foreign": (
        "Ce code n’est pas un code de la monnaie locale. Rien n’est payé.",
        "This is not a code of the local currency. Nothing is paid.",
    ),
}


def told(name: str, *, language: str, **values: str | int) -> str:
    """Return the sentence of this name in a language, with its values in place."""
    french, english = SENTENCES[name]
    if language == "en":
        return english.format(**values)
    # In French a space stands before these, and no line begins with them.
    for mark in ":?!;»":
        french = french.replace(f" {mark}", f"\u00a0{mark}")
    return french.replace("« ", "«\u00a0").format(**values)
