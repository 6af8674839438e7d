"""The offline server: the real client speaks to it, and it misbehaves as told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import openai
import pytest

from llava_mini.errors import InputError
from llava_mini.instruct import answers, offline
from llava_mini.instruct.lies import LIES
from llava_mini.instruct.parent_teacher import transport as parent

CONTEXT = ("A small red dog and two big blue cars on the street on a sunny day.\nA red dog on the left and two blue cars on the right.\n\n"
           "dog: [0.1, 0.7, 0.3, 0.9]\ncar: [0.55, 0.5, 0.95, 0.7]\ncar: [0.56, 0.75, 0.96, 0.95]")
SIGNS = {"conversation": "conversation", "detail": "detailed description", "reasoning": "complex reasoning"}


def messages_of(kind: str, context: str = CONTEXT) -> list[dict]:
    return [{"role": "system", "content": f"Write a {SIGNS[kind]}."}, {"role": "user", "content": context}]


def client_of(server, timeout: float = 20.0) -> openai.AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(transport=server)
    return openai.AsyncOpenAI(api_key="offline", base_url="http://offline/v1", http_client=http, max_retries=0, timeout=timeout)


def ask(server, kind: str = "conversation", times: int = 1, timeout: float = 20.0, **options):
    """The replies to one prompt asked several times, or the exceptions."""
    async def all_of_them():
        client = client_of(server, timeout)
        calls = [client.chat.completions.create(model="storyteller", messages=messages_of(kind), **options) for _ in range(times)]
        return [await asyncio.gather(call, return_exceptions=True) for call in calls]

    return [reply for reply, in asyncio.run(all_of_them())]


@pytest.mark.parametrize("kind", SIGNS)
def test_the_client_gets_an_answer_of_each_kind(kind):
    """Guards against a server that our code understands and the openai client does not."""
    reply, = ask(offline.transport(), kind)
    choice = reply.choices[0]
    assert choice.finish_reason == "stop" and answers.turns(kind, choice.message.content, choice.finish_reason)
    assert reply.usage.prompt_tokens > 50 and reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.model == "storyteller" and reply.id.startswith("chatcmpl-")


def test_replies_follow_from_seed_request_and_time():
    """Guards against runs that cannot be repeated, and against a second try that gets the same bad answer for ever."""
    def texts(seed):
        return [reply.choices[0].message.content for reply in ask(offline.transport(seed=seed), times=3)]

    assert texts(1) == texts(1) and texts(1) != texts(2)
    assert len(set(texts(1))) == 3


@pytest.mark.parametrize(("fault", "error", "code"), [
    ("rate limit", openai.RateLimitError, "rate_limit_exceeded"), ("server error", openai.InternalServerError, "server_error"),
    ("quota", openai.RateLimitError, "insufficient_quota"), ("drop", openai.APIConnectionError, None)])
def test_faults_of_the_wire_reach_the_client_as_its_own_errors(fault, error, code):
    """Guards against faults that look different from those of a real server."""
    server = offline.transport(misbehave={fault: 1.0}, retry_after=0.25)
    replies = ask(server, times=8)
    assert all(isinstance(reply, error) for reply in replies)
    assert server.served == {fault: 8} and sum(server.answered.values()) == 0
    if code:
        assert {reply.code for reply in replies} == {code}
    if fault == "rate limit":
        assert float(replies[0].response.headers["retry-after"]) == 0.25


def test_hanging_lasts_as_long_as_the_client_waits():
    """Guards against a hang that ends by itself, or one that outlasts the client's own time-out."""
    reply, = ask(offline.transport(misbehave={"hang": 1.0}), timeout=0.2)
    assert isinstance(reply, openai.APITimeoutError)


def test_bad_answers_are_malformed_for_their_reason():
    """Guards against misbehaviour that the reader of answers would take for a good answer."""
    for kind in SIGNS:
        for fault, reasons in (("format", {"format"}), ("refuse", {"refused"}), ("cut off", {"cut off"})):
            server = offline.transport(seed=3, misbehave={fault: 1.0})
            for reply in ask(server, kind, times=12):
                choice = reply.choices[0]
                finish = "content_filter" if choice.message.refusal else choice.finish_reason
                assert (finish == "length") == (fault == "cut off")
                with pytest.raises(answers.Malformed) as error:
                    answers.turns(kind, choice.message.content, finish)
                assert error.value.reason in reasons, (kind, fault, choice.message.content)
            assert server.served == {fault: 12} and not server.answered


def test_garbage_is_no_answer():
    """Guards against noise that passes for a completion: either the reply cannot be read, or its text is malformed."""
    server, outcomes = offline.transport(seed=1, misbehave={"garbage": 1.0}), Counter()
    for reply in ask(server, times=30):
        if isinstance(reply, Exception) or not hasattr(reply, "choices") or not reply.choices:
            outcomes["unreadable"] += 1
            continue
        with pytest.raises(answers.Malformed):
            answers.turns("conversation", reply.choices[0].message.content, reply.choices[0].finish_reason)
        outcomes["malformed"] += 1
    assert min(outcomes["unreadable"], outcomes["malformed"]) > 5 and server.served == {"garbage": 30}


def test_rates_are_kept_and_sound_answers_counted():
    """Guards against rates that mean something else, and against a count that cannot prove a double payment."""
    server = offline.transport(seed=5, misbehave={"rate limit": 0.25, "server error": 0.25})
    ask(server, times=200)
    assert sum(server.served.values()) == 200 and 35 < server.served["rate limit"] < 65 and 35 < server.served["server error"] < 65
    assert list(server.answered.values()) == [server.served["ok"]] and list(server.asked.values()) == [200]


def test_lies_are_recorded_and_said():
    """Guards against a measurement of the checker by lies that were never told."""
    for lie in LIES:
        server = offline.transport(seed=2, misbehave={lie: 1.0})
        texts = [reply.choices[0].message.content or "" for kind in SIGNS for reply in ask(server, kind, times=4)]
        assert len(server.lies) == (4 if lie in ("repeated turn", "denied thing") else 12), lie         # these two belong to conversations
        for told in server.lies:
            assert told.kind == lie and told.context == CONTEXT and told.text in told.answer and told.answer in texts
    server = offline.transport(misbehave={"lie": 1.0})
    ask(server, times=60)
    assert {told.kind for told in server.lies} == set(LIES)


def test_the_limit_of_tokens_is_kept():
    """Guards against an offline run in which max_tokens never matters."""
    reply, = ask(offline.transport(), "detail", max_tokens=5)
    assert reply.choices[0].finish_reason == "length" and reply.usage.completion_tokens == 5
    assert len(offline.split_tokens(reply.choices[0].message.content)) == 5
    assert "".join(offline.split_tokens("Two dogs,\n three  cats.")) == "Two dogs,\n three  cats."


def test_requests_that_it_cannot_serve_are_told_so():
    """Guards against a server that answers anything: a wrong prompt must be noticed offline too."""
    async def bad():
        client = client_of(offline.transport())
        with pytest.raises(openai.BadRequestError, match="complex reasoning"):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
        with pytest.raises(openai.BadRequestError, match="without stream"):
            await client.chat.completions.create(model="m", messages=messages_of("detail"), n=2)
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="m", input="x")
        return [model.id async for model in await client.models.list()]

    assert asyncio.run(bad()) == ["storyteller"]
    for wrong in ({"rate limits": 0.1}, {"hang": 1.5}, {"hang": 0.6, "drop": 0.6}, {"hang": "often"}):
        with pytest.raises(InputError):
            offline.transport(misbehave=wrong)


def test_nothing_of_the_key_is_kept():
    """Guards against a key that turns up in the server's records."""
    server = offline.transport(misbehave={"lie": 0.5})
    ask(server, times=6)
    assert "offline" not in json.dumps([str(vars(server)[name]) for name in ("served", "asked", "answered", "lies")])


def test_the_parent_is_served_the_same_way(tiny_language_folder):
    """Guards against a second teacher that needs another client, or whose answers change from run to run."""
    def texts():
        server = parent(tiny_language_folder, seed=4, longest=12)
        return [reply.choices[0].message.content for reply in ask(server, "reasoning", times=2)], server

    once, server = texts()
    assert once == texts()[0] and all(isinstance(text, str) for text in once)
    assert server.served == {"ok": 2} and server.name == "language"


def test_the_parent_leaves_out_examples_for_which_it_has_no_room(tiny_language_folder):
    """Guards against a prompt longer than the model's context: cut in silence, or a crash amid the run."""
    server = parent(tiny_language_folder, longest=12)
    long = [{"role": "system", "content": "Write a detailed description."}, *(
        {"role": role, "content": "What colour is the dog? " * 12} for _ in range(6) for role in ("user", "assistant")),
        {"role": "user", "content": "A dog."}]

    async def send(messages):
        return await client_of(server).chat.completions.create(model="m", messages=messages)

    assert asyncio.run(send(long)).choices and server.write.examples_left_out > 0
    with pytest.raises(openai.BadRequestError, match="context"):
        asyncio.run(send([{"role": "user", "content": "What colour is the dog? " * 200}]))
