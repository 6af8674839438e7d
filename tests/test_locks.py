"""locks.py: one run at a time in a folder, also within one process; test_resume.py has two processes."""

import threading

import pytest

from llava_mini.errors import InputError
from llava_mini.locks import alone


def test_two_threads_of_one_process(tmp_path):
    """Guards against two runs of one notebook that write into one file: the system's lock lets a process in twice."""
    refused, inside, leave = [], threading.Event(), threading.Event()

    def first():
        with alone(tmp_path / "run"):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    (tmp_path / "way").symlink_to(tmp_path / "run", target_is_directory=True)
    for folder in (tmp_path / "run", tmp_path / "way"):                 # by whatever name
        with pytest.raises(InputError, match="^Another run of this program is at work in .*; wait until it has ended, or choose another folder.$") as told:
            with alone(folder):
                refused.append("let in")
    assert not refused and str(tmp_path) in str(told.value)
    with alone(tmp_path / "other"):                                     # another folder is free
        pass
    leave.set()
    thread.join()
    with alone(tmp_path / "run"):
        pass


def test_free_after_a_failure(tmp_path):
    """Guards against a folder that stays taken after an error, for as long as the notebook lives."""
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            with alone(tmp_path):
                1 / 0
    (tmp_path / "file").write_text("")
    for _ in range(2):
        with pytest.raises(InputError, match="cannot be"):
            with alone(tmp_path / "file"):
                pass
