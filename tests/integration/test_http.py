"""HTTP at the front door: what passes, what is refused, and that no byte changes.

SPDX-License-Identifier: MIT
"""
import fcntl
import hashlib
import json
import os
import pathlib
import struct
import termios
import time

import pytest

from harness import wait_for
from nodes import Script
from wire import Cut, request_bytes

CHAT = "/v1/chat/completions"
MIB = 1 << 20


@pytest.fixture(scope="module")
def a(tmp_path_factory):
    return Script(tmp_path_factory.mktemp("node"), "a")


@pytest.fixture(scope="module")
def c(a, shared_cluster):
    return shared_cluster({"a": a.node()}, ready=True)


def rss(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024


def unsent(sock):
    """Bytes that the other side's kernel has not taken yet (SIOCOUTQ of tcp(7))."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


# --------------------------------------------------------------------------- routes

@pytest.mark.parametrize("path, at_the_node", [
    ("/v1/chat/completions", "/v1/chat/completions"),
    ("/v1/messages?beta=true", "/v1/messages?beta=true"),
    ("/v1/v1/messages?beta=true", "/v1/messages?beta=true"),
    ("/v1/v1/chat/completions", "/v1/chat/completions"),
    ("/chat/completions", "/v1/chat/completions"),
    ("/embeddings", "/v1/embeddings"),
    ("/v1/responses", "/v1/responses"),
    ("/v1/some/future/thing?x=%2F&y=a+b", "/v1/some/future/thing?x=%2F&y=a+b"),
])
def test_a_path_reaches_the_node_as(c, path, at_the_node):
    answer = c.request("POST", path, {"model": "gpt-5"})
    assert answer.status == 200
    # Nodes know the short names too, so an alias may keep its name.
    assert answer.json()["target"] in (at_the_node, at_the_node.replace("/v1", "", 1)
                                       if not path.startswith("/v1") else at_the_node)


@pytest.mark.parametrize("path", ["/models", "/v1/models?limit=1000", "/v1/v1/models"])
def test_the_list_of_models_is_a_get(c, path):
    answer = c.request("GET", path)
    assert answer.status == 200
    assert answer.json()["target"].split("?")[0].endswith("/models")


SECRET = ["/token", "/usage"]
SPELLINGS = [
    "{}", "{}/", "/{}", "//{}", "/.{}", "/v1/..{}", "/v1/%2e%2e{}", "/v1/%2E%2E{}",
    "/v1/.%2e{}", "/v1/%2e.{}", "/v1/x/../..{}", "/v1/v1/../..{}", "/v1/./..{}",
    "/v1//../..{}", "/v1\\..{}", "/v1/..\\{}", "/V1/..{}", "{}?x=1", "{}%00",
    "/chat/completions/../..{}", "http://gateway.test{}", "http://gateway.test/v1/..{}",
    "/v1/..%2f{}", "/v1/%2e%2e%2f{}", "/v1/..%5c{}",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_token_and_usage_cannot_be_reached_as(c, a, spelling):
    mark = f"{spelling} {time.monotonic()}"
    for secret in SECRET:
        for word in (secret, secret.replace("o", "%6f").replace("s", "%73")):
            with c.connect() as wire:
                wire.request("GET", spelling.format(word), headers=[("x-burglar", mark)])
                assert 400 <= wire.answer().status < 500, word
    assert [r["target"] for r in a.got("") if ["x-burglar", mark] in r["headers"]] == []


def test_an_unknown_path_is_404(c):
    assert c.request("GET", "/nothing/here").status == 404


def test_a_method_that_makes_no_sense_is_405_or_404(c):
    assert c.request("DELETE", "/health").status in (404, 405)
    assert c.request("GET", "/admin/reset-active-node").status in (404, 405)


# --------------------------------------------------------------------------- malformed

HOST = b"host: localhost\r\n"
MALFORMED = {
    "no_request_line": b"NONSENSE\r\n\r\n",
    "no_version": b"GET /health\r\n" + HOST + b"\r\n",
    "unknown_version": b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
    "space_in_the_target": b"GET /hea lth HTTP/1.1\r\n" + HOST + b"\r\n",
    "control_character_in_the_target": b"GET /hea\x01lth HTTP/1.1\r\n" + HOST + b"\r\n",
    "no_host": b"GET /health HTTP/1.1\r\n\r\n",
    "two_hosts": b"GET /health HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "space_before_the_colon": b"GET /health HTTP/1.1\r\nhost : a\r\n\r\n",
    "folded_line": b"GET /health HTTP/1.1\r\n" + HOST + b"x-a: b\r\n c\r\n\r\n",
    "nul_in_a_value": b"GET /health HTTP/1.1\r\n" + HOST + b"x-a: b\0c\r\n\r\n",
    "no_colon": b"GET /health HTTP/1.1\r\n" + HOST + b"x-a\r\n\r\n",
    "two_lengths": b"POST /v1/x HTTP/1.1\r\n" + HOST +
                   b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "signed_length": b"POST /v1/x HTTP/1.1\r\n" + HOST + b"content-length: +3\r\n\r\nabc",
    "length_in_words": b"POST /v1/x HTTP/1.1\r\n" + HOST + b"content-length: abc\r\n\r\nabc",
    "length_and_chunked": b"POST /v1/x HTTP/1.1\r\n" + HOST +
                          b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked_but_not_last": b"POST /v1/x HTTP/1.1\r\n" + HOST +
                            b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "odd_encoding": b"POST /v1/x HTTP/1.1\r\n" + HOST +
                    b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "bad_chunk_size": b"POST /v1/x HTTP/1.1\r\n" + HOST +
                      b"transfer-encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    "chunk_without_its_end": b"POST /v1/x HTTP/1.1\r\n" + HOST +
                             b"transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_400_and_the_connection_ends(c, a, name):
    before = len(a.got())
    with c.connect() as wire:
        wire.send(MALFORMED[name])
        # RFC 9112 section 6.1 wants 501 for a transfer coding that is not known.
        other = {"unknown_version": 505, "odd_encoding": 501, "chunked_but_not_last": 501}
        assert wire.answer().status in (400, other.get(name))
        assert wire.is_closed()
    assert len(a.got()) == before, "nothing of it reached the node"


@pytest.mark.parametrize("target, fields, status", [
    ("/health", [("x-long", "x" * 20000)], 431),
    ("/health", [(f"x-{i}", "1") for i in range(200)], 431),
    ("/v1/" + "x" * 9000, [], 414),
])
def test_a_head_beyond_its_bounds_is_refused(c, target, fields, status):
    with c.connect() as wire:
        wire.request("GET", target, headers=fields)
        assert wire.answer().status == status
        assert wire.is_closed()


def test_a_client_that_never_ends_its_head_is_dropped(shared_cluster):
    c = shared_cluster({}, gateway={"head_timeout": "500ms"})
    with c.connect() as wire:
        wire.send(b"GET /health HTTP/1.1\r\nhost:")
        try:
            assert wire.answer().status == 408
        except Cut as cut:
            assert cut.got == b""
        assert wire.is_closed()


# --------------------------------------------------------------------------- connections

def test_a_connection_is_kept_for_the_next_request(c):
    with c.connect() as wire:
        for i in range(3):
            wire.request("POST", f"{CHAT}?n={i}", {"i": i})
            assert wire.answer().json()["target"] == f"{CHAT}?n={i}"


def test_pipelined_requests_are_answered_in_order(c):
    with c.connect() as wire:
        wire.send(b"".join(request_bytes("POST", f"{CHAT}?n={i}", {"i": i}) for i in range(5))
                  + request_bytes("GET", "/health"))
        seen = [wire.answer().json()["target"] for _ in range(5)]
        assert seen == [f"{CHAT}?n={i}" for i in range(5)]
        assert "nodes" in wire.answer().json()


def test_connection_close_is_obeyed(c):
    with c.connect() as wire:
        wire.request("GET", "/health", headers=[("connection", "close")])
        assert wire.answer().header("connection") == "close"
        assert wire.is_closed()


def test_http_1_0_gets_an_answer_that_ends_with_the_connection(c):
    with c.connect() as wire:
        wire.send(b"GET /health HTTP/1.0\r\n\r\n")
        answer = wire.answer()
        assert answer.status == 200 and answer.header("transfer-encoding") is None
        assert wire.is_closed()


@pytest.mark.parametrize("path", ["/health", "/v1/models"])
def test_head_has_no_body(c, path):
    with c.connect() as wire:
        wire.request("HEAD", path)
        assert wire.answer(to="HEAD").status == 200
        wire.request("GET", "/health")
        assert wire.answer().status == 200, "not one byte of a body came between"


def test_expect_100_continue_is_answered_before_the_body(c):
    body = b"x" * 100000
    with c.connect() as wire:
        wire.send(request_bytes("POST", CHAT + "?do=mirror", b"", [
            ("content-length", len(body)), ("expect", "100-continue")]))
        assert wire.head().status == 100
        wire.send(body)
        assert wire.answer().body == body


@pytest.mark.parametrize("offer", ["websocket", "h2c"])
def test_an_upgrade_is_not_taken_and_the_connection_lives_on(c, offer):
    with c.connect() as wire:
        wire.request("GET", "/v1/responses", headers=[
            ("connection", "Upgrade, HTTP2-Settings"), ("upgrade", offer),
            ("http2-settings", "AAMAAABkAAQAAP__")])
        assert wire.answer().status != 101
        wire.request("GET", "/health")
        assert wire.answer().status == 200


def test_a_request_may_come_byte_by_byte(c):
    with c.connect() as wire:
        for byte in request_bytes("POST", CHAT, b"abc"):
            wire.send(bytes([byte]))
        assert wire.answer().json()["sha256"] == hashlib.sha256(b"abc").hexdigest()


# --------------------------------------------------------------------------- bytes

def test_a_body_arrives_and_returns_byte_for_byte(c):
    body = b'{ "a" :1.50,\r\n"a":\t"\\u00e9\xc3\xa9" ,"big":12345678901234567890 }\n\0\xff'
    answer = c.request("POST", CHAT + "?do=mirror", body, [("content-type", "x/y; q=1")])
    assert answer.body == body
    facts = c.request("POST", CHAT, body, [("content-type", "x/y; q=1")]).json()
    assert facts["sha256"] == hashlib.sha256(body).hexdigest()
    assert ["content-type", "x/y; q=1"] in facts["headers"]


def test_a_chunked_body_is_delivered_whole(c):
    with c.connect() as wire:
        wire.send(request_bytes("POST", CHAT, b"", [("transfer-encoding", "chunked")]))
        for piece in (b"a", b"bc", b"x" * 70000):
            wire.send(b"%X;ext=1\r\n%s\r\n" % (len(piece), piece))
        wire.send(b"0\r\ntrailer: 1\r\n\r\n")
        facts = wire.answer().json()
    assert facts["length"] == 70003
    assert facts["sha256"] == hashlib.sha256(b"abc" + b"x" * 70000).hexdigest()
    names = [k for k, _ in facts["headers"]]
    assert ("content-length" in names) != ("transfer-encoding" in names)


@pytest.mark.parametrize("piece", [0, 1, 1000])
def test_an_answer_passes_unchanged_in_pieces_of(c, piece):
    body = os.urandom(5000)
    assert c.request("POST", f"{CHAT}?do=mirror&piece={piece}", body).body == body


def test_60_mib_come_back_byte_for_byte(c):
    block = os.urandom(MIB)
    body = block * 60
    answer = c.request("POST", CHAT + "?do=mirror", body, timeout=120)
    assert answer.status == 200
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()


def test_65_mib_are_refused_before_they_are_read(c):
    with c.connect() as wire:
        wire.send(request_bytes("POST", CHAT, b"", [("content-length", 65 * MIB)]))
        assert wire.answer().status == 413


def test_65_mib_in_chunks_are_refused_when_they_are_too_many(c):
    block = b"%x\r\n%s\r\n" % (MIB, b"x" * MIB)
    with c.connect() as wire:
        wire.send(request_bytes("POST", CHAT, b"", [("transfer-encoding", "chunked")]))
        try:
            for _ in range(65):
                wire.send(block)
            wire.send(b"0\r\n\r\n")
        except OSError:
            pass  # it may close while we still send; the answer is there all the same
        assert wire.answer().status == 413


def test_bodies_beyond_the_memory_budget_are_503_with_retry_after(shared_cluster, a):
    c = shared_cluster({"a": a.node()}, ready=True,
                       gateway={"body_memory_max": "1MiB", "body_max": "1MiB"})
    body = b"x" * 700000
    with c.connect() as one:
        one.send(request_bytes("POST", CHAT, b"", [("content-length", len(body))]))
        one.send(body[:-1])
        # The kernel of the other side has it all; one turn of the gateway's loop reads it.
        wait_for(lambda: unsent(one.sock) == 0, "the body is on the other side")
        c.request("GET", "/health")

        def refused():
            answer = c.request("POST", CHAT, body)
            assert answer.status in (200, 503)
            return answer if answer.status == 503 else None
        answer = wait_for(refused, "a refusal, once the first body is in memory")
        assert int(answer.header("retry-after")) >= 1
        one.send(body[-1:])
        assert one.answer().status == 200
    assert c.request("POST", CHAT, body).status == 200, "the memory is free again"


def test_hop_by_hop_headers_stay_behind(c):
    facts = c.request("POST", CHAT, b"{}", [
        ("connection", "x-mine, keep-alive"), ("x-mine", "1"), ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"), ("te", "trailers"), ("x-kept", "yes"),
        ("accept-encoding", "gzip, br"), ("anthropic-beta", "b")]).json()
    names = {k: v for k, v in facts["headers"]}
    assert not {"x-mine", "keep-alive", "proxy-connection", "te"} & set(names)
    assert names["x-kept"] == "yes" and names["anthropic-beta"] == "b"
    assert names.get("accept-encoding", "identity") == "identity", "streams must be readable"


# --------------------------------------------------------------------------- backpressure

def settled(value, polls=25):
    """The value once it has stood still for a while."""
    seen = []

    def still():
        seen.append(value())
        return len(seen) > polls and len(set(seen[-polls:])) == 1
    wait_for(still, "a value that stands still")
    return seen[-1]


def test_a_slow_reader_stops_its_node_and_not_the_gateway(c):
    size = 64 * MIB
    pid = c.process.pid
    c.request("POST", CHAT + "?do=big&bytes=100", b"")
    with c.connect(receive_buffer=8192, timeout=120) as slow:
        slow.request("POST", f"{CHAT}?do=big&bytes={size}", b"")
        head = slow.head()
        before = rss(pid)
        grown = settled(lambda: rss(pid)) - before
        assert grown < 8 * MIB, "what the client does not take stays with the node"
        begin = time.monotonic()
        assert c.request("POST", CHAT, b"{}").status == 200, "others go on"
        assert time.monotonic() - begin < 5
        assert len(slow.body(head)) == size


def test_a_stream_is_passed_on_as_it_comes(c):
    with c.connect() as wire:
        wire.request("POST", CHAT + "?do=stream&events=4&delay=0.4", {"stream": True})
        head = wire.head()
        assert head.status == 200
        assert head.header("content-type").startswith("text/event-stream")
        times = [at for _, at in wire.events()]
    assert len(times) == 5
    assert all(later - earlier > 0.2 for earlier, later in zip(times[:4], times[1:5]))


def test_answers_are_json_with_a_length_where_the_gateway_makes_them(c):
    answer = c.request("GET", "/nothing/here")
    assert answer.header("content-type").startswith("application/json")
    assert json.loads(answer.body)["error"]["message"]
