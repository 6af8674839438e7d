"""Social science: towns and their people, goods and services, countries, and texts about maps, votes, prices and years."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .drafts import Draft, Skill, kinds, listed, pairs, sentence, some, which
from .laws import EACH, NAMES

GEOGRAPHY, ECONOMICS, CIVICS, HISTORY = "geography", "economics", "civics", "world-history"
PLACES = {"borrow a book": "the library", "have an operation": "the hospital", "buy fresh bread": "the bakery",
          "post a parcel": "the post office",
          "take a train": "the railway station", "board an airplane": "the airport", "see old paintings": "the museum",
          "see ships unload": "the harbour", "change a cheque for money": "the bank", "report a theft": "the police station",
          "watch a play": "the theatre", "buy medicine": "the chemist's", "swim indoors": "the swimming pool",
          "have your hair cut": "the hairdresser's",
          "have a tooth pulled": "the dentist's", "watch lions behind a fence": "the zoo", "fill up a car": "the petrol station",
          "play on swings": "the playground", "see the stars of a film on a screen": "the cinema"}
WORK = {"puts out fires": "a firefighter", "teaches children": "a teacher", "bakes bread": "a baker", "grows wheat": "a farmer",
        "treats sick animals": "a vet",
        "flies an airplane": "a pilot", "builds walls of brick": "a bricklayer", "mends water pipes": "a plumber",
        "cleans and fills teeth": "a dentist",
        "brings letters": "a postman", "makes tables of wood": "a carpenter", "decides in a court": "a judge",
        "writes for a newspaper": "a journalist",
        "drives a train": "a train driver", "catches fish at sea": "a fisherman", "cuts hair": "a hairdresser", "makes clothes": "a tailor",
        "digs coal": "a miner", "draws plans of houses": "an architect", "shoes horses": "a farrier"}
TRADE = {"a good": ("a loaf of bread", "a pair of shoes", "a bicycle", "an umbrella", "a book", "a cake", "a chair", "a kite", "a suitcase",
                    "a clock", "a cup"),
         "a service": ("a haircut", "a bus ride", "a piano lesson", "the repair of a roof", "a taxi ride", "a doctor's advice",
                       "the cleaning of windows",
                       "the delivery of a letter", "a guided tour", "a night in a hotel", "a swimming lesson")}
RESOURCES = {"a natural resource": ("water from a river", "trees in a forest", "coal in the ground", "fish in the sea",
                                    "sunlight on a field", "iron ore in a mountain"),
             "a human resource": ("the work of a baker", "the skill of a nurse", "the work of a farm hand", "the work of a bus driver",
                                  "the skill of a potter"),
             "a capital resource": ("the oven of a bakery", "a farmer's tractor", "a bus company's buses", "a sewing machine in a factory",
                                    "the crane of a harbour", "a potter's wheel")}
TRAVEL = {"on rails": ("a train", "a tram", "an underground train"),
          "on water": ("a boat", "a ferry", "a canoe", "a raft", "a sailing ship"),
          "through the air": ("an airplane", "a helicopter", "a hot-air balloon", "a glider"),
          "on roads": ("a car", "a bus", "a bicycle", "a lorry", "a taxi")}
CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Austria": "Vienna", "Greece": "Athens",
            "Portugal": "Lisbon",
            "Norway": "Oslo", "Sweden": "Stockholm", "Denmark": "Copenhagen", "Finland": "Helsinki", "Poland": "Warsaw",
            "Hungary": "Budapest",
            "Ireland": "Dublin", "Belgium": "Brussels", "Japan": "Tokyo", "China": "Beijing", "India": "New Delhi", "Egypt": "Cairo",
            "Kenya": "Nairobi",
            "Canada": "Ottawa", "Peru": "Lima", "Cuba": "Havana", "Argentina": "Buenos Aires", "Thailand": "Bangkok", "Iran": "Tehran",
            "Turkey": "Ankara", "Chile": "Santiago", "Ghana": "Accra", "Vietnam": "Hanoi"}
CONTINENTS = {"Europe": ("France", "Italy", "Poland", "Norway", "Ireland", "Greece"),
              "Africa": ("Kenya", "Ghana", "Nigeria", "Morocco", "Ethiopia"),
              "Asia": ("Japan", "China", "India", "Vietnam", "Thailand"),
              "South America": ("Peru", "Brazil", "Chile", "Argentina", "Bolivia"),
              "North America": ("Canada", "Mexico", "Cuba", "the United States")}
ROUND = ("north", "east", "south", "west")
SITES = ("the school", "the park", "the station", "the bakery", "the lake", "the farm", "the museum", "the bridge", "the tower",
         "the harbour")
EVENTS = ("the well", "the stone bridge", "the town hall", "the mill", "the school", "the railway station", "the library",
          "the harbour wall", "the theatre")


def _skill(topic: str, category: str, skill: str, grades: tuple[int, int], lecture: str) -> Skill:
    return Skill("social science", topic, category, skill, grades, lecture)


def towns(rng: random.Random) -> Iterator[Draft]:
    where = _skill(CIVICS, "Communities", "Places of a town", (1, 3), "Each place is there for something.")
    yield from pairs(where, PLACES, "where does one go to {key}?", "{value} is the place to {key}.", "what does one do at {value}?")
    work = _skill(CIVICS, "Communities", "People and their work", (1, 3), "Each one has some work.")
    yield from pairs(work, WORK, "who {key}?", "{value} {key}.", "which of these does {value} do in the working day?")
    travel = _skill(GEOGRAPHY, "Transport", "How things travel", (1, 4),
                    "Some go by road, some on rails, some on water, some in the air.")
    yield from which(travel, TRAVEL, "Which of these travels {group}?", "{one} travels {group}.", "{one} travels {group}.")
    yield from kinds(rng, travel, TRAVEL, "how does {one} travel?", "{one} travels {group}.")


def trade(rng: random.Random) -> Iterator[Draft]:
    goods = _skill(ECONOMICS, "Basic economics", "Goods and services", (2, 5), "A good is a thing, a service is work.")
    yield from which(goods, TRADE, "Which of these is {group}?", "{one} is {group}.", "{one} is {group}.")
    of = _skill(ECONOMICS, "Basic economics", "Natural, human and capital resources", (5, 9),
                "Nature gives natural resources, people are human ones, and capital ones are made.")
    yield from kinds(rng, of, RESOURCES, "what kind of resource is this: {one}?", "{one}: this is {group}.")
    yield from which(of, RESOURCES, "Which of these is {group}?", "{one}: this is {group}.", "{one}: this is {group}.")


def countries(rng: random.Random) -> Iterator[Draft]:
    capital = _skill(GEOGRAPHY, "Countries", "Capitals of countries", (4, 8), "A country is governed from its capital.")
    yield from pairs(capital, CAPITALS, "what is the capital of {key}?", "the capital of {key} is {value}.",
                     "of which country is {value} the capital?")
    continent = _skill(GEOGRAPHY, "Countries", "Countries and continents", (3, 7), "A continent is a great land.")
    yield from kinds(rng, continent, CONTINENTS, "on which continent is {one}?", "{one} is in {group}.", ("Australia", "Antarctica"))


def maps(rng: random.Random) -> Iterator[Draft]:
    skill = _skill(GEOGRAPHY, "Maps", "Read a grid map", (3, 8),
                   "North is at the top.")
    for _ in range(EACH):
        sites = rng.sample(SITES, 5)
        column, row = rng.randint(1, 4), rng.randint(2, 3)
        spots = [(column, row), (column, row - 1), (column, row + 1)]
        free = [(c, r) for c in range(1, 5) for r in range(1, 5) if c != column and r != row]
        spots += rng.sample(free, 2)
        at = dict(zip(sites, spots))
        way = rng.choice(("north", "south"))
        right = sites[1] if way == "north" else sites[2]
        shown = rng.sample(sites, 5)
        yield Draft(skill, repr(sorted(at.items())), f"Which place is directly {way} of {sites[0]}?", right,
                    some(rng, [s for s in sites[1:] if s != right]),
                    f"{sentence(sites[0])} is in column {column}, row {row}. Directly {way} of it is column {column}, "
                    f"row {at[right][1]}: {right}.",
                    "A map has 4 columns and 4 rows. " + " ".join(f"{sentence(s)} is in column {at[s][0]}, row {at[s][1]}." for s in shown))
    turns = _skill(GEOGRAPHY, "Maps", "Cardinal directions", (2, 5),
                   "To the right it goes north, east, south, west.")
    for name in NAMES:
        for start in range(4):
            steps = rng.choice((1, -1, 2))
            how = {1: "a quarter turn to the right", -1: "a quarter turn to the left", 2: "a half turn"}[steps]
            right = ROUND[(start + steps) % 4]
            yield Draft(turns, f"{start} {steps} {name}", f"In which direction does {name} look now?", right,
                        some(rng, [w for w in ROUND if w != right]),
                        f"From {ROUND[start]}, {how} leads to {right}.", f"{name} looks {ROUND[start]} and then makes {how}.")


def years(rng: random.Random) -> Iterator[Draft]:
    skill = _skill(HISTORY, "Time lines", "Put events in order", (3, 8), "A smaller number is an earlier year.")
    for _ in range(EACH):
        events = rng.sample(EVENTS, rng.randint(2, 5))
        when = dict(zip(events, rng.sample(range(1610, 1990), len(events))))
        first = rng.random() < 0.5
        right = (min if first else max)(when, key=when.get)
        yield Draft(skill, repr(sorted(when.items())), f"What was built {'first' if first else 'last'}?", right,
                    tuple(e for e in events if e != right),
                    f"The {'smallest' if first else 'largest'} number is {when[right]}, the year of {right}.",
                    "A town keeps a list of its buildings. " + " ".join(f"{sentence(e)} was built in {year}." for e, year in when.items()))


def votes(rng: random.Random) -> Iterator[Draft]:
    skill = _skill(CIVICS, "Government", "Decide by majority", (2, 6), "The most votes win.")
    wishes = ("a trip to the zoo", "a trip to the lake", "a trip to the farm", "a day at the museum", "a day in the park",
              "a visit to the theatre")
    for _ in range(EACH):
        told = dict(zip(rng.sample(wishes, rng.randint(2, 5)), rng.sample(range(1, 19), 5)))
        right = max(told, key=told.get)
        yield Draft(skill, repr(sorted(told.items())), "What will the class do?", right, tuple(w for w in told if w != right),
                    f"The largest number of votes is {told[right]}, for {right}.",
                    "A class votes. " + " ".join(f"{sentence(w)} gets {n} vote{'s' * (n > 1)}." for w, n in told.items()))


def markets(rng: random.Random) -> Iterator[Draft]:
    supply = _skill(ECONOMICS, "Supply and demand", "Shortage and surplus", (7, 12),
                    "There is a shortage if more is wanted than is there, else a surplus.")
    profit = _skill(ECONOMICS, "Business", "Calculate a profit", (7, 11), "Profit is what comes in less what goes out.")
    cost = _skill(ECONOMICS, "Basic economics", "Costs of a choice", (3, 7),
                  "The cost is the best thing not taken.")
    things = ("loaves of bread", "apples", "kites", "umbrellas", "cakes", "books", "balls", "cups", "chairs", "teddy bears")
    for _ in range(EACH):
        what, price, (made, wanted) = rng.choice(things), rng.randint(2, 30), rng.sample(range(10, 90), 2)
        words = ("a shortage", "a surplus")
        yield Draft(supply, f"{what} {price} {made} {wanted}", f"Is there a shortage or a surplus of {what}?", words[made > wanted],
                    (words[made < wanted],),
                    f"{wanted} are wanted and {made} are for sale; "
                    f"{wanted} is {'less' if made > wanted else 'more'} than {made}, so this is {words[made > wanted]}.",
                    f"At a price of {price} coins, {made} {what} are for sale at a market, and people want to buy {wanted}.")
        number, spent = rng.randint(3, 12), rng.randint(5, 20)
        won = rng.randint(1, 15)
        price = -(-(spent + won) // number)
        won = number * price - spent
        wrong = [f"{x} coins" for x in (number * price, won + spent + spent, won + 1, won + number, spent) if x != won]
        yield Draft(profit, f"{what} {number} {price} {spent}", "How large is the profit?", f"{won} coins", some(rng, wrong),
                    f"It takes in {number} times {price} = {number * price} coins. {number * price} - {spent} = {won} coins.",
                    f"A stall sells {number} {what} for {price} coin{'s' * (price > 1)} each. All its costs together are {spent} coins.")
        name, (taken, left, third) = rng.choice(NAMES), rng.sample(("a kite", "a book", "a cake", "a ball", "a cup", "an apple tart",
                                                                    "a toy boat"), 3)
        yield Draft(cost, f"{name} {taken} {left} {third}", f"What is the opportunity cost of {name}'s choice?", left,
                    some(rng, (taken, third), 2),
                    f"{name} takes {taken} and so gives up {left}, which comes second.",
                    f"{name} has money for one thing only. {name} likes {taken} best, {left} second and {third} least, and buys {taken}.")


def clocks(rng: random.Random) -> Iterator[Draft]:
    skill = _skill(GEOGRAPHY, "Time zones", "Read clocks of other places", (6, 10),
                   "In the east it is later.")
    towns_ = ("Alba", "Brink", "Corva", "Delm", "Esta", "Fenn")
    for _ in range(EACH):
        (here, there), hour, ahead = rng.sample(towns_, 2), rng.randint(8, 14), rng.randint(1, 5)
        east = rng.random() < 0.5
        right = hour + ahead if east else hour - ahead
        wrong = {hour + ahead, hour - ahead, hour, right + 1} - {right}
        yield Draft(skill, f"{here} {there} {hour} {ahead} {east}", f"What time is it in {there}?", f"{right}:00",
                    some(rng, [f"{h}:00" for h in sorted(wrong)]),
                    f"{there} is {'east, so its clocks are ahead' if east else 'west, so its clocks are behind'}: "
                    f"{hour} {'+' if east else '-'} {ahead} = {right}. It is {right}:00.",
                    f"{listed((here, there))} are in different time zones, {ahead} hour{'s' * (ahead > 1)} apart. {there} lies {'east' if east else 'west'} of "
                    f"{here}. In {here} it is {hour}:00.")


MAKERS = (towns, trade, countries, maps, years, votes, markets, clocks)
