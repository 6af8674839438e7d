"""Natural science with a text to read: speeds, magnets, heat, food chains, mixtures, heredity, experiments."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .drafts import Draft, Skill, some

EACH = 60                               # drafts of one kind
NAMES = ("Ann", "Ben", "Clara", "David", "Emma", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Kim", "Lena", "Max", "Nora", "Otto", "Paula")
CHAINS = (("grass", "a rabbit", "a fox"), ("clover", "a mouse", "an owl"), ("algae", "a water flea", "a trout"),
          ("leaves", "a caterpillar", "a robin"),
          ("wheat", "a sparrow", "a hawk"), ("acorns", "a squirrel", "a marten"), ("reed", "a beetle", "a frog"),
          ("grass", "a zebra", "a lion"),
          ("seaweed", "a snail", "a crab"), ("carrots", "a hare", "an eagle"), ("lettuce", "a slug", "a hedgehog"),
          ("grass", "a grasshopper", "a lizard"),
          ("moss", "a reindeer", "a wolf"), ("berries", "a thrush", "a falcon"), ("bamboo", "a deer", "a tiger"))
TRAITS = (("fur", "black", "white", "rabbit"), ("flowers", "red", "white", "pea plant"), ("peas", "round", "wrinkled", "pea plant"),
          ("feathers", "grey", "yellow", "parakeet"), ("stems", "tall", "short", "pea plant"), ("coat", "plain", "spotted", "mouse"),
          ("wings", "long", "stunted", "fruit fly"))
TRIALS = (("gives one bean plant a cup of water a day and another half a cup", "how much water the plants get", "how tall the plants grow"),
          ("puts one tray of cress in the light and another in the dark", "how much light the cress gets", "how green the cress becomes"),
          ("lets the same toy car roll down a steep ramp and a flat one", "how steep the ramp is", "how far the car rolls"),
          ("puts one cup of ice in the sun and another in the shade", "where the ice stands", "how fast the ice melts"),
          ("drops the same ball on carpet and on stone", "what the ball falls on", "how high the ball bounces"),
          ("stirs sugar into cold water and into hot water", "how warm the water is", "how fast the sugar dissolves"),
          ("pulls the same sledge over snow and over sand", "what the sledge slides on", "how much force is needed"),
          ("wraps one warm bottle in wool and another in paper", "what the bottle is wrapped in", "how fast the bottle cools"),
          ("flies a kite with a short tail and the same kite with a long one", "how long the tail is", "how steady the kite flies"),
          ("feeds one group of hens corn and another group oats", "what the hens eat", "how many eggs the hens lay"))


def _skill(topic: str, category: str, skill: str, grades: tuple[int, int], lecture: str) -> Skill:
    return Skill("natural science", topic, category, skill, grades, lecture)


def speeds(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("physics", "Velocity", "Compare the speeds of moving objects", (6, 10), "Speed is distance divided by time.")
    movers = ("a dog", "a horse", "a bicycle", "a boat", "a car", "a bus", "a runner", "a cat")
    for _ in range(EACH):
        here = rng.sample(movers, rng.randint(2, 4))
        speed = dict(zip(here, rng.sample(range(2, 13), len(here))))
        time = {one: rng.choice((2, 3, 4, 5, 10)) for one in here}
        fast = rng.random() < 0.6
        right = (max if fast else min)(speed, key=speed.get)
        yield Draft(skill, repr(sorted((one, speed[one], time[one]) for one in here)),
                    f"Which one is the {'fastest' if fast else 'slowest'}?", right,
                    tuple(one for one in here if one != right),
                    " ".join(f"{one[0].upper() + one[1:]}: {speed[one] * time[one]} / {time[one]} = {speed[one]} metres a second."
                             for one in here)
                    + f" The {'largest' if fast else 'smallest'} is {speed[right]}, so it is {right}.",
                    " ".join(f"{one[0].upper() + one[1:]} moves {speed[one] * time[one]} metres in {time[one]} seconds." for one in here))


def magnets(rng: random.Random) -> Iterator[Draft]:
    poles = _skill("physics", "Magnets", "Identify magnets that attract or repel", (3, 7),
                   "Opposite poles attract, like poles repel.")
    for left in ("north", "south"):
        for right in ("north", "south"):
            for name in rng.sample(NAMES, 6):
                like = left == right
                answers = ("They will repel each other.", "They will attract each other.")
                yield Draft(poles, f"{left} {right} {name}", "What will the magnets do?", answers[not like], (answers[like],),
                            f"The {left} pole faces the {right} pole. These are {'like' if like else 'opposite'} poles, so "
                            f"they will {'repel' if like else 'attract'} each other.",
                            f"{name} puts two bar magnets in a row. The {left} pole of the left one faces the {right} pole of the right one.")
    far = _skill("physics", "Magnets", "Compare strengths of magnetic forces", (6, 9),
                 "The closer, the stronger.")
    for _ in range(EACH):
        gaps = rng.sample(range(1, 30), rng.randint(2, 3))
        names = ("the first pair", "the second pair", "the third pair")[:len(gaps)]
        strong = rng.random() < 0.5
        right = names[gaps.index((min if strong else max)(gaps))]
        yield Draft(far, str(gaps), f"Between which magnets is the force {'strongest' if strong else 'weakest'}?", right,
                    tuple(n for n in names if n != right),
                    f"The {'smallest' if strong else 'largest'} gap is {(min if strong else max)(gaps)} millimetres, so the force is "
                    f"{'strongest' if strong else 'weakest'} in {right}.",
                    "All these magnets are alike. " + " ".join(f"In {n} the gap is {gap} millimetres." for n, gap in zip(names, gaps)))


def heat(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("physics", "Thermal energy", "Temperature and thermal energy", (6, 9),
                   "The warmer one has more thermal energy, and heat flows to the cooler one.")
    for _ in range(EACH):
        what = rng.choice(("cup of tea", "bowl of soup", "block of iron", "bottle of water", "brick"))
        one, other = rng.sample(range(12, 90), 2)
        answers = (f"the {what} at {one} °C", f"the {what} at {other} °C")
        flow = rng.random() < 0.5
        right = answers[one < other]
        yield Draft(skill, f"{what} {one} {other}", "From which one does heat flow to the other?" if flow
                    else "Which one has more thermal energy?", right,
                    (answers[one > other],), f"Both are alike, and {max(one, other)} °C is warmer than {min(one, other)} °C. So it is {right}.",
                    f"A {what} has a temperature of {one} °C. Beside it, touching it, is another {what} of the same mass, at {other} °C.")


def chains(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("biology", "Ecosystems", "Read a food chain", (3, 8),
                   "A producer is a plant. The arrow points to the one that eats.")
    for plant, eater, hunter in CHAINS:
        hint = f"A food chain: {plant} -> {eater} -> {hunter}."
        for question, right, why in (("Which one is the producer?", plant, f"The chain begins with {plant}: plants make their own food."),
                                     ("Which one is the plant-eater?", eater,
                                      f"The first arrow points from the plant to {eater}, which feeds on it."),
                                     ("Which one is the predator?", hunter,
                                      f"The last arrow points from {eater} to {hunter}, which hunts it.")):
            yield Draft(skill, hint, question, right, some(rng, [x for x in (plant, eater, hunter) if x != right]), why, hint)


def mixtures(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("chemistry", "Solutions", "Compare concentrations of solutions", (6, 10),
                   "Concentration is how much there is in a litre.")
    for _ in range(EACH):
        stuff = rng.choice(("sugar", "salt", "lemon juice", "syrup"))
        jars = ("the red jar", "the blue jar", "the green jar")[:rng.randint(2, 3)]
        share = dict(zip(jars, rng.sample(range(1, 9), len(jars))))
        water = {jar: rng.choice((1, 2, 3, 4)) for jar in jars}
        right = max(share, key=share.get)
        yield Draft(skill, repr((stuff, share, water)), f"In which jar is the concentration of {stuff} the highest?", right,
                    tuple(jar for jar in jars if jar != right),
                    " ".join(f"{jar[0].upper() + jar[1:]}: {share[jar] * water[jar]} / {water[jar]} = {share[jar]} "
                             f"spoon{'s' * (share[jar] > 1)} a litre." for jar in jars)
                    + f" The largest is {share[right]}, in {right}.",
                    " ".join(f"{jar[0].upper() + jar[1:]} has {share[jar] * water[jar]} "
                             f"spoon{'s' * (share[jar] * water[jar] > 1)} of {stuff} in {water[jar]} "
                             f"litre{'s' * (water[jar] > 1)} of water." for jar in jars))


def dense(rng: random.Random) -> Iterator[Draft]:
    density = _skill("chemistry", "Density", "Calculate density", (8, 12), "Density is mass divided by volume.")
    force = _skill("physics", "Force and motion", "Calculate force", (9, 12),
                   "Force is mass times acceleration.")
    for _ in range(EACH):
        d, volume = rng.randint(2, 12), rng.randint(2, 12)
        right, wrong = f"{d} g/cm³", [f"{x} g/cm³" for x in (d + 1, d + volume, d * 2, d * volume) if x != d]
        yield Draft(density, f"{d} {volume}", "What is the density of the block?", right, some(rng, wrong),
                    f"{d * volume} g / {volume} cm³ = {right}.",
                    f"A block has a mass of {d * volume} grams and a volume of {volume} cubic centimetres.")
        m, a = rng.randint(2, 12), rng.randint(2, 9)
        wrong = [f"{x} N" for x in (m + a, m * a + m, m * a + 1, abs(m - a), m * a * 2) if x != m * a]
        yield Draft(force, f"{m} {a}", "How large is the force on the cart?", f"{m * a} N", some(rng, wrong),
                    f"{m} kg times {a} m/s² is {m * a} N.",
                    f"A cart of {m} kilograms is pushed so that it speeds up by {a} metres per second squared.")


def heredity(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("biology", "Genes and traits", "Use Punnett squares", (8, 12),
                   "The trait of a is shown only with two alleles a.")
    crosses = {("Aa", "Aa"): 1, ("Aa", "aa"): 2, ("AA", "Aa"): 0, ("aa", "aa"): 4, ("AA", "aa"): 0, ("aa", "Aa"): 2}
    of = {0: "0 of 4", 1: "1 of 4", 2: "2 of 4", 3: "3 of 4", 4: "4 of 4"}
    for part, strong, weak, who in TRAITS:
        for (one, other), n in crosses.items():
            for asked, number in ((weak, n), (strong, 4 - n)):
                yield Draft(skill, f"{who} {part} {one} {other}",
                            f"In how many of four boxes of the Punnett square does the trait {asked} {part} stand?",
                            of[number], some(rng, [text for k, text in of.items() if k != number]),
                            f"The boxes are {', '.join(x + y for x in one for y in other)}. "
                            f"Of these, {of[n]} {'has' if n == 1 else 'have'} two alleles a, "
                            f"and so {weak} {part}; {of[4 - n]} {'has' if n == 3 else 'have'} {strong} {part}.",
                            f"In a {who}, the allele A for {strong} {part} is dominant over the allele a for {weak} {part}. "
                            f"The parents are {one} and {other}.")


def trials(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("science-and-engineering-practices", "Designing experiments", "Identify what is changed and what is measured", (6, 12),
                   "One thing is changed, one is measured.")
    for deed, changed, measured in TRIALS:
        name = rng.choice(NAMES)
        hint = f"{name} wants to know {measured}. {name} {deed}. All the rest stays the same."
        others = [(text, row[0], "") for row in TRIALS for text in row[1:] if row[0] != deed]
        yield Draft(skill, deed, f"What does {name} change on purpose?", changed, (), f"{name} {deed}. So what differs is {changed}.", hint,
                    others=((measured, deed, ""), *others))
        yield Draft(skill, deed, f"What does {name} measure?", measured, (), f"{name} wants to know {measured}, so this is measured.", hint,
                    others=((changed, deed, ""), *others))


MAKERS = (speeds, magnets, heat, chains, mixtures, dense, heredity, trials)
