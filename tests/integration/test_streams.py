"""Streams that break, and errors inside a 200: hidden while that is possible, told after it.

Fake nodes play what real ones cannot be brought to: error events of all three dialects. Node b
leads, a stands by and answers well.

SPDX-License-Identifier: MIT
"""
import json
import time

import pytest

from harness import wait_for
from nodes import Script
from wire import Cut


def event(name, **data):
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"


def chunk(**data):
    return f"data: {json.dumps({'object': 'chat.completion.chunk', **data})}\n\n"


def choice(finish=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


class Chat:
    name, path = "chat", "/v1/chat/completions"
    begin = chunk(choices=[], prompt_filter_results=[]) + chunk(**choice(role="assistant",
                                                                         content=""))
    word = chunk(**choice(content="word "))
    mark = "data: [DONE]\n\n"

    @staticmethod
    def error(code, **more):
        return chunk(error={"message": "no", "code": code, **more})


class Messages:
    name, path = "messages", "/v1/messages"
    begin = event("message_start", message={"content": []}) + event("ping")
    word = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word "})
    mark = event("message_stop")

    @staticmethod
    def error(code, **more):
        return event("error", error={"type": code, "message": "no", **more})


class Responses:
    name, path = "responses", "/v1/responses"
    begin = event("response.created", response={"status": "in_progress", "error": None})
    word = event("response.output_text.delta", delta="word ")
    mark = event("response.completed", response={"status": "completed", "error": None})

    @staticmethod
    def error(code, **more):
        return event("response.failed", response={
            "status": "failed", "error": {"code": code, "message": "no", **more}})


DIALECTS = [Chat, Messages, Responses]
each_dialect = pytest.mark.parametrize("d", DIALECTS, ids=[d.name for d in DIALECTS])


@pytest.fixture
def a(tmp_path):
    return Script(tmp_path, "a")


@pytest.fixture
def b(tmp_path):
    return Script(tmp_path, "b")


@pytest.fixture
def c(cluster, a, b):
    return cluster({"a": a.node(), "b": b.node()}, ready=True, gateway={"node_wait": "5s"})


def ask(c, d):
    """One request for a stream, answered whole."""
    return c.request("POST", d.path, {"stream": True})


def ask_cut(c, d):
    """One whose answer must end without its last chunk: the text of it."""
    with c.connect() as wire:
        wire.request("POST", d.path, {"stream": True})
        head = wire.head()
        assert head.status == 200
        with pytest.raises((Cut, OSError)) as failure:
            wire.body(head)
    return getattr(failure.value, "got", b"").decode()


def is_from_a(answer):
    return answer.status == 200 and answer.json()["node"] == "a"


# --------------------------------------------------------------- an error before any content

@each_dialect
@pytest.mark.parametrize("code, status", [("quota_exceeded", "DRAINED"),
                                          ("rate_limit_exceeded", "RATE_LIMITED"),
                                          ("overloaded_error", "RATE_LIMITED"),
                                          ("server_error", "READY")])
def test_an_error_before_any_content_is_answered_by_the_next_node(c, a, b, d, code, status):
    b.does("parts", parts=[d.begin, d.error(code)])
    assert is_from_a(ask(c, d))
    assert c.status("b") == status
    assert len(b.got(d.path)) == len(a.got(d.path)) == 1
    assert f"code={code}" in c.log and f"dialect={d.name} node=b" in c.log


@each_dialect
def test_lifecycle_events_and_an_error_in_one_piece_are_an_error(c, b, d):
    b.does("parts", parts=[d.begin + d.error("quota_exceeded")])
    assert is_from_a(ask(c, d))
    assert c.status("b") == "DRAINED"


@each_dialect
def test_an_error_that_is_the_requests_own_passes_as_it_came(c, a, b, d):
    text = [d.begin, d.error("invalid_request_error")]
    b.does("parts", parts=text)
    answer = ask(c, d)
    assert answer.status == 200 and answer.header("content-type") == "text/event-stream"
    assert answer.body.decode() == "".join(text)
    assert c.status("b") == "READY" and c.active == "b"
    assert a.got(d.path) == []


def test_the_flat_error_event_of_the_responses_api_is_read_too(c, b):
    b.does("parts", parts=[Responses.begin, event("error", code="server_is_overloaded",
                                                  message="no", param=None)])
    assert is_from_a(ask(c, Responses))
    assert c.status("b") == "RATE_LIMITED"


def test_a_huge_failed_response_keeps_its_code(c, b):
    request = {"instructions": 'say "error":{"code":"no"} \\ ' * 4000,
               "tools": [{"code": "no", "error": {"code": "no"}}] * 100}
    failed = event("response.failed", response={
        **request, "error": {"code": "quota_exceeded", "message": "no"}, "output": []})
    assert len(failed) > 100_000
    b.does("parts", parts=[event("response.created", response=request), failed])
    assert is_from_a(ask(c, Responses))
    assert c.status("b") == "DRAINED"


def test_when_every_node_fails_in_its_stream_the_client_gets_a_503(c, a, b):
    for node in (a, b):
        node.does("parts", parts=[Messages.begin, Messages.error("billing_error")])
    answer = ask(c, Messages)
    assert answer.status == 503 and answer.json()["type"] == "error"
    c.wait_status(a="DRAINED", b="DRAINED")


def test_a_wait_told_in_the_error_is_honoured(c, b):
    b.does("parts", parts=[Chat.error("rate_limited", retry_after=2)])
    assert is_from_a(ask(c, Chat))
    assert c.status("b") == "RATE_LIMITED"
    b.does()
    begin = time.monotonic()
    c.wait_status(b="READY")
    assert time.monotonic() - begin < 20, "not the 60 s of rate_limit_cooldown"


def test_an_error_that_is_not_followed_by_the_end_is_not_waited_for(c, b):
    b.does("parts", parts=[Chat.begin, Chat.error("quota_exceeded")], how="open")
    begin = time.monotonic()
    assert is_from_a(ask(c, Chat))
    assert 4 < time.monotonic() - begin < 20
    assert c.status("b") == "DRAINED"


# --------------------------------------------------------------- an error after content

@each_dialect
@pytest.mark.parametrize("code, status", [("quota_exceeded", "DRAINED"),
                                          ("rate_limit_error", "RATE_LIMITED"),
                                          ("context_length_exceeded", "READY"),
                                          ("server_error", "READY")])
def test_an_error_after_content_passes_and_marks_the_account(c, a, b, d, code, status):
    text = [d.begin, d.word, d.error(code)]
    b.does("parts", parts=text, times=1)
    assert ask(c, d).body.decode() == "".join(text), "untouched, and no second error event"
    c.wait_status(b=status)
    assert a.got(d.path) == [], "never retried"
    answer = ask(c, d)
    assert answer.json()["node"] == ("b" if status == "READY" else "a")
    assert "broke off" not in c.log


@each_dialect
def test_content_and_an_error_in_one_piece_pass_in_order(c, b, d):
    text = d.begin + d.word + d.error("quota_exceeded")
    b.does("parts", parts=[text])
    assert ask(c, d).body.decode() == text
    c.wait_status(b="DRAINED")


@each_dialect
def test_an_error_and_a_broken_connection_end_as_they_came(c, b, d):
    text = d.word + d.error("quota_exceeded")
    b.does("parts", parts=[text], how="rst")
    assert ask_cut(c, d) == text, "one error event, and no last chunk"
    c.wait_status(b="DRAINED")


@each_dialect
def test_a_client_that_leaves_at_the_error_does_not_save_the_account(c, b, d):
    b.does("parts", parts=[d.word + d.error("quota_exceeded"), 0.5])
    with c.connect() as wire:
        wire.request("POST", d.path, {"stream": True})
        wire.head()
        wire.until(b"quota_exceeded")
    c.wait_status(b="DRAINED")


# --------------------------------------------------------------- no end mark

@each_dialect
@pytest.mark.parametrize("how", ["last", "fin", "rst"])
def test_a_stream_cut_before_any_content_is_answered_by_the_next_node(c, b, d, how):
    b.does("parts", parts=[d.begin], how=how)
    assert is_from_a(ask(c, d))
    c.wait_status(b="READY")  # after a connection that broke it is looked at first


@each_dialect
@pytest.mark.parametrize("how, why", [("last", "it ended without its end mark"),
                                      ("rst", "the connection broke")])
def test_a_stream_cut_after_content_ends_in_one_error_event(c, b, d, how, why):
    b.does("parts", parts=[d.begin + d.word], how=how)
    text = ask_cut(c, d)
    sent, told = text[:len(d.begin + d.word)], text[len(d.begin + d.word):]
    assert sent == d.begin + d.word
    lines = told.strip().splitlines()
    assert json.loads(lines[-1].removeprefix("data: ")) and "error" in told and why in told
    assert len(lines) == (1 if d is Chat else 2) and d.mark not in told
    assert f"node b: an answer broke off: {why} node=b dialect={d.name}" in c.log


@each_dialect
def test_a_stream_whose_connection_breaks_behind_its_end_mark_is_whole(c, b, d):
    text = d.begin + d.word + d.mark
    b.does("parts", parts=[text], how="rst")
    assert ask(c, d).body.decode() == text
    assert c.status("b") == "READY"


def test_lifecycle_events_are_held_for_five_seconds_at_most(c, a, b):
    error = Messages.error("overloaded_error")
    b.does("parts", parts=[Messages.begin, 6, error])
    with c.connect() as wire:
        begin = time.monotonic()
        wire.request("POST", Messages.path, {"stream": True})
        head = wire.head()
        assert 4.5 < time.monotonic() - begin < 5.9
        assert wire.body(head).decode() == Messages.begin + error, "too late to hide it"
    c.wait_status(b="RATE_LIMITED")
    assert a.got(Messages.path) == []


def test_lifecycle_events_are_held_up_to_a_size(c, b):
    many = Messages.begin + event("ping", padding="x" * 1000) * 400
    b.does("parts", parts=[many, Messages.error("overloaded_error")])
    assert many in ask(c, Messages).body.decode()
    c.wait_status(b="RATE_LIMITED")


# --------------------------------------------------------------- other answers

def test_a_plain_answer_that_breaks_before_its_first_byte_is_asked_of_the_next(c, b):
    b.does("head", how="rst")
    assert is_from_a(c.request("POST", Chat.path, {}))


def test_a_plain_answer_that_breaks_later_has_no_last_chunk(c, a, b):
    b.does("parts", parts=['{"id": "half'], type="application/json", how="rst")
    assert ask_cut(c, Chat) == '{"id": "half'
    assert "node b: an answer broke off: the connection broke node=b dialect=none" in c.log
    assert a.got(Chat.path) == []


def test_json_in_answer_to_a_wish_for_a_stream_passes_untouched(c, b):
    text = '{"error": {"code": "quota_exceeded"}, "odd":   "spacing"}\n'
    b.does("status", status=200, body=text)
    answer = ask(c, Chat)
    assert answer.status == 200 and answer.body.decode() == text
    assert answer.header("content-type") == "application/json"
    assert c.status("b") == "READY"


def test_a_refusal_too_long_to_be_held_passes_and_marks_the_account(c, a, b):
    text = "no quota " * 20_000
    b.does("status", status=402, body=text, type="text/plain")
    answer = ask(c, Chat)
    assert answer.status == 402 and answer.body.decode() == text
    c.wait_status(b="DRAINED")
    assert is_from_a(ask(c, Chat))


# --------------------------------------------------------------- real nodes

TWO = {"first": {}, "second": {}}
SEEDED = {"first": "alice", "second": "bob"}


@pytest.fixture
def pair(cluster, hub):
    return cluster(TWO, hub=hub, accounts=SEEDED, ready=True)


def ask_real(c, d):
    return (c.chat if d is Chat else c.messages)("[[hub chunks=6]] go", stream=True)


@pytest.mark.parametrize("d", [Chat, Messages], ids=["chat", "messages"])
@pytest.mark.parametrize("fault", [{"do": "cut", "after": 0}, {"do": "cut", "after": 1},
                                   {"do": "cut", "after": 1, "rst": True}, {"do": "garbage"}],
                         ids=["cut0", "cut1", "rst1", "garbage"])
def test_a_real_stream_that_fails_before_content_is_hidden(pair, hub, d, fault):
    hub.fault("bob", chat=fault)
    answer = ask_real(pair, d)
    assert answer.status == 200 and b"alice#" in answer.body and b"bob#" not in answer.body
    assert d.mark.split(":")[0] in answer.body.decode()[-60:]
    assert [r["account"] for r in hub.requests()] == ["bob", "alice"]
    pair.wait_status(second="READY")
    # At JSON that it cannot read copilot-api ends its answer, but not its upstream's.
    if fault["do"] == "cut" or d is Chat:
        assert hub.overlaps()["count"] == 0


@pytest.mark.parametrize("d", [Chat, Messages], ids=["chat", "messages"])
def test_a_real_stream_that_is_cut_after_content_tells_so(pair, hub, d):
    hub.fault("bob", chat={"do": "cut", "after": 4})
    body = {"model": "claude-sonnet-4", "max_tokens": 50, "stream": True,
            "messages": [{"role": "user", "content": "[[hub chunks=9]] go"}]}
    with pair.connect() as wire:
        wire.request("POST", d.path, body)
        head = wire.head()
        with pytest.raises(Cut) as failure:
            wire.body(head)
    text = failure.value.got.decode()
    assert "bob#" in text and d.mark not in text
    last = text.strip().split("\n\n")[-1].splitlines()
    assert "error" in json.loads(last[-1].removeprefix("data: "))
    assert len(hub.requests()) == 1
    wait_for(lambda: f"dialect={d.name}" in pair.log, "the line about it")
