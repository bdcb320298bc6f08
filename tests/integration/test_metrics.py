"""/metrics: Prometheus' own tools read it, and it counts what happened.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

import wire
from harness import CLEAN_ENV, ROOT, chat_body, free_port, outside_address, start, wait_for
from nodes import Script

SAMPLE = re.compile(r'copilot_cluster_(\w+?)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
CHAT = "/v1/chat/completions"


def tool(name):
    """Where tests/deps.sh puts it, or the system's."""
    own = ROOT / "build/peers" / name
    path = str(own) if own.exists() else shutil.which(name)
    assert path, f"no {name}: 'make deps-test' brings it"
    return path


class Metrics:
    """The samples of one scrape."""

    def __init__(self, cluster):
        answer = cluster.request("GET", "/metrics")
        assert answer.status == 200, answer
        assert dict(answer.headers)["content-type"] == \
            "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.body.decode()
        self.samples = []
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def sum(self, name, **labels):
        return sum(value for found, having, value in self.samples
                   if found == name and labels.items() <= having.items())

    def has(self, name, **labels):
        return any(found == name and labels.items() <= having.items()
                   for found, having, _ in self.samples)


@pytest.fixture
def pair(cluster, tmp_path):
    """Two nodes, b is active."""
    nodes = {name: Script(tmp_path, name) for name in ("a", "b")}
    made = cluster({name: node.node(quota=7) for name, node in nodes.items()}, ready=True)
    made.a, made.b = nodes["a"], nodes["b"]
    return made


def test_promtool_finds_nothing_to_complain_about(pair):
    pair.chat()
    pair.b.does("status", status=402, times=1)
    pair.chat()
    pair.request("POST", CHAT + "?do=stream&events=3", chat_body())
    pair.request("GET", "/nothing")
    text = Metrics(pair).text
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_request_counts_once_with_node_endpoint_status_and_outcome(pair):
    pair.chat()
    pair.request("POST", "/v1/messages", chat_body())
    pair.request("GET", "/v1/models")
    pair.request("GET", "/nothing")
    pair.b.does("status", status=418, times=1)
    pair.chat()
    got = Metrics(pair)
    whole = {"outcome": "complete"}
    assert got.sum("requests_total", node="b", endpoint="chat_completions", status="200",
                   **whole) == 1
    assert got.sum("requests_total", node="b", endpoint="messages", status="200", **whole) == 1
    assert got.sum("requests_total", node="b", endpoint="models", status="200", **whole) == 1
    assert got.sum("requests_total", node="b", status="4xx", **whole) == 1
    assert got.sum("requests_total", node="none", endpoint="other", status="404") == 1
    assert got.sum("requests_total", node="a") == 0
    assert got.sum("attempts_total", node="b") == 4
    assert got.sum("attempt_outcomes_total", node="b", outcome="ok") == 3
    assert got.sum("attempts_total", node="a") == 0


def test_cut_answers_and_clients_that_leave_have_outcomes_of_their_own(pair):
    with pytest.raises(wire.Cut):
        pair.request("POST", CHAT + "?do=stream&events=5&cut=2&how=last", chat_body())
    assert Metrics(pair).sum("requests_total", outcome="cut", status="200") == 1
    client = pair.connect()
    client.request("POST", CHAT + "?do=hang", chat_body())
    wait_for(lambda: any("do=hang" in r["target"] for r in pair.b.got()), "the request there")
    assert Metrics(pair).sum("requests_in_flight") == 1
    client.close(rst=True)
    wait_for(lambda: Metrics(pair).sum("requests_total", outcome="left", status="499") == 1,
             "a client that left")


def test_a_switch_counts_by_its_cause_and_the_states_are_one_hot(pair):
    pair.b.does("status", status=402, times=1)
    pair.chat()
    got = Metrics(pair)
    assert got.sum("switches_total", cause="quota") == got.sum("switches_total") == 1
    assert got.sum("attempt_outcomes_total", node="b", outcome="402") == 1
    assert got.sum("requests_total", node="a", status="200") == 1
    assert got.sum("node_state", node="b", state="DRAINED") == 1
    assert got.sum("node_state", node="a", state="READY") == 1
    for node in ("a", "b"):
        assert got.sum("node_state", node=node) == 1
        assert len([1 for name, labels, _ in got.samples
                    if name == "node_state" and labels["node"] == node]) == 7
    assert got.sum("node_active", node="a") == got.sum("node_active") == 1


def test_quota_and_process_figures_are_those_of_health(pair):
    pair.chat()
    got, node = Metrics(pair), pair.node("b")
    detail = node["quotaDetail"]
    assert got.sum("quota_remaining", node="b") == detail["remaining"] == 7
    assert got.sum("quota_estimate", node="b") == detail["estimate"] == 6
    assert got.sum("quota_entitlement", node="b") == detail["entitlement"]
    assert got.sum("quota_poll_timestamp_seconds", node="b") > 1.7e9
    page = os.sysconf("SC_PAGESIZE")
    real = int(pathlib.Path(f"/proc/{node['pid']}/statm").read_text().split()[1]) * page
    assert real / 2 < got.sum("node_resident_memory_bytes", node="b") < real * 2
    assert got.sum("node_cpu_seconds_total", node="b") > 0
    assert got.sum("node_restarts_total", node="b") == 0
    os.kill(node["pid"], 9)
    wait_for(lambda: Metrics(pair).sum("node_restarts_total", node="b") == 1, "a restart")


def test_histograms_hold_each_complete_answer(pair):
    for _ in range(3):
        pair.request("POST", CHAT + "?do=stream&events=3&delay=0.03", chat_body())
    got, labels = Metrics(pair), {"node": "b", "endpoint": "chat_completions"}
    for name in ("time_to_first_byte_seconds", "request_duration_seconds"):
        assert got.sum(name + "_count", **labels) == 3
        assert got.sum(name + "_bucket", le="+Inf", **labels) == 3
        buckets = [value for found, having, value in got.samples
                   if found == name + "_bucket" and labels.items() <= having.items()]
        assert buckets == sorted(buckets)
    assert got.sum("request_duration_seconds_sum", **labels) >= \
        got.sum("time_to_first_byte_seconds_sum", **labels)
    assert got.sum("request_duration_seconds_sum", **labels) >= 0.15


def test_bytes_of_both_directions_are_counted(pair):
    answer = pair.request("POST", CHAT + "?do=big&bytes=100000", chat_body())
    got = Metrics(pair)
    assert got.sum("response_body_bytes_total", node="b") == len(answer.body) == 100000
    assert got.sum("request_body_bytes_total", endpoint="chat_completions") == \
        len(json.dumps(chat_body()))


def test_paths_that_people_try_add_no_series(pair):
    for i in range(20):
        pair.request("GET", f"/try{i}")
    pair.request("POST", "/v1/x0", {})
    Metrics(pair)  # counts itself
    before = len(Metrics(pair).samples)
    for i in range(50):
        pair.request("GET", f"/scan{i}")
        pair.request("POST", f"/v1/x{i}", {})
    assert len(Metrics(pair).samples) == before


@pytest.mark.skipif(outside_address() is None, reason="this machine has no other address")
def test_only_this_machine_is_told(cluster, tmp_path):
    c = cluster({"a": Script(tmp_path, "a").node()}, start=False)
    c.sections["gateway"]["listen"] += f" {outside_address()}:{c.port}"
    c.write_ini()
    c.start().wait_ready()
    assert Metrics(c).has("build_info")
    answer = wire.exchange(c.port, "GET", "/metrics", host=outside_address())
    assert answer.status == 403 and b"build_info" not in answer.body


def test_a_prometheus_scrapes_it(pair, tmp_path):
    pair.chat()
    pair.b.does("status", status=402, times=1)
    pair.chat()
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [{"job_name": "copilot", "static_configs": [
            {"targets": [f"127.0.0.1:{pair.port}"]}]}]}))
    with open(tmp_path / "prometheus.log", "wb") as log:
        server = start([tool("prometheus"), f"--config.file={tmp_path}/prometheus.yml",
                        f"--storage.tsdb.path={tmp_path}/tsdb",
                        f"--web.listen-address=127.0.0.1:{port}"],
                       env=CLEAN_ENV, stdout=log, stderr=log)

    def ask(query):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return [float(one["value"][1]) for one in result]

    try:
        wait_for(lambda: ask('sum(copilot_cluster_requests_total'
                             '{endpoint="chat_completions"})') == [2], "the count")
        assert ask("up") == [1]
        assert ask('copilot_cluster_node_state{node="b",state="DRAINED"}') == [1]
        assert ask('copilot_cluster_switches_total{cause="quota"}') == [1]
        assert ask('histogram_quantile(0.5, sum by (le) '
                   '(copilot_cluster_request_duration_seconds_bucket)) < 600') != []
    finally:
        server.kill()
        server.wait()
