"""Language science of single words: order, spelling, sounds, meanings, kinds."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .drafts import Draft, Skill, kinds, pairs, some, which
from .laws import EACH

WORDS = ("acorn", "anchor", "apple", "attic", "bacon", "badge", "banana", "barrel", "basket", "beach", "bench", "bottle",
         "brick", "bucket", "butter", "cabin", "cable", "candle", "canoe", "carrot", "castle", "chalk", "cheese", "circle",
         "clock", "cloud", "coat", "copper", "corner", "cotton", "cradle", "dagger", "dance", "desert", "diamond", "dinner",
         "dragon", "drum", "eagle", "engine", "fabric", "feather", "fence", "finger", "flute", "forest", "garden", "ginger",
         "glove", "grape", "guitar", "hammer", "harbour", "helmet", "honey", "hunter", "insect", "island", "jacket", "jungle",
         "kettle", "kitchen", "ladder", "lantern", "lemon", "lizard", "magnet", "marble", "meadow", "mirror", "monkey", "motor",
         "napkin", "needle", "nickel", "ocean", "onion", "orange", "paddle", "parrot", "pebble", "pencil", "pepper", "pillow",
         "planet", "quarry", "rabbit", "raven", "ribbon", "river", "rocket", "saddle", "salmon", "shadow", "silver", "spider",
         "summer", "table", "temple", "tiger", "tunnel", "turtle", "valley", "velvet", "violin", "wagon", "walnut", "window",
         "winter", "yellow", "zebra")
PLURALS = {"fox": "foxes", "bus": "buses", "dish": "dishes", "peach": "peaches", "box": "boxes", "glass": "glasses",
           "city": "cities", "baby": "babies", "berry": "berries", "pony": "ponies", "lady": "ladies", "leaf": "leaves",
           "wolf": "wolves", "knife": "knives", "loaf": "loaves", "shelf": "shelves", "child": "children", "man": "men",
           "woman": "women", "foot": "feet", "tooth": "teeth", "goose": "geese", "mouse": "mice", "ox": "oxen", "boy": "boys",
           "key": "keys", "day": "days", "toy": "toys", "potato": "potatoes", "tomato": "tomatoes", "bench": "benches",
           "kite": "kites", "cup": "cups", "watch": "watches", "half": "halves", "party": "parties"}
PASTS = {"go": "went", "eat": "ate", "see": "saw", "run": "ran", "take": "took", "write": "wrote", "sing": "sang",
         "swim": "swam", "buy": "bought", "bring": "brought", "think": "thought", "catch": "caught", "teach": "taught",
         "fly": "flew", "know": "knew", "grow": "grew", "throw": "threw", "drink": "drank", "begin": "began", "give": "gave",
         "come": "came", "find": "found", "sleep": "slept", "keep": "kept", "feel": "felt", "leave": "left", "speak": "spoke",
         "break": "broke", "choose": "chose", "drive": "drove", "ride": "rode", "sell": "sold", "tell": "told"}
RHYMES = {"at": ("cat", "hat", "bat", "mat"), "og": ("dog", "log", "frog", "fog"), "all": ("ball", "wall", "tall", "fall"),
          "ake": ("cake", "lake", "snake", "rake"), "oat": ("boat", "goat", "coat", "throat"),
          "ook": ("book", "hook", "cook", "brook"), "ock": ("clock", "sock", "rock", "lock"),
          "ite": ("kite", "white", "night", "light"), "air": ("chair", "bear", "hair", "pear"),
          "ar": ("car", "star", "jar", "far"), "ell": ("bell", "shell", "well", "smell"),
          "ing": ("ring", "king", "sing", "wing"), "ee": ("tree", "bee", "key", "sea"), "ose": ("nose", "rose", "toes", "hose"),
          "ain": ("rain", "train", "plane", "chain"), "ouse": ("house", "mouse", "louse", "grouse")}
OPPOSITES = {"big": "small", "hot": "cold", "early": "late", "full": "empty", "loud": "quiet", "rich": "poor", "wet": "dry",
             "old": "young", "clean": "dirty", "heavy": "light", "strong": "weak", "fast": "slow", "high": "low",
             "wide": "narrow", "deep": "shallow", "brave": "cowardly", "rough": "smooth", "cheap": "expensive", "tight": "loose",
             "sharp": "blunt", "sweet": "sour", "arrive": "depart", "remember": "forget", "accept": "refuse", "expand": "shrink",
             "attack": "defend", "victory": "defeat", "generous": "stingy", "guilty": "innocent", "above": "below",
             "first": "last", "laugh": "weep", "open": "shut"}
ALIKE = {"glad": "happy", "ill": "sick", "angry": "cross", "start": "begin", "speak": "talk", "gift": "present", "rock": "stone",
         "road": "street", "shout": "yell", "tired": "weary", "simple": "easy", "odd": "strange", "rapid": "quick",
         "wealthy": "rich", "frightened": "afraid", "huge": "enormous", "tiny": "little", "choose": "select", "mend": "repair",
         "build": "construct", "purchase": "buy", "reply": "answer", "error": "mistake", "famous": "well-known",
         "courageous": "brave", "silent": "noiseless", "assist": "help", "vanish": "disappear", "hazard": "danger",
         "abundant": "plentiful"}
SYLLABLES = {"one syllable": ("dog", "boat", "bench", "cloud", "school"),
             "two syllables": ("apple", "window", "garden", "kitchen", "yellow"),
             "three syllables": ("banana", "umbrella", "elephant", "potato", "bicycle"),
             "four syllables": ("caterpillar", "watermelon", "television",
                                                                                                            "harmonica", "alligator")}
SORTS = {"a noun": ("teacher", "river", "kitchen", "friendship", "village", "umbrella", "happiness", "engine", "island", "carrot"),
         "a verb": ("bring", "forget", "arrive", "believe", "explain", "destroy", "remember", "choose", "protect", "belong"),
         "an adjective": ("heavy", "honest", "tiny", "brave", "narrow", "careful", "famous", "dusty", "cheerful", "wooden"),
         "a pronoun": ("she", "they", "we", "he", "us", "them")}
JOINED = {"a compound word": ("sunflower", "raincoat", "football", "bedroom", "toothbrush", "snowman", "bookshelf", "airport", "cupcake",
                              "backpack"),
          "not a compound word": ("umbrella", "garden", "elephant", "yellow", "kitchen", "pencil", "tiger", "hammer", "winter", "lemon")}
SHORT = {"do not": "don't", "cannot": "can't", "will not": "won't", "is not": "isn't", "we are": "we're", "they have": "they've",
         "I am": "I'm", "you will": "you'll", "she is": "she's", "did not": "didn't", "they are": "they're", "I would": "I'd",
         "have not": "haven't", "let us": "let's"}
AFFIXES = {"unhappy": "not happy", "rewrite": "write again", "preheat": "heat before", "misspell": "spell wrongly",
           "careless": "without care", "hopeful": "full of hope", "unlock": "undo the lock of", "reopen": "open again",
           "unfair": "not fair", "teacher": "someone who teaches", "endless": "without end", "prepay": "pay before",
           "misread": "read wrongly", "joyful": "full of joy", "painter": "someone who paints", "replay": "play again",
           "unsafe": "not safe", "breakable": "able to be broken", "washable": "able to be washed"}


def _skill(topic: str, category: str, skill: str, grades: tuple[int, int], lecture: str) -> Skill:
    return Skill("language science", topic, category, skill, grades, lecture)


def order(rng: random.Random) -> Iterator[Draft]:
    first = _skill("reference-skills", "Alphabetical order", "Put words in alphabetical order", (1, 4),
                   "Words go by their first letters.")
    guide = _skill("reference-skills", "Reference skills", "Use guide words", (3, 8),
                   "The word must lie between the two.")
    for _ in range(EACH):
        few = rng.sample(WORDS, rng.randint(2, 5))
        last = rng.random() < 0.4
        row = sorted(few)
        right = row[-1] if last else row[0]
        yield Draft(first, " ".join(row), f"Which word comes {'last' if last else 'first'} in alphabetical order?", right,
                    tuple(w for w in few if w != right),
                    f"In alphabetical order the words are {', '.join(row)}.")
        a = rng.randrange(3, len(WORDS) - 18)
        b = a + rng.randint(6, 12)
        inside, outside = rng.choice(WORDS[a + 1:b]), WORDS[:a] + WORDS[b + 1:]
        yield Draft(guide, f"{WORDS[a]} {WORDS[b]} {inside}",
                    f"Which word is on the dictionary page with the guide words {WORDS[a]} and {WORDS[b]}?",
                    inside, some(rng, outside), f"Only {inside} comes after {WORDS[a]} and before {WORDS[b]}.")


def spelling(rng: random.Random) -> Iterator[Draft]:
    plural = _skill("grammar", "Nouns", "Form the plural", (2, 5),
                    "For more than one most nouns add s or es.")
    past = _skill("verbs", "Verb tense", "Form the past of irregular verbs", (2, 6),
                  "Many verbs have a past of their own.")
    short = _skill("punctuation", "Contractions", "Write contractions", (2, 4),
                   "An apostrophe stands where letters are left out.")
    for one, many in PLURALS.items():
        wrong = [w for w in (one + "s", one + "es", one[:-1] + "ies", one[:-1] + "ves", many + "s") if w not in (many, one)]
        yield Draft(plural, one, f"What is the plural of {one}?", many, some(rng, wrong), f"One {one}, two {many}.")
    for now, then in PASTS.items():
        wrong = [w for w in (now + ("d" if now.endswith("e") else "ed"), now + "s", then + "ed", then + "s") if w != then]
        yield Draft(past, now, f"What is the past form of {now}?", then, some(rng, wrong), f"Today I {now}, yesterday I {then}.")
    for long, text in SHORT.items():
        bare = text.replace("'", "")
        wrong = [w for w in (bare, bare[0] + "'" + bare[1:], text + "'", bare + "'") if w != text]
        yield Draft(short, long, f"What is the contraction of {long}?", text, some(rng, wrong), f"Shortened, {long} becomes {text}.")


def sounds(rng: random.Random) -> Iterator[Draft]:
    rhyme = _skill("phonological-awareness", "Rhyming", "Find words that rhyme", (1, 2),
                   "Words rhyme if they end alike.")
    for group, words in RHYMES.items():
        others = tuple((w, name, "") for name, row in RHYMES.items() if name != group for w in row)
        for word in words:
            right = rng.choice([w for w in words if w != word])
            yield Draft(rhyme, group, f"Which word rhymes with {word}?", right, (),
                        f"{word.capitalize()} and {right} end in the same sound.", others=others)
        trio, odd = rng.sample(words, 3), rng.choice(others)[0]
        yield Draft(rhyme, group, "Which word does not rhyme with the others?", odd, tuple(trio),
                    f"{', '.join(trio).capitalize()} end in the same sound, and {odd} "
                    "ends in another.")
    syllables = _skill("phonological-awareness", "Syllables", "Count syllables", (1, 3),
                       "A syllable has one vowel sound.")
    yield from kinds(rng, syllables, SYLLABLES, "how many syllables has the word {one}?", "the word {one} has {group}.")
    yield from which(syllables, SYLLABLES, "Which word has {group}?", "the word {one} has {group}.")


def meanings(rng: random.Random) -> Iterator[Draft]:
    opposite = _skill("vocabulary", "Antonyms", "Find opposites", (1, 6), "Look for the opposite meaning.")
    yield from pairs(opposite, OPPOSITES, "which word is the opposite of {key}?", "the opposite of {key} is {value}.",
                     "which word is the opposite of {value}?")
    alike = _skill("vocabulary", "Synonyms", "Find words of like meaning", (2, 7),
                   "Look for the same meaning.")
    yield from pairs(alike, ALIKE, "which word means nearly the same as {key}?", "{key} means nearly the same as {value}.",
                     "which word means nearly the same as {value}?")
    parts = _skill("word-study", "Prefixes and suffixes", "Meanings of words with prefixes and suffixes", (3, 8),
                   "A part before or behind a word changes its meaning.")
    yield from pairs(parts, AFFIXES, "what does the word {key} mean?", "{key} means {value}.", "which word means this: {value}?")


def sorts(rng: random.Random) -> Iterator[Draft]:
    sort = _skill("grammar", "Parts of speech", "Nouns, verbs, adjectives and pronouns", (2, 7),
                  "A noun is a name, a verb is done, an adjective tells how, a pronoun stands for a noun.")
    yield from which(sort, SORTS, "Which word is {group}?", "{one} is {group}.", "{one} is {group}.")
    yield from kinds(rng, sort, SORTS, "what kind of word is {one}?", "{one} is {group}.")
    joined = _skill("word-study", "Compound words", "Find compound words", (1, 4),
                    "A compound word is made of two words.")
    yield from which(joined, JOINED, "Which of these is {group}?", "{one} is {group}.", "{one} is {group}.")


MAKERS = (order, spelling, sounds, meanings, sorts)
