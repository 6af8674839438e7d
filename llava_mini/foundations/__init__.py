"""How the two parents are made from nothing: a mini CLIP and a mini Vicuna.

``python -m llava_mini.foundations.clip`` and ``python -m llava_mini.foundations.vicuna --size large``
make the folders of data/pretrained again; ``python -m llava_mini.foundations.probes`` measures what
LLaVA needs of the eye.
"""
