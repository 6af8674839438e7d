"""ScienceQA (paper, section 5.2): multiple-choice questions with a lecture and a solution, real or of the storybook.

>>> from llava_mini.science.problems import read_problems
>>> from llava_mini.science.score import score, table
>>> problems = read_problems("data/cache/science")                                          # doctest: +SKIP
>>> print(table(score(problems.of("test"), read_results("answers.json", problems.of("test")))))  # doctest: +SKIP
"""
