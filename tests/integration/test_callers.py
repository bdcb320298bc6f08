"""test_callers - who may ask for what, tried from outside: pages, proxies, odd paths.

SPDX-License-Identifier: MIT
"""
import subprocess

import pytest

import harness
from nodes import FakeNode


@pytest.fixture
def node(tmp_path):
    node = FakeNode(tmp_path, "a")
    yield node
    node.stop()


@pytest.fixture
def c(cluster, node):
    return cluster({"a": {"url": node.url}}, ready=True,
                   access={"hosts": "gate.example", "cors_origins": "https://chat.example",
                           "trusted_proxies": "127.0.0.1"})


def post(c, target, *headers):
    """A POST that needs no preflight, as a page of another site may send it."""
    return c.request("POST", target, b'{"model":"gpt-5","messages":[]}',
                     [("content-type", "text/plain"), *headers]).status


def test_a_rebound_name_reads_and_does_nothing(c):
    evil = ("host", "evil.example")
    for target in ("/health", "/v1/models", "/admin/journal", "/metrics", "/admin/config"):
        assert c.request("GET", target, headers=[evil]).status == 403, target
    assert post(c, "/v1/chat/completions", evil) == 403
    assert post(c, "/admin/reset-active-node", evil) == 403
    assert c.request("GET", "http://evil.example/health").status == 403
    assert c.request("GET", "/health", headers=[("host", "gate.example")]).status == 200
    assert c.request("GET", "/health", headers=[("host", "service")]).status == 200
    assert c.request("GET", "/admin/journal", headers=[("host", "service")]).status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000",
                                    ""])
def test_a_page_of_another_site_spends_and_changes_nothing(c, origin):
    for target in ("/v1/chat/completions", "/admin/reset-active-node", "/admin/reload"):
        assert post(c, target, ("origin", origin)) == 403, target
        assert post(c, target, ("sec-fetch-site", "cross-site")) == 403, target
    assert c.request("OPTIONS", "/v1/models", headers=[
        ("origin", origin), ("access-control-request-method", "GET")]).status == 403


def test_a_listed_page_may_chat_and_is_told_so(c):
    origin = ("origin", "https://chat.example")
    asked = c.request("OPTIONS", "/v1/chat/completions", headers=[
        origin, ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type")])
    assert asked.status == 204 and asked.header("access-control-allow-origin") == origin[1]
    assert asked.header("access-control-allow-headers") == "authorization,content-type"
    answer = c.request("GET", "/v1/models", headers=[origin])
    assert (answer.status, answer.header("access-control-allow-origin")) == (200, origin[1])
    assert c.request("GET", "/admin/journal", headers=[origin]).status == 403


def test_without_a_listed_page_no_answer_says_who_may_read_it(c):
    answer = c.request("GET", "/v1/models")
    assert answer.status == 200 and answer.header("access-control-allow-origin") is None


def test_a_forwarded_caller_is_judged_by_its_own_address_and_never_the_owner(c):
    def status(target, chain):
        return c.request("GET", target, headers=[("x-forwarded-for", chain)]).status
    assert status("/health", "192.168.1.1") == 200
    assert status("/health", "6.6.6.6") == 403
    assert status("/v1/models", "127.0.0.1, 6.6.6.6") == 403
    assert status("/health", "unknown") == 403
    assert status("/admin/journal", "127.0.0.1") == 403
    assert c.request("GET", "/admin/journal").status == 200


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_a_proxy_that_is_not_trusted_makes_nobody_the_owner(cluster, node, name):
    c = cluster({"a": {"url": node.url}}, ready=True)
    said = [(name, "127.0.0.1")]
    assert c.request("GET", "/admin/journal", headers=said).status == 403
    assert c.request("GET", "/v1/models", headers=said).status == 200


@pytest.mark.parametrize("spelling", ["/v1/../admin/journal", "/v1/%2e%2e/admin/journal",
                                      "//admin/journal", "/v1/..%2fadmin/journal",
                                      "/admin%2fjournal", "/v1\\..\\admin\\journal"])
def test_no_spelling_of_a_path_gets_around_the_rule(c, spelling):
    answer = c.request("GET", spelling, headers=[("x-forwarded-for", "192.168.1.1")])
    assert answer.status in (400, 403, 404)


def test_an_address_that_is_not_allowed_is_refused(cluster, node):
    c = cluster({"a": {"url": node.url}}, access={"allow": "10.0.0.0/8"})
    assert c.request("GET", "/v1/models").status == 403
    assert c.request("GET", "/admin/journal").status == 200  # the owner's all the same


def test_a_start_that_is_open_to_the_world_is_refused(cluster):
    c = cluster({}, start=False, gateway={"listen": "0.0.0.0:1"}, access={"allow": "all"})
    done = subprocess.run([harness.BINARY, "run", "-c", c.ini], capture_output=True, text=True,
                          env=c.env, timeout=30)
    assert done.returncode == 78 and "[access] open = yes" in done.stderr
    c.sections["access"]["open"] = "yes"
    c.write_ini()
    assert subprocess.run([harness.BINARY, "check", "-c", c.ini], env=c.env,
                          timeout=30).returncode == 0
