"""Language science of sentences and texts: kinds of sentences, tenses, figures of speech, words in context, the order of a story."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .drafts import Draft, Skill, kinds, sentence, some, which
from .laws import EACH, NAMES

THINGS = (("book", "heavy", "read"), ("cake", "sweet", "eat"), ("door", "old", "open"), ("kite", "pretty", "fly"), ("cup", "small", "fill"),
          ("ball", "big", "throw"),
          ("song", "sad", "sing"), ("letter", "long", "write"), ("window", "wide", "clean"), ("story", "funny", "tell"),
          ("garden", "quiet", "water"),
          ("bicycle", "fast", "ride"))
VERBS = (("walk", "walks", "walked", "to the park"), ("play", "plays", "played", "with the dog"), ("cook", "cooks", "cooked", "some soup"),
         ("paint", "paints", "painted", "the fence"), ("help", "helps", "helped", "in the garden"),
         ("visit", "visits", "visited", "the museum"),
         ("wash", "washes", "washed", "the car"), ("climb", "climbs", "climbed", "the hill"), ("call", "calls", "called", "a friend"),
         ("watch", "watches", "watched", "the birds"), ("open", "opens", "opened", "the window"),
         ("jump", "jumps", "jumped", "over the puddle"))
FIGURES = {"a simile": ("Ben is as brave as a lion.", "The snow lay like a white sheet.", "Her hands were as cold as ice.",
                        "The boy swims like a fish.",
                        "The old man is as stubborn as a mule.", "The moon hung like a lamp above the roof."),
           "personification": ("The wind whispered secrets to the trees.", "The sun smiled down on the village.",
                               "The old door groaned about its age.",
                               "The waves danced for joy.", "The alarm clock shouted at Ida to get up.",
                               "The stars winked at the sailors."),
           "alliteration": ("Busy bees buzz by the bushes.", "Seven silly sailors sang songs.", "Peter picked pretty pears.",
                            "Wet wombats wander westward.",
                            "Great grey geese graze on green grass.", "Tiny tigers tiptoe to Tom."),
           "hyperbole": ("I have told you a million times.", "This bag weighs more than a mountain.",
                         "We waited for a thousand years at the bus stop.",
                         "Jonas is so hungry that he could eat a whole horse.", "My grandfather is older than the hills.",
                         "Her smile was a mile wide.")}
VIEWS = {"a fact": ("A week has seven days.", "Water freezes at 0 °C.", "Paris is in France.", "A spider has eight legs.",
                    "The Earth moves around the Sun.",
                    "Snow is frozen water.", "A triangle has three sides.", "Cows eat grass."),
         "an opinion": ("Summer is the nicest season.", "Dogs are better pets than cats.", "Museums are boring.",
                        "Blue is the most beautiful colour.",
                        "Everyone should learn the violin.", "Soup tastes best with pepper.", "Football is more fun than chess.",
                        "That film was too long.")}
BUILDS = {"a simple sentence": ("The dog sleeps under the bench.", "Ann and Ben ride to school.", "The old boat lies on the beach.",
                                "My sister bakes cakes on Sundays.",
                                "The tall man with the hat waited."),
          "a compound sentence": ("The dog sleeps, and the cat plays.", "Ann rides to school, but Ben walks.",
                                  "It rained, so we stayed at home.",
                                  "You can swim, or you can row a boat.", "The bus was late, yet nobody complained."),
          "a complex sentence": ("The dog sleeps because it is tired.", "When the bell rings, Ann goes home.",
                                 "We stayed at home because it rained.",
                                 "If the wind blows, we will fly the kite.", "The bus waited until everyone was on board.")}
WHOLE = {"a complete sentence": ("The cat sleeps.", "Birds sing in the morning.", "We ate apples.", "Rain fell all day.",
                                 "The farmer feeds the cows.",
                                 "My brother plays chess.", "The boat sank."),
         "not a complete sentence": ("The cat on the chair.", "Singing in the morning.", "Under the old bridge.", "A tall man with a hat.",
                                     "Because of the rain.",
                                     "The farmer and his cows.", "On the way to school.")}
UNKNOWN = {"famished": ("very hungry", "Ann was famished. She had eaten nothing since the morning."),
           "drenched": ("very wet", "Ben came out of the rain drenched."),
           "exhausted": ("very tired", "After the long climb Clara was exhausted and lay down at once."),
           "ancient": ("very old", "The ancient oak has stood there for nine hundred years."),
           "minuscule": ("very small", "The insect was so minuscule that "
                                                                                         "David needed a lens to see it."),
           "colossal": ("very big", "The colossal statue is taller than any house."), "furious": ("very angry",
                                                                                                  "Emma was furious: she shouted "
                                                                                                  "and stamped her feet."),
           "scarce": ("hard to find", "Water is scarce in the desert; one can walk for days without meeting any."),
           "fragile": ("easily broken", "The vase is fragile, so carry it with great care or it will crack."),
           "transparent": ("easy to see through", "The glass was so transparent that the bird did not notice it."),
           "delighted": ("very pleased", "Finn was delighted with the gift and could not stop smiling."),
           "timid": ("easily frightened", "The timid deer ran off at the smallest sound."), "vacant": ("empty",
                                                                                                       "The house is vacant; "
                                                                                                       "nobody has lived in it "
                                                                                                       "for years."),
           "reluctant": ("not willing", "Greta was reluctant to jump, and it took an hour to talk her into it."),
           "courteous": ("polite", "Hugo is courteous: he holds the door and says please."), "brisk": ("quick",
                                                                                                       "They walked at a brisk "
                                                                                                       "pace and were soon there."),
           "arid": ("without rain", "The land is arid, and no drop has fallen since May."),
           "identical": ("exactly alike", "The twins wore identical coats that nobody "
                                                                                                     "could tell apart."),
           "feeble": ("weak", "The feeble light of the candle hardly reached the wall."),
           "mute": ("without speech", "Ida stayed mute and did not say a word.")}
STEPS = ("fed the dog", "baked a cake", "read a book", "flew a kite", "wrote a letter", "cleaned the window", "rode a bicycle",
         "picked apples", "watered the garden",
         "visited a friend", "drank a cup of tea", "painted a picture")
CAPITALS = (("paris", "may"), ("rome", "july"), ("berlin", "april"), ("london", "june"), ("oslo", "august"), ("vienna", "october"),
            ("madrid", "march"),
            ("athens", "december"))


def _skill(topic: str, category: str, skill: str, grades: tuple[int, int], lecture: str) -> Skill:
    return Skill("language science", topic, category, skill, grades, lecture)


def forms(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("grammar", "Sentences", "Statement, question, command or exclamation", (2, 6),
                   "A statement tells, a question asks, a command wants, an exclamation feels.")
    groups = {"a statement": [f"The {what} is {how}." for what, how, _ in THINGS],
              "a question": [f"Where is the {what}?" for what, _, _ in THINGS],
              "a command": [f"Please {do} the {what}." for what, _, do in THINGS],
              "an exclamation": [f"What {'an' if how[0] in 'aeiou' else 'a'} {how} {what} this is!"
                                                                                                    for what, how, _ in THINGS]}
    yield from kinds(rng, skill, groups, "what kind of sentence is this? {one}", "this is {group}: {one}")
    yield from which(skill, groups, "Which of these is {group}?", "this is {group}: {one}")


def tenses(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("verbs", "Verb tense", "Past, present or future", (2, 6),
                   "The past has been, the present is now, the future will be.")
    groups: dict[str, list[str]] = {"past": [], "present": [], "future": []}
    for base, now, then, rest in VERBS:
        for name in rng.sample(NAMES, 2):
            groups["past"].append(f"{name} {then} {rest}.")
            groups["present"].append(f"{name} {now} {rest}.")
            groups["future"].append(f"{name} will {base} {rest}.")
    yield from kinds(rng, skill, groups, "in which tense is this sentence? {one}", "this sentence is in the {group} tense: {one}")
    yield from which(skill, groups, "Which sentence is in the {group} tense?", "this sentence is in the {group} tense: {one}")


def styles(rng: random.Random) -> Iterator[Draft]:
    figure = _skill("figurative-language", "Figures of speech", "Classify figures of speech", (6, 12),
                    "A simile says like or as, personification makes a thing a person, alliteration repeats a sound, hyperbole says too much.")
    view = _skill("writing-strategies", "Facts and opinions", "Tell facts from opinions", (4, 8),
                  "A fact can be checked, an opinion cannot.")
    build = _skill("grammar", "Sentences", "Simple, compound or complex", (7, 12),
                   "A simple sentence has one clause, a compound one joins two by and or but, a complex one has because, if or when.")
    whole = _skill("grammar", "Sentences", "Find sentence fragments", (3, 7),
                   "A complete sentence has a subject and a verb.")
    yield from kinds(rng, figure, FIGURES, "which figure of speech is this? {one}", "this is {group}: {one}")
    yield from which(figure, FIGURES, "Which of these is {group}?", "this is {group}: {one}")
    yield from kinds(rng, build, BUILDS, "what kind of sentence is this? {one}", "this is {group}: {one}")
    yield from which(build, BUILDS, "Which of these is {group}?", "this is {group}: {one}")
    yield from kinds(rng, view, VIEWS, "is this a fact or an opinion? {one}", "this is {group}: {one}")
    yield from which(view, VIEWS, "Which of these is {group}?", "this is {group}: {one}")
    yield from which(whole, WHOLE, "Which of these is {group}?", "this is {group}: {one}")


def contexts(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("vocabulary", "Words in context", "Find the meaning of a word in its context", (4, 9),
                   "The other words tell what it means.")
    for word, (meaning, text) in UNKNOWN.items():
        others = tuple((m, other, "") for other, (m, _) in UNKNOWN.items() if m != meaning)
        for _ in range(2):
            yield Draft(skill, word, f"What does the word {word} mean here?", meaning, (),
                        f"From the text one can tell that {word} means {meaning}.", text,
                        others=others)
    story = _skill("reading-comprehension", "Stories", "Put the events of a story in order", (2, 5),
                   "First comes before then, and last at the end.")
    when = ("First", "Then", "After that", "Last")
    for _ in range(EACH):
        name, deeds = rng.choice(NAMES), rng.sample(STEPS, 4)
        asked = rng.choice((0, 3))
        yield Draft(story, " ".join(sorted(deeds)), f"What did {name} do {when[asked].lower()}?", deeds[asked],
                    some(rng, [d for d in deeds if d != deeds[asked]], 3),
                    f"The word {when[asked].lower()} stands at this sentence: {name} {deeds[asked]}.",
                    f"This was {name}'s day. " + " ".join(f"{w} {name} {d}." for w, d in zip(when, deeds)))


def writing(rng: random.Random) -> Iterator[Draft]:
    skill = _skill("capitalization", "Capital letters", "Use capital letters", (2, 5),
                   "Names begin with a capital letter.")
    letter = _skill("punctuation", "Letters", "Greetings and closings of letters", (2, 5),
                    "A greeting has a capital in every word, a closing in the first, and a comma stands at the end of both.")
    for town, month in CAPITALS:
        for name in rng.sample(NAMES, 3):
            right = f"In {month.capitalize()} {name} went to {town.capitalize()}."
            wrong = (right.replace(month.capitalize(), month), right.replace(name, name.lower()), right.replace(town.capitalize(), town),
                     right.replace("In", "in", 1))
            yield Draft(skill, town, "Which sentence is written correctly?", right, some(rng, wrong),
                        f"{name} is a name, {town.capitalize()} is a town and "
                        f"{month.capitalize()} is a month, so all begin with a capital letter, and so does the sentence: {right}")
    for name in NAMES:
        right = f"Dear Cousin {name},"
        yield Draft(letter, name, "Which greeting of a letter is correct?", right,
                    some(rng, (right.lower(), right.replace("C", "c", 1), right[:-1], right.replace("D", "d", 1))),
                    f"Dear, Cousin and {name} begin with a capital letter, and a comma stands at the end: {right} is right.")
    for close in ("Yours truly", "Best wishes", "With love", "Many thanks", "Kind regards", "Yours sincerely"):
        right, (one, two) = f"{close},", close.split()
        yield Draft(letter, close, "Which closing of a letter is correct?", right,
                    some(rng, (f"{one} {two.capitalize()},", close, f"{one.lower()} {two},")),
                    f"Only {sentence(one)} begins with a capital letter, and a comma stands at the end: {right} is right.")


MAKERS = (forms, tenses, styles, contexts, writing)
