"""The official OpenAI and Anthropic SDKs, through the gateway to a real node.

SPDX-License-Identifier: MIT
"""
import pytest

import harness
from harness import run_client


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = harness.Hub(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def c(hub, shared_cluster):
    return shared_cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)


def url(c, tail=""):
    return f"http://127.0.0.1:{c.port}{tail}"


def test_openai_answers_in_one_piece(c):
    answer = run_client("openai.mjs", url(c, "/v1"), "plain")
    assert answer["choices"][0]["message"]["content"].startswith("alice#")
    assert answer["usage"]["completion_tokens"] == 5


def test_openai_streams_piece_by_piece(c):
    text = "[[hub chunks=5 delay=0.3]]"
    answer = run_client("openai.mjs", url(c, "/v1"), "stream", text)
    assert [p.split("#")[0].strip() for p in answer["pieces"]] == \
        ["alice", "word2", "word3", "word4", "word5"]
    assert answer["finish"] == "stop"
    # The stream lasts 1.2 s between its first and its last word; one that was held back
    # would come all at once.
    assert answer["at"][-1] - answer["at"][0] > 800


def test_openai_lists_the_models(c):
    assert "gpt-5" in run_client("openai.mjs", url(c, "/v1"), "models")


def test_openai_embeds(c):
    answer = run_client("openai.mjs", url(c, "/v1"), "embeddings")
    assert answer["data"][0]["embedding"] == [0, 0.25, -0.5, 1]


def test_openai_works_without_v1_in_its_base_url(c):
    answer = run_client("openai.mjs", url(c), "plain")
    assert answer["choices"][0]["message"]["content"].startswith("alice#")


@pytest.mark.parametrize("tail", ["", "/v1"])
def test_anthropic_answers_in_one_piece(c, tail):
    # With /v1 the SDK asks for /v1/v1/messages.
    answer = run_client("anthropic.mjs", url(c, tail), "plain")
    assert answer["content"][0]["text"].startswith("alice#")


@pytest.mark.parametrize("tail", ["", "/v1"])
def test_anthropic_streams(c, tail):
    answer = run_client("anthropic.mjs", url(c, tail), "stream")
    assert "".join(answer["pieces"]).endswith("word5 ")
    assert answer["stop"] == "end_turn"


def test_anthropic_counts_tokens(c):
    assert run_client("anthropic.mjs", url(c), "count")["input_tokens"] > 0


def test_an_error_of_the_request_arrives_as_the_sdk_knows_it(c, hub):
    hub.fault("alice", chat={"do": "400", "times": 1, "body": {
        "error": {"message": "messages must not be empty", "code": "invalid_request_body"}}})
    answer = run_client("openai.mjs", url(c, "/v1"), "plain")
    assert answer["error"]["status"] == 400
    assert "messages must not be empty" in answer["error"]["message"]
