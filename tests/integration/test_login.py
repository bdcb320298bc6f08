"""Logging accounts in: codes are relayed one at a time, and asked for only once.

SPDX-License-Identifier: MIT
"""
import re
import stat

import pytest

import harness
from harness import wait_for

TWO = {"first": {}, "second": {}}


def test_two_nodes_log_in_one_after_the_other(cluster, hub):
    c = cluster(TWO, hub=hub)
    one = c.wait_login()
    assert hub.pending_codes() == [one["code"]], "the other node must not have asked yet"
    assert [entry["node"] for entry in c.health()["logins"]] == [one["node"]]
    other = {"first": "second", "second": "first"}[one["node"]]
    assert c.status(one["node"]) == "LOGIN"
    assert c.status(other) == "LOGIN", "it waits for its turn"

    hub.approve(one["code"], "alice")
    two = c.wait_login(node=other)
    c.wait_status(**{one["node"]: "READY", other: "LOGIN"})
    hub.approve(two["code"], "bob")
    c.wait_ready()
    assert c.health()["logins"] == []
    assert c.active == "second", "nothing was served yet, so the highest index leads"
    assert harness.served_by(c.chat()) == ("bob" if other == "second" else "alice")


def test_the_code_is_shown_with_node_url_and_time_left(cluster, hub):
    c = cluster({"first": {}}, hub=hub)
    login = c.wait_login()
    assert login["node"] == "first"
    assert login["url"] == "https://github.com/login/device"
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}", login["code"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", login["expiresAt"])
    # The banner is a block of lines around the code, apart from the node's own line.
    wait_for(lambda: c.log.count(login["code"]) >= 1, "the banner")
    lines = c.log.splitlines()
    banner = [i for i, line in enumerate(lines) if login["code"] in line]
    block = "\n".join(lines[max(0, banner[0] - 6):banner[-1] + 7])
    assert "first" in block and login["url"] in block
    assert re.search(r"\b1[45]\b.*min", block), "the time left is said in minutes"


def test_a_node_with_a_token_starts_while_another_waits_for_its_human(cluster, hub):
    c = cluster(TWO, hub=hub, accounts={"second": "bob"})
    login = c.wait_login()
    c.wait_status(second="READY", first="LOGIN")
    assert login["node"] == "first"
    assert harness.served_by(c.chat()) == "bob"


def test_an_empty_token_file_counts_as_not_logged_in(cluster, hub):
    c = cluster(TWO, hub=hub, start=False)
    harness.seed_token(c.home("first"), "")
    harness.seed_token(c.home("second"), "")
    c.start()
    c.wait_login()
    assert len(hub.pending_codes()) == 1


def test_an_expired_code_is_replaced_by_a_fresh_one(cluster, hub):
    c = cluster({"first": {}}, hub=hub, auth={"timeout": "3s"})
    old = c.wait_login()
    new = c.wait_login(not_code=old["code"])
    assert new["code"] in hub.pending_codes()
    hub.approve(new["code"], "alice")
    c.wait_ready()


def test_the_gateway_restarts_without_a_new_login(cluster, hub):
    c = cluster({"first": {}}, hub=hub)
    hub.approve(c.wait_login()["code"], "alice")
    c.wait_ready()
    c.stop()
    c.start().wait_ready()
    assert harness.served_by(c.chat()) == "alice"
    assert len(hub.requests(kind="device")) == 1


def test_each_home_is_private(cluster, hub):
    c = cluster({"first": {}}, hub=hub)
    hub.approve(c.wait_login()["code"], "alice")
    c.wait_ready()
    assert stat.S_IMODE(c.home("first").stat().st_mode) == 0o700
    assert (c.home("first") / harness.TOKEN_FILE).read_text().startswith("ghu_")
    others = [p for p in c.folder.iterdir() if p.name == ".local"]
    assert others == [], "the caller's HOME is not touched"


def test_no_token_reaches_the_log(cluster, hub):
    # --show-token makes copilot-api print the GitHub token and the Copilot token.
    c = cluster({"first": {"command": "copilot-api start --show-token --port %(port)s"}},
                hub=hub)
    hub.approve(c.wait_login()["code"], "alice")
    c.wait_ready()
    token = (c.home("first") / harness.TOKEN_FILE).read_text()
    c.wait_log("GitHub token")
    c.wait_log("opilot token")
    assert c.chat().status == 200
    assert token not in c.log and token[4:] not in c.log
    assert not re.search(r"tid=[0-9a-f]", c.log)
    assert not re.search(r"ghu_[0-9A-Za-z]{6}", c.log)


def test_codes_are_for_callers_on_loopback_only(cluster, hub):
    address = harness.outside_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    port = harness.free_port("0.0.0.0")
    c = cluster({"first": {}}, hub=hub, port=port, gateway={"listen": f"0.0.0.0:{port}"})
    login = c.wait_login()
    answer = harness.wire.exchange(port, "GET", "/health", host=address)
    assert answer.status == 200
    assert login["code"].encode() not in answer.body
    assert answer.json().get("logins", []) == []
