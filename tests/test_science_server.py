"""science/server.py: every reply is kept the moment it comes, paid for once, and within a budget."""

from __future__ import annotations

import asyncio
import json
import warnings

import httpx2
import pytest
from fake_server import completion, error

from llava_mini.errors import InputError
from llava_mini.instruct.connection import Settings
from llava_mini.instruct.prices import Price
from llava_mini.science import pair, server
from llava_mini.science.server import Server, by_server

PATIENT = Settings("gpt-test", temperature=None, backoff=0.01, retries=1, timeout=30)
DEAR = Price(10.0, 100.0)               # an answer of this server costs 0.01 + 0.01 dollars
PROMPTS = [[{"role": "system", "content": "You see no picture."}, {"role": "user", "content": f"Question {number}?"}] for number in range(16)]


class Wire(httpx2.AsyncBaseTransport):
    """Answers "The answer is A.", or what ``script(n)`` gives for the n-th request from 0; ``asked`` are the last turns, in order."""

    def __init__(self, script=lambda n: None):
        self.script, self.asked = script, []

    async def handle_async_request(self, request):
        number = len(self.asked)
        self.asked.append(json.loads(await request.aread())["messages"][-1]["content"])
        await asyncio.sleep(0.01)
        return self.script(number) or completion("The answer is A.")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


def asking(wire, path, settings=PATIENT, **options):
    return by_server(Server(settings, transport=wire, **options), path, progress=False)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_quota_used_up_in_the_middle_keeps_every_reply(tmp_path, concurrency):
    """Guards against paid answers that are lost because the batch they came with did not end, and against paying for them again."""
    path = tmp_path / "a.jsonl"
    wire = Wire(lambda n: error(429, "insufficient_quota") if n >= 8 else None)
    with pytest.raises(InputError, match="quota"):
        asking(wire, path, concurrency=concurrency)(PROMPTS)
    assert len(rows(path)) == 8
    again = Wire()
    assert asking(again, path)(PROMPTS) == ["The answer is A."] * 16
    assert len(again.asked) == 8 and not {row["prompt"] for row in rows(path)[:8]} & set(again.asked)


def test_a_reply_is_on_the_disk_before_the_next_one_comes(tmp_path):
    """Guards against a kill that loses what was answered: the file is looked at from within the server."""
    path, seen = tmp_path / "a.jsonl", []
    asking(Wire(lambda n: seen.append(len(rows(path)))), path, concurrency=1)(PROMPTS[:4])
    assert seen == [0, 1, 2, 3]


def test_a_row_says_which_model_answered_when_and_on_how_much(tmp_path):
    """Guards against results of a model that nobody can name afterwards."""
    path = tmp_path / "a.jsonl"
    asking(Wire(), path, price=DEAR, budget=1.0)(PROMPTS[:2])
    row = rows(path)[0]
    assert (row["model_id"], row["served"], row["usage"], row["cost"]) == ("gpt-test", "gpt-test-0001", {"prompt_tokens": 1000, "completion_tokens": 100}, 0.02)
    told = server.told([path, tmp_path / "none.jsonl"])
    assert told == {"served": ["gpt-test-0001"], "from": rows(path)[0]["date"], "to": rows(path)[1]["date"], "prompt_tokens": 2000, "answers": 2, "dollars": 0.04}


def test_what_was_cut_off_or_refused_is_no_answer_and_not_asked_again(tmp_path):
    """Guards against half an answer that is scored, and against paying for it at every start."""
    path, wire = tmp_path / "a.jsonl", Wire(lambda n: {0: completion("The answer is", finish="length"), 1: completion("No.", finish="content_filter")}.get(n))
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"2 of 3 prompts got no answer \(1 cut off, 1 refused\)"):
            assert asking(wire, path, concurrency=1)(PROMPTS[:3]) == [None, None, "The answer is A."]
    assert len(wire.asked) == 3 and [row["reason"] for row in rows(tmp_path / "a.set-aside.jsonl")] == ["cut off", "refused"]


def test_a_request_that_came_to_nothing_is_asked_again_at_the_next_start(tmp_path):
    """Guards against a passing fault that is kept as an answer, and one that is not counted."""
    path = tmp_path / "a.jsonl"
    with pytest.warns(UserWarning, match=r"1 of 3 prompts got no answer \(.*server error"):
        found = asking(Wire(lambda n: error(500, "server_error") if n in (1, 2) else None), path, concurrency=1)(PROMPTS[:3])
    assert found == ["The answer is A.", None, "The answer is A."]
    with pytest.warns(UserWarning, match="1 rejected"):
        assert asking(Wire(lambda n: error(400, "invalid_request_error")), path)(PROMPTS[:3])[1] is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asking(Wire(), path)([*PROMPTS[:3], PROMPTS[0]]) == ["The answer is A."] * 4


def test_a_server_that_is_silent_ends_the_run(tmp_path):
    """Guards against a table made of a server that was not there."""
    with pytest.raises(InputError, match="does not answer any more"):
        asking(Wire(lambda n: error(500, "server_error")), tmp_path / "a.jsonl", concurrency=1)(PROMPTS)


def test_the_estimate_is_told_and_the_budget_is_kept(tmp_path, capsys):
    """Guards against a bill that nobody has seen coming, and a budget that two files each take for themselves."""
    path, other, wire = tmp_path / "a.jsonl", tmp_path / "b.jsonl", Wire()
    with pytest.raises(InputError, match="'gpt-test' costs money; give --budget"):
        Server(PATIENT, DEAR)
    with pytest.raises(InputError, match="16 requests cost about .* raise --budget"):
        asking(wire, path, price=DEAR, budget=0.3)(PROMPTS)
    assert not wire.asked                                           # 16 x (prompt + 200 x 0.0001 dollars) are more than that
    short = Settings("gpt-test", temperature=None, max_tokens=200, backoff=0.01)
    assert asking(wire, path, short, price=DEAR, budget=0.2)(PROMPTS[:4]) == ["The answer is A."] * 4
    assert "a: 4 requests to gpt-test, about $0.08; $0.20 of the budget are left." in capsys.readouterr().out
    spent = by_server(Server(short, DEAR, 0.2, wire), other, beside=[path], progress=False)
    with pytest.raises(InputError, match=r"6 requests cost about .* and \$0.12 of the budget are left"):
        spent(PROMPTS[:6])
    assert len(wire.asked) == 4


def test_a_budget_ends_the_run_where_prompts_are_dearer_than_estimated(tmp_path):
    """Guards against an estimate that is taken for a limit."""
    path, wire = tmp_path / "a.jsonl", Wire(lambda n: completion("The answer is A.", tokens=(8000, 100)))
    short = Settings("gpt-test", temperature=None, max_tokens=200, backoff=0.01)
    with pytest.raises(InputError, match="The budget of .* is used up"):
        asking(wire, path, short, price=DEAR, budget=0.4)(PROMPTS)
    assert 0 < sum(row["cost"] for row in rows(path)) <= 0.4 and len(rows(path)) == len(wire.asked)


def test_files_of_another_model_or_kind_are_refused_and_older_ones_go_on(tmp_path):
    """Guards against answers of two models in one file, and paid answers that a new version does not know any more."""
    path, wire = tmp_path / "a.jsonl", Wire()
    path.write_text(json.dumps({"question_id": server.digest(PROMPTS[0]), "prompt": "Question 0?", "text": "B", "model_id": "gpt-test"}) + "\n")
    assert asking(wire, path)(PROMPTS[:2]) == ["B", "The answer is A."] and len(wire.asked) == 1
    with pytest.raises(InputError, match="model_id is 'gpt-test' where this run has 'other'"):
        asking(wire, path, Settings("other"))(PROMPTS[:2])
    (tmp_path / "b.jsonl").write_text('{"id": 3}\n')
    with pytest.raises(InputError, match="b.jsonl, line 1: not written here"):
        asking(wire, tmp_path / "b.jsonl")(PROMPTS[:2])


@pytest.mark.parametrize(("options", "words"), [
    (["--server", "offline"], "knows no science"), (["--server", "gpt-4o"], "give --budget"), (["--server", "my/own"], "has no price for the model"),
    (["--server", "gpt-4o", "--budget", "-1"], "--budget: must not be negative")])
def test_what_is_wrong_with_a_server_is_told_before_any_training(options, words, monkeypatch, capsys):
    """Guards against an hour of training before a word that was missing."""
    monkeypatch.setattr(pair, "of_runs", lambda *_: pytest.fail("began"))
    assert pair.main(options) == 1 and words in capsys.readouterr().err
    monkeypatch.delenv("OPENAI_API_KEY")
    assert pair.main(["--server", "my/own", "--price", "0", "0"]) == 1 and "There is no OPENAI_API_KEY" in capsys.readouterr().err
