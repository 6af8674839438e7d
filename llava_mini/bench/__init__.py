"""LLaVA-Bench and its judge (paper, section 5.1): two benchmarks of the storybook, baselines, a judge, scores with their coverage.

::

    python -m llava_mini.bench.run data/pretrained/llava-mini --folder runs/bench/llava-mini      # all of it, the paper's Table 5

    python -m llava_mini.bench.storybook data/cache/bench                          # the benchmarks as files
    python -m llava_mini.bench.answering data/cache/bench/coco MODEL --out answers.jsonl
    python -m llava_mini.bench.theirs data/cache/bench/coco CHECKPOINT --out answers.jsonl        # BLIP-2, IDEFICS, LLaVA-1.5
    python -m llava_mini.bench.judge data/cache/bench/coco answers.jsonl --reviews reviews.jsonl
    python -m llava_mini.bench.reliability data/cache/bench/coco answers.jsonl --folder runs/panel
    python -m llava_mini.bench.tables runs/bench/llava-mini/result.json

Files are in the schemas of the authors' repository: theirs can be read here, and ours there.
"""
