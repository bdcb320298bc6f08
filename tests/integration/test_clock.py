"""The wall clock jumps; the program's own clock does not.

libfaketime gives our process, and only it, another wall clock, which a file sets; the monotonic
clock stays true.

SPDX-License-Identifier: MIT
"""
import datetime
import os
import pathlib

import pytest

import harness
from harness import served_by, wait_for

LIBRARY = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")
TWO = {"first": {}, "second": {}}
SEEDED = {"first": "alice", "second": "bob"}


class Clock:
    """Seconds that our process's wall clock is ahead of the true one."""

    def __init__(self, folder):
        self.file = pathlib.Path(folder) / "clock"
        self.env = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                    "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
        self.set(0)

    def set(self, seconds):
        temporary = self.file.with_suffix(".new")
        temporary.write_text(f"{seconds:+d}s\n")
        os.replace(temporary, self.file)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def iso(seconds_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc)
    moment += datetime.timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def said_time(c):
    """The year that the process believes in, by the journal of a switch."""
    return c.health()["nodes"][0]["lastCheck"][:4]


@needs_faketime
@pytest.mark.parametrize("jump", [400 * 86400, -400 * 86400])
def test_a_jump_of_the_wall_clock_changes_no_state_and_ends_no_cooldown(cluster, hub, clock,
                                                                        jump):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True, env=clock.env,
                quota={"rate_limit_cooldown": "3s", "poll_interval": "700ms"})
    hub.fault("bob", chat={"do": "429", "times": 1})
    assert served_by(c.chat()) == "alice"
    assert c.status("second") == "RATE_LIMITED"
    year = said_time(c)
    polls = len(hub.requests("usage"))
    clock.set(jump)
    wait_for(lambda: said_time(c) != year, "the other year in /health")
    assert c.status("second") == "RATE_LIMITED", "the cooldown is not over"
    assert served_by(c.chat()) == "alice"
    wait_for(lambda: len(hub.requests("usage")) >= polls + 4, "polls go on")
    c.wait_status(first="READY", second="READY")  # and the cooldown ends in its time
    assert c.active == "first"
    ticks = sum(map(int, pathlib.Path(f"/proc/{c.process.pid}/stat").read_text()
                    .rpartition(")")[2].split()[11:13]))
    assert ticks < 5 * os.sysconf("SC_CLK_TCK"), "nothing spins"


@needs_faketime
def test_a_login_code_lives_its_time_although_the_clock_jumps(cluster, hub, clock):
    c = cluster({"first": {}}, hub=hub, env=clock.env)
    code = c.wait_login()["code"]
    clock.set(30 * 86400)
    wait_for(lambda: c.request("GET", "/health").status == 200)
    assert c.wait_login()["code"] == code, "15 minutes have not passed"
    hub.approve(code, "alice")
    c.wait_status(first="READY")


def test_a_drained_account_is_asked_again_at_its_reset_date(cluster, hub):
    hub.account("bob", quota={"remaining": 0}, reset_date=iso(12))
    hub.account("alice")
    c = cluster(TWO, hub=hub, accounts=SEEDED)
    c.wait_status(first="READY", second="DRAINED")
    assert served_by(c.chat()) == "alice"
    before = len(hub.requests("usage", "bob"))
    hub.account("bob", quota={"remaining": 300}, reset_date="2030-01-01")
    # drained_poll_interval is an hour: only the reset date brings it back.
    c.wait_status(second="READY")
    assert len(hub.requests("usage", "bob")) == before + 1, "asked once, at that moment"
    assert c.active == "first", "the lead is sticky"


@needs_faketime
def test_a_reset_date_that_the_clock_jumped_over_is_found_by_the_hourly_look(cluster, hub,
                                                                            clock):
    hub.account("bob", quota={"remaining": 0}, reset_date=iso(86400))
    hub.account("alice")
    c = cluster(TWO, hub=hub, accounts=SEEDED, env=clock.env,
                quota={"drained_poll_interval": "1s"})
    c.wait_status(first="READY", second="DRAINED")
    clock.set(2 * 86400)
    hub.account("bob", quota={"remaining": 300})
    c.wait_status(second="READY")
    assert harness.is_alive(c.process.pid)
