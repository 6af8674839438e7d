"""Noun phrases of captions, the concepts that are balanced (paper, Figure 7): spaCy's, or some found by plain rules.

>>> PlainRules().phrases("A small red car and two dogs on the beach.")
['small red car', 'two dogs', 'beach']

Both extractors give each phrase of a caption once, in one form: small letters, single spaces, no article or
other determiner in front ("the dog" and "a dog" are "dog", "two dogs" stay apart), no lone pronoun. The paper
does not say which form it counted.

The rules know the closed classes of English (determiners, prepositions, ...), some 150 adjectives and the
verbs of captions, and take every other word for a noun. They are made for the storybook's captions, which they
cover, and serve for real ones where spaCy is missing. Their limits: an adjective or verb that they do not know
can pass for a noun ("elderly gentleman posing" is right, "zany folks jive" is one phrase); a bare noun after
"is" is taken for an adjective; participles count only behind a determiner, number or adjective ("a parked car",
but of "parked cars" the cars); "left", "top" or "group" are phrases, as they are for spaCy.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator

from ..errors import InputError

MODEL = "en_core_web_sm"
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[^\w\s]|_")

# One letter for a class of words. Verbs stand below in their plain form; b: that form, w: the one with -s. Unknown words
# become n, s (plural), h (possessive), r (adverb), a (adjective) or g (participle) by their ending.
_CLASSES = {
    "e": "a an",
    "d": """the this these those some any no each every all both another other my your his her its our their such
        whichever whatever""",
    "m": "one",
    "q": "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred dozen dozens zero",
    "o": """it he she they we i you him them us me who whom whose what which himself herself itself themselves someone somebody
        something everyone everybody everything anyone anything nobody nothing it's he's she's that that's they're""",
    "t": "there there's",
    "c": """is are was were be been being am isn't aren't wasn't seem seems seemed appear appears appeared look looks looked
        become becomes became feels feel""",
    "p": """in on at of with by for from into onto over under above below behind beside besides between near next through across along
        around against among amongst amid after before during inside outside toward towards upon up down off out about as like than
        while where when because if but nor so via per without within beneath underneath atop beyond past until since though although
        whether how why vs""",
    "i": "to",
    "&": "and or &",
    "r": """very really too quite just also not away together here now then still only almost nearly well often ever never always
        again ahead apart aside nearby gone forward backward backwards upside soon more most less least much rather somewhat
        side-by-side""",
    "x": "orange silver gold light dark adult male female square",
    "a": """red yellow green blue purple brown white black gray grey pink beige tan golden teal maroon navy
        small big large little tiny huge tall short long wide narrow giant massive enormous low high deep flat thin thick fat skinny
        young old new elderly ancient modern vintage older younger newer smaller bigger larger smallest biggest largest
        wooden woolen electric nice pretty cute good bad great best better happy sad lovely ugly funny silly strange fancy
        open closed full empty dirty clean wet dry hot cold warm cool fresh ripe raw bright sunny cloudy rainy snowy foggy windy
        hazy clear busy quiet different same various several many few numerous multiple single double own whole half entire
        close asleep awake alone ready alive friendly furry fluffy hairy shiny rusty dusty grassy rocky sandy muddy curly messy tasty
        round soft hard heavy bare plain loose tight sharp steep smooth rough calm strong weak rich poor wild tame
        main front-facing professional traditional typical similar antique stylish reddish bluish greenish foreign public
        living dining parking unique""",
    "g": """made held seen shown taken worn eaten lit broken torn frozen fallen hidden driven ridden drawn written thrown built
        cut-up tied used worn-out left-over strewn spread known lain laid hung stuck bent sliced grown""",
    "v": """has have had does do did can could will would may might must should sat stood ran rode flew ate drove threw caught wore
        took got gave came went saw drank lay swam held's being having bring sing""",
    "n": """building ceiling clothing wedding morning evening string swing spring sling painting drawing railing awning crossing ending
        frosting icing lightning lighting opening clearing landing pudding stuffing topping dressing filling housing meeting sibling
        duckling earring herring dumpling sting thing cling viking seed shed sled weed reed breed speed feed moped newlywed
        bundt steed infrared family fly butterfly jelly belly lily bully assembly italy july dolly trolley ally supply reply gully
        handful mouthful bagful vegetable table cable stable constable timetable turntable bus glass grass dress cross
        bass brass class canvas walrus cactus octopus virus gas christmas tennis lens iris chess princess business mattress
        waitress hostess actress fortress fitness wilderness harness compass pancreas atlas circus citrus campus hippopotamus
        moss boss kiss mass pass loss address press access process success darkness happiness iris's""",
}
_VERBS = """sit stand lie sleep walk run ride play hold wear eat drink watch jump fly drive throw hit catch swing surf talk smile
    carry wait stop cross cut cook prepare show display take make get give put use go come see say try wash brush read write sell buy
    feed pull push climb swim dance hang lean reach touch contain include feature travel move enjoy perform speak stare gaze graze
    lay follow glance perch float chase kick cover surround fill bite chew lick sniff cuddle hug operate replace decorate serve rest
    roam wander change gather overlook dine grow pause pose match""".split()
_MODIFIERS = "(?:[qm]|r?[ax](?:[,&]+r?[ax])*|(?<=[deqmaxgh])g)*"         # numbers, adjectives also joined by "and", participles
_PHRASE = re.compile(
    r"(?<![tc])c[cr]*n(?![nsx])"                                    # no phrase: "is beautiful", but not "there is food"
    r"|i[nsb](?=[deqo])"                                            # nor: "to replace a"
    rf"|((?<=e)(?<!&e){_MODIFIERS}[nx]+b[nsx]*"                     # "a bus stop", where no verb without -s can stand
    rf"|(?:{_MODIFIERS}[nsx]*h)*{_MODIFIERS}(?:[nsh]|(?<!p)x|(?<![nsxoim])[wb])"    # the noun, with what stands before it,
    r"(?:[nx]|s(?![de]))*)")                                        # and more nouns; "man operates a": a verb


class _Classes(dict):
    """The letter of each word; a word that is in no table gets one by its ending."""

    def __missing__(self, word: str) -> str:
        letter = _by_ending(word)
        if len(self) < 500_000:                 # names and misspellings without end shall not fill the memory
            self[word] = letter
        return letter


def _by_ending(word: str) -> str:
    if not word[0].isalnum():
        return "," if word == "," else "."
    if word[0].isdigit():
        return "q"
    if word.endswith(("'s", "\u2019s")):        # a man's hat
        return "h"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return "s"
    if len(word) >= 5:
        if word.endswith(("ing", "ed")):
            return "g"
        if word.endswith("ly"):
            return "r"
        if word.endswith(("ful", "ous", "less")) or len(word) >= 8 and word.endswith(("able", "ible")):
            return "a"
    return "n"


def _table() -> _Classes:
    table = _Classes((verb, "b") for verb in _VERBS)
    table.update((_third_person(verb), "w") for verb in _VERBS)
    for letter, words in _CLASSES.items():
        table.update((word, letter) for word in words.split())
    return table


def _third_person(verb: str) -> str:
    if verb[-1] == "y" and verb[-2] not in "aeou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb[-1] in "sxzho" else "s")


class PlainRules:
    """Noun phrases without any library: the letters of the words' classes, and a pattern over them."""

    name = "plain rules"

    def __init__(self):
        self.classes = _table()

    def phrases(self, caption: str) -> list[str]:
        words = _WORD.findall(caption.lower())
        letters = "".join([self.classes[word] for word in words])
        return list(dict.fromkeys([" ".join(words[found.start(1):found.end(1)]).replace(" ,", ",")
                                   for found in _PHRASE.finditer(letters) if found.group(1)]))

    def of_all(self, captions: Iterable[str]) -> Iterator[list[str]]:
        """The phrases of each caption, in the order of the captions."""
        return map(self.phrases, captions)


class SpacyChunks:
    """spaCy's noun chunks, by a model that is installed; ``processes`` of them side by side.

    Raises InputError where spaCy or the model is missing. It takes far longer than the rules.
    """

    def __init__(self, model: str = MODEL, processes: int = 1):
        try:
            spacy = importlib.import_module("spacy")
        except ImportError:
            raise InputError("spaCy, which was to find noun phrases, is not installed; run pip install spacy, or take the plain "
                             "rules.") from None
        try:
            self.model = spacy.load(model, exclude=["ner", "lemmatizer"])
        except OSError:
            raise InputError(f"spaCy has no model {model!r}; run python -m spacy download {model}, or take the plain rules.") from None
        self.name, self.processes, self.classes = f"spaCy, {model}", processes, _table()

    def phrases(self, caption: str) -> list[str]:
        return next(self.of_all([caption]))

    def of_all(self, captions: Iterable[str]) -> Iterator[list[str]]:
        for document in self.model.pipe(captions, batch_size=1000, n_process=self.processes):
            found = dict.fromkeys(self.form(chunk.text) for chunk in document.noun_chunks)
            found.pop("", None)
            yield list(found)

    def form(self, chunk: str) -> str:
        """A chunk in the form in which phrases are counted; "" for pronouns and determiners alone."""
        words = chunk.lower().split()
        while words and self.classes[words[0]] in "deot":
            del words[0]
        return " ".join(words)


def extractor(name: str = "auto", model: str = MODEL, processes: int = 1) -> PlainRules | SpacyChunks:
    """"spacy", "plain", or "auto": spaCy where it and the model are installed, otherwise the plain rules."""
    if name not in ("auto", "plain", "spacy"):
        raise InputError(f"There is no extractor {name!r} of noun phrases; choose auto, plain or spacy.")
    if name != "plain":
        try:
            return SpacyChunks(model, processes)
        except InputError:
            if name == "spacy":
                raise
    return PlainRules()
