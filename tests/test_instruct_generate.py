"""The teacher path: asking a server through the real client, keeping answers, stopping, going on, and the finished set."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from fake_server import (  # noqa: F401 (two of them are fixtures)
    DEAR, GOOD, KEY, PATIENT, Server, a_plan, completion, environment, error, good, key_of, keys, keys_of, lines, records, run, shown, source)
from llava_mini.data import read_samples
from llava_mini.errors import InputError
from llava_mini.instruct import dataset, generate as generating, ledger, plan as planning, prices, prompts
from llava_mini.instruct.connection import Settings
from llava_mini.instruct.generate import ANSWERS, generate
from llava_mini.instruct.prompts import KINDS

ROOT = Path(__file__).resolve().parents[1]


def everything_below(folder) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


# One run from beginning to end.

def test_every_request_gets_its_line(tmp_path):
    """Guards against lost, doubled or mixed-up answers, and against lines without what later steps read from them."""
    server, summary = run(a_plan(7), tmp_path, concurrency=4)
    rows = lines(tmp_path)
    assert sorted(keys(rows)) == sorted((f"p{i}", kind) for i in range(7) for kind in KINDS) and not lines(tmp_path, "answers.set-aside.jsonl")
    for row in rows:
        assert row["answer"] == GOOD[row["kind"]].format(f"dog number {row['id'][1:]}") and row["image"] == row["id"] + ".jpg"
        assert row["usage"] == {"prompt_tokens": 1000, "completion_tokens": 100} and row["finish_reason"] == "stop"
        assert (row["model"], row["served"], row["attempt"]) == ("gpt-test", "gpt-test-0001", 1)
        (record,) = [one for one in records(7) if one.id == row["id"]]
        assert row["prompt"] == prompts.digest(prompts.messages(record, row["kind"])) and abs(row["created"] - time.time()) < 3600
    assert summary.wanted == summary.answered == dict.fromkeys(KINDS, 7) and summary.missing == 0
    assert summary.tokens == {"prompt_tokens": 21000, "completion_tokens": 2100}
    assert server.bodies[0].keys() == {"model", "messages", "max_tokens"}


def test_no_more_are_under_way_than_allowed(tmp_path):
    """Guards against a limit that does not limit, and against asking one after the other."""
    server, _ = run(a_plan(8), tmp_path, seconds=0.01, concurrency=5)
    assert server.most_under_way == 5
    server, _ = run(a_plan(3), tmp_path / "one", seconds=0.001, concurrency=1)
    assert server.most_under_way == 1


def test_an_answer_is_in_the_file_before_the_next_is_asked(tmp_path):
    """Guards against answers that wait in memory for a good moment to be written."""
    seen = []
    run(a_plan(5, ["detail"]), tmp_path, lambda *_: seen.append(len(lines(tmp_path))), concurrency=1)
    assert seen == [0, 1, 2, 3, 4]


def test_nothing_is_asked_twice(tmp_path):
    """Guards against a second run that pays again, and against one that asks more than a larger plan adds."""
    run(a_plan(3), tmp_path)
    before = (tmp_path / ANSWERS).read_bytes()
    server, summary = run(a_plan(3), tmp_path)
    assert server.asked == [] and summary.missing == 0 and (tmp_path / ANSWERS).read_bytes() == before
    server, _ = run(a_plan(5), tmp_path)
    assert sorted(server.asked) == sorted((f"p{i}", kind) for i in (3, 4) for kind in KINDS)


def test_it_runs_where_a_loop_is_running(tmp_path):
    """Guards against "asyncio.run() cannot be called from a running event loop" in every notebook."""
    async def cell():
        return run(a_plan(1), tmp_path)[1]
    assert asyncio.run(cell()).missing == 0


class OverTheWire(BaseHTTPRequestHandler):
    """Chat completions on a real socket; the first three requests meet a rate limit, a hang-up and half a reply."""

    protocol_version, seen, lock = "HTTP/1.1", [], threading.Lock()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.lock:
            number = len(self.seen)
            self.seen.append((self.path, self.headers["authorization"], key_of(body)))
        reply = error(429, "rate_limit_exceeded", retry_after_ms="50") if number == 0 else good(key_of(body))
        if number != 1:
            self.send_response(reply.status_code)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content if number != 2 else reply.content[:50])
        self.close_connection = number in (1, 2)

    def log_message(self, *_):
        pass


def test_over_a_real_connection(tmp_path, source, monkeypatch):
    """Guards against a client that works only inside the tests' transport: address and key from the environment, sockets that break."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OverTheWire)
    monkeypatch.setattr(OverTheWire, "seen", [])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        assert generating.main([str(source), "--folder", str(tmp_path / "out"), "--model", "gpt-test", "--price", "0", "0"]) == 0
    finally:
        server.shutdown()
        server.server_close()
    assert sorted(keys(lines(tmp_path / "out"))) == sorted((f"p{i}", kind) for i in range(5) for kind in KINDS)
    assert len(OverTheWire.seen) == 15 + 3 and {(path, key) for path, key, _ in OverTheWire.seen} == {("/v1/chat/completions", f"Bearer {KEY}")}
    assert KEY not in everything_below(tmp_path)


def test_the_cost_is_told_before_and_the_progress_meanwhile(tmp_path, capsys):
    """Guards against a run that asks before it says what that will cost, and a bar without rate, time left or cost so far."""
    said = []
    generate(a_plan(4, ["detail"], price=DEAR), tmp_path, budget=9, transport=Server(lambda *_: said.append(capsys.readouterr().out)), concurrency=1)
    assert re.search(r"0 of 4 requests are settled.*detail +4 requests x \([\d,]+ \+ \d+ tokens\)\nEstimated by .*: \$0\.\d\d; at most", said[0], re.S)
    bar = capsys.readouterr().err.split("\r")[-1]
    assert re.search(r"4/4 \[\d\d:\d\d<\d\d:\d\d, .*request.*, \$0\.0800, 0 set aside\]", bar), bar


def test_another_prompt_or_model_is_not_mixed_in(tmp_path):
    """Guards against a set of two halves that nobody knows of."""
    run(a_plan(2), tmp_path)
    other = a_plan(3, settings=Settings("gpt-other", backoff=0.01))
    with pytest.raises(InputError, match="holds answers of the model 'gpt-test'"):
        run(other, tmp_path)
    changed = a_plan(3)
    changed.few_shots = "photo"
    with pytest.raises(InputError, match="answers another prompt"):
        run(changed, tmp_path)
    server, _ = run(changed, tmp_path, mixed=True)
    assert {id_ for id_, _ in server.asked} == {"p2"}


# Faults that pass.

def test_faults_that_pass_are_survived(tmp_path):
    """Guards against each fault of a server losing an answer or doubling one: 429, 500, drop, garbage."""
    faults = [lambda: error(429, "rate_limit_exceeded"), lambda: error(500, "server_error"), lambda: error(503, "overloaded"),
              lambda: httpx2.ReadError("gone"), lambda: httpx2.ConnectError("refused"), lambda: httpx2.Response(200, text="<html>busy</html>"),
              lambda: httpx2.Response(200, json={}), lambda: httpx2.Response(200, json=None), lambda: httpx2.Response(200, json=[1]),
              lambda: httpx2.Response(200, content=b'{"choices": [', headers={"content-type": "application/json"}),
              lambda: httpx2.Response(200, json={"choices": []}), lambda: httpx2.Response(200, json={"choices": [{"message": None}]}),
              lambda: completion(["a", "list"]), lambda: error(408, "timeout"), lambda: httpx2.Response(502, text="<html>Bad Gateway</html>")]
    order = {}

    def script(key, n, request):
        if n == 0:
            order[key] = faults[len(order) % len(faults)]()
            return order[key]
        return None

    _, summary = run(a_plan(10), tmp_path, script, concurrency=6)
    assert sorted(keys(lines(tmp_path))) == sorted((f"p{i}", kind) for i in range(10) for kind in KINDS)
    assert not lines(tmp_path, "answers.set-aside.jsonl")
    assert summary.faults == {"rate limit": 2, "server error": 8, "dropped": 4, "unreadable": 16} and summary.doubtful == 20


def test_a_server_that_hangs(tmp_path):
    """Guards against waiting for ever, also for a reply that comes byte by byte and never ends."""
    async def trickle(*_):
        async def drops():
            while True:
                yield b" "
                await asyncio.sleep(0.02)
        return httpx2.Response(200, content=drops(), headers={"content-type": "application/json"})

    settings = Settings("gpt-test", backoff=0.01, timeout=2.0)
    script = lambda key, n, request: None if n or key[0] == "p2" else "hang" if key[0] == "p0" else trickle()      # noqa: E731
    _, summary = run(a_plan(3, ["detail"], settings), tmp_path, script)
    assert summary.missing == 0 and summary.faults["timeout"] >= 2


def test_retry_after_is_read():
    """Guards against a date, or milliseconds, that are taken for no wish or for seconds."""
    from email.utils import formatdate

    from llava_mini.instruct.teacher import _retry_after
    assert 97 < _retry_after({"retry-after": formatdate(time.time() + 100, usegmt=True)}) <= 100
    assert _retry_after({"retry-after-ms": "400", "retry-after": "600"}) == pytest.approx(0.4) and _retry_after({"retry-after": "2.5"}) == 2.5
    for useless in ("soon", "nan", "0", "-3", formatdate(time.time() - 100, usegmt=True)):
        assert _retry_after({"retry-after": useless}) is None
    assert _retry_after({}) is None


@pytest.mark.parametrize("wait", [{"retry_after": "0.4"}, {"retry_after_ms": "400", "retry_after": "600"}])
def test_retry_after_is_kept_by_all(tmp_path, wait):
    """Guards against asking again at once, and against others going on while the server wants to be left alone."""
    refused = []

    def script(key, n, request):
        if not refused:
            refused.append(time.monotonic())
            return error(429, "rate_limit_exceeded", **wait)
        return None

    server, summary = run(a_plan(12, ["detail"]), tmp_path, script, concurrency=4)
    assert summary.faults == {"rate limit": 1} and summary.missing == 0 and len(server.asked) == 13
    assert min(server.times[4:]) - refused[0] > 0.39        # four were under way, all others waited


def test_the_wait_grows_and_differs():
    """Guards against a server that is asked again by everybody at the same moment, ever as often."""
    from llava_mini.instruct.teacher import LONGEST_BACKOFF, Teacher

    class Client:
        api_key = "none"
    teacher = Teacher(Client, Settings("x", backoff=1.0))
    waits = [[teacher._longer(sent) for _ in range(200)] for sent in (1, 2, 3, 9)]
    for least, most, some in zip((0.5, 1, 2, LONGEST_BACKOFF / 2), (1, 2, 4, LONGEST_BACKOFF), waits):
        assert least <= min(some) < max(some) <= most and len(set(some)) > 100


def test_older_and_newer_ways_to_name_options(tmp_path):
    """Guards against models that refuse max_tokens or a temperature, which would refuse every request of a run."""
    def script(key, n, request):
        body = json.loads(request.content)
        if "max_tokens" in body:
            return error(400, "unsupported_parameter", "Use 'max_completion_tokens' instead of 'max_tokens'.", "max_tokens")
        if "temperature" in body:
            return error(400, "unsupported_value", "Only the default (1) is supported.", "temperature")
        return None

    server, summary = run(a_plan(4, settings=Settings("gpt-test", temperature=0.7, backoff=0.01)), tmp_path, script, concurrency=3)
    assert summary.missing == 0 and not summary.reasons and not summary.faults
    assert server.bodies[-1].keys() == {"model", "messages", "max_completion_tokens"}


# Faults that do not pass.

def test_a_quota_that_is_used_up_stops_at_once_and_keeps_what_is_under_way(tmp_path):
    """Guards against retrying what never succeeds, and against throwing away answers that are being paid for."""
    async def slow(key):
        await asyncio.sleep(0.3)
        return good(key)
    script = lambda key, n, request: slow(key) if key[0] == "p1" else error(429, "insufficient_quota")   # noqa: E731
    server = Server(script)
    with pytest.raises(InputError, match="quota of your account at https://api.openai.com/v1 is used up.*add credit"):
        generate(a_plan(9, ["detail"]), tmp_path, transport=server, concurrency=2, quiet=True)
    assert len(server.asked) == 2 and keys(lines(tmp_path)) == [("p1", "detail")]


@pytest.mark.parametrize("status, code, sentence", [
    (401, "invalid_api_key", "does not accept your key; set OPENAI_API_KEY"), (403, "model_not_allowed", "may not use the model 'gpt-test'"),
    (404, "model_not_found", "There is no model 'gpt-test'"), (402, "Payment Required", "quota of your account"),
    (400, "bad", "takes none of the requests"), (500, "server_error", "does not answer any more"), (429, "billing_hard_limit_reached", "add credit"),
])
def test_the_key_is_nowhere(tmp_path, caplog, capsys, status, code, sentence):
    """Guards against the key, or a part of it that a server quotes, in a message, a traceback with its variables, a log or a file."""
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    echo = lambda key, n, request: error(status, code, f"wrong key {KEY} or sk-test*********CRET in {dict(request.headers)}")   # noqa: E731
    server = Server(echo)
    settings = Settings("gpt-test", backoff=0.001, retries=2)
    with pytest.raises(InputError, match=sentence) as caught:
        generate(a_plan(20, ["detail"], settings), tmp_path, transport=server, concurrency=2)
    assert any(KEY in request for request in map(str, server.bodies)) is False and server.asked
    assert "\n" not in str(caught.value) and re.search(sentence, shown(caught.value))
    out = capsys.readouterr()
    for text in (shown(caught.value), caplog.text, out.out, out.err, everything_below(tmp_path)):
        assert "SECRET" not in text and "CRET" not in text
    assert "[key]" in str(caught.value) or status in (401, 500)


def test_an_answer_that_quotes_the_key_is_kept_without_it(tmp_path):
    """Guards against a server that sends the key back as a part of its answer."""
    run(a_plan(1, ["detail"]), tmp_path, lambda *_: completion(f"A dog with the sign {KEY} is in the park."))
    assert lines(tmp_path)[0]["answer"] == "A dog with the sign [key] is in the park."


def test_no_other_text_of_a_reply_brings_the_key_into_a_file(tmp_path):
    """Guards against a key in the server's name for the model, for the reply, or for why it ended."""
    def script(key, n, request):
        body = json.loads(good(key).content)
        body["choices"][0]["finish_reason"] = f"stop {KEY}"
        return httpx2.Response(200, json=body | {"model": f"gpt {KEY}", "id": f"reply {KEY}"})
    run(a_plan(1, ["detail"]), tmp_path, script)
    (row,) = lines(tmp_path)
    assert (row["finish_reason"], row["served"]) == ("stop [key]", "gpt [key]") and KEY not in everything_below(tmp_path)


@pytest.mark.parametrize("key, address, sentence", [
    (None, None, "There is no OPENAI_API_KEY"), (KEY + "\n", None, "holds a space, a line break"), (f'"{KEY}”', None, "another sign that no key has"),
    (KEY, "localhost:8000/v1", "not an address"), (None, "http://", "not an address"),
])
def test_an_environment_that_cannot_work(tmp_path, monkeypatch, key, address, sentence):
    """Guards against a traceback that shows the key because a line break was copied with it."""
    for name, value in (("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", address)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=sentence) as caught:
        run(a_plan(1), tmp_path)
    assert "SECRET" not in shown(caught.value)


def test_a_server_of_ones_own_needs_no_key(tmp_path, monkeypatch):
    """Guards against asking for a key where none exists, and against passwords of an address in messages."""
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://ann:pass-word@localhost:8000/v1/")
    server, summary = run(a_plan(1), tmp_path)
    assert summary.missing == 0
    with pytest.raises(InputError, match="at http://localhost:8000/v1 does not accept") as caught:
        run(a_plan(2), tmp_path, lambda *_: error(401, "no"))
    assert "pass-word" not in str(caught.value)


def test_a_server_that_is_not_there(tmp_path):
    """Guards against minutes of patience with a server that was never started."""
    settings = Settings("gpt-test", backoff=0.01, retries=50)
    server = Server(lambda *_: httpx2.ConnectError("refused"))
    with pytest.raises(InputError, match="does not answer any more \\(the last fault: dropped\\)"):
        generate(a_plan(9, settings=settings), tmp_path, transport=server, concurrency=1, quiet=True)
    assert len(server.asked) == 9                           # three requests, each three times
    assert generate(a_plan(9), tmp_path, transport=Server(), quiet=True).missing == 0


def test_a_server_that_wants_a_long_rest(tmp_path):
    """Guards against a process that sleeps for a day without a word."""
    with pytest.raises(InputError, match="asks to be left alone for 120 minutes"):
        run(a_plan(2), tmp_path, lambda *_: error(429, "rate_limit_exceeded", retry_after="7200"))


def test_one_request_that_is_never_answered(tmp_path):
    """Guards against a run that never ends, or gives up the others, because of one request."""
    settings = Settings("gpt-test", backoff=0.001, retries=1)
    script = lambda key, n, request: error(500, "server_error") if key == ("p1", "detail") else None     # noqa: E731
    server, summary = run(a_plan(6, settings=settings), tmp_path, script, attempts=2, concurrency=2)
    assert summary.missing == 1 and sum(summary.answered.values()) == 17 and server.asked.count(("p1", "detail")) == 4
    server, summary = run(a_plan(6), tmp_path)
    assert server.asked == [("p1", "detail")] and summary.missing == 0


def test_replies_that_are_no_completions_are_kept_and_limited(tmp_path):
    """Guards against a broken proxy's page that nobody gets to see, one that holds the key, and asking it again in every run for ever."""
    settings = Settings("gpt-test", backoff=0.001, retries=1)
    page = httpx2.Response(200, text=f"<html>Sign in, {KEY}</html>" + "x" * 1000)
    script = lambda key, n, request: page if key == ("p1", "detail") else None      # noqa: E731
    server, summary = run(a_plan(4, settings=settings), tmp_path, script, attempts=2, concurrency=1)
    aside = lines(tmp_path, "answers.set-aside.jsonl")
    assert [(row["id"], row["kind"], row["reason"], row["attempt"]) for row in aside] == [("p1", "detail", "unreadable", n) for n in (1, 2)]
    assert all(row["message"].startswith("<html>Sign in") and len(row["message"]) <= 300 for row in aside) and KEY not in everything_below(tmp_path)
    assert (summary.given_up["detail"], summary.missing, server.asked.count(("p1", "detail"))) == (1, 0, 4)
    server, _ = run(a_plan(4, settings=settings), tmp_path, script, attempts=2)
    assert server.asked == []                               # given up, until more attempts are allowed
    assert run(a_plan(4, settings=settings), tmp_path, attempts=3)[1].answered["detail"] == 4


# Answers of no use.

def test_malformed_answers_are_set_aside_and_asked_again(tmp_path):
    """Guards against losing a malformed answer or its reason, taking it into the answers, or not asking again."""
    bad = {"p0": lambda: completion(""), "p1": lambda: completion("A dog in the", finish="length"), "p2": lambda: completion("What?"),
           "p3": lambda: completion(None, refusal="I'm sorry, no."), "p4": lambda: completion("A dog is here.", finish="content_filter"),
           "p5": lambda: error(400, "context_length_exceeded", "too long")}
    server, summary = run(a_plan(7, ["detail"]), tmp_path, lambda key, n, request: bad[key[0]]() if n == 0 and key[0] in bad else None, concurrency=3)
    aside = lines(tmp_path, "answers.set-aside.jsonl")
    assert {row["id"]: row["reason"] for row in aside} == {"p0": "empty", "p1": "cut off", "p2": "format", "p3": "refused", "p4": "refused",
                                                            "p5": "rejected"}
    assert len(aside) == 6 and all(row["attempt"] == 1 for row in aside) and sum(summary.reasons.values()) == 6
    assert {row["attempt"] for row in lines(tmp_path) if row["id"] in bad} == {2} and len(lines(tmp_path)) == 7
    assert [row["answer"] for row in aside if row["id"] == "p3"] == ["I'm sorry, no."]
    assert "context_length_exceeded too long" in [row for row in aside if row["id"] == "p5"][0]["message"]
    assert summary.tokens["prompt_tokens"] == 12000                     # what is set aside was paid for as well


def test_a_request_is_given_up_after_so_many_attempts(tmp_path):
    """Guards against paying for ever for one picture, also by starting the run again, and against a limit that cannot be raised."""
    script = lambda key, n, request: completion("no") if key[0] == "p1" else None      # noqa: E731
    server, summary = run(a_plan(3, ["detail"]), tmp_path, script)
    assert server.asked.count(("p1", "detail")) == 3 and summary.given_up == {"detail": 1} and summary.missing == 0
    assert run(a_plan(3, ["detail"]), tmp_path, script)[0].asked == []
    server, summary = run(a_plan(3, ["detail"]), tmp_path, attempts=5)
    assert server.asked == [("p1", "detail")] and summary.given_up == {}
    assert [row["attempt"] for row in lines(tmp_path) if row["id"] == "p1"] == [4]


def test_a_seed_that_is_sent_along_changes_with_each_attempt(tmp_path):
    """Guards against asking again in a way that must bring the same answer again."""
    settings = Settings("gpt-test", seed=7, backoff=0.01)
    server, _ = run(a_plan(1, ["detail"], settings), tmp_path, lambda key, n, request: completion("") if n < 2 else None)
    assert [body["seed"] for body in server.bodies] == [7, 8, 9]


# Money.

def test_the_budget_is_never_exceeded(tmp_path):
    """Guards against spending more than was said: with requests under way, in a second run, and by answers set aside."""
    settings = Settings("gpt-test", max_tokens=150, backoff=0.01)
    plan = a_plan(20, ["detail"], settings, DEAR)
    script = lambda key, n, request: completion("") if key[0] == "p2" and n == 0 else None       # noqa: E731
    with pytest.raises(InputError, match="budget of \\$0.25 is used up.*raise --budget"):
        run(plan, tmp_path, script, budget=0.25, concurrency=4)
    spent = sum(row["cost"] for name in (ANSWERS, "answers.set-aside.jsonl") for row in lines(tmp_path, name))
    assert 0.25 - 0.03 <= spent <= 0.25 and spent == pytest.approx(0.02 * (len(lines(tmp_path)) + 1))
    server = Server()
    with pytest.raises(InputError, match="used up"):
        generate(plan, tmp_path, transport=server, budget=0.25, quiet=True)
    assert server.asked == []
    server, summary = run(plan, tmp_path, budget=5.0)
    assert summary.missing == 0 and len(server.asked) == 20 - round((spent - 0.02) / 0.02) and summary.cost == pytest.approx(0.42)


def test_prompts_longer_than_estimated_stay_within_the_budget(tmp_path):
    """Guards against a budget that trusts an estimate after the server has counted more, as it does for other scripts than Latin."""
    plan = a_plan(20, ["detail"], Settings("gpt-test", max_tokens=100, backoff=0.01), DEAR)
    estimated = prices.prompt_tokens(plan.messages(*plan.requests[0]), prices.counter("gpt-test")[0])
    each = DEAR.of(3 * estimated, 100)
    with pytest.raises(InputError, match="is used up"):
        run(plan, tmp_path, lambda key, n, request: good(key, tokens=(3 * estimated, 100)), budget=4.8 * each, concurrency=1)
    assert len(lines(tmp_path)) == 4                        # by the estimate there was room for a fifth


def test_the_first_answer_comes_alone_under_a_budget(tmp_path):
    """Guards against a first handful of requests, all sent by the estimate, that together cost more than was allowed."""
    plan = a_plan(20, ["detail"], Settings("gpt-test", max_tokens=100, backoff=0.01), DEAR)
    estimated = prices.prompt_tokens(plan.messages(*plan.requests[0]), prices.counter("gpt-test")[0])
    each = DEAR.of(3 * estimated, 100)
    with pytest.raises(InputError, match="is used up"):
        run(plan, tmp_path, lambda key, n, request: good(key, tokens=(3 * estimated, 100)), seconds=0.01, budget=3.5 * each, concurrency=8)
    assert sum(row["cost"] for row in lines(tmp_path)) <= 3.5 * each and len(lines(tmp_path)) == 3
    server, _ = run(plan, tmp_path, seconds=0.01, budget=100.0, concurrency=5)
    assert server.most_under_way == 5                       # by then the tokens of an answer are known


def test_requests_that_came_to_nothing_count_against_the_budget(tmp_path):
    """Guards against a bill for timed-out requests that no budget stops."""
    settings = Settings("gpt-test", max_tokens=100, backoff=0.001)
    drops = lambda key, n, request: httpx2.ReadError("gone") if n == 0 and key[0] != "p0" else None      # noqa: E731
    with pytest.raises(InputError, match="more may be"):
        run(a_plan(20, ["detail"], settings, DEAR), tmp_path, drops, budget=0.2, concurrency=1)
    assert 3 <= len(lines(tmp_path)) <= 5                   # each answer but the first cost twice 0.02, as far as one can know


def test_nothing_that_costs_begins_without_a_budget(tmp_path):
    """Guards against a bill by surprise."""
    server = Server()
    with pytest.raises(InputError, match="This costs about \\$.*--budget"):
        generate(a_plan(2, price=DEAR), tmp_path, transport=server, quiet=True)
    assert server.asked == []


def test_usage_that_the_server_does_not_tell_is_estimated(tmp_path):
    """Guards against answers that count as free because a server leaves out their tokens."""
    _, summary = run(a_plan(1, ["detail"], price=DEAR), tmp_path, lambda key, n, request: good(key, tokens=None), budget=9)
    (row,) = lines(tmp_path)
    assert row["usage"]["estimated"] and 500 < row["usage"]["prompt_tokens"] < 2000 and 10 < row["usage"]["completion_tokens"] < 40
    assert summary.cost == row["cost"] > 0


def test_prices(tmp_path):
    """Guards against a wrong unit, a misspelt table that counts as free, and a model without a price that does."""
    table = tmp_path / "mine.json"
    table.write_text(json.dumps({"models": {"a": {"prompt": 2, "completion": 8, "batch": 0.5}, "b": {"prompt": 1}, "c": {"prompt": -1, "completion": 0}}}))
    assert prices.price("a", table).of(1_000_000, 500_000) == 6 and prices.price("a", table).of(1_000_000, 500_000, batch=True) == 3
    assert prices.price("offline").of(10 ** 9, 10 ** 9) == 0
    for model, words in (("b", "field 'completion'"), ("c", "field 'prompt'"), ("d", "no price for the model 'd'.*--price")):
        with pytest.raises(InputError, match=words):
            prices.price(model, table)
    table.write_text("[]")
    with pytest.raises(InputError, match='a field "models"'):
        prices.price("a", table)
    assert json.loads(prices.TABLE.read_text())["note"].startswith("Examples, to be checked by you")


def test_the_estimate_is_near_what_the_tokens_are(tmp_path):
    """Guards against an estimate that forgets the examples, the system message or a kind."""
    plan = a_plan(30, price=DEAR)
    guess = planning.estimate(plan)
    texts = sum(len(message["content"]) for request in plan.requests for message in plan.messages(*request))
    assert guess.requests == dict.fromkeys(KINDS, 30)
    assert sum(guess.prompt[kind] * 30 for kind in KINDS) == pytest.approx(texts / 3.8, rel=0.1)
    assert guess.cost == pytest.approx(sum(30 * DEAR.of(guess.prompt[kind], guess.completion[kind]) for kind in KINDS)) and guess.most > guess.cost
    assert planning.estimate(plan, plan.requests[:45]).cost == pytest.approx(guess.cost / 2, rel=0.01)


# Crashes, and two at once.

WORKER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from fake_server import Server, a_plan
from llava_mini.instruct.generate import generate
log = open(sys.argv[2], "a")
generate(a_plan(60), sys.argv[1], transport=Server(seconds=0.004, log=log), concurrency=4, quiet=True)
print("finished")
"""


def worker(folder, log) -> subprocess.Popen:
    code = WORKER.format(root=str(ROOT), tests=str(ROOT / "tests"))
    return subprocess.Popen([sys.executable, "-c", code, str(folder), str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a thing of POSIX")
def test_kill_9_loses_nothing_and_pays_nothing_twice(tmp_path):
    """Guards against answers that a killed process takes along, and against asking again for what was written."""
    folder, log = tmp_path / "run", tmp_path / "asked.jsonl"
    written_before: list[set] = []
    for kill_at in (5, 60, 120):
        process = worker(folder, log)
        while len((folder / ANSWERS).read_bytes().splitlines() if (folder / ANSWERS).exists() else []) < kill_at:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        written_before.append({(row["id"], row["kind"]) for _, row in ledger.rows(folder / ANSWERS)})
        with open(log, "a") as file:
            file.write('"killed"\n')
    process = worker(folder, log)
    out, err = process.communicate()
    assert out == "finished\n", err
    rows = lines(folder)
    assert len(rows) == len(set(keys(rows))) == 180
    asked = [[tuple(json.loads(line)) for line in part.splitlines()] for part in log.read_text().split('"killed"\n')]
    assert len(asked) == 4
    for number, known in enumerate(written_before, 1):
        assert not known & {key for later in asked[number:] for key in later}          # nothing that was written is asked again
    assert sum(map(len, asked)) <= 180 + 3 * 4                                          # only what was under way at a kill


@pytest.mark.parametrize("end", ["kept", "cut"])
def test_a_torn_last_line(tmp_path, end):
    """Guards against a file that cannot be read after a crash amid a line, and against losing the line, or the one before."""
    run(a_plan(3, ["detail"]), tmp_path)
    path = tmp_path / ANSWERS
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    torn = last[:-1] if end == "kept" else last[:-9]
    path.write_bytes(whole[:-len(last)] + torn)
    server, summary = run(a_plan(3, ["detail"]), tmp_path)
    assert len(lines(tmp_path)) == 3 and summary.missing == 0
    if end == "kept":
        assert server.asked == [] and path.read_bytes() == whole
    else:
        assert len(server.asked) == 1 and (tmp_path / "answers.torn.jsonl").read_bytes() == torn + b"\n"


def test_a_file_torn_anywhere(tmp_path):
    """Guards against a place of the tear at which mending loses bytes or invents a row."""
    path = tmp_path / ANSWERS
    row = {"id": "ä", "image": "1.jpg", "kind": "detail", "answer": "x}\n", "usage": {}, "model": "m", "prompt": "p"}
    whole = json.dumps(row | {"id": "1"}).encode() + b"\n" + json.dumps(row, ensure_ascii=False).encode() + b"\n"
    for end in range(len(whole) + 1):
        for old in tmp_path.iterdir():
            old.unlink()
        path.write_bytes(whole[:end])
        with ledger.writing(path) as book:
            kept = len(book.done)
        torn = tmp_path / "answers.torn.jsonl"
        left = path.read_bytes() + (torn.read_bytes() if torn.exists() else b"")
        assert left.rstrip(b"\n") == whole[:end].rstrip(b"\n") and kept == path.read_bytes().count(b"\n")
        assert kept == whole[:end].count(b"\n") + (end in (len(whole) - 1, whole.index(b"\n")))


def test_a_broken_line_in_the_middle_is_told(tmp_path):
    """Guards against a damaged file that is read as far as it goes."""
    run(a_plan(3, ["detail"]), tmp_path)
    path = tmp_path / ANSWERS
    rows = path.read_text().splitlines()
    for line, words in (("{", "line 2: column"), ('{"id": "p1"}', "line 2, field 'image'"), (rows[0], "is there twice"),
                        (rows[1].replace('"detail"', '"poem"'), "no kind 'poem'")):
        path.write_text("\n".join([rows[0], line, rows[2]]) + "\n")
        with pytest.raises(InputError, match=words):
            run(a_plan(3, ["detail"]), tmp_path)


def test_a_full_disk_leaves_whole_lines():
    """Guards against half a line in front of the next answer."""
    class Full:
        content, room = b"", 25

        def seek(self, *_):
            return len(self.content)

        def write(self, data):
            part = bytes(data[:self.room - len(self.content)])
            if not part:
                raise OSError(28, "No space left on device")
            self.content += part
            return len(part)

        def truncate(self, end):
            self.content = self.content[:end]

    file = Full()
    ledger.Ledger._append(file, b"0123456789\n")
    with pytest.raises(OSError):
        ledger.Ledger._append(file, b"this line is too long\n")
    assert file.content == b"0123456789\n"


def test_two_runs_into_one_file_are_refused(tmp_path):
    """Guards against two processes that both ask, and pay, for everything."""
    code = (f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\nfrom llava_mini.instruct.ledger import writing\n"
            f"with writing({str(tmp_path / ANSWERS)!r}):\n    print('open', flush=True)\n    time.sleep(120)")
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "open\n"
        server = Server()
        with pytest.raises(InputError, match="Another process is at work"):
            generate(a_plan(1), tmp_path, transport=server, quiet=True)
        assert server.asked == []
    finally:
        other.kill()
        other.wait()
    assert run(a_plan(1), tmp_path)[1].missing == 0         # a killed one holds nothing


@pytest.mark.skipif(os.name == "nt", reason="a signal to one thread is a thing of POSIX")
def test_ctrl_c_waits_for_what_is_under_way(tmp_path):
    """Guards against answers that are paid for and thrown away because somebody stops the run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)      # a background shell ignores it
    try:
        async def slow(key):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            await asyncio.sleep(0.4)
            return good(key)
        server = Server(lambda key, n, request: slow(key) if key[0] == "p1" else None)
        with pytest.raises(KeyboardInterrupt):
            generate(a_plan(50, ["detail"]), tmp_path, transport=server, concurrency=1, quiet=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert keys(lines(tmp_path)) == [("p0", "detail"), ("p1", "detail")]


# The plan and the command line.

def test_shares_and_numbers():
    """Guards against a larger share that takes other pictures, so that what is paid for is of no use, and against a wrong number."""
    some = records(200)
    chosen = {share: set(keys_of(planning.choose(some, {"detail": share}, seed=3))) for share in ("10%", "50", "100%")}
    assert [len(chosen[share]) for share in chosen] == [20, 50, 200] and chosen["10%"] < chosen["50"] < chosen["100%"]
    assert set(keys_of(planning.choose(some, {"detail": "10%"}, seed=4))) != chosen["10%"]
    both = planning.choose(some, {"conversation": "all", "detail": 5, "reasoning": "0"})
    assert Counter(kind for _, kind in both) == {"conversation": 200, "detail": 5}
    assert keys_of(both) != sorted(keys_of(both)) and keys_of(both) == keys_of(planning.choose(some, {"conversation": "all", "detail": 5}))
    for wanted, words in (({"detail": "110%"}, "only 200"), ({"detail": "201"}, "only 200"), ({"detail": "half"}, "must be a share"),
                          ({"detail": "-1"}, "must be a share"), ({"poem": "1"}, "no kind 'poem'"), ({"detail": "0%"}, "Nothing is asked for")):
        with pytest.raises(InputError, match=words):
            planning.choose(some, wanted)


def test_a_dry_run_prints_prompts_and_asks_nothing(tmp_path, source, capsys, monkeypatch):
    """Guards against a dry run that shortens the prompts, needs a key, or makes files."""
    monkeypatch.delenv("OPENAI_API_KEY")
    assert generating.main([str(source), "--folder", str(tmp_path / "out"), "--model", "gpt-4o", "--detail", "40%", "--dry-run"]) == 0
    out = capsys.readouterr().out
    for kind in KINDS:
        assert out.count(prompts.system(kind)) == 1
        assert all(text in out for example in prompts.examples(kind, "photo") for text in example)
    assert len(re.findall(r"\n--- user\ndog number \d\n\ndog: \[0.1, 0.2, 0.3, 0.4\]\n", out)) == 3           # the picture itself, once a kind
    assert "12 requests to the model 'gpt-4o'" in out and "Estimated by" in out and "$" in out and not (tmp_path / "out").exists()


def test_model_and_prices_of_ones_own(tmp_path, source, capsys, monkeypatch):
    """Guards against an OPENAI_MODEL that is not read, and against the package's prices where one has given one's own."""
    monkeypatch.setenv("OPENAI_MODEL", "mine")
    table, order = tmp_path / "mine.json", [str(source), "--folder", str(tmp_path / "out"), "--dry-run"]
    assert generating.main(order) == 1 and "no price for the model 'mine'" in capsys.readouterr().err
    dollars = []
    for price in (100, 200):
        table.write_text(json.dumps({"models": {"mine": {"prompt": price, "completion": 2 * price}}}))
        assert generating.main([*order, "--prices", str(table)]) == 0
        out = capsys.readouterr().out
        assert "15 requests to the model 'mine'" in out
        dollars.append(float(re.search(r"Estimated by .*: \$([\d.]+);", out)[1]))
    assert dollars[0] > 0 and dollars[1] == pytest.approx(2 * dollars[0], abs=0.02)


@pytest.mark.parametrize("arguments, words", [
    (["--model", "no-such-model"], "has no price for the model"), (["--model", "gpt-4o"], "--budget"), (["--detail", "9"], "only 5 pictures"),
    (["--price", "-1", "0"], "--price"), (["--misbehave", "hang"], "must be a fault"), (["--few-shots", "nowhere"], "no examples"),
    (["--model", "gpt-4o", "--budget", "1", "--misbehave", "hang=1"], "--misbehave is for"), (["--concurrency", "0"], "at least 1"),
])
def test_wrong_options_end_in_one_sentence(tmp_path, source, capsys, arguments, words):
    """Guards against tracebacks for what a user can get wrong, and against an exit status of success."""
    assert generating.main([str(source), "--folder", str(tmp_path / "out"), *arguments]) == 1
    said = capsys.readouterr().err.strip()
    assert words in said and "\n" not in said and "Traceback" not in said


def test_the_offline_teacher_from_the_command_line(tmp_path, source, capsys):
    """Guards against the parts not fitting together: storyteller, faults, answers, checker, set, reader."""
    pytest.importorskip("llava_mini.instruct.offline", reason="the offline storyteller is not there yet")
    folder = tmp_path / "out"
    faults = ["rate limit=0.3", "server error=0.03", "drop=0.03", "cut off=0.1", "format=0.1", "refuse=0.05"]
    assert generating.main([str(source), "--folder", str(folder), "--attempts", "9", "--misbehave", *faults]) == 0
    rows = lines(folder)
    assert len(rows) == len(set(keys(rows))) == 15 and {row["model"] for row in rows} == {"offline"} and not sum(row["cost"] for row in rows)
    assert "answered" in capsys.readouterr().out
    assert dataset.main([str(source), "--folder", str(folder)]) == 0
    assert 10 <= len(read_samples(folder / "samples.json")) <= 15


def test_photographs_from_captions_to_samples(tmp_path, real):
    """Guards against a path that only the storybook's pictures go through: all three kinds of text about each real record, none left out."""
    source, folder = str(real / "caps_boxes_coco2014_val_80.jsonl"), str(tmp_path / "out")
    assert generating.main([source, "--folder", folder]) == 0 and dataset.main([source, "--folder", folder]) == 0
    assert not lines(tmp_path / "out", "answers.set-aside.jsonl") and not lines(tmp_path / "out", "samples.left-out.jsonl")
    samples = read_samples(tmp_path / "out" / "samples.json")
    assert len(samples) == 240 and len({sample.images for sample in samples}) == 80


def test_the_language_parent_from_the_command_line(tmp_path, source):
    """Guards against a second teacher that needs code of one's own to be asked."""
    order = [str(source), "--folder", str(tmp_path / "out"), "--parent", str(ROOT / "data" / "pretrained" / "vicuna-large"), "--few-shots", "storybook"]
    assert generating.main([*order, "--conversation", "0", "--reasoning", "0", "--detail", "1", "--attempts", "1"]) == 0
    (row,) = lines(tmp_path / "out") + lines(tmp_path / "out", "answers.set-aside.jsonl")
    assert (row["model"], row["served"]) == ("parent", "vicuna-large") and row["answer"] and row["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("module", ["generate", "dataset", "batch_api"])
def test_commands_run_by_themselves(tmp_path, source, module):
    """Guards against a command that works only where a test has imported this or that before it."""
    run(a_plan(5), tmp_path / "out")
    arguments = {"generate": [str(source), "--dry-run"], "dataset": [str(source), "--unchecked"], "batch_api": ["write", str(source)]}[module]
    if module == "batch_api":
        arguments += ["--model", "gpt-other", "--price", "0", "0", "--mixed"]
    done = subprocess.run([sys.executable, "-m", f"llava_mini.instruct.{module}", *arguments, "--folder", str(tmp_path / "out")],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"generate": "=== conversation, picture", "dataset": "Written:", "batch_api": "settled already"}[module] in done.stdout


# The finished set.

def test_the_set_is_llavas_and_follows_from_the_seed(tmp_path):
    """Guards against a set that our own reader refuses, that differs from run to run, or loses or doubles an answer."""
    run(a_plan(40), tmp_path, concurrency=5)
    answers_file, out = tmp_path / ANSWERS, tmp_path / "samples.json"
    counts = dataset.write(records(40), answers_file, out, seed=1)
    assert counts == dict.fromkeys(KINDS, 40)
    first = out.read_bytes()
    dataset.write(records(40), answers_file, out, seed=1)
    assert out.read_bytes() == first
    shuffled = answers_file.read_text().splitlines()[::-1]
    answers_file.write_text("\n".join(shuffled) + "\n")
    dataset.write(records(40), answers_file, out, seed=1)
    assert out.read_bytes() == first                            # the order in which answers came does not matter
    dataset.write(records(40), answers_file, out, seed=2)
    assert out.read_bytes() != first
    samples, detailed = json.loads(first), prompts.instructions("detailed")
    assert [s["id"] for s in samples] == [f"p{i}" for i in range(40) for _ in KINDS] and [s["kind"] for s in samples] == list(KINDS) * 40
    before = 0
    for one in samples:
        first_turn, *rest = [turn["value"] for turn in one["conversations"]]
        assert one.keys() == {"id", "image", "kind", "conversations"} and [t["from"] for t in one["conversations"]] == ["human", "gpt"] * (2 - (len(rest) < 3))
        assert first_turn.count("<image>") == 1 and not any("<image>" in text for text in rest)
        assert first_turn.startswith("<image>\n") != first_turn.endswith("\n<image>")
        before += first_turn.startswith("<image>\n")
        if one["kind"] == "detail":
            assert first_turn.replace("<image>", "").strip() in detailed
    assert 35 < before < 85                                     # by lot, of 120
    assert len({s["conversations"][0]["value"] for s in samples if s["kind"] == "detail"}) > 15
    out.write_bytes(first)
    assert len(read_samples(out)) == 120


def test_faulty_samples_are_left_out_and_kept(tmp_path):
    """Guards against a checker whose word counts for nothing, and against losing what it refuses."""
    run(a_plan(4, ["detail", "reasoning"]), tmp_path)

    class Fault:
        reason, text = "wrong count", "two dogs"
    check = lambda sample, record: [Fault] if record.id == "p2" and sample["kind"] == "detail" else []       # noqa: E731
    counts = dataset.write(records(4), tmp_path / ANSWERS, tmp_path / "samples.json", check=check)
    assert counts == {"detail": 3, "reasoning": 4, "left out: wrong count": 1}
    (left,) = lines(tmp_path, "samples.left-out.jsonl")
    assert left["id"] == "p2" and left["faults"] == [{"reason": "wrong count", "text": "two dogs"}]
    assert dataset.write(records(4), tmp_path / ANSWERS, tmp_path / "samples.json", kinds=("reasoning",)) == {"reasoning": 4}


def test_answers_that_do_not_fit_the_records_are_told(tmp_path):
    """Guards against a set made of the wrong file, or with an answer that somebody has edited."""
    run(a_plan(3, ["detail"]), tmp_path, concurrency=1)
    path, out = tmp_path / ANSWERS, tmp_path / "samples.json"
    with pytest.raises(InputError, match=r"line 3: the picture 'p2' is not among the records"):
        dataset.write(records(2), path, out)
    rows = path.read_text().splitlines()
    for line, words in ((rows[0].replace("There is", "Question:"), "line 2: this answer cannot be used \\(format\\)"), (rows[0], "second time")):
        path.write_text("\n".join([rows[0], line.replace('"p0"', '"p1"') if "format" in words else line, rows[2]]) + "\n")
        with pytest.raises(InputError, match=words):
            dataset.write(records(3), path, out)
    with pytest.raises(InputError, match="run llava_mini.instruct.generate first"):
        dataset.write(records(3), tmp_path / "nothing.jsonl", out)
    assert not out.exists()
