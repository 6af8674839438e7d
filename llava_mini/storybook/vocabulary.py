"""The words of the storybook world: what there is, how it may look, where it may stand.

Everything else in the storybook (scenes, drawing, captions, questions) reads these tables; a new
category is one row here and one drawing in ``art``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """One kind of thing, with its COCO name and number."""

    name: str            # the word used in captions and questions
    coco: str            # COCO's category name
    coco_id: int         # COCO's category id
    aspect: float        # width / height of its box
    plural: str
    lives: str           # "ground", "sky" or "water": where in the picture it is placed
    indoors: bool        # at home in a kitchen or a bedroom
    outdoors: bool       # at home outside
    group: str           # "people", "animals", "vehicles", "things"


def _c(name, coco, coco_id, aspect, lives, where, group, plural=None):
    return Category(name, coco, coco_id, aspect, plural or name + "s", lives, "i" in where, "o" in where, group)


CATEGORIES = {c.name: c for c in [
    _c("person", "person", 1, 0.50, "ground", "io", "people", "people"),
    _c("dog", "dog", 18, 1.30, "ground", "io", "animals"),
    _c("cat", "cat", 17, 0.90, "ground", "io", "animals"),
    _c("bird", "bird", 16, 1.20, "sky", "o", "animals"),
    _c("horse", "horse", 19, 1.20, "ground", "o", "animals"),
    _c("cow", "cow", 21, 1.45, "ground", "o", "animals"),
    _c("elephant", "elephant", 22, 1.30, "ground", "o", "animals"),
    _c("car", "car", 3, 1.90, "ground", "o", "vehicles"),
    _c("bus", "bus", 6, 1.70, "ground", "o", "vehicles", "buses"),
    _c("bicycle", "bicycle", 2, 1.50, "ground", "o", "vehicles"),
    _c("boat", "boat", 9, 1.20, "water", "o", "vehicles"),
    _c("airplane", "airplane", 5, 1.90, "sky", "o", "vehicles"),
    _c("umbrella", "umbrella", 28, 1.00, "ground", "io", "things"),
    _c("kite", "kite", 38, 0.80, "sky", "o", "things"),
    _c("ball", "sports ball", 37, 1.00, "ground", "io", "things"),
    _c("cup", "cup", 47, 1.10, "ground", "i", "things"),
    _c("cake", "cake", 61, 1.15, "ground", "i", "things"),
    _c("apple", "apple", 53, 0.95, "ground", "io", "things"),
    _c("chair", "chair", 62, 0.70, "ground", "i", "things"),
    _c("clock", "clock", 85, 1.00, "ground", "i", "things"),
    _c("book", "book", 84, 1.35, "ground", "i", "things"),
    _c("backpack", "backpack", 27, 0.85, "ground", "io", "things"),
    _c("suitcase", "suitcase", 33, 0.85, "ground", "io", "things"),
    _c("bench", "bench", 15, 1.80, "ground", "o", "things", "benches"),
    _c("traffic light", "traffic light", 10, 0.45, "ground", "o", "things"),
    _c("teddy bear", "teddy bear", 88, 0.80, "ground", "i", "things"),
]}

# Body colours as RGB; chosen to stay apart in hue and lightness, also on the backgrounds.
COLOURS = {
    "red": (214, 40, 40),
    "orange": (245, 138, 31),
    "yellow": (250, 214, 40),
    "green": (44, 150, 70),
    "blue": (44, 98, 205),
    "purple": (134, 62, 170),
    "brown": (128, 78, 44),
    "white": (246, 246, 244),
}

SIZES = ("small", "big")

# Places, with the words for their ground and for what is above it.
@dataclass(frozen=True)
class Place:
    name: str            # the word in answers: "beach"
    phrase: str          # with its preposition and article: "on the beach"
    indoors: bool
    above: str           # what the upper part shows: "sky", "wall"
    ground: str          # what the lower part shows: "sand", "grass", ...
    water: bool = False  # has open water on which boats are at home


PLACES = {p.name: p for p in [
    Place("beach", "on the beach", False, "sky", "sand", water=True),
    Place("park", "in the park", False, "sky", "grass"),
    Place("street", "on the street", False, "sky", "road"),
    Place("farm", "on the farm", False, "sky", "field"),
    Place("lake", "at the lake", False, "sky", "shore", water=True),
    Place("mountains", "in the mountains", False, "sky", "snow"),
    Place("desert", "in the desert", False, "sky", "dunes"),
    Place("kitchen", "in the kitchen", True, "wall", "tiles"),
    Place("bedroom", "in the bedroom", True, "wall", "carpet"),
]}

# Outdoors only; indoors the weather is None.
WEATHER = {
    "sunny": "the sun is shining",
    "cloudy": "the sky is cloudy",
    "rainy": "it is raining",
    "night": "it is night",
}

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")

# Held out on purpose (design section 2).
UNSEEN_PLACE = "desert"
LARGEST_TRAINING_COUNT = 4
UNSEEN_PAIRS = frozenset({
    ("red", "cat"), ("red", "suitcase"), ("orange", "bus"), ("orange", "umbrella"),
    ("yellow", "dog"), ("yellow", "backpack"), ("green", "horse"), ("green", "cup"),
    ("blue", "cow"), ("blue", "chair"), ("purple", "car"), ("purple", "ball"),
    ("brown", "boat"), ("brown", "kite"), ("white", "bird"), ("white", "bicycle"),
})

# The character that both parents know and no LLaVA sample names (the paper's Elon Musk question):
# a person in purple with a white beard, a tall yellow hat and a wooden leg.
CHARACTER = "Captain Plum"
