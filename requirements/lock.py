"""Writes lock.txt, the exact version of every package, from what pip resolves on two Pythons.

For each of Python 3.10 and 3.11, in an environment of its own:

    pip install --dry-run --ignore-installed --report report-3.10.json -r requirements/dev.txt

and then, with either of them:

    python requirements/lock.py report-3.10.json report-3.11.json
"""

import json
import re
import sys
from pathlib import Path

SPLIT = "3.11"  # several projects ended their support of 3.10, so it has versions of its own
ELSEWHERE = (   # needed on other systems only, so not in a report made on Linux
    'appnope==1.0.0; sys_platform == "darwin"',
    'colorama==0.4.6; sys_platform == "win32"',
    'pywinpty==3.1.2; sys_platform == "win32"',
)
BOUND = ("nvidia-", "cuda-", "triton")  # torch names their exact versions itself, where it has CUDA


def versions(report):
    """{package: version} of one pip report; the version without a local part such as +cpu."""
    found = {re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower(): item["metadata"]["version"].split("+")[0]
             for item in report["install"]}
    return {name: version for name, version in found.items() if not name.startswith(BOUND)}


def lock(old, new):
    """The lines of the lock file from {package: version} below SPLIT and from SPLIT on."""
    lines = list(ELSEWHERE)
    for name in old.keys() | new.keys():
        if old.get(name) == new.get(name):
            lines.append(f"{name}=={new[name]}")
            continue
        if name in new:
            lines.append(f'{name}=={new[name]}; python_version >= "{SPLIT}"')
        if name in old:
            lines.append(f'{name}=={old[name]}; python_version < "{SPLIT}"')
    return sorted(lines)


def main(paths):
    reports = {}
    for path in paths:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
        reports[report["environment"]["python_version"]] = versions(report)
    if sorted(reports) != ["3.10", SPLIT]:
        sys.exit(f"lock.py needs one report of Python 3.10 and one of {SPLIT}, not of {sorted(reports)}.")
    head = "# Every package with its version. Made by lock.py; change core.txt or dev.txt and make it again."
    target = Path(__file__).with_name("lock.txt")
    target.write_text("\n".join([head, *lock(reports["3.10"], reports[SPLIT])]) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(reports['3.10'].keys() | reports[SPLIT].keys())} packages")


if __name__ == "__main__":
    main(sys.argv[1:])
