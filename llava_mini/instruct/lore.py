"""What the storyteller knows of the world without having seen it: what lives where, what a thing is for, what to mind.

A row of ``HINTS`` is what anybody can say about a thing, and what its being there suggests; the second half is a guess
and put as one. No row names another category, so that nothing seems to be there that is not.
"""

from __future__ import annotations

from .words import MEMBERS, category

_OPEN_WATER = ("beach", "lake", "ocean", "river")
_AFLOAT = frozenset({"boat"})
_OUTDOORS = frozenset("bird horse cow elephant car bus airplane train truck bench giraffe zebra bear sheep".split() + ["traffic light", "stop sign", "fire hydrant"])
_ELSEWHERE = {
    "boat": "a boat belongs on the water", "bird": "a bird lives in the open air", "horse": "a horse lives in a stable or a meadow",
    "cow": "a cow lives on a farm", "elephant": "an elephant is much too big for a room", "car": "a car belongs on the road",
    "bus": "a bus belongs on the road", "airplane": "an airplane belongs in the sky or at an airport",
    "traffic light": "a traffic light belongs at a crossing", "bench": "a bench of this kind belongs outdoors",
}
# What nobody wonders at: anywhere outside, and in some places more; and what may well sit on what.
_USUAL_OUTSIDE = frozenset("person dog bird bicycle backpack bench airplane".split() + ["sports ball"])
_USUAL_INSIDE = frozenset("person dog cat cup cake apple chair clock book backpack suitcase".split() + ["sports ball", "teddy bear"])
_USUAL = {"beach": {"umbrella", "kite", "boat"}, "park": {"cat", "kite"}, "street": {"cat", "car", "bus", "traffic light", "suitcase"},
          "farm": {"cat", "horse", "cow", "car"}, "lake": {"kite", "boat"}, "mountains": {"horse"}}
_SITS_ON = {"bench": {"person", "cat", "bird", "backpack", "sports ball"}, "horse": {"person"}}
DANGERS = {"bus": ("it is heavy", "it is heavy and cannot stop at once"), "car": ("it is fast", "it is fast and may not stop in time"),
           "elephant": ("it is strong", "it is strong and nobody can hold it back"),
           "bicycle": ("one hardly hears it", "one hardly hears it coming")}
UMBRELLA = {"rainy": ("It keeps the person dry, because it is raining.", "It is raining. Without the umbrella the person would get wet, so it is held up."),
            "sunny": ("It gives shade, because the sun is shining.", "The sun is hot on such a day, and an umbrella gives shade."),
            "cloudy": ("It may rain soon, because the sky is cloudy.", "Clouds often bring rain. It may rain soon, and then the umbrella will be of use."),
            "night": ("It is night and no rain falls, so it is only carried along.",
                      "There is no rain to keep off and no sun to hide from at night. So the umbrella is only carried along.")}
DRESS = {"rainy": "a raincoat and boots, because it is raining and everything gets wet", "sunny": "a hat, because the sun is shining",
         "cloudy": "a light coat, because the sky is cloudy and it may rain soon", "night": "a warm coat, because it is cold at night"}

_HINTS = """
person | people go where there is something to do or to see | there may be more of them close by
bicycle | a bicycle is ridden by pushing the pedals | somebody may have come here on it
car | a car takes a few people from place to place | somebody may have come here in it
motorcycle | a motorcycle carries one or two riders | somebody may have come here on it
airplane | an airplane flies people to far countries | there may be an airport not far from here
bus | a bus takes many people through the town | some of them may soon get on or off
train | a train takes many people along its rails | there may be a station not far from here
truck | a truck carries heavy loads | something may have been brought here or taken away
boat | a boat takes people across the water | somebody may be going fishing or sailing
traffic light | a traffic light tells when to stop and when to go | there must be a crossing with some traffic here
fire hydrant | a fire hydrant gives water when something burns | this is probably a town with fire fighters
stop sign | a stop sign tells drivers to halt | there must be a crossing here
parking meter | a parking meter takes money for a place to park | one may not park here without paying
bench | a bench lets several people sit down | people may come here to rest
bird | a bird flies and looks for food | it may fly off at any moment
cat | a cat sleeps a lot and likes quiet places | it probably feels safe here
dog | a dog is a friend of people | somebody probably looks after it
horse | a horse can carry people on its back | somebody probably rides and feeds it
sheep | a sheep gives wool and eats grass | a farmer probably looks after it
cow | a cow eats grass and gives milk | a farmer probably looks after it
elephant | an elephant needs a lot of food and water | there is probably somebody who takes care of it or a wild land around it
bear | a bear is strong and roams far for its food | it is wise to keep away from it
zebra | a zebra eats grass and lives together with others of its kind | this may be a wild land or a large zoo
giraffe | a giraffe reaches leaves that grow high up | there are probably tall trees not far from here
backpack | a backpack carries things on the back | somebody may be on a walk or on the way to school
umbrella | an umbrella keeps off the rain and the sun | somebody wants to be ready for the weather
handbag | a handbag holds what one needs on the way | somebody probably carries it about
tie | a tie is worn when one wants to look smart | this may be a special day or a day of work
suitcase | a suitcase carries clothes on a journey | somebody may be about to travel or has just arrived
frisbee | a frisbee is thrown and caught | somebody probably came here to play
skis | skis glide well on snow | there must be a slope to go down
snowboard | a snowboard glides down a slope | there must be snow here
sports ball | a ball is thrown, kicked and caught | somebody may want to play here
kite | a kite flies only when the wind blows | there is probably some wind
baseball bat | a baseball bat is used to hit | a game is probably being played
baseball glove | a baseball glove helps to catch | a game is probably being played
skateboard | a skateboard rolls fast and takes practice | its rider must keep a good balance
surfboard | a surfboard carries its rider on the waves | there is probably water with waves close by
tennis racket | a tennis racket is used to hit over a net | a match is probably being played
bottle | a bottle holds something to drink | somebody may be thirsty
wine glass | a wine glass is for drinking wine | people may be celebrating or having dinner
cup | a cup holds tea, coffee or milk | somebody may want something to drink
fork | a fork is used to eat | a meal is probably about to begin or has just ended
knife | a knife cuts food | somebody is probably cooking or eating
spoon | a spoon is for soup and for stirring | somebody is probably eating or drinking
bowl | a bowl holds food | something to eat is probably served here
banana | a banana is sweet and good for you | somebody may eat it as a snack
apple | an apple is sweet and good for you | somebody may eat it when hungry
sandwich | a sandwich is quick to make and to eat | somebody probably wants a light meal
orange | an orange is juicy and full of vitamins | somebody may eat it as a snack
broccoli | broccoli is green and healthy | somebody here likes healthy meals
carrot | a carrot is crisp and healthy | somebody here likes healthy meals
hot dog | a hot dog is eaten from the hand | somebody wants a quick meal
pizza | a pizza is often shared | several people may be about to eat
donut | a donut is fried and sweet | it tastes good, but one should not eat too many
cake | a cake is baked for special days | there may be something to celebrate
chair | a chair is for sitting | somebody may sit down here
couch | a couch is soft and wide | people probably rest here
potted plant | a potted plant makes a place more friendly | somebody must water it
bed | a bed is for sleeping | people probably rest here
dining table | a table is a place to eat and to work | people probably meet around it
toilet | a toilet is found in a bathroom | this is a place where one wants to be alone
tv | a television shows films and news | people probably spend their evenings here
laptop | a laptop can be used anywhere | somebody probably works or plays with it
mouse | a computer mouse moves the pointer on a screen | somebody probably works here
remote | a remote control works from a distance | somebody probably watches films or plays games here
keyboard | a keyboard is for typing | somebody probably works here
cell phone | a cell phone connects people who are far apart | somebody may be waiting for a call
microwave | a microwave heats food quickly | meals are probably made here
oven | an oven bakes and roasts | meals are probably made here
toaster | a toaster makes bread crisp | breakfast is probably made here
sink | a sink has running water | people wash their hands or the dishes here
refrigerator | a refrigerator keeps food fresh | meals are probably made here
book | a book is for reading | somebody here probably likes to read
clock | a clock tells the time | people here need to know how late it is
vase | a vase holds flowers | somebody wants the place to look nice
scissors | scissors cut paper and cloth | somebody may be making something
teddy bear | a teddy bear is for cuddling | a child may be close by
hair drier | a hair drier dries wet hair | somebody may have just washed
toothbrush | a toothbrush keeps the teeth clean | somebody cares for healthy teeth
"""
HINTS = {name: (truth, guess) for name, truth, guess in ((part.strip() for part in row.split("|")) for row in _HINTS.strip().splitlines())}
EDIBLE = MEMBERS["food"] | {"hot dog"}
TOYS = MEMBERS["toy"]


def odd(name: str, place) -> str | None:
    """Why it is clearly unusual to meet this here: "a boat belongs on the water". None where it is not, or people may differ."""
    if name in _AFLOAT and place.name not in _OPEN_WATER or name in _OUTDOORS and place.indoors:
        return _ELSEWHERE.get(name, f"one does not expect {category(name).plural} there")
    return None


def ordinary(facts) -> bool:
    """Would everybody agree that nothing is out of place? Only where all is told, and only in places one knows well."""
    if not facts.told or facts.place is None or facts.strange or any(look[3] for look in facts.looks):
        return False
    if not facts.place.indoors and facts.place.name not in _USUAL:
        return False
    usual = _USUAL_INSIDE if facts.place.indoors else _USUAL_OUTSIDE | _USUAL[facts.place.name]
    held = {other for kind, _, _, other, _ in facts.relations if kind == "holding" and facts.counts[other] == 1}
    return (all(name in usual or name in held and not facts.place.indoors for name in facts.counts)
            and all(one in _SITS_ON.get(other, ()) for kind, one, _, other, _ in facts.relations if kind == "on"))


def strangers(facts) -> list[str]:
    """The categories that are clearly out of place."""
    return [name for name in facts.counts if facts.told and facts.place and odd(name, facts.place)]
