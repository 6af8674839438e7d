"""The lessons as tests: which tests share a process, and the time of every lesson beside the time that it states. nbmake runs them."""

from __future__ import annotations

import os

import pytest

SIDE_BY_SIDE = "PYTEST_XDIST_WORKER" in os.environ and "OMP_NUM_THREADS" not in os.environ
if SIDE_BY_SIDE:
    os.environ["OMP_NUM_THREADS"] = "1"             # before anything imports torch

NOBODY = "http://127.0.0.1:9"                       # where no proxy listens: a lesson that asks the network fails
OFFLINE = {"HF_HUB_OFFLINE": "1", **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOBODY),
           **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")}
TOLERANCE = 2       # times its budget, before a lesson fails: a test run shares its machine, a reader's mostly does not


def budget(path) -> tuple[int | None, int | None]:
    """(minutes, GB) that a lesson states in its first cell."""
    import frame
    import nbformat

    book = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    return frame.stated(book, frame.TIME), frame.stated(book, frame.MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """In several processes the lessons stay together, since they share folders, and so do the tests of a file, which share fixtures."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            return "lessons" if path.endswith(".ipynb") else path

    return Together(config, log)


def pytest_runtest_setup(item):
    """A lesson trains, in a process of its own, and has all cores; the other tests take one. It has no network, as on a train."""
    if getattr(item, "nbmake", False):
        os.environ |= OFFLINE
        if SIDE_BY_SIDE:
            os.environ.pop("OMP_NUM_THREADS", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Notes what a lesson took, and fails one that took far longer than it states."""
    report = yield
    if call.when == "call" and getattr(item, "nbmake", False):
        minutes, memory = budget(item.path)
        report.user_properties.append(("lesson", (item.path.stem, minutes, memory, call.duration)))
        if report.passed and minutes and call.duration > TOLERANCE * 60 * minutes:
            report.outcome = "failed"
            report.longrepr = (f"{item.path.name} took {call.duration:.0f} seconds and states {minutes} minutes: more than {TOLERANCE} times as much. "
                               "Make it quicker, or state what it takes.")
    return report


def pytest_terminal_summary(terminalreporter):
    """Prints the table."""
    taken = [value for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())
             for name, value in getattr(report, "user_properties", ()) if name == "lesson"]
    if taken:
        terminalreporter.section("lessons: the time they state and the time they took")
        for line in table(sorted(taken)):
            terminalreporter.line(line, yellow="longer than stated" in line)


def table(taken: list[tuple]) -> list[str]:
    """The lines of the table of (lesson, minutes, GB, seconds)."""
    wide = max(len("lesson"), *(len(lesson) for lesson, *_ in taken))
    lines = [f"{'lesson':{wide}}  states     took     memory stated"]
    for lesson, minutes, memory, seconds in taken:
        late = "   longer than stated" if minutes and seconds > 60 * minutes else ""
        lines.append(f"{lesson:{wide}}  {_amount(minutes, 'min'):9}  {seconds:5.0f} s  {_amount(memory, 'GB')}{late}")
    stated = sum(minutes or 0 for _, minutes, _, _ in taken)
    lines.append(f"{'together':{wide}}  {_amount(stated, 'min'):9}  {sum(row[-1] for row in taken):5.0f} s")
    return lines


def _amount(number: int | None, unit: str) -> str:
    return f"{number} {unit}" if number else "nothing"
