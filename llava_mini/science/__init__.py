"""ScienceQA (paper, section 5.2): multiple-choice questions with a lecture and a solution, real or of the storybook.

>>> from llava_mini.science.files import read_results
>>> from llava_mini.science.problems import read_problems
>>> from llava_mini.science.score import score, table
>>> test = read_problems("data/cache/science").of("test")               # doctest: +SKIP
>>> print(table(score(test, read_results("results.json", test))))       # doctest: +SKIP
"""
