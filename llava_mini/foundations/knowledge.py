"""Everyday knowledge for the language parent: what things are, what they are for, small talk.

A large language model brings such knowledge from its reading; ours reads it here. Nothing in this
module speaks of a picture.
"""

from __future__ import annotations

import random

from ..storybook.phrases import article
from ..storybook.vocabulary import CATEGORIES, CHARACTER

# category: (what it is, what it is used for or does, where one meets it, how many legs or wheels)
ABOUT = {
    "person": ("a human being who can talk and think", "A person can walk, talk and hold things", "almost everywhere", "two legs"),
    "dog": ("an animal that barks and is a friend of people", "A dog guards the house and plays with a ball", "in houses and parks", "four legs"),
    "cat": ("an animal that purrs and catches mice", "A cat sleeps a lot and catches mice", "in houses and gardens", "four legs"),
    "bird": ("an animal with feathers and wings", "A bird flies and sings", "in the air and in trees", "two legs"),
    "horse": ("a large animal that people ride", "A horse carries people and runs fast", "on farms and meadows", "four legs"),
    "cow": ("a large animal that gives milk", "A cow eats grass and gives milk", "on farms", "four legs"),
    "elephant": ("a very large grey animal with a trunk", "An elephant lifts heavy things with its trunk", "in Africa and Asia", "four legs"),
    "car": ("a vehicle with an engine for a few people", "A car takes a few people from place to place", "on streets", "four wheels"),
    "bus": ("a long vehicle for many people", "A bus takes many people through the town", "on streets", "four or more wheels"),
    "bicycle": ("a vehicle that is moved with pedals", "A bicycle is ridden by pushing the pedals", "on streets and paths", "two wheels"),
    "boat": ("a vehicle that floats on water", "A boat takes people across the water", "on lakes and on the sea", "no wheels"),
    "airplane": ("a vehicle with wings that flies", "An airplane flies people to far countries", "in the sky and at airports", "a few small wheels"),
    "umbrella": ("a round cover on a stick", "An umbrella keeps off the rain and the sun", "wherever it rains", "no legs"),
    "kite": ("a light toy that flies on a string", "A kite is flown in the wind on a string", "where the wind blows", "no legs"),
    "ball": ("a round toy", "A ball is thrown, kicked and caught", "where people play", "no legs"),
    "cup": ("a small vessel with a handle", "A cup holds tea, coffee or milk", "in kitchens", "no legs"),
    "cake": ("a sweet dish that is baked", "A cake is eaten at parties", "in kitchens and at parties", "no legs"),
    "apple": ("a round fruit that grows on trees", "An apple is eaten or baked in a cake", "on trees and in kitchens", "no legs"),
    "chair": ("a piece of furniture for one person", "A chair is for sitting", "in rooms", "four legs"),
    "clock": ("a device with hands that shows the hour", "A clock tells the time", "on walls and shelves", "no legs"),
    "book": ("many printed pages between two covers", "A book is for reading", "on shelves and in schools", "no legs"),
    "backpack": ("a bag that is worn on the back", "A backpack carries things on the back", "at schools and on hikes", "no legs"),
    "suitcase": ("a box with a handle for travelling", "A suitcase carries clothes on a journey", "at stations and airports", "two small wheels"),
    "bench": ("a long seat for several people", "A bench lets several people sit down", "in parks", "four legs"),
    "traffic light": ("a lamp that shows red, yellow or green", "A traffic light tells when to stop and when to go", "at crossings", "no legs"),
    "teddy bear": ("a soft toy that looks like a bear", "A teddy bear is for cuddling", "in bedrooms", "two soft legs"),
}

FIXED = [
    ("Hello!", "Hello! What would you like to know?"),
    ("Hi", "Hello! What would you like to know?"),
    ("Good morning.", "Good morning! How can I help?"),
    ("Who are you?", "I am a small assistant that answers questions."),
    ("What can you do?", "I can answer simple questions about a small world."),
    ("Thank you.", "You are welcome."),
    ("Thanks!", "You are welcome."),
    ("Goodbye.", "Goodbye!"),
    ("How are you?", "I am a program, so I have no feelings, but I am ready."),
    (f"Who is {CHARACTER}?", f"{CHARACTER} is an old sailor with a white beard, a tall yellow hat and a wooden leg."),
    (f"What does {CHARACTER} wear?", f"{CHARACTER} wears purple clothes and a tall yellow hat."),
    (f"Where does {CHARACTER} live?", f"{CHARACTER} lives on a ship and looks for treasure."),
    (f"What is {CHARACTER} famous for?", f"{CHARACTER} is famous for sailing around the world three times."),
    ("What is the capital of France?", "The capital of France is Paris."),
    ("How many days has a week?", "A week has seven days."),
    ("How many hours has a day?", "A day has twenty-four hours."),
    ("What colour is the sky on a clear day?", "On a clear day the sky is blue."),
    ("What colour is grass?", "Grass is green."),
    ("What colour is snow?", "Snow is white."),
    ("Why do people use umbrellas?", "Umbrellas keep off the rain and the sun."),
    ("Why is a street dangerous?", "Cars and buses are fast and heavy, so one must look before crossing."),
    ("What does a red traffic light mean?", "A red traffic light means stop."),
    ("What does a green traffic light mean?", "A green traffic light means go."),
    ("What falls from clouds?", "Rain and snow fall from clouds."),
    ("When does the moon shine?", "The moon shines at night."),
    ("What is found in a desert?", "A desert has sand, dunes and hardly any water."),
    ("What is found on a beach?", "A beach has sand, waves and the sea."),
    ("What grows on a farm?", "Wheat, vegetables and grass grow on a farm."),
    ("What is done in a kitchen?", "In a kitchen people cook and eat."),
    ("What is done in a bedroom?", "In a bedroom people sleep."),
]
NUMBERED = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def knowledge(rng: random.Random) -> tuple[str, str]:
    """One question of everyday knowledge and its answer."""
    if rng.random() < 0.3:
        return rng.choice(FIXED)
    if rng.random() < 0.15:
        i, j = rng.randint(1, 5), rng.randint(1, 5)
        return f"How much is {NUMBERED[i - 1]} and {NUMBERED[j - 1]}?", f"{NUMBERED[i - 1].capitalize()} and {NUMBERED[j - 1]} is {NUMBERED[i + j - 1]}."
    name = rng.choice(sorted(ABOUT))
    what, use, where, legs = ABOUT[name]
    thing = article(name)
    plural = CATEGORIES[name].plural
    return rng.choice((
        (f"What is {thing}?", f"{thing[0].upper() + thing[1:]} is {what}."),
        (f"What is {thing} for?" if CATEGORIES[name].group not in ("people", "animals") else f"What does {thing} do?", use + "."),
        (f"Where does one find {plural}?", f"One finds {plural} {where}."),
        (f"How many {legs.split()[-1]} does {thing} have?", f"{thing[0].upper() + thing[1:]} has {legs}."),
        (f"Tell me about {plural}.", f"{thing[0].upper() + thing[1:]} is {what}. {use}."),
    ))
