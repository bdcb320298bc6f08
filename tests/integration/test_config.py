"""The file and the environment: what is taken from where, and how mistakes are told.

SPDX-License-Identifier: MIT
"""
import json
import pathlib
import subprocess

import pytest

import harness
from harness import wait_for
from nodes import FakeNode, Script, fake_node

CHAT = "/v1/chat/completions"


def run(*arguments, env=None):
    return subprocess.run([harness.BINARY, *map(str, arguments)], capture_output=True,
                          text=True, timeout=30, env={**harness.CLEAN_ENV, **(env or {})})


def ini(tmp_path, text):
    path = tmp_path / "my.ini"
    path.write_text(text)
    return path


BAD = """\
[gateway]
listen = 127.0.0.1:99999
retry_limt = 3
[quota]
poll_interval = often

[gatway]
listen = 127.0.0.1:80
[node:one]
command =
account_type = private
[node:one]
[node:two]
url = ftp://x
"""


def test_check_tells_every_error_at_once(tmp_path):
    path = ini(tmp_path, BAD)
    done = run("check", "-c", path)
    said = done.stdout + done.stderr
    assert done.returncode == 78
    for line, words in {2: ("[gateway]", "listen", "99999"),
                        3: ("retry_limt", "retry_limit"),
                        5: ("[quota]", "poll_interval", "often"),
                        7: ("gatway", "gateway"),
                        11: ("account_type", "private"),
                        12: ("node:one",),
                        14: ("url", "ftp")}.items():
        told = [text for text in said.splitlines() if f"{path}:{line}:" in text]
        assert told, f"line {line} is not told:\n{said}"
        for word in words:
            assert any(word in text for text in told), f"{word!r} is not in {told}"


def test_check_teaches_words_and_multipliers(tmp_path):
    path = ini(tmp_path, "[gateway]\nretry_on = conect 503\nfailback = always\n"
                         "[quota]\nreserve = -1\nallow_overage = sometimes\n"
                         "[multipliers]\ngpt-4.1 = free\nclaude-opus = -3\n"
                         "claude-opus = 10\nretry_limit = 3\n")
    done = run("check", "-c", path)
    said = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 78
    for line, words in {2: ("connect, reset, timeout, 401", "'conect'", "did you mean"),
                        3: ("manual or auto",), 5: ("0..1000000",), 6: ("yes or no",),
                        8: ("gpt-4.1", "0.33"), 9: ("costs nothing",),
                        10: ("given twice",), 11: ("belongs in [gateway]",)}.items():
        told = [text for text in said if f"{path}:{line}:" in text]
        assert len(told) == 1 and all(word in told[0] for word in words), (line, told)


def test_what_print_config_says_is_a_file_of_settings(tmp_path):
    path = ini(tmp_path, "[gateway]\nretry_on =\n[multipliers]\ngpt-4.1 = 0.5\nmine/x = 2\n")
    first = run("check", "-c", path, "--print-config").stdout
    assert "\nretry_on = \n" in first
    assert "\ngpt-4.1 = 0.5\n" in first and "\ngpt-4o = 0\n" in first
    assert "\nmine/x = 2\n" in first
    path.write_text(first)
    done = run("check", "-c", path, "--print-config")
    assert (done.returncode, done.stdout, done.stderr) == (0, first, "")


def test_run_refuses_the_same_way(tmp_path):
    path = ini(tmp_path, BAD)
    done = run("run", "-c", path)
    assert done.returncode == 78
    said = done.stdout + done.stderr
    assert f"{path}:2:" in said and f"{path}:14:" in said


def test_check_of_a_good_file_is_0(tmp_path):
    done = run("check", "-c", ini(tmp_path, "[gateway]\nlisten = 127.0.0.1:8080\n[node:a]\n"))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_shipped_file_is_good_and_has_two_nodes():
    path = harness.ROOT / "conf/cluster.ini"
    assert run("check", "-c", path).returncode == 0
    sections = [line for line in path.read_text().splitlines() if line.startswith("[node:")]
    assert len(sections) == 2


def test_a_named_file_that_is_missing_is_an_error(tmp_path):
    for word in ("check", "run"):
        done = run(word, "-c", tmp_path / "nowhere.ini")
        assert done.returncode not in (0, -6)
        assert "nowhere.ini" in done.stdout + done.stderr


@pytest.mark.skipif(pathlib.Path("/etc/copilot-cluster").exists(), reason="there is a real one")
def test_without_any_file_it_runs_without_nodes(tmp_path):
    port = harness.free_port()
    process = harness.start([harness.BINARY, "run"], stderr=subprocess.PIPE,
                            env={**harness.CLEAN_ENV, "PORT": str(port), "HOME": str(tmp_path),
                                 "STATE_DIRECTORY": str(tmp_path / "state")})
    try:
        health = wait_for(lambda: harness.answers(port) and
                          harness.wire.exchange(port, "GET", "/health").json(), "the gateway")
        assert health["status"] == "degraded" and health["totalNodeCount"] == 0
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stderr.close()


def test_an_unknown_command_shows_the_usage():
    done = run("dance")
    assert done.returncode == 2
    assert "run" in done.stdout + done.stderr and "check" in done.stdout + done.stderr


def test_a_wrong_variable_is_told_by_its_name(tmp_path):
    path = ini(tmp_path, "[node:a]\n")
    for name, value in {"PORT": "70000", "RETRY_LIMIT": "many", "LOG_LEVEL": "loud",
                        "COPILOT_NODES": "[{]", "POLL_INTERVAL": "-1"}.items():
        done = run("check", "-c", path, env={name: value})
        assert done.returncode == 78, name
        assert name in done.stdout + done.stderr


# --------------------------------------------------------------------------- environment

def test_gateway_port_beats_the_file_and_port_beats_both(cluster):
    in_file, one, two = (harness.free_port() for _ in range(3))
    c = cluster({}, port=one, gateway={"listen": f"127.0.0.1:{in_file}"},
                env={"GATEWAY_PORT": str(one)})
    assert c.health()["totalNodeCount"] == 0
    c = cluster({}, port=two, gateway={"listen": f"127.0.0.1:{in_file}"},
                env={"GATEWAY_PORT": str(one + 1), "PORT": str(two)})
    assert c.health()["totalNodeCount"] == 0


def test_retry_limit_0_asks_one_node_only(cluster, tmp_path):
    a, b = Script(tmp_path, "a"), Script(tmp_path, "b")
    c = cluster({"a": a.node(), "b": b.node()}, ready=True, env={"RETRY_LIMIT": "0"})
    b.does("status", status=402)
    assert c.request("POST", CHAT, {}).status >= 400
    assert a.got(CHAT) == [] and len(b.got(CHAT)) == 1
    assert c.request("POST", CHAT, {}).json()["node"] == "a"


@pytest.mark.parametrize("name, quota", [("POLL_INTERVAL", 300), ("DRAINED_POLL_INTERVAL", 0)])
def test_poll_intervals_count_milliseconds(cluster, tmp_path, name, quota):
    a = Script(tmp_path, "a")
    cluster({"a": a.node(quota=quota)}, env={name: "200"})
    wait_for(lambda: len(a.got("/usage")) >= 5, "five polls", timeout=10)


def test_log_level_silences(cluster):
    c = cluster({"a": fake_node()}, ready=True, env={"LOG_LEVEL": "silent"})
    assert c.log == ""


@pytest.mark.parametrize("level", ["fatal", "error", "warn", "info", "debug", "trace"])
def test_log_level_takes_fastifys_words(tmp_path, level):
    path = ini(tmp_path, "[node:a]\n")
    assert run("check", "-c", path, env={"LOG_LEVEL": level}).returncode == 0


def test_copilot_nodes_is_the_node_list(cluster, tmp_path):
    one, two = FakeNode(tmp_path, "one"), FakeNode(tmp_path, "two")
    mine = Script(tmp_path, "mine")
    nodes = [{"url": one.url, "token": ""}, {"url": two.url, "token": "s3cret-of-two"}]
    c = cluster({"mine": mine.node()}, env={"COPILOT_NODES": json.dumps(nodes)})
    wait_for(lambda: c.health()["availableNodeCount"] == 2, "both nodes")
    health = c.health()
    assert health["totalNodeCount"] == 2
    assert {n["source"] for n in health["nodes"]} == {"external"}
    assert c.request("POST", CHAT, {}).json()["node"] == "two"
    sent = dict(two.got(CHAT)[0]["headers"])
    assert sent["authorization"] == "Bearer s3cret-of-two"
    assert mine.got() == [] and not mine.log.exists(), "the file's node is not started"
    told = [line for line in c.log.splitlines() if "COPILOT_NODES" in line]
    assert len(told) == 1, "one line says that the file's nodes are not used"
    assert "s3cret" not in c.log
    one.stop()
    two.stop()


def test_copilot_nodes_urls_is_a_list_of_addresses(cluster, tmp_path):
    one, two = FakeNode(tmp_path, "one"), FakeNode(tmp_path, "two")
    c = cluster({}, env={"COPILOT_NODES_URLS": f"{one.url},{two.url}"})
    wait_for(lambda: c.health()["availableNodeCount"] == 2, "both nodes")
    assert c.request("POST", CHAT, {}).json()["node"] == "two"
    one.stop()
    two.stop()


def test_a_node_may_be_switched_off(cluster):
    c = cluster({"a": fake_node(name="a"), "b": {**fake_node(name="b"), "enabled": "no"}})
    c.wait_status(a="READY")
    assert [n["id"] for n in c.health()["nodes"]] == ["a"]


def test_account_type_and_rate_limit_are_handed_to_the_node(cluster, hub):
    c = cluster({"a": {"account_type": "business", "rate_limit": "7"}}, hub=hub,
                accounts={"a": "alice"}, ready=True)
    words = pathlib.Path(f"/proc/{c.node('a')['pid']}/cmdline").read_text().split("\0")
    assert words[words.index("--account-type") + 1] == "business"
    assert words[words.index("--rate-limit") + 1] == "7"
    assert "--proxy-env" in words, "it has a proxy variable"
    assert hub.requests("models")[0]["host"] == "api.business.githubcopilot.com"


# --------------------------------------------------------------------------- quota

def detail(c, name="a"):
    return c.node(name)["quotaDetail"]


def test_a_turn_costs_what_the_multipliers_say(cluster):
    c = cluster({"a": fake_node(name="a", quota=100)}, ready=True,
                multipliers={"gpt-5": "2.5", "default": "4"})
    for model, left in {"gpt-5-2026": 97.5, "claude-haiku-4.5": 97.17, "gpt-4.1": 97.17,
                        "unheard-of": 93.17}.items():
        assert c.chat(model=model).status == 200
        wait_for(lambda left=left: detail(c)["estimate"] == left, f"{left} after {model}")
    answered = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hi"}]
    assert c.chat(model="gpt-5", messages=answered).status == 200
    assert c.chat(model="gpt-5").status == 200
    wait_for(lambda: detail(c)["estimate"] == 90.67, "an agent's turn costs nothing")
    assert detail(c)["remaining"] == 100, "the polled figure stays what it was"


def test_health_says_how_old_each_figure_is(cluster):
    c = cluster({"a": fake_node(name="a", quota=100)}, ready=True, quota={"reserve": "7"})
    first = detail(c)
    assert set(first["age"]) == {"remaining", "estimate", "entitlement", "resetDate"}
    assert all(isinstance(age, int) and age >= 0 for age in first["age"].values())
    assert first["reserve"] == 7
    wait_for(lambda: detail(c)["age"]["remaining"] >= 2, "an older figure")
    assert c.chat(model="gpt-5").status == 200
    wait_for(lambda: detail(c)["estimate"] == 99, "the turn is counted")
    ages = detail(c)["age"]
    assert ages["estimate"] < ages["remaining"]
    assert ages["remaining"] == ages["entitlement"] == ages["resetDate"]
