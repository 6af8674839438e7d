"""The drawings of the storybook: one function for each category of the vocabulary.

People are drawn by :mod:`.people`, which needs to know more than colour and box.
"""

from .animals import bird, cat, cow, dog, elephant, horse
from .homely import apple, ball, cake, chair, clock, cup, teddy_bear
from .outing import backpack, bench, book, kite, suitcase, traffic_light, umbrella
from .pen import Pen
from .vehicles import airplane, bicycle, boat, bus, car

DRAWINGS = {
    "dog": dog, "cat": cat, "bird": bird, "horse": horse, "cow": cow, "elephant": elephant,
    "car": car, "bus": bus, "bicycle": bicycle, "boat": boat, "airplane": airplane,
    "umbrella": umbrella, "kite": kite, "ball": ball, "cup": cup, "cake": cake, "apple": apple,
    "chair": chair, "clock": clock, "book": book, "backpack": backpack, "suitcase": suitcase,
    "bench": bench, "traffic light": traffic_light, "teddy bear": teddy_bear,
}

__all__ = ["DRAWINGS", "Pen"]
