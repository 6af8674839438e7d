"""Where and when: places and weather as captions speak of them, and how an answer speaks of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..storybook.vocabulary import PLACES as BOOK
from ..storybook.vocabulary import WEATHER
from .words import stands_alone, tokens


@dataclass(frozen=True)
class Place:
    """One kind of place."""

    name: str                           # "beach"
    phrase: str                         # "on the beach"
    indoors: bool


def _more(*rows: str) -> dict[str, Place]:
    return {row.split()[-1]: Place(row.split(" the ")[1], row, inside) for inside, row in ((row[0] == "+", row.lstrip("+")) for row in rows)}


PLACES = {**{p.name: Place(p.name, p.phrase, p.indoors) for p in BOOK.values()},
          **_more("+in the bathroom", "+in the restaurant", "+in the bakery", "+in the lobby", "in the forest", "in the woods",
                  "in the field", "in the ocean", "on the sidewalk", "on the road", "in the river")}
# Words of a caption that tell a place of the same kind; "in a living room" is none of these and tells no place.
SAME = {"woods": "forest"}
_BESIDE = {"beach": {"ocean"}, "street": {"road", "sidewalk"}, "sidewalk": {"road", "street"}}      # one may well be seen from the other
_FITTING = set("nice clean small large big green grassy grass sandy snowy busy quiet city covered".split())
SKIES = {"on a sunny day": "sunny", "on a cloudy day": "cloudy", "in the rain": "rainy", "at night": "night"}
SAID = {sentence: weather for weather, sentence in WEATHER.items()}
_FREE_SKIES = {r"(?:on|in) a sunny day|bright sunny|sunlit": "sunny", r"cloudy (?:sky|day)|overcast": "cloudy",
               r"in the rain\b|rainy day|is raining": "rainy", r"at night\b|night ?time": "night"}
# What is seen under an open sky, and what between walls.
OUTSIDE = set("""street streets sidewalk road beach ocean sea lake river forest woods field mountain mountains tree trees sky snow grass
hill hills hillside park bushes sand waves savannah cliffs pavement slope outdoor outside outdoors waterway""".split())
INSIDE = set("kitchen bathroom bedroom room indoors indoor inside lobby hallway office floor ceiling couch bed sink toilet bakery desk counter".split())


def place_of(captions) -> Place | None:
    """The one place that free captions name with "in", "on" or "at"; None where they name none, or two that may differ.

    "In the bathroom mirror" names a mirror, but a bathroom all the same: beside another place neither is certain.
    """
    found, every = set(), set()
    for caption in captions:
        words = tokens(caption)
        for at, word in enumerate(words):
            if word in PLACES:
                every.add(SAME.get(word, word))
                before = [one for one in words[max(0, at - 3):at] if one not in _FITTING]
                if before[-2:-1] and before[-2] in ("in", "on", "at") and before[-1] in ("a", "an", "the") and stands_alone(words, at + 1):
                    found.add(SAME.get(word, word))
    if len(found) != 1 or not every - found <= _BESIDE.get(next(iter(found)), set()):
        return None
    return PLACES[found.pop()]


def weather_of(captions) -> str | None:
    """The one weather that free captions name."""
    found = {weather for caption in captions for pattern, weather in _FREE_SKIES.items() if re.search(pattern, caption.lower())}
    return found.pop() if len(found) == 1 else None
