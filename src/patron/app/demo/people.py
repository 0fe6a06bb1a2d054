"""Invented customers: names, addresses and consent, always the same for a seed.

E-mail addresses end in `@example.com`, which belongs to nobody (RFC 2606). Towns are invented.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_FIRST_NAMES: Final = """
    Ada Agnes Alma Amos Anita Arlo Astrid Barnaby Beatrix Bela Bruno Calla Carmen Cecil Celia
    Clara Cleo Conrad Cora Cosmo Dahlia Della Desmond Dina Dora Edda Edgar Edith Elias Elin Eloise
    Elsa Emil Enid Ernest Esme Etta Eva Fabian Felix Fern Flora Franka Gemma Gideon Greta Gus Hanna
    Hazel Hector Hedy Hugo Ida Ines Ingrid Iris Irma Ivo Jasper Jemima Jonas Josie Juno Kai Karla
    Klara Lena Leo Lila Linus Lotte Louis Luca Lydia Mabel Magnus Malik Mara Margo Marta Matilda
    Milo Mina Mira Moritz Nadia Nell Nils Nina Noah Noor Olive Omar Oscar Otis Otto Paula Pearl
    Petra Phoebe Pia Quentin Rafael Ramona Rhea Rita Rosa Rufus Ruth Samir Selma Silas Simone Sofia
    Stella Sven Talia Tess Theo Thea Tilda Tobias Ursula Vera Victor Viola Walter Wanda Willa Yara
    Yusuf Zelda Zora
"""
FIRST_NAMES: Final = tuple(_FIRST_NAMES.split())
_LAST_NAMES: Final = """
    Abernook Alderwick Applegarth Ashdown Bannerly Barleycorn Beckworth Birdwell Blythewood
    Bracken Brightwater Brookbank Candlewick Cartwell Chandlery Clearwater Copperfield
    Coriander Crabtree Daffern Dalrose Dapperly Dewhurst Drinkwater Eastlake Elderfield Everglade
    Fairweather Farthing Fenwright Fieldgate Fiddler Foxglove Gladstone Goldfinch Goodbody
    Greenhalgh Gumtree Haddock Halliday Hartwood Hawksworth Haymarket Heathcote Hollyoak Honeychurch
    Inkpen Ironwood Juniper Kettleborough Kingcup Kitewell Lambkin Larkspur Lightfoot Lilywhite
    Lockett Longacre Loveday Marchbank Meadowcroft Merryweather Millstone Moonshine Mossop
    Mulberry Nightingale Nutbrown Oakheart Oldacre Orchardson Otterburn Partridge Peabody Penhallow
    Peppercorn Pickering Plumtree Poppleton Quickfall Quill Rainbird Redfern Rivers Rosewall
    Rushbrook Saltmarsh Sandpiper Seagrave Shepherdson Silverlock Skylark Sparrow Springett
    Starling Stonecrop Summerfield Swift Tanglewood Thistlethwaite Thornbury Thimble Tidewell
    Treadwell Turnpenny Twelvetrees Underhill Vale Waterhouse Weatherby Wetherell Whistler
    Wildgoose Willowby Winterbottom Woodruff Wrenwick Yardley Yewtree
"""
LAST_NAMES: Final = tuple(_LAST_NAMES.split())
_HER_NAMES: Final = """
    Klara Lena Lila Lotte Lydia Mabel Mara Margo Marta Matilda Mina Mira Nadia Nell Nina Olive Paula
    Pearl Petra Phoebe Pia Ramona Rhea Rita Rosa Ruth Selma Simone Sofia Stella Talia Tess Thea
    Tilda Ursula Vera Wanda Willa Yara Zelda Zora
"""
HER_NAMES: Final = tuple(_HER_NAMES.split())
"""For the shoppers whom the demo's story calls she."""
TOWNS: Final = (
    ("Larkhaven", "OH", "45991"),
    ("Millbrow", "OH", "45992"),
    ("Quarry Ridge", "OH", "45993"),
    ("Otter Bend", "KY", "41991"),
    ("Fernleigh Park", "KY", "41992"),
    ("Saltbox Hill", "IN", "47991"),
    ("Three Elms", "IN", "47992"),
    ("Harrow Ferry", "WV", "26991"),
    ("Cobblers Ford", "PA", "15991"),
    ("Wexley Green", "PA", "15992"),
)
CONSENT_TEXT: Final = "Yes, send me recipes, offers and reminders by e-mail. I can stop any time."
CONSENTING_SHARE: Final = 0.70


@dataclass(frozen=True, slots=True)
class Person:
    """An invented customer; `consents` says whether she ticked the newsletter's box."""

    user_id: str
    first_name: str
    last_name: str
    email: str
    city: str
    state: str
    postal_code: str
    consents: bool

    def traits(self) -> dict[str, Any]:
        """Traits of a Segment identify call."""
        return {
            "email": self.email,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "address": {
                "city": self.city,
                "state": self.state,
                "postalCode": self.postal_code,
                "country": "US",
            },
        }


def person(
    user_id: str,
    seed: int,
    consenting: float = CONSENTING_SHARE,
    first_names: Sequence[str] = FIRST_NAMES,
) -> Person:
    """The customer with this id; the address carries the id's digits and is therefore unique."""
    digest = hashlib.blake2b(f"{seed}:{user_id}".encode(), digest_size=16).digest()
    first = first_names[int.from_bytes(digest[0:4]) % len(first_names)]
    last = LAST_NAMES[int.from_bytes(digest[4:8]) % len(LAST_NAMES)]
    city, state, postal_code = TOWNS[int.from_bytes(digest[8:10]) % len(TOWNS)]
    tag = user_id.replace("hh-", "").replace("new-", "n")
    return Person(
        user_id,
        first,
        last,
        f"{first}.{last}.{tag}@example.com".lower(),
        city,
        state,
        postal_code,
        int.from_bytes(digest[10:14]) / 2**32 < consenting,
    )


def consent_properties(who: Person, where: str) -> dict[str, Any]:
    """Properties of an `Email Subscribed` event: who agreed to what, in which words, where."""
    return {
        "email": who.email,
        "list": "newsletter",
        "purpose": "marketing",
        "channel": "email",
        "text": CONSENT_TEXT,
        "where": where,
    }
