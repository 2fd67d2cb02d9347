"""An example of each body, made from the names of its fields: a name means one thing all over the API."""

from collections.abc import Mapping
from typing import Any

# What a field of this name looks like; a body whose field means something else is named with it.
WORDS: Mapping[str, Any] = {
    "alias": "Famille D.",
    "amount_cents": 1250,
    "book": "issuer",
    "budget_cents": 5_000_000,
    "camt053_base64": "PD94bWwgdmVyc2lvbj0iMS4wIj8+",
    "card": "HTTPS://MONNAIE.VILLE-EXEMPLE.FR/W/0123456789ABCDEFGHJKM",
    "cashier_id": 2,
    "code": "7QK2M9XA4TBC5VDE8WFG",
    "csv": "reference;montant\nD-2041;45,50\n",
    "cutoff_on": "2026-10-25",
    "decided_on": "2026-09-15",
    "decision_reference": "DEL-2026-31",
    "execution_on": "2026-10-27",
    "expires_on": "2026-12-31",
    "iban": "FR7630006000011234567890189",
    "key": "Yk3vT0pQxXz2o1bE",
    "label": "Octobre 2026",
    "login": "compta",
    "month": "2026-10",
    "name": "Camille Exemple",
    "note": "Frais de tenue de compte",
    "pin": "4821",
    "postcode": "64100",
    "public_key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
    "reason": "Fermeture annuelle",
    "reference": "D-2041",
    "role": "purse",
    "siret": "73282932000074",
    "signature": "MEUCIQDx",
    "signed": '{"till":3,"sequence":1,"key":"Yk3vT0pQxXz2o1bE"}',
    "to": "C0002",
    "town": "Ville-Exemple",
    "to_wallet_id": 18,
    "wallet_id": 17,
    "ChartAccountBody.code": "467110",
    "ChartAccountBody.label": "Bons en circulation",
    "ChartConfirmationBody.code": "467100",
    "HouseholdCsvBody.csv": "reference;alias;contact\nD-2041;Famille D.;06 00 00 00 00\n",
    "MerchantBody.category": "food",
    "MerchantBody.name": "Boulangerie Exemple",
    "ProgrammeBody.name": "Aide alimentaire",
    "TakeTillBody.code": "4821",
    "TillBody.label": "Caisse 1",
}
REF = "#/components/schemas/"


def example_of(schema: Mapping[str, Any], *, schemas: Mapping[str, Any], name: str = "") -> object:
    """Return an example of a JSON schema; of an object, its required fields.

    Args:
        schema: as pydantic writes it.
        schemas: the definitions that it refers to.
        name: that of the field it describes.

    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].removeprefix(REF)], schemas=schemas, name=name)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas=schemas, name=name)]
    if schema.get("type") == "object":
        needed = schema.get("required", [])
        return {
            field: WORDS[key]
            if (key := f"{schema['title']}.{field}") in WORDS
            else example_of(schema["properties"][field], schemas=schemas, name=field)
            for field in needed
        }
    return WORDS.get(name, name)
