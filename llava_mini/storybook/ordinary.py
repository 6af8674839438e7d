"""Is nothing unusual in a picture? Only scenes of which nobody would say otherwise count as ordinary.

Three answers are possible: something is clearly out of place (``Scene.odd``), nothing is (here), or people
might differ - an elephant in the park, a cup on a bus, a cow on the street. Of the last nobody is asked.
"""

from __future__ import annotations

from .scenes import Scene
from .vocabulary import PLACES

OUTSIDE = frozenset({"person", "dog", "bird", "bicycle", "ball", "backpack", "bench", "airplane"})
INSIDE = frozenset({"person", "dog", "cat", "ball", "cup", "cake", "apple", "chair", "clock", "book", "backpack", "suitcase", "teddy bear"})
# What else is at home in an outdoor place, for everybody; of a place that is not listed nothing is said.
MORE = {
    "beach": {"umbrella", "kite", "boat"},
    "park": {"cat", "kite"},
    "street": {"cat", "car", "bus", "traffic light", "suitcase"},
    "farm": {"cat", "horse", "cow", "car"},
    "lake": {"kite", "boat"},
    "mountains": {"horse"},
}
SEATS = {"bench": {"person", "cat", "bird", "backpack", "ball"}, "horse": {"person"}}  # who or what may well be on it


def is_ordinary(scene: Scene) -> bool:
    """Would everybody agree that nothing in this scene is out of place?"""
    if scene.odd is not None or any(thing.character for thing in scene.things):
        return False
    indoors = PLACES[scene.place].indoors
    if not indoors and scene.place not in MORE:
        return False
    usual = INSIDE if indoors else OUTSIDE | MORE[scene.place]
    held = {r.target for r in scene.relations if r.kind == "holding" and not indoors}     # a cup in the hand is at home anywhere
    if not all(thing.category in usual for i, thing in enumerate(scene.things) if i not in held):
        return False
    return all(scene.things[r.subject].category in SEATS.get(scene.things[r.target].category, ())
               for r in scene.relations if r.kind == "on")
