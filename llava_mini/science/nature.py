"""Natural science from knowledge: animals, plants, the body, matter, measures, planets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from .drafts import Draft, Skill, kinds, pairs, sentence, some, which

BIOLOGY, CHEMISTRY, PHYSICS, EARTH = "biology", "chemistry", "physics", "earth-science"


def _skill(topic: str, category: str, skill: str, grades: tuple[int, int], lecture: str) -> Skill:
    return Skill("natural science", topic, category, skill, grades, lecture)


LEGS = {"no legs": ("a snake", "a worm", "a shark", "a herring", "a slug"),
        "two legs": ("a duck", "an owl", "a hen", "an ostrich", "a penguin", "a stork"),
        "four legs": ("a dog", "a cat", "a horse", "a cow", "an elephant", "a mouse", "a lion", "a lizard", "a sheep", "a frog"),
        "six legs": ("an ant", "a bee", "a beetle", "a fly", "a wasp", "a grasshopper"), "eight legs": ("a spider", "a scorpion", "a tick")}
CLASSES = {"mammal": ("a dog", "a cow", "a bat", "a whale", "a horse", "a mouse", "an elephant", "a hedgehog", "a dolphin", "a seal"),
           "bird": ("a duck", "an owl", "a penguin", "an ostrich", "a robin", "a stork", "a gull"),
           "fish": ("a trout", "a shark", "a herring", "a pike", "a carp", "a tuna"),
           "reptile": ("a snake", "a lizard", "a crocodile", "a tortoise", "a gecko"),
           "amphibian": ("a frog", "a toad", "a newt", "a salamander"),
           "insect": ("an ant", "a bee", "a butterfly", "a beetle", "a fly", "a wasp")}
SIGNS = {"mammal": "a mammal breathes air and feeds its young with milk", "bird": "a bird has feathers and lays eggs",
         "fish": "a fish has gills and fins", "reptile": "a reptile has dry scales and lungs",
         "amphibian": "an amphibian has moist skin and grows up in water", "insect": "an insect has six legs and a body of three parts"}
YOUNG = {"a cow": "a calf", "a horse": "a foal", "a sheep": "a lamb", "a duck": "a duckling", "a cat": "a kitten", "a dog": "a puppy",
         "a frog": "a tadpole", "a butterfly": "a caterpillar", "a goat": "a kid", "a pig": "a piglet", "a goose": "a gosling",
         "a swan": "a cygnet",
         "a kangaroo": "a joey", "an owl": "an owlet"}
BODY = {"pumps blood through the body": "the heart", "take oxygen out of the air": "the lungs", "mixes food with acid": "the stomach",
        "controls thought and movement": "the brain", "hold the body up": "the bones", "covers and protects the whole body": "the skin",
        "clean the blood and make urine": "the kidneys", "pull on the bones to move them": "the muscles",
        "turn light into signals": "the eyes",
        "turn sound into signals": "the ears", "bite and chew food": "the teeth", "tastes sweet, salty and sour": "the tongue",
        "smells what is in the air": "the nose"}
PLANT = {"take up water from the soil": "the roots", "make sugar from light, water and air": "the leaves",
         "attract bees and make seeds": "the flowers",
         "carries water up to the leaves": "the stem", "hold a tiny new plant and food for it": "the seeds",
         "protects the trunk of a tree": "the bark"}
FLOATS = {"floats": ("a cork", "a dry leaf", "a beach ball full of air", "a wooden spoon", "an apple", "an ice cube", "a feather",
                     "a wooden log",
                     "a table tennis ball", "a candle of wax", "a plank"),
          "sinks": ("a stone", "an iron nail", "a coin", "a glass marble", "a brick", "a steel key", "a gold ring", "a steel spoon",
                    "a lead weight")}
ALIVE = {"alive": ("an oak tree", "a mushroom", "a snail", "a rose bush", "a spider", "a cow in a field", "moss on a wall", "a crab",
                   "growing grass", "a baby"),
         "not alive": ("a rock", "a cloud", "a river", "a toy car", "a candle flame", "a brick", "the wind", "a clock", "a glass bottle",
                       "a mountain")}
PULLED = {"a magnet attracts": ("an iron nail", "a steel paper clip", "a steel needle", "an iron frying pan", "a steel screw",
                                "an iron bolt", "a steel spring"),
          "a magnet does not attract": ("a wooden stick", "a plastic cup", "a glass marble", "a rubber band", "a cotton sock",
                                        "a sheet of paper",
                                        "a candle of wax", "a gold ring")}
STATES = {"a solid": ("a brick", "an iron nail", "a wooden ball", "a glass marble", "an ice cube", "a coin"),
          "a liquid": ("milk in a cup", "rain water", "orange juice", "olive oil", "vinegar", "ink in a pen"),
          "a gas": ("the air in a balloon", "the oxygen in our breath", "the helium in a toy balloon", "the hot air from a hair dryer",
                    "the air in a tyre")}
CHANGES = {"a physical change": ("ice melting", "cutting paper", "water boiling", "glass breaking", "butter melting", "folding a shirt",
                                 "dew drying",
                                 "crushing a can", "sawing a plank", "rolling out dough"),
           "a chemical change": ("wood burning", "iron rusting", "milk going sour", "bread baking", "a banana rotting", "a match burning",
                                 "silver going black",
                                 "an egg being fried", "paper burning")}
TOOLS = {"the temperature of the air": "a thermometer", "how much rain has fallen": "a rain gauge",
         "where the wind comes from": "a wind vane",
         "the time": "a clock", "the mass of an apple": "a balance", "the length of a table": "a tape measure",
         "how strong a force is": "a force meter", "the pressure of the air": "a barometer", "the speed of the wind": "an anemometer",
         "the volume of some water": "a measuring cylinder", "the size of an angle": "a protractor", "an electric current": "an ammeter"}
AMOUNTS = {"the length of a pencil": ("15 centimetres", "15 millimetres", "15 metres", "15 kilometres"),
           "the height of a door": ("2 metres", "2 centimetres", "2 millimetres", "2 kilometres"),
           "the length of a bus": ("12 metres", "12 millimetres", "12 centimetres", "12 kilometres"),
           "the thickness of a coin": ("2 millimetres", "2 metres", "2 kilometres"),
           "the distance between two towns": ("30 kilometres", "30 centimetres", "30 metres", "30 millimetres"),
           "the length of an ant": ("5 millimetres", "5 metres", "5 kilometres"),
           "the mass of an apple": ("200 grams", "200 kilograms", "200 tonnes"),
           "the mass of a grown man": ("80 kilograms", "80 grams", "80 tonnes"),
           "the mass of an elephant": ("4 tonnes", "4 grams", "4 kilograms"),
           "the mass of a paper clip": ("1 gram", "1 kilogram", "1 tonne"),
           "the water in a bath tub": ("150 litres", "150 millilitres"), "the water in a spoon": ("10 millilitres", "10 litres"),
           "the milk in a cup": ("200 millilitres", "200 litres"),
           "the temperature of a hot summer day": ("32 °C", "2 °C", "95 °C", "-15 °C"),
           "the temperature of boiling water at sea level": ("100 °C", "10 °C", "40 °C", "500 °C"),
           "the temperature of a healthy human body": ("37 °C", "17 °C", "57 °C", "87 °C"),
           "the time to brush the teeth": ("3 minutes", "3 hours", "3 days"),
           "the time of one blink": ("less than 1 second", "1 minute", "1 hour"),
           "the length of a school lesson": ("45 minutes", "45 seconds", "45 hours")}
PLANETS = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
INBORN = {"inherited": ("a dog's brown fur", "a girl's blue eyes", "a bird's wings", "a cat's whiskers", "a boy's curly hair",
                        "a horse's long tail",
                        "a cow's hooves", "an elephant's trunk", "a fox's red fur"),
          "acquired": ("a dog's trick of giving its paw", "a girl's skill in chess", "a boy's scar on the knee",
                       "a parrot's word for hello",
                                  "a man's French", "a woman's skill in driving", "a horse's jump over a fence at a show",
                       "a boy's skill on the violin")}


def animals(rng: random.Random) -> Iterator[Draft]:
    legs = _skill(BIOLOGY, "Animals", "Compare animals by their legs", (1, 2),
                  "Animals differ in their legs.")
    yield from which(legs, LEGS, "Which of these animals has {group}?", "{one} has {group}.", "{one} has {group}.")
    yield from kinds(rng, legs, LEGS, "how many legs has {one}?", "{one} has {group}.")
    classes = _skill(BIOLOGY, "Classification", "Identify mammals, birds, fish and others", (3, 6),
                     "Animals with the same signs are one class.")
    for draft in which(classes, CLASSES, "Which of these animals belongs to the class of the {group}s?", "{one} belongs to the {group}s."):
        group = next(group for group, members in CLASSES.items() if draft.right in members)
        yield replace(draft, question=draft.question.replace("fishs", "fish"),
                      solution=f"{sentence(SIGNS[group])}. This is true of {draft.right} only.")
    for group, members in CLASSES.items():
        for one in members:
            yield Draft(classes, one, f"To which class of animals does {one} belong?", group,
                        some(rng, [name for name in CLASSES if name != group]),
                        f"{sentence(SIGNS[group])}. This is true of {one}.")
    young = _skill(BIOLOGY, "Life cycles", "Name the young of animals", (1, 3), "Young animals have names of their own.")
    yield from pairs(young, YOUNG, "what is the young of {key} called?", "the young of {key} is called {value}.",
                     "of which animal is {value} the young?")


def bodies(rng: random.Random) -> Iterator[Draft]:
    body = _skill(BIOLOGY, "Human body", "Parts of the body and what they do", (3, 8), "Each part of the body has its work.")
    yield from pairs(body, BODY, "which part of the body has this work: {key}?", "this is the work of {value}: {key}.",
                     "what is the work of {value}?")
    plant = _skill(BIOLOGY, "Plants", "Parts of plants and what they do", (2, 5), "Each part of a plant has its work.")
    yield from pairs(plant, PLANT, "which part of a plant has this work: {key}?", "this is the work of {value}: {key}.",
                     "what is the work of {value} of a plant?")
    alive = _skill(BIOLOGY, "Living things", "Tell living from non-living things", (1, 3),
                   "Living things feed and grow.")
    yield from which(alive, ALIVE, "Which of these is {group}?", "{one} is {group}.", "{one} is {group}.")
    inborn = _skill(BIOLOGY, "Heredity", "Inherited and acquired traits", (5, 8),
                    "An inherited trait comes from the parents, an acquired one from life.")
    yield from which(inborn, INBORN, "Which of these is {group}?", "{one}: this is {group}.", "{one}: this is {group}.")


def matter(rng: random.Random) -> Iterator[Draft]:
    floating = _skill(PHYSICS, "Materials", "Float or sink", (1, 4), "What is lighter than as much water floats.")
    yield from which(floating, FLOATS, "Which of these {group} in water?", "{one} {group}.", "{one} {group}.")
    pulled = _skill(PHYSICS, "Magnets", "What a magnet attracts", (2, 5),
                    "A magnet attracts iron and steel.")
    yield from which(pulled, PULLED, "Which of these is a thing that {group}?", "{group} {one}.", "{group} {one}.")
    states = _skill(CHEMISTRY, "States of matter", "Solid, liquid or gas", (2, 5),
                    "A solid keeps its shape, a liquid flows, a gas fills all its space.")
    yield from kinds(rng, states, STATES, "in which state of matter is this: {one}?", "{one}: this is {group}.")
    yield from which(states, STATES, "Which of these is {group}?", "{one}: this is {group}.", "{one}: this is {group}.")
    changes = _skill(CHEMISTRY, "Changes of matter", "Physical and chemical changes", (5, 9),
                     "A chemical change makes a new kind of matter, a physical one does not.")
    yield from kinds(rng, changes, CHANGES, "what kind of change is this: {one}?", "{one}: this is {group}.")
    yield from which(changes, CHANGES, "Which of these is {group}?", "{one}: this is {group}.", "{one}: this is {group}.")


def measures(rng: random.Random) -> Iterator[Draft]:
    tools = _skill("science-and-engineering-practices", "Tools of science", "Choose the tool to measure with", (3, 7),
                   "Each thing is measured with its own tool.")
    yield from pairs(tools, TOOLS, "with which tool does one measure {key}?", "{value} measures {key}.",
                     "what does one measure with {value}?")
    units = _skill("units-and-measurement", "Units", "Choose a sensible amount", (2, 6),
                   "Think of something whose size is known.")
    for what, (right, *wrong) in AMOUNTS.items():
        yield Draft(units, what, f"What is the best estimate of {what}?", right, some(rng, wrong, least=1),
                    f"{sentence(what)} is about {right}: "
                    "anything else would be far too much or too little.")
    planets = _skill(EARTH, "Astronomy", "The order of the planets", (5, 10),
                     "From the Sun: " + ", ".join(PLANETS) + ".")
    for _ in range(36):
        order = sorted(rng.sample(PLANETS, rng.randint(2, 5)), key=PLANETS.index)
        near = rng.random() < 0.5
        right, wrong = (order[0], order[1:]) if near else (order[-1], order[:-1])
        yield Draft(planets, " ".join(order), f"Which of these planets is {'closest to' if near else 'farthest from'} the Sun?", right,
                    tuple(wrong),
                    f"In order from the Sun these planets are {', '.join(order)}. So {right} is {'the closest' if near else 'the farthest'}.")


MAKERS = (animals, bodies, matter, measures)
