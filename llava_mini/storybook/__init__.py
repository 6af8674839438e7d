"""The storybook: a small COCO whose pictures, captions and questions follow from a seed (no model in here).

>>> from llava_mini.storybook.world import scenes
>>> from llava_mini.storybook.draw import draw
>>> scene = next(scenes("train", 1))
>>> draw(scene).size
(224, 224)
"""
