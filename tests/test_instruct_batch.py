"""Request files of the Batch API: written, submitted, collected and joined, through the real client."""

from __future__ import annotations

import json
import random

import httpx2
import pytest

from fake_server import (  # noqa: F401 (two of them are fixtures)
    DEAR, GOOD, KEY, a_plan, environment, key_of, keys, keys_of, lines, records, run, shown, source)
from llava_mini.errors import InputError
from llava_mini.instruct import batch_api, prompts
from llava_mini.instruct.batch_files import Limits, join, write_requests, written
from llava_mini.instruct.connection import Settings
from llava_mini.instruct.generate import ANSWERS, in_a_thread
from llava_mini.instruct.ledger import writing
from llava_mini.instruct.prompts import KINDS

SETTINGS = Settings("gpt-test")


def write(plan, folder, **options):
    with writing(folder / ANSWERS) as book:
        return write_requests(plan, book, **options)


def output_line(request: dict, text=None, status=200, error=None, **body) -> dict:
    """The line of an output file for a line of a request file."""
    key = key_of(request["body"])
    content = GOOD[key[1]].format(f"dog number {key[0][1:]}") if text is None else text
    completion = {"id": f"reply-{'-'.join(key)}", "object": "chat.completion", "model": "gpt-test-0001", "created": 1,
                  "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content, "refusal": None}}],
                  "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}}
    response = None if error else {"status_code": status, "request_id": "r", "body": completion if status == 200 else body}
    return {"id": f"line-{'-'.join(key)}", "custom_id": request["custom_id"], "response": response, "error": error}


def requests_in(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def save(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class BatchServer(httpx2.AsyncBaseTransport):
    """Files and batches, as OpenAI's server keeps them. ``work(requests)`` gives the output and the error lines."""

    def __init__(self, work=lambda requests: ([output_line(one) for one in requests], [])):
        self.work, self.files, self.batches, self.calls = work, {}, {}, []
        self.fail_after_create = False
        self.refuse = None

    async def handle_async_request(self, request):
        content, path = await request.aread(), request.url.path
        self.calls.append((request.method, path))
        if self.refuse:
            return self.refuse(request)
        if (request.method, path) == ("POST", "/v1/files"):
            name = f"file-{len(self.files)}"
            self.files[name] = content[content.index(b'{"custom_id"'):content.rindex(b"}\n") + 2]         # without the form around it
            return httpx2.Response(200, json={"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch",
                                              "status": "processed"})
        if (request.method, path) == ("POST", "/v1/batches"):
            body, name = json.loads(content), f"batch-{len(self.batches)}"
            assert body["endpoint"] == "/v1/chat/completions" and body["completion_window"] == "24h"
            self.batches[name] = {"id": name, "object": "batch", "status": "validating", "created_at": 1, **body}
            if self.fail_after_create:
                self.fail_after_create = False
                raise httpx2.ReadError("gone")
            return httpx2.Response(200, json=self.batches[name])
        if path == "/v1/batches":
            return httpx2.Response(200, json={"object": "list", "data": list(self.batches.values()), "has_more": False})
        if path.startswith("/v1/batches/"):
            return httpx2.Response(200, json=self.batches[path.rpartition("/")[2]])
        if path.endswith("/content"):
            return httpx2.Response(200, content=self.files[path.split("/")[-2]])
        return httpx2.Response(404, json={"error": {"message": "nothing here"}})

    def finish(self, status="completed"):
        """Does the work of all batches."""
        for name, batch in self.batches.items():
            rows = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
            for what, found in zip(("output", "error"), self.work(rows)):
                if found:
                    self.files[f"{name}-{what}"] = "".join(json.dumps(row) + "\n" for row in found).encode()
                    batch[f"{what}_file_id"] = f"{name}-{what}"
            batch["status"] = status


@pytest.fixture
def server(monkeypatch):
    """A server that the commands reach through the real client."""
    server = BatchServer()
    monkeypatch.setattr(batch_api, "connect", lambda settings: batch_api_connect(settings, server))
    return server


batch_api_connect = batch_api.connect


def test_request_files_have_the_documented_form(tmp_path):
    """Guards against lines that a batch refuses, and against requests that differ from those of a live run."""
    plan = a_plan(4, settings=Settings("gpt-test", max_tokens=77, temperature=0.5))
    (one,) = write(plan, tmp_path)
    rows = requests_in(one.path)
    assert one.path.name == "requests-001.jsonl" and [row["custom_id"] for row in rows] == [f"{id_}/{kind}" for id_, kind in keys_of(plan.requests)]
    for row, (record, kind) in zip(rows, plan.requests):
        assert row.keys() == {"custom_id", "method", "url", "body"} and (row["method"], row["url"]) == ("POST", "/v1/chat/completions")
        assert row["body"] == {"model": "gpt-test", "messages": prompts.messages(record, kind), "max_tokens": 77, "temperature": 0.5}
    (other,) = write(a_plan(1), tmp_path / "newer", tokens_field="max_completion_tokens")
    assert requests_in(other.path)[0]["body"].keys() == {"model", "messages", "max_completion_tokens"}


def test_files_are_split_at_the_limits(tmp_path):
    """Guards against files that are one request or one byte too large, and against requests lost or doubled at a seam."""
    assert Limits() == Limits(50_000, 200_000_000)
    plan = a_plan(9, ["detail"])
    made = write(plan, tmp_path / "number", limits=Limits(requests=4))
    assert [len(requests_in(one.path)) for one in made] == [4, 4, 1]
    (whole,) = write(plan, tmp_path / "whole")
    size = len(whole.path.read_bytes())
    (line,) = {len(line) + 1 for line in whole.path.read_bytes().splitlines()}
    made = write(plan, tmp_path / "size", limits=Limits(size=3 * line))
    assert [len(one.path.read_bytes()) for one in made] == [3 * line] * 3 and sum(len(one.path.read_bytes()) for one in made) == size
    assert [len(requests_in(one.path)) for one in write(plan, tmp_path / "less", limits=Limits(size=3 * line - 1))] == [2, 2, 2, 2, 1]
    assert b"".join(one.path.read_bytes() for one in made) == whole.path.read_bytes()
    with pytest.raises(InputError, match="'p0/detail' alone is larger"):
        write(plan, tmp_path / "none", limits=Limits(size=100))


def test_outputs_are_joined_by_custom_id(tmp_path):
    """Guards against joining by position, and against losing, doubling or misreading any kind of line."""
    plan = a_plan(8, ["detail"], price=DEAR)
    (one,) = write(plan, tmp_path)
    rows = requests_in(one.path)
    out = [output_line(row) for row in rows[:3]]
    out.append(output_line(rows[3], text=""))
    out.append(output_line(rows[4], text="A dog in the") | {})
    out.append({"id": "x", "custom_id": "p99/detail", "response": None, "error": None})
    errors = [output_line(rows[5], status=400, error=None) | {"response": {"status_code": 400, "body": {"error": {"code": "bad", "message": "no sk-abcdefgh"}}}},
              output_line(rows[6], error={"code": "batch_expired", "message": "too late"})]
    random.Random(1).shuffle(out)
    output, broken = save(tmp_path / "output.jsonl", out), save(tmp_path / "errors.jsonl", errors)
    output.write_text(output.read_text() + '{"custom_id": "p7/det')
    with writing(tmp_path / ANSWERS) as book:
        counts = join(one, [output, broken], book)
    assert counts == {"answered": 3, "empty": 1, "cut off": 1, "rejected": 1, "unknown custom_id": 1, "error batch_expired": 1, "unreadable line": 1,
                      "no line": 1}
    answers, aside = lines(tmp_path), lines(tmp_path, "answers.set-aside.jsonl")
    assert {row["id"]: row["answer"] for row in answers} == {f"p{i}": GOOD["detail"].format(f"dog number {i}") for i in range(3)}
    assert all(row["image"] == row["id"] + ".jpg" and row["model"] == "gpt-test" and row["served"] == "gpt-test-0001" for row in answers)
    assert {row["id"]: row["reason"] for row in aside} == {"p3": "empty", "p4": "cut off", "p5": "rejected"}
    assert [row["message"] for row in aside if "message" in row] == ["400 bad no [key]"]
    assert all(row["prompt"] == prompts.digest(prompts.messages(record, "detail")) for record in records(8) for row in answers + aside
               if row["id"] == record.id)
    before = [(tmp_path / name).read_bytes() for name in (ANSWERS, "answers.set-aside.jsonl")]
    with writing(tmp_path / ANSWERS) as book:
        assert join(one, [broken, output], book)["there already"] == 6
    assert [(tmp_path / name).read_bytes() for name in (ANSWERS, "answers.set-aside.jsonl")] == before      # joining twice changes nothing


def test_a_batch_costs_its_share(tmp_path):
    """Guards against a budget that counts batches at the full price."""
    from dataclasses import replace
    (one,) = write(a_plan(1, ["detail"], price=replace(DEAR, batch=0.5)), tmp_path)
    output = save(tmp_path / "output.jsonl", [output_line(row) for row in requests_in(one.path)])
    with writing(tmp_path / ANSWERS) as book:
        join(one, [output], book)
        assert book.cost == pytest.approx(0.01)


def test_another_servers_output(tmp_path):
    """Guards against vLLM's lines, which may come without a body around the completion or without usage, being unreadable."""
    (one,) = write(a_plan(2, ["detail"]), tmp_path)
    first, second = (output_line(row) for row in requests_in(one.path))
    first["response"] = first["response"]["body"]
    del second["response"]["body"]["usage"], second["response"]["request_id"]
    with writing(tmp_path / ANSWERS) as book:
        assert join(one, [save(tmp_path / "output.jsonl", [second, first])], book) == {"answered": 2}
    assert {row["id"]: row["usage"].get("estimated", False) for row in lines(tmp_path)} == {"p0": False, "p1": True}


def test_rounds(tmp_path, source, server, capsys):
    """Guards against a second round that pays again, forgets what was malformed or expired, or begins before the first has ended."""
    def work(requests):
        random.Random(2).shuffle(requests)
        lost = [output_line(row, error={"code": "batch_expired", "message": "too late"}) for row in requests if row["custom_id"] == "p1/detail"]
        return [output_line(row, text="" if row["custom_id"] == "p2/detail" and len(server.batches) == 1 else None) for row in requests
                if row["custom_id"] != "p1/detail" or len(server.batches) > 1], lost if len(server.batches) == 1 else []
    server.work = work
    order = ["write", str(source), "--folder", str(tmp_path / "out"), "--model", "gpt-4o-mini", "--budget", "5"]
    folder = ["--folder", str(tmp_path / "out")]
    assert batch_api.main(order) == 0
    assert batch_api.main(order) == 1 and "not collected yet" in capsys.readouterr().err
    assert batch_api.main(["collect", *folder]) == 1 and "was not submitted" in capsys.readouterr().err
    assert batch_api.main(["submit", *folder]) == 0 and batch_api.main(["submit", *folder]) == 0 and len(server.batches) == 1
    assert batch_api.main(["collect", *folder]) == 0 and lines(tmp_path / "out") == []
    server.finish("expired")
    capsys.readouterr()
    assert batch_api.main(["collect", *folder]) == 0
    assert "expired; 13 answered, 1 empty, 1 error batch_expired" in capsys.readouterr().out
    assert len(lines(tmp_path / "out")) == 13
    assert batch_api.main(["collect", *folder]) == 1                   # nothing waits
    assert batch_api.main(order) == 0
    second = written(tmp_path / "out")[1]
    assert sorted(row["custom_id"] for row in requests_in(second.path)) == ["p1/detail", "p2/detail"]
    assert batch_api.main(["submit", *folder]) == 0
    server.finish()
    assert batch_api.main(["collect", *folder]) == 0
    rows = lines(tmp_path / "out")
    assert sorted(keys(rows)) == sorted((f"p{i}", kind) for i in range(5) for kind in KINDS)
    assert {(row["id"], row["attempt"]) for row in rows if row["id"] in ("p1", "p2") and row["kind"] == "detail"} == {("p1", 1), ("p2", 2)}
    assert batch_api.main(order) == 0 and "settled already" in capsys.readouterr().out
    plan = a_plan(5, settings=Settings("gpt-4o-mini"))
    plan.few_shots = "photo"
    live, _ = run(plan, tmp_path / "out")
    assert live.asked == []                                             # a live run goes on with the same file


def test_a_process_killed_while_it_submits_makes_one_batch(tmp_path, server):
    """Guards against two batches, both paid, because the answer to the first order was lost."""
    (one,) = write(a_plan(2), tmp_path)
    server.fail_after_create = True
    with pytest.raises(InputError, match="cannot be reached"):
        submit(server, one)
    assert one.state["status"] == "submitting"
    submit(server, one)
    assert len(server.batches) == 1 and one.state["batch_id"] == "batch-0"


def submit(server, one):
    async def work():
        async with batch_api_connect(SETTINGS, server) as client:
            await batch_api.submit(client, one)
    in_a_thread(work)


def test_a_batch_that_fails_says_why(tmp_path, server, capsys):
    """Guards against a failed batch that waits for ever, or in silence, or shows the key."""
    write(a_plan(2), tmp_path)
    folder = ["--folder", str(tmp_path)]
    assert batch_api.main(["submit", *folder]) == 0
    server.batches["batch-0"] |= {"status": "failed", "errors": {"object": "list", "data": [{"code": "token_limit_exceeded", "message": f"Enqueued {KEY}"}]}}
    assert batch_api.main(["collect", *folder]) == 0
    out = capsys.readouterr().out
    assert "failed; 6 no line, 1 failure of the batch (token_limit_exceeded: Enqueued [key])" in out and "SECRET" not in out


def test_collecting_can_wait(tmp_path, server, monkeypatch):
    """Guards against --wait that looks once, or asks the server without a pause."""
    write(a_plan(2), tmp_path)
    folder, slept = ["--folder", str(tmp_path)], []
    assert batch_api.main(["submit", *folder]) == 0

    async def sleep(seconds):
        slept.append(seconds)
        server.finish("in_progress" if len(slept) == 1 else "completed")

    monkeypatch.setattr(batch_api.asyncio, "sleep", sleep)
    assert batch_api.main(["collect", "--wait", *folder]) == 0
    assert slept == [60, 60] and len(lines(tmp_path)) == 6


def test_what_a_batch_brings_is_kept_without_the_key(tmp_path, server):
    """Guards against a server that writes the key into output or error files, which are kept beside the answers."""
    (one,) = write(a_plan(2, ["detail"]), tmp_path)
    refused = {"response": {"status_code": 400, "body": {"error": {"code": "bad", "message": f"not with {KEY}"}}}}
    server.work = lambda rows: ([output_line(rows[0], text=f"A dog with the sign {KEY} is here.")], [output_line(rows[1]) | refused])
    submit(server, one)
    server.finish()
    assert batch_api.main(["collect", "--folder", str(tmp_path)]) == 0
    assert lines(tmp_path)[0]["answer"] == "A dog with the sign [key] is here." and "[key]" in lines(tmp_path, "answers.set-aside.jsonl")[0]["message"]
    assert one.beside("output.jsonl").exists() and one.beside("errors.jsonl").exists()
    assert "SECRET" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("status, words", [(401, "does not accept your key"), (404, "has no Batch API"), (429, "does not take this"), (500, "does not take this")])
def test_servers_errors_are_one_sentence_without_the_key(tmp_path, server, capsys, status, words):
    """Guards against a traceback, or the key, when a server refuses a file."""
    write(a_plan(1), tmp_path)
    server.refuse = lambda request: httpx2.Response(status, json={"error": {"message": f"not with {request.headers['authorization']}", "code": "x"}})
    assert batch_api.main(["submit", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in said and "SECRET" not in said
    with pytest.raises(InputError, match=words) as caught:
        submit(server, written(tmp_path)[0])
    assert "SECRET" not in shown(caught.value) + "".join(path.read_text() for path in tmp_path.rglob("*.json"))


def test_a_batch_that_could_cost_more_than_the_budget_is_not_written(tmp_path, source, capsys):
    """Guards against a bill that nothing can stop any more."""
    order = ["write", str(source), "--folder", str(tmp_path / "out"), "--model", "gpt-4"]
    assert batch_api.main(order) == 1 and "--budget" in capsys.readouterr().err
    assert batch_api.main([*order, "--budget", "0.10"]) == 1 and "cannot be stopped by its cost" in capsys.readouterr().err
    assert written(tmp_path / "out") == []
    assert batch_api.main([*order, "--budget", "2"]) == 0


def test_outputs_of_ones_own_machine_are_joined_from_the_command_line(tmp_path, source, capsys):
    """Guards against output files of vLLM for which there is no way into the answers."""
    folder = tmp_path / "out"
    assert batch_api.main(["write", str(source), "--folder", str(folder), "--model", "my-model", "--price", "0", "0"]) == 0
    (one,) = written(folder)
    output = save(tmp_path / "output.jsonl", [output_line(row) for row in requests_in(one.path)[::-1]])
    assert batch_api.main(["join", str(output), "--folder", str(folder)]) == 0 and len(lines(folder)) == 15
    assert one.state["collected"] and "15 answered" in capsys.readouterr().out
    save(output, [{"custom_id": "else/detail"}])
    assert batch_api.main(["join", str(output), "--folder", str(folder)]) == 1 and "No custom_id in output.jsonl" in capsys.readouterr().err
