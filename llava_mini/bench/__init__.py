"""LLaVA-Bench and its judge (paper, section 5.1): two benchmarks of the storybook, a judge, scores with their coverage.

::

    python -m llava_mini.bench.storybook data/cache/bench                          # the two benchmarks as files
    python -m llava_mini.bench.judge data/cache/bench/coco answers.jsonl --reviews reviews.jsonl
    python -m llava_mini.bench.reliability data/cache/bench/coco answers.jsonl --folder runs/panel

Files are in the schemas of the authors' repository: theirs can be read here, and ours there.
"""
