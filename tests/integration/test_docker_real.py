"""test_docker_real - containers of a real dockerd as nodes: found, ordered, followed.

One engine for all of these tests; each test removes its containers. The program runs where the
engine does and is talked to through a unix socket, since its network is not ours.

SPDX-License-Identifier: MIT
"""
import shutil
import subprocess
import tempfile

import pytest

import dockerd
from harness import BINARY, Cluster, Hub, wait_for

REASON = dockerd.reason_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no dockerd: {REASON}")
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def engine():
    with dockerd.Engine(tempfile.mkdtemp(prefix="ccd-")) as made:
        yield made


@pytest.fixture(autouse=True)
def clean(engine):
    yield
    names = engine.docker("ps", "-aq").split()
    if names:
        engine.docker("rm", "-f", *names)


@pytest.fixture
def cluster(engine, tmp_path):
    """A function that starts the program beside the engine."""
    made = []
    folder = tempfile.mkdtemp(prefix="ccs-")  # short: a socket's path has room for 107

    def start(nodes=None, **sections):
        sections.setdefault("docker", {})
        one = Cluster(tmp_path, nodes or {}, host=f"{folder}/gw", wrapper=engine.inside,
                      env={"DOCKER_HOST": engine.uri}, **sections)
        made.append(one)
        return one.start()
    yield start
    for one in made:
        try:
            if one.process and one.process.poll() is None:
                one.stop()
        finally:
            one.abandon()
    shutil.rmtree(folder)


def names(cluster):
    return [node["id"] for node in cluster.health()["nodes"]]


def chat(cluster):
    answer = cluster.request("POST", "/v1/chat/completions", CHAT)
    assert answer.status == 200, answer
    return answer.json()["choices"][0]["message"]["content"]


def name_env(name):
    return ("-e", f"NAME={name}")


def test_labelled_containers_are_found_and_stand_in_natural_order(engine, cluster):
    for name in ("node-2", "node-10", "node-1"):
        engine.run(name, options=name_env(name))
    engine.run("bystander", labels={"copilot.node": "false"})
    one = cluster()
    one.wait_status(**{"node-1": "READY", "node-2": "READY", "node-10": "READY"})
    assert names(one) == ["node-1", "node-2", "node-10"]
    assert {node["source"] for node in one.health()["nodes"]} == {"docker"}
    assert one.active == "node-10" and chat(one) == "node-10"


def test_those_who_come_and_go_do_not_move_the_active_one(engine, cluster):
    for name in ("node-1", "node-2"):
        engine.run(name, options=name_env(name))
    one = cluster(docker={"poll_interval": "1h"})  # events alone must tell
    one.wait_status(**{"node-1": "READY", "node-2": "READY"})
    assert chat(one) == "node-2"
    engine.run("node-3", options=name_env("node-3"))
    wait_for(lambda: names(one) == ["node-1", "node-2", "node-3"], "node-3 to join")
    one.wait_status(**{"node-3": "READY"})
    engine.docker("rm", "-f", "node-1")
    wait_for(lambda: names(one) == ["node-2", "node-3"], "node-1 to leave")
    assert one.active == "node-2" and chat(one) == "node-2"
    engine.docker("rm", "-f", "node-2")
    wait_for(lambda: names(one) == ["node-3"], "node-2 to leave")
    assert chat(one) == "node-3"


def test_a_paused_container_rests_and_comes_back(engine, cluster):
    engine.run("node-1")
    one = cluster(docker={"poll_interval": "1h"})
    one.wait_status(**{"node-1": "READY"})
    engine.docker("pause", "node-1")
    one.wait_status(**{"node-1": "OFFLINE"})
    assert one.node("node-1")["reason"] == "container is paused"
    engine.docker("unpause", "node-1")
    one.wait_status(**{"node-1": "READY"})


def test_a_stopped_container_stays_in_its_place_and_comes_back(engine, cluster):
    for name in ("node-1", "node-2"):
        engine.run(name, options=name_env(name))
    one = cluster(docker={"poll_interval": "1h"})
    one.wait_status(**{"node-1": "READY", "node-2": "READY"})
    engine.docker("stop", "node-2")
    one.wait_status(**{"node-2": "OFFLINE"})
    assert one.node("node-2")["reason"].startswith("container has stopped (Exited")
    assert chat(one) == "node-1"
    engine.run("other", labels={})  # takes the address that was free
    engine.docker("start", "node-2")
    one.wait_status(**{"node-2": "READY"})
    assert names(one) == ["node-1", "node-2"]


def test_a_renamed_container_has_its_new_name(engine, cluster):
    engine.run("node-1")
    one = cluster(docker={"poll_interval": "1h"})
    one.wait_status(**{"node-1": "READY"})
    engine.docker("rename", "node-1", "node-7")
    wait_for(lambda: names(one) == ["node-7"], "the new name")
    one.wait_status(**{"node-7": "READY"})


def test_labels_say_port_index_and_address(engine, cluster):
    engine.run("aa", labels={"copilot.node": "true", "copilot.port": "5000",
                            "copilot.index": "2"}, options=("-e", "PORT=5000"))
    engine.run("bb", labels={"copilot.node": "true", "copilot.index": "1"})
    engine.run("cc", labels={"copilot.node": "true",
                            "copilot.url": f"http://{engine.address('bb')}:4141"})
    engine.run("dd", labels={"copilot.node": "true", "copilot.port": "x\x01é"})
    engine.run("ee", labels={"copilot.node": "true", "copilot.url": "ftp://nowhere"})
    one = cluster()
    one.wait_status(aa="READY", bb="READY", cc="READY", dd="STARTING")
    assert names(one) == ["bb", "aa", "cc", "dd", "ee"]
    assert one.node("dd")["reason"].startswith("label copilot.port must be 1..65535")
    assert one.node("ee")["reason"].startswith("label copilot.url must be http://HOST:PORT")


def test_a_container_on_the_host_network_is_on_loopback(engine, cluster):
    engine.run("node-1", options=("--network", "host"))
    one = cluster()
    one.wait_status(**{"node-1": "READY"})
    assert "address=127.0.0.1:4141" in one.log


def test_of_several_networks_the_settings_choose_one(engine, cluster):
    engine.docker("network", "create", "aaa")
    engine.docker("network", "create", "zzz")
    try:
        engine.run("node-1", options=("--network", "aaa"))
        engine.docker("network", "connect", "zzz", "node-1")
        one = cluster(docker={"network": "zzz"})
        one.wait_status(**{"node-1": "READY"})
        inside = engine.docker("inspect", "-f", "{{.NetworkSettings.Networks.zzz.IPAddress}}",
                               "node-1")
        assert f"address={inside}:4141" in one.log
    finally:
        engine.docker("rm", "-f", "node-1")
        engine.docker("network", "rm", "aaa", "zzz")


def test_nodes_live_on_while_the_daemon_restarts(engine, cluster):
    engine.run("node-1", options=name_env("node-1"))
    one = cluster()
    one.wait_status(**{"node-1": "READY"})
    engine.stop()
    try:
        one.wait_log("Docker: its events have ended")
        assert chat(one) == "node-1"
    finally:
        engine.start()
    one.wait_log("Docker: answers again")
    assert chat(one) == "node-1" and one.status("node-1") == "READY"
    assert "leaves" not in one.log and "node is not up: container has stopped" not in one.log
    engine.run("node-2")
    one.wait_status(**{"node-2": "READY"})


COMPOSE = """version: "3.8"
x-node: &copilot-node-template
  image: node:test
  command: ["/usr/bin/node", "/opt/dockernode.mjs"]
  restart: unless-stopped
  labels: ["copilot.node=true"]
  networks: [copilot-net]
services:
  node-2: { <<: *copilot-node-template, environment: ["NAME=two"] }
  node-3: { <<: *copilot-node-template, environment: ["NAME=three"] }
networks:
  copilot-net:
"""


def test_the_ancestors_compose_file_works_as_it_is(engine, cluster, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(COMPOSE)
    try:
        engine.compose(folder, "up", "-d")
        one = cluster(docker={"network": "copilot-net"})
        one.wait_status(**{"node-2": "READY", "node-3": "READY"})
        assert names(one) == ["node-2", "node-3"] and chat(one) == "three"
        # A change makes compose replace the container; the node stays the same.
        (folder / "docker-compose.yml").write_text(COMPOSE.replace("NAME=two", "NAME=changed"))
        engine.compose(folder, "up", "-d")
        one.wait_log("another container takes the node over node=node-2")
        one.wait_status(**{"node-2": "READY", "node-3": "READY"})
        assert names(one) == ["node-2", "node-3"] and one.active == "node-3"
    finally:
        engine.compose(folder, "down", "-t", "1")


# ------------------------------------------------------------------ logins

@pytest.fixture
def hub(tmp_path):
    made = Hub(tmp_path)
    yield made
    made.stop()


def run_copilot_api(engine, hub, name, *options):
    proxy = engine.relay(int(hub.proxy.rsplit(":", 1)[1]))
    return engine.run(
        name, "/usr/bin/node", "/opt/node_modules/copilot-api/dist/main.js", "start", "--port",
        "4141", "--proxy-env",
        options=(*options, "--tmpfs", "/tmp", "-e", "HOME=/root", "-e", f"HTTPS_PROXY={proxy}",
                 "-e", "NODE_EXTRA_CA_CERTS=/ca.pem", "-v", f"{hub.ca_file}:/ca.pem:ro"))


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_a_login_of_a_real_copilot_api_container_is_relayed(engine, cluster, hub, terminal):
    one = cluster()
    run_copilot_api(engine, hub, "node-1", *(["-t"] if terminal else []))
    entry = one.wait_login("node-1")
    assert entry["code"] in hub.pending_codes()
    assert one.status("node-1") == "LOGIN" and "LOGIN NEEDED" in one.log
    hub.account("alice")
    hub.approve(entry["code"], "alice")
    one.wait_log("login code was used node=node-1 account=alice")
    one.wait_status(**{"node-1": "READY"})
    assert one.health()["logins"] == []


def test_a_code_that_waits_since_before_our_start_is_shown(engine, cluster, hub):
    run_copilot_api(engine, hub, "node-1")
    run_copilot_api(engine, hub, "node-2")
    wait_for(lambda: len(hub.pending_codes()) == 2, "both codes", 60)
    one = cluster()
    assert one.wait_login("node-1")["code"] in hub.pending_codes()
    one.wait_login("node-2")
    one.wait_log("several containers ask for a login at once")


def test_an_expired_code_restarts_the_container_if_that_is_asked_for(engine, cluster, hub):
    one = cluster(docker={"restart_expired": "yes"}, auth={"timeout": "3s"})
    run_copilot_api(engine, hub, "node-1")
    first = one.wait_login("node-1")["code"]
    assert one.wait_login("node-1", not_code=first)["code"] != first
    assert "the container is restarted for a fresh one node=node-1" in one.log


def test_check_says_that_containers_are_looked_for(engine, tmp_path):
    def check(socket):
        return subprocess.run([BINARY, "check", "-c", "/dev/null"], text=True, check=True,
                              capture_output=True, env={"DOCKER_HOST": socket}).stdout
    text = "  and containers with label copilot.node=true, by the engine at "
    assert f"{text}{engine.socket}\n" in check(engine.uri)
    assert text not in check("unix:///nowhere/docker.sock")
