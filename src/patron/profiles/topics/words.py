"""The topics that Patron looks for when a shop names none of its own, by language.

A word ending in `*` stands for all that begin so; several words stand for these words in a row.
"""

from collections.abc import Mapping

ENGLISH: Mapping[str, list[str]] = {
    "delivery": ["delivery", "delivered", "shipping", "shipped", "parcel", "courier", "arriv*"],
    "eco": ["eco", "organic", "recycl*", "sustainab*", "vegan", "fair trade", "plastic free"],
    "fit": ["fits", "fit", "too small", "too big", "too large", "too tight", "size", "sizing"],
    "gift": ["gift*", "present for", "birthday"],
    "price": ["price*", "expensive", "cheap*", "bargain", "good value", "overpriced", "discount*"],
    "quality": ["quality", "well made", "broke", "broken", "sturdy", "flimsy", "defect*"],
    "return": ["return*", "refund*", "send back", "exchange*", "money back"],
    "service": ["service", "support", "helpful", "friendly", "rude", "customer care"],
}

GERMAN: Mapping[str, list[str]] = {
    "delivery": ["liefer*", "geliefert", "versand*", "paket*", "zustell*", "angekommen"],
    "eco": ["öko*", "bio", "recycel*", "nachhaltig*", "vegan*", "fair gehandelt", "plastikfrei*"],
    "fit": ["passt", "passform", "zu klein", "zu groß", "zu eng", "zu weit", "größe*"],
    "gift": ["geschenk*", "verschenk*", "geburtstag*"],
    "price": ["preis*", "teuer", "günstig*", "billig*", "rabatt*", "schnäppchen"],
    "quality": ["qualität*", "kaputt", "verarbeitung", "stabil", "mangel*", "defekt*"],
    "return": ["rückgabe*", "zurückgeschickt", "retoure*", "erstatt*", "umtausch*"],
    "service": ["service", "kundendienst", "hilfsbereit", "freundlich*", "unfreundlich*"],
}

BY_LANGUAGE: Mapping[str, Mapping[str, list[str]]] = {"en": ENGLISH, "de": GERMAN}
