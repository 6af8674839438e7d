"""The words for things: COCO's 80 categories as people speak of them, and how a noun phrase is found in a sentence.

A row is ``COCO's name | as spoken | plural | other words, singular/plural | words that leave a doubt``. A caption
that speaks of glasses may mean a wine glass, a cup or a pair of spectacles: such words count as no mention,
but where they stand nobody may say that the thing is absent.

>>> [(m.category, m.number, m.colours) for m in mentions("two small red cars and a man in blue")]
[('car', 2, ('red',)), ('person', 1, ('blue',))]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..storybook.vocabulary import COLOURS as PAINTS

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
COLOURS = {**{name: name for name in PAINTS}, "black": "black", "gray": "grey", "grey": "grey", "pink": "pink", "tan": "tan",
           "silver": "silver", "gold": "gold", "beige": "beige", "golden": "gold", "turquoise": "turquoise", "blonde": "blonde"}
SIZES = {"small": "small", "little": "small", "tiny": "small", "big": "big", "large": "big", "huge": "big"}
MANY = ("several", "many", "some", "few", "various", "different", "multiple", "numerous", "other", "both", "these", "those")
_HEAPS = {"group", "herd", "bunch", "lots", "assortment", "number", "flock", "pile", "stack", "row", "rows", "collection", "fleet",
          "variety", "kinds", "flavors", "couple", "pair", "plenty", "set", "sets", "pieces", "crowd", "team"}
# Words that end a noun phrase to the left of its noun.
_STOPS = set("""in on at of with and or to by from near next under over above behind beside between for is are was were be being as that this
which who while it its his her their there here has have had wears wear holds hold shows show sees see into onto through around along
against inside outside across down up off out about than then but so because if when where what how no not like i you we they he she
toward towards among amid during without within""".split()) - {"no"}
# What may follow a noun that stands for itself. "A dog bed" and "a horse trailer" are neither dog nor horse.
_FOLLOW = _STOPS | set("""sits stands lies lays walks runs rides flies looks waits eats sleeps stares sit stand lie lay walk run fly look laid sat stood seen parked seated
perched stacked surrounded walking both together each all alone can may do does did""".split())

_TABLE = """
person | person | people | man/men woman/women boy/boys girl/girls child/children kid/kids guy/guys lady/ladies baby/babies toddler/toddlers skier/skiers surfer/surfers adult/adults | player rider couple family crowd group team hand hands someone somebody male female driver passenger head face worker tourist skateboarder skate boarder they
bicycle | bicycle | bicycles | bike/bikes | cyclist vehicle ride
car | car | cars | automobile/automobiles | vehicle vehicles traffic suv taxi van bug vw
motorcycle | motorcycle | motorcycles | motorbike/motorbikes motor_bike/motor_bikes | moped scooter bike bikes vehicle motor
airplane | airplane | airplanes | plane/planes jet/jets | plans aircraft carrier wing
bus | bus | buses | | vehicle automobiles coach
train | train | trains | | rail track tracks engine locomotive
truck | truck | trucks | lorry/lorries | vehicle automobiles van pickup
boat | boat | boats | ship/ships | carrier naval sail sails vessel canoe kayak
traffic light | traffic light | traffic lights | | signal signals lights intersection
fire hydrant | fire hydrant | fire hydrants | hydrant/hydrants |
stop sign | stop sign | stop signs | | sign signs
parking meter | parking meter | parking meters | | meter meters
bench | bench | benches | | seat seats
bird | bird | birds | duck/ducks goose/geese | animal animals gull seagull pigeon flock feathers
cat | cat | cats | kitten/kittens | animal animals feline pet
dog | dog | dogs | puppy/puppies | animal animals pet husky
horse | horse | horses | pony/ponies | animal animals rider
sheep | sheep | sheep | | animal animals lamb herd
cow | cow | cows | bull/bulls | animal animals ox wildebeest moose cattle herd bison calf
elephant | elephant | elephants | | animal animals herd
bear | bear | bears | | animal animals cub
zebra | zebra | zebras | | animal animals herd
giraffe | giraffe | giraffes | | animal animals herd
backpack | backpack | backpacks | rucksack/rucksacks | bag bags luggage pack
umbrella | umbrella | umbrellas | parasol/parasols |
handbag | handbag | handbags | purse/purses | bag bags luggage
tie | tie | ties | necktie/neckties | tuxedo suit bow
suitcase | suitcase | suitcases | | luggage bag bags case cases
frisbee | frisbee | frisbees | | disc
skis | pair of skis | skis | | ski skier skiers skiing
snowboard | snowboard | snowboards | | board
sports ball | ball | balls | football/footballs basketball/basketballs | baseball soccer tennis game
kite | kite | kites | | flags sails
baseball bat | baseball bat | baseball bats | | bat baseball
baseball glove | baseball glove | baseball gloves | | glove mitt baseball
skateboard | skateboard | skateboards | skate_board/skate_boards | skate board skating
surfboard | surfboard | surfboards | surf_board/surf_boards | surf board surfing boogie
tennis racket | tennis racket | tennis rackets | | racket tennis
bottle | bottle | bottles | | wine liquor beer drink drinks alcohol
wine glass | wine glass | wine glasses | | glass glasses wine drink drinks
cup | cup | cups | mug/mugs | glass glasses drink drinks coffee tea soda
fork | fork | forks | | utensils silverware cutlery
knife | knife | knives | | utensils silverware cutlery
spoon | spoon | spoons | | utensils silverware cutlery
bowl | bowl | bowls | | dish dishes
banana | banana | bananas | | fruit fruits food foods fruity
apple | apple | apples | | fruit fruits food foods fruity
sandwich | sandwich | sandwiches | burger/burgers | sandwhich food foods meal
orange | orange | oranges | | fruit fruits food foods fruity orange
broccoli | broccoli | broccoli | | vegetable vegetables food foods
carrot | carrot | carrots | | vegetable vegetables food foods
hot dog | hot dog | hot dogs | | food foods sausage
pizza | pizza | pizzas | | food foods pie slices
donut | donut | donuts | doughnut/doughnuts | pastry pastries food foods
cake | cake | cakes | cupcake/cupcakes | pastry dessert food foods
chair | chair | chairs | | seat seats chaise furniture
couch | couch | couches | sofa/sofas | seat furniture chaise
potted plant | potted plant | potted plants | | plant plants flower flowers pot
bed | bed | beds | | bedroom mattress
dining table | table | tables | | desk counter furniture
toilet | toilet | toilets | | bathroom
tv | television | televisions | tv/tvs | screen monitor
laptop | laptop | laptops | laptop_computer/laptop_computers | computer computers notebook
mouse | computer mouse | computer mice | | mouse computer
remote | remote control | remote controls | remote/remotes | controller controllers wii
keyboard | keyboard | keyboards | | computer
cell phone | cell phone | cell phones | cellphone/cellphones | phone phones mobile
microwave | microwave | microwaves | | appliance appliances oven
oven | oven | ovens | | stove appliance appliances
toaster | toaster | toasters | | appliance appliances
sink | sink | sinks | | basin bathroom
refrigerator | refrigerator | refrigerators | fridge/fridges | appliance appliances
book | book | books | | shelf reading
clock | clock | clocks | | time
vase | vase | vases | | flowers pot
scissors | pair of scissors | scissors | | shears
teddy bear | teddy bear | teddy bears | | toy toys stuffed bear
hair drier | hair drier | hair driers | | dryer
toothbrush | toothbrush | toothbrushes | | tooth brush brushing
"""
GROUPS = {"animal": "bird cat dog horse sheep cow elephant bear zebra giraffe", "vehicle": "bicycle car motorcycle airplane bus train truck boat",
          "food": "banana apple sandwich orange broccoli carrot pizza donut cake", "toy": "sports_ball kite teddy_bear frisbee",
          "bag": "backpack handbag suitcase"}


@dataclass(frozen=True)
class Category:
    """One of COCO's categories."""

    name: str                          # COCO's
    spoken: str
    plural: str
    words: dict                        # every word for it -> is it a plural?
    doubtful: frozenset


@dataclass(frozen=True)
class Mention:
    """A noun phrase that names a category."""

    category: str                      # COCO's name
    plural: bool
    number: int | None                 # 2 for "two dogs", 1 for "a dog", None for "dogs" and "several dogs"
    colours: tuple[str, ...]           # right before the noun, or of clothes: "a person in blue"
    size: str | None
    determiner: str                    # "a", "the", "no", a number word, "another", or ""
    clear: bool                        # the noun stands for itself, not before another noun
    start: int                         # of the phrase, in words
    end: int                           # behind the phrase


def _category(line: str) -> Category:
    name, spoken, plural, others, doubtful = (part.strip() for part in line.split("|"))
    pairs = [(spoken, plural), (name, plural)] + [tuple(pair.replace("_", " ").split("/")) for pair in others.split()]
    words = {word: number for one, several in pairs for word, number in ((several, True), (one, one == several))}
    return Category(name, spoken, plural, words, frozenset(doubtful.split()))


CATEGORIES = {category.name: category for category in map(_category, _TABLE.strip().splitlines())}
MEMBERS = {group: frozenset(word.replace("_", " ") for word in members.split()) for group, members in GROUPS.items()}
_NOUNS = {tuple(word.split()): (category.name, plural) for category in CATEGORIES.values() for word, plural in category.words.items()}


def tokens(text: str) -> list[str]:
    """Lower-case words and marks; a possessive keeps its noun apart: "man's" -> "man", "'s"."""
    return re.findall(r"[a-z]+|'s|\d+(?:\.\d+)?|[^\w\s]", text.lower().replace("\u2019", "'"))


def mentions(text: str) -> list[Mention]:
    """Every noun phrase of a text that names a category, in order."""
    return list(_mentions(text))


@lru_cache(maxsize=4096)
def _mentions(text: str) -> tuple[Mention, ...]:
    words, found, at = tokens(text), [], 0
    while at < len(words):
        size = next((n for n in (3, 2, 1) if tuple(words[at:at + n]) in _NOUNS and at + n <= len(words)), 0)
        if size and not (words[at] == "orange" and _is_colour(words, at)):
            found.append(_phrase(words, at, at + size, found[-1].end if found else 0))
            at = found[-1].end
        else:
            at += 1
    return tuple(found)


def _is_colour(words: list[str], at: int) -> bool:
    """Orange before another noun, or said of one: "an orange cat", "orange and white", "is orange", "red, orange"."""
    after = words[at + 1] if at + 1 < len(words) else "."
    before = words[at - 1] if at else ""
    return (after.isalpha() and (after not in _FOLLOW or after == "and")
            or before in ("is", "are", "in", "colour", "color", "wears", "wear", "wearing", "and", "or")
            or before == "," and at > 1 and words[at - 2] in COLOURS)


def _phrase(words: list[str], start: int, end: int, floor: int) -> Mention:
    category, plural = _NOUNS[tuple(words[start:end])]
    colours, size, first, number, determiner = [], None, start, None, ""
    heap = many = False
    beside = True                                # all words up to the noun are colours: "red" in "red dotted umbrella" is not its colour
    while first > floor:
        word = words[first - 1]
        joins = word in ("and", ",") and first - 2 >= floor and words[first - 2] in COLOURS and first < start and words[first] in COLOURS
        if word in NUMBERS or word.isdigit():
            determiner, number = word, NUMBERS.index(word) if word in NUMBERS else int(word)
            first -= 1
            break
        if word in ("a", "an", "the", "no", "another", "each", "every"):
            determiner, number = word, None if plural or word in ("the", "no") else 1
            first -= 1
            break
        if word == "of" and first - 2 >= floor and words[first - 2] in _HEAPS:
            heap, first = True, first - 2
            break
        if not joins and (word in _STOPS or not word.isalpha() or start - first > 4):
            break
        many = many or word in MANY
        beside = beside and (word in COLOURS or joins)
        if word in COLOURS and beside:
            colours.insert(0, COLOURS[word])
        size = SIZES.get(word, size)
        first -= 1
    if not determiner and not heap and not many and not plural:
        number = 1
    if plural and determiner in ("a", "an", "another") and not many and not heap:       # "a sheep"
        plural, number = False, 1
    stop = end
    if category == "person" and not colours and words[end:end + 1] == ["in"] and words[end + 1:end + 2] and words[end + 1] in COLOURS:
        if stands_alone(words, end + 2):
            colours, stop = [COLOURS[words[end + 1]]], end + 2
    number = None if heap or many and determiner not in NUMBERS else number
    return Mention(category, plural, number, tuple(colours), size, determiner, stands_alone(words, end), first, stop)


def stands_alone(words: list[str], end: int) -> bool:
    """Is the noun before ``end`` one by itself? In "a dog bed" and "the bathroom mirror" it is not."""
    following = words[end] if end < len(words) else "."
    return not following.isalpha() or following in _FOLLOW or following.endswith("ing") or following.endswith("ed") and len(following) > 4


def category(name: str) -> Category:
    """The category of a COCO name; any other name speaks for itself."""
    return CATEGORIES.get(name) or Category(name, name, name + "s", {name: False, name + "s": True}, frozenset())


def spoken_of(captions) -> frozenset[str]:
    """The categories that some caption may be speaking of, in whatever words."""
    said = {word for caption in captions for word in tokens(caption)}
    return frozenset(one.name for one in CATEGORIES.values()
                     if one.doubtful & said or any(set(word.split()) <= said for word in one.words))
