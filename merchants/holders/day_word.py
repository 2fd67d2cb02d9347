"""The word of the day of a shop: on the holder's screen after a payment, and on the shop's own, to compare. Pure."""

import datetime
import hashlib
import hmac

PURPOSE = "word of the day"
# Plain words that are easily read aloud across a counter, and hurt nobody.
SPOKEN = """
abeille abricot agneau algue amande ananas ancre anneau arbre ardoise argile armoire avion avoine bague balai
balance baleine ballon banane banc barque basilic bateau berger beurre bijou biscuit blouse bocal bois bonbon bonnet
botte boussole bouton branche brebis brique brioche brosse bureau cabane cactus cadeau cadre caillou canard carotte
carton cascade casque castor cerise chaise chameau chemise cheval chocolat cigale citron citrouille clairon cloche
coffre colline colombe compas confiture coquille corail corde coton coussin crayon cuillère cuivre cygne damier
dauphin dentelle diamant domino dragon drapeau dune écharpe échelle écureuil éléphant encrier enveloppe épinard
éponge érable escargot étoile éventail falaise farine fauteuil fenouil fenêtre ferme feuille ficelle figue flamme
fleuve flocon flûte fontaine forêt fougère fourmi fraise framboise fromage galet gant garage gazelle girafe gomme
grange grenier grenouille guitare hamac haricot harpe hérisson hibou hirondelle horloge île jardin jasmin jonquille
jument kiwi laine lampe lanterne lapin laurier lavande lézard libellule licorne lilas lion livre loutre lucarne lune
maïs maison mandarine manège marmite marron marteau melon menthe merle miel mimosa miroir montagne moulin mouton
mûrier myrtille narcisse navire neige noisette nuage océan olive orange orchidée oreiller osier ourson palmier panda
panier papier papillon parasol pastèque peigne pelote perle persil pétale phare piano pigeon pinceau pivoine planète
plume poire pomme poney poterie prairie prune quartz radis raisin renard rivière roseau ruban ruche sablier safran
salade sapin sardine savon serrure sirène soleil sorbet tabouret tambour tapis tasse théière thym tigre timbre
tomate tortue toupie trèfle tulipe tuile valise vallée vanille vélo velours verger violon voile volcan wagon zèbre
"""
WORDS = tuple(SPOKEN.split())


def day_word(*, secret: bytes, territory_id: int, merchant_id: int, day: datetime.date) -> str:
    """Return the word that a shop and those who pay there see on one day.

    Args:
        secret: of the keyring, derived for `PURPOSE`: without it nobody can tell tomorrow's word.
        territory_id: whose books.
        merchant_id: the shop; another shop has another word.
        day: in Paris.

    """
    text = f"{territory_id}|{merchant_id}|{day.isoformat()}"
    return WORDS[int.from_bytes(hmac.digest(secret, text.encode("ascii"), hashlib.sha256)[:8]) % len(WORDS)]
