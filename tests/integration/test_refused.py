"""A login that GitHub refuses for good: set aside, and another asked for.

In a file of its own, since it takes a minute: files run side by side.

SPDX-License-Identifier: MIT
"""
import stat

import harness
from harness import wait_for

REFUSED = "exited with status 1 during its start (GitHub refuses its login: bad credentials)"


def test_a_login_that_github_refuses_for_a_minute_is_set_aside(cluster, hub):
    hub.account("old", revoked=True)
    c = cluster({"first": {"restart_delay_max": "2s"}, "second": {}}, hub=hub,
                accounts={"first": "old", "second": "bob"})
    wait_for(lambda: c.node("first")["problem"] == REFUSED, "the reason in /health")
    c.wait_status(second="READY")
    token = c.home("first") / harness.TOKEN_FILE
    aside = token.with_name(token.name + ".refused")
    assert token.read_text() == "ghu_old" and hub.pending_codes() == []

    login = wait_for(lambda: next(iter(c.health()["logins"]), None), "a login code", 120)
    assert login["node"] == "first"
    assert len(hub.requests(kind="device")) == 1, "it is asked for once"
    refusals = [r["start"] for r in hub.requests(kind="user") if r["status"] == 401]
    assert refusals[-1] - refusals[0] >= 58, "a hiccup does not cost a login"
    assert c.status("first") == "LOGIN"
    assert aside.read_text() == "ghu_old"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert str(aside) in c.log, "where the old token is"
    assert c.log.count("its token is set aside") == 1
    assert c.log.count("LOGIN NEEDED") == 1

    hub.approve(login["code"], "alice")
    c.wait_ready()
    assert token.read_text().startswith("ghu_") and token.read_text() != "ghu_old"
    assert c.node("first")["problem"] is None
