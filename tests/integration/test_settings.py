"""What a node's process is: what [node] says about it, seen through /proc.

Tests that need root are skipped elsewhere, and so are those that need not to be root.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import pytest

import harness
from harness import wait_for
from nodes import fake_node

NOBODY = 65534
needs_root = pytest.mark.skipif(not harness.is_root(), reason="only root changes users")
ALL_SIGNALS = range(1, 65)


@pytest.fixture
def open_folder():
    """A directory that other users can reach; pytest's own are closed to them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="settings-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_cluster(open_folder, request):
    return harness.factory(open_folder, request)


def proc(c, name="a"):
    return pathlib.Path(f"/proc/{c.node(name)['pid']}")


def status(place):
    lines = (place / "status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


def limits(place):
    lines = (place / "limits").read_text().splitlines()[1:]
    return {line[:25].strip(): line[25:].split()[:2] for line in lines}


def environ(place):
    pairs = (place / "environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def words(place):
    return (place / "cmdline").read_text().split("\0")[:-1]


def check(c):
    done = subprocess.run([harness.BINARY, "check", "-c", c.ini], capture_output=True,
                          text=True, timeout=30, env=c.env)
    return done.returncode, done.stdout + done.stderr


def problem(c, text, name="a"):
    wait_for(lambda: text in json.dumps(c.node(name)), f"{text!r} in /health")


SLEEPER = {"command": "sh -c 'exec sleep 600' %(port)s"}  # python has handlers of its own


# --------------------------------------------------------------------------- every child

def test_a_child_has_three_descriptors_and_default_signals(cluster, tmp_path):
    c = cluster({"a": SLEEPER})
    wait_for(lambda: c.node("a").get("pid"), "a process")
    place = proc(c)
    wait_for(lambda: b"sleep" in (place / "cmdline").read_bytes(), "the exec")
    assert sorted(os.listdir(place / "fd")) == ["0", "1", "2"]
    assert os.readlink(place / "fd/0") == "/dev/null"
    facts = status(place)
    for mask in ("SigIgn", "SigCgt", "SigBlk", "SigPnd"):
        assert int(facts[mask][0], 16) == 0, mask
    assert facts["NStgid"] == facts["NSpgid"] == facts["NSsid"]
    assert facts["Umask"] == ["0077"]
    assert os.readlink(place / "cwd") == str(c.home("a"))


def test_a_child_gets_the_limit_that_we_were_started_with(cluster):
    c = cluster({"a": SLEEPER}, wrapper=["prlimit", "--nofile=700:2000"])
    wait_for(lambda: c.node("a").get("pid"), "a process")
    ours = limits(pathlib.Path(f"/proc/{c.process.pid}"))
    assert ours["Max open files"] == ["2000", "2000"], "raised for ourselves"
    assert limits(proc(c))["Max open files"] == ["700", "2000"]
    assert limits(proc(c))["Max core file size"] == ["0", "0"]


def test_limits_nice_umask_and_directory_are_the_settings(cluster, tmp_path):
    c = cluster({"a": {**fake_node(), "limit_nofile": "300", "limit_core": "1MiB", "nice": "7",
                       "oom_score_adj": "321", "umask": "027", "directory": tmp_path},
                 "b": {**fake_node(), "nice": "inherit", "umask": "0"}},
                node={"nice": "3"}, ready=True)
    a, b = proc(c, "a"), proc(c, "b")
    assert limits(a)["Max open files"] == ["300", "300"]
    assert limits(a)["Max core file size"] == ["1048576", "1048576"]
    assert status(a)["Umask"] == ["0027"] and status(b)["Umask"] == ["0000"]
    assert os.readlink(a / "cwd") == str(tmp_path)
    assert os.readlink(b / "cwd") == str(c.home("b"))
    assert (a / "oom_score_adj").read_text() == "321\n"
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, int(a.name)) == 7
    assert os.getpriority(os.PRIO_PROCESS, int(b.name)) == own, "inherit undoes [node]"


def test_the_environment_is_only_what_was_asked_for(cluster, tmp_path):
    (tmp_path / "a.env").write_text('# mine\nFROM_FILE="two words"\nBOTH=file\nPASSED=file\n')
    c = cluster({"a": {**fake_node(), "env_file": f"{tmp_path}/%(node_name)s.env",
                       "env.BOTH": "own", "pass_env": "PASSED OTHER NOT_THERE"}},
                env={"PASSED": "ours", "OTHER": "x", "SECRET": "1", "NODE_ENV": "test",
                     "HTTPS_PROXY": "http://127.0.0.1:9"}, ready=True)
    got = environ(proc(c))
    assert got.pop("HOST").startswith("127.")
    assert got == {"PATH": c.env["PATH"], "HOME": str(c.home("a")), "NO_COLOR": "1",
                   "COPILOT_CLUSTER_NODE": "a", "LANG": "C.UTF-8", "FROM_FILE": "two words",
                   "BOTH": "own", "PASSED": "file", "OTHER": "x"}


def test_proxy_env_passes_our_proxy_variables_or_drops_them(cluster):
    ours = {"HTTPS_PROXY": "http://127.0.0.1:9", "no_proxy": "127.0.0.0/8"}
    c = cluster({"a": {**fake_node(), "proxy_env": "no", "pass_env": "HTTPS_PROXY"},
                 "b": {"command": "sh -c 'exec sleep 600' start", "proxy_env": "yes"}},
                env=ours)
    c.wait_status(a="READY")
    assert not set(ours) & set(environ(proc(c)))
    wait_for(lambda: c.node("b").get("pid"), "its turn")
    wait_for(lambda: b"sleep" in (proc(c, "b") / "cmdline").read_bytes(), "the exec")
    assert ours.items() <= environ(proc(c, "b")).items()


def test_a_command_takes_expansions_and_no_shell(cluster, tmp_path):
    c = cluster({"a": {"command": f"{fake_node()['command']} --name '%(node_name)s "
                                  "%(ENV_MINE)s $HOME `x`' --say \"%(state_dir)s;\" --say 5%%",
                       "env.MINE": "in env"}}, ready=True)
    got = words(proc(c))
    assert got[got.index("--name") + 1] == "a in env $HOME `x`"
    assert got[got.index("--say") + 1] == f"{c.state_dir};"
    assert got[-1] == "5%"


def test_rate_limit_wait_is_handed_to_copilot_api(cluster, hub):
    c = cluster({"a": {"rate_limit": "7", "rate_limit_wait": "yes"},
                 "b": {"rate_limit_wait": "yes"}}, hub=hub,
                accounts={"a": "alice", "b": "bob"}, ready=True)
    assert "--wait" in words(proc(c, "a"))
    assert "--wait" not in words(proc(c, "b")), "it means nothing without rate_limit"


# --------------------------------------------------------------------------- users

@needs_root
def test_a_node_runs_as_its_user_with_his_groups_only(open_cluster):
    c = open_cluster({"a": {**fake_node(), "user": "nobody"},
                      "b": {**fake_node(), "user": "12345", "group": "23456"},
                      "c": fake_node()}, ready=True)
    facts = status(proc(c, "a"))
    assert facts["Uid"] == [str(NOBODY)] * 4 and facts["Gid"] == [str(NOBODY)] * 4
    assert facts["Groups"] == [str(NOBODY)], "none of root's"
    assert int(facts["CapEff"][0], 16) == int(facts["CapPrm"][0], 16) == 0
    facts = status(proc(c, "b"))
    assert facts["Uid"] == ["12345"] * 4 and facts["Gid"] == ["23456"] * 4
    assert facts["Groups"] == ["23456"]
    assert status(proc(c, "c"))["Uid"] == ["0"] * 4
    assert (c.home("a").stat().st_uid, c.home("b").stat().st_uid) == (NOBODY, 12345)
    assert [stat.S_IMODE(c.home(name).stat().st_mode) for name in "abc"] == [0o700] * 3
    for above in (c.state_dir, c.state_dir / "nodes"):
        assert stat.S_IMODE(above.stat().st_mode) == 0o711, "a way through, nothing to see"
    assert c.chat().status == 200
    c.stop()


@needs_root
def test_supplementary_groups_are_those_of_the_user_database(open_cluster):
    c = open_cluster({"a": {**fake_node(), "user": "root", "group": "daemon"}}, ready=True)
    ids = subprocess.run(["id", "-G", "root"], capture_output=True, text=True).stdout.split()
    facts = status(proc(c))
    daemon = subprocess.run(["getent", "group", "daemon"], capture_output=True,
                            text=True).stdout.split(":")[2]
    assert facts["Gid"] == [daemon] * 4
    assert set(facts["Groups"]) <= set(ids) | {daemon} and daemon in facts["Groups"]


@needs_root
def test_a_login_survives_a_change_of_user(open_cluster, hub):
    c = open_cluster({"a": {}}, hub=hub, accounts={"a": "alice"})
    pathlib.Path(hub.ca_file).chmod(0o644)
    c.wait_ready()
    c.stop()
    c.sections["node"].update({"command": fake_node()["command"]})
    c.sections["node:a"].update({"user": NOBODY})
    c.write_ini()
    c.start().wait_ready()
    token = c.home("a") / harness.TOKEN_FILE
    assert token.stat().st_uid == NOBODY and token.parent.stat().st_uid == NOBODY
    assert token.read_text() == "ghu_alice"
    assert hub.requests("device") == []


@needs_root
def test_files_of_others_in_a_home_are_not_given_away(open_cluster, open_folder):
    bait = open_folder / "bait"
    bait.write_text("root's")
    c = open_cluster({"a": {**fake_node(), "user": "12345", "group": "12345"}}, start=False)
    home = c.home("a")
    home.mkdir(parents=True)
    c.state_dir.chmod(0o700)
    (home / "link").symlink_to(bait)
    (home / "mine").write_text("x")
    os.link(bait, home / "second-name")
    c.start().wait_ready()
    assert bait.stat().st_uid == 0, "neither by a link nor by a second name"
    assert (home / "mine").stat().st_uid == 12345


@needs_root
def test_a_missing_capability_is_told_by_the_stage_that_needs_it(open_cluster):
    for missing, told in {"setuid": "cannot change to user 'nobody': Operation not",
                          "setgid": "cannot take the groups of user 'nobody': Op"}.items():
        c = open_cluster({"a": {**fake_node(), "user": "nobody"}},
                         wrapper=["setpriv", f"--bounding-set=-{missing}",
                                  f"--inh-caps=-{missing}"])
        problem(c, told)
        c.wait_log(told)
        c.stop()


def test_failures_before_exec_are_told_by_stage(cluster, tmp_path):
    c = cluster({"dir": {**fake_node(), "directory": f"{tmp_path}/nowhere"},
                 "files": {**fake_node(), "limit_nofile": "1073741824"},
                 "good": fake_node()})
    problem(c, f"cannot enter directory '{tmp_path}/nowhere': No such file"[:70], "dir")
    problem(c, "cannot set limit_nofile: Operation not permitted", "files")
    c.wait_status(good="READY")


@needs_root
def test_without_root_another_user_is_refused_in_words(open_cluster, open_folder):
    c = open_cluster({"a": {**fake_node(), "user": "daemon"}}, start=False)
    c.folder.chmod(0o777)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           harness.BINARY, "run", "-c", c.ini], capture_output=True, text=True,
                          timeout=30, env=c.env)
    assert done.returncode == 1
    assert "Operation not permitted" in done.stderr and "daemon" in done.stderr


# --------------------------------------------------------------------------- homes and files

def test_home_may_be_anywhere_and_is_made_private(cluster, tmp_path):
    c = cluster({"a": fake_node(), "b": fake_node()},
                node={"home": f"{tmp_path}/homes/%(node_name)s"}, ready=True)
    home = tmp_path / "homes/a"
    assert environ(proc(c))["HOME"] == str(home)
    assert os.readlink(proc(c) / "cwd") == str(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_env_file_is_read_anew_at_each_start(cluster, tmp_path):
    file = tmp_path / "node.env"
    file.write_text("V=1\n")
    c = cluster({"a": {**fake_node(), "env_file": file}}, ready=True)
    first = c.node("a")["pid"]
    assert environ(proc(c))["V"] == "1"
    file.write_text("V=2\n")
    os.kill(first, 9)
    wait_for(lambda: c.status("a") == "READY" and c.node("a")["pid"] != first, "a restart")
    assert environ(proc(c))["V"] == "2"
    file.unlink()
    os.kill(c.node("a")["pid"], 9)
    problem(c, "No such file")
    file.write_text("V=3\n")
    c.wait_ready()
    assert environ(proc(c))["V"] == "3", "the file came, and so did the node"


def test_check_names_what_is_wrong_with_paths_and_files(cluster, tmp_path):
    (tmp_path / "bad.env").write_text("A=1\n\nexport B=2\n")
    c = cluster({"a": {**fake_node(), "env_file": tmp_path / "none.env"},
                 "b": {**fake_node(), "env_file": f"-{tmp_path}/none.env"},
                 "c": {**fake_node(), "env_file": tmp_path / "bad.env"},
                 "d": {"command": "x %(ENV_NOT_THERE)s"},
                 "e": {**fake_node(), "user": "12345"},
                 "f": {**fake_node(), "home": "%(prot)s"}}, start=False)
    code, said = check(c)
    assert code == 78
    assert f"node a: env_file {tmp_path}/none.env: No such file or directory\n" in said
    assert "node b" not in said
    assert f"node c: env_file {tmp_path}/bad.env:3: " in said and "no 'export'" in said
    assert "node d: command: %(ENV_NOT_THERE)s: there is no" in said
    assert "node e: user: '12345' has no entry" in said and "set group" in said
    assert "node f: home: unknown %(prot)s" in said


def test_check_teaches_each_setting_with_its_line(cluster):
    c = cluster({"a": {"user": "no-such-user", "group": "no-such-group", "umask": "888",
                       "nice": "20", "oom_score_adj": "-1001", "limit_nofile": "many",
                       "limit_core": "-1", "directory": "relative", "env_file": "-relative",
                       "rate_limit_wait": "maybe"}}, start=False)
    code, said = check(c)
    assert code == 78
    for key, words_of_it in {
            "user": "a user of this machine, by name or number, got 'no-such-user'",
            "group": "a group of this machine", "umask": "000..777 in octal, got '888'",
            "nice": "inherit or -20..19, got '20'", "oom_score_adj": "inherit or -1000..1000",
            "limit_nofile": "inherit, infinity or 16..1073741824",
            "limit_core": "inherit, infinity or 0..", "directory": "an absolute path",
            "env_file": "with - before it if it may be missing",
            "rate_limit_wait": "yes or no"}.items():
        told = [line for line in said.splitlines() if f"[node:a] {key} must be" in line]
        assert len(told) == 1 and words_of_it in told[0], (key, said)
        assert told[0].startswith(f"{c.ini}:")


# --------------------------------------------------------------------------- github_token_file

def seeded(cluster, hub, tmp_path, account="alice", **options):
    """A cluster whose node a gets its login from a file."""
    hub.account(account)
    seed = tmp_path / "seed-a"
    seed.write_text(f"ghu_{account}\n")
    return seed, cluster({"a": {"github_token_file": f"{tmp_path}/seed-%(node_name)s"}},
                         hub=hub, **options)


def test_github_token_file_is_the_login_of_a_node_without_one(cluster, hub, tmp_path):
    _, c = seeded(cluster, hub, tmp_path)
    c.wait_ready()
    assert harness.served_by(c.chat()) == "alice"
    assert hub.requests("device") == []
    token = c.home("a") / harness.TOKEN_FILE
    assert token.read_text() == "ghu_alice" and stat.S_IMODE(token.stat().st_mode) == 0o600
    place = proc(c)
    for name in ("cmdline", "environ"):
        assert b"ghu_alice" not in (place / name).read_bytes()
    assert "ghu_alice" not in c.log


def test_a_login_by_hand_is_kept_until_the_seed_changes(cluster, hub, tmp_path):
    seed, c = seeded(cluster, hub, tmp_path)
    c.wait_ready()
    c.stop()
    token = c.home("a") / harness.TOKEN_FILE
    hub.account("bob")
    token.write_text("ghu_bob")
    c.start().wait_ready()
    assert harness.served_by(c.chat()) == "bob"
    c.stop()
    hub.account("carol")
    seed.write_text("ghu_carol")
    c.start().wait_ready()
    assert harness.served_by(c.chat()) == "carol"
    assert token.with_name("github_token.before").read_text() == "ghu_bob"


def test_a_seed_that_github_refuses_leads_to_a_login(cluster, hub, tmp_path):
    (tmp_path / "seed-a").write_text("ghu_dead\n")
    c = cluster({"a": {"github_token_file": tmp_path / "seed-a"}}, hub=hub, start=False)
    aside = c.home("a") / f"{harness.TOKEN_FILE}.refused"
    aside.parent.mkdir(parents=True)
    aside.write_text("ghu_dead")
    c.start()
    c.wait_login("a")
    c.wait_log("GitHub has refused the token that github_token_file still holds")


@needs_root
def test_a_seed_is_written_for_the_nodes_user_and_through_no_link(open_cluster, open_folder):
    seed = open_folder / "seed"
    seed.write_text("ghu_x")
    seed.chmod(0o600)
    target = open_folder / "target"
    target.mkdir()
    c = open_cluster({"a": {**fake_node(), "user": "nobody", "github_token_file": seed},
                      "b": {**fake_node(), "user": "nobody", "github_token_file": seed}},
                     start=False)
    c.home("b").mkdir(parents=True)
    (c.home("b") / ".local").symlink_to(target)
    c.start()
    c.wait_status(a="READY")
    token = c.home("a") / harness.TOKEN_FILE
    assert token.read_text() == "ghu_x"
    assert [p.stat().st_uid for p in (token, *token.parents[:3])] == [NOBODY] * 4
    assert list(target.iterdir()) == []
    c.wait_log("the login of github_token_file cannot be written")


def test_check_looks_into_github_token_files(cluster, tmp_path):
    (tmp_path / "two").write_text("ghu_one ghu_two")
    c = cluster({"a": {**fake_node(), "github_token_file": tmp_path / "none"},
                 "b": {**fake_node(), "github_token_file": f"-{tmp_path}/none"},
                 "c": {**fake_node(), "github_token_file": tmp_path / "two"}}, start=False)
    code, said = check(c)
    assert code == 78 and "node b" not in said
    assert f"node a: github_token_file {tmp_path}/none: No such file or directory\n" in said
    assert f"node c: github_token_file {tmp_path}/two must hold one token" in said
    assert "ghu_" not in said


# --------------------------------------------------------------------------- [supervisor] user

@needs_root
def test_the_whole_runs_as_supervisor_user_after_binding(open_cluster, open_folder):
    low = next(port for port in range(700, 1000) if not harness.answers(port))
    socket = open_folder / "door.sock"
    seed = open_folder / "seed"
    seed.write_text("ghu_x")
    seed.chmod(0o600)  # root's: read before the change
    c = open_cluster({"a": {**fake_node(), "github_token_file": seed, "oom_score_adj": 500}},
                     port=low, start=False,
                     gateway={"listen": f"127.0.0.1:{low} unix:{socket}"},
                     supervisor={"user": "nobody"}, log={"access": "text",
                                                         "access_file": open_folder / "access"})
    c.start().wait_ready()
    ours = pathlib.Path(f"/proc/{c.process.pid}")
    for place in (ours, proc(c)):
        facts = status(place)
        assert facts["Uid"] == [str(NOBODY)] * 4 and facts["Gid"] == [str(NOBODY)] * 4
        assert facts["Groups"] == [str(NOBODY)] and int(facts["CapEff"][0], 16) == 0
    assert (proc(c) / "oom_score_adj").read_text() == "500\n"
    assert sorted(os.listdir(proc(c) / "fd"))[:3] == ["0", "1", "2"]
    for mine in (c.state_dir, c.home("a"), c.home("a") / harness.TOKEN_FILE, socket,
                 open_folder / "access", c.state_dir / "lock"):
        assert mine.stat().st_uid == NOBODY, mine
    assert c.chat().status == 200
    os.kill(c.node("a")["pid"], 9)
    wait_for(lambda: c.node("a")["restarts"] == 1, "a restart as that user")
    c.wait_ready()
    c.stop()
    assert (c.state_dir / "state.json").stat().st_uid == NOBODY
    c.start().wait_ready()
    c.stop()


@needs_root
def test_a_state_directory_of_root_is_handed_over(open_cluster):
    c = open_cluster({"a": fake_node()}, ready=True)
    c.stop()
    assert c.home("a").stat().st_uid == 0
    c.sections["supervisor"]["user"] = "nobody"
    c.write_ini()
    c.start().wait_ready()
    assert {p.stat().st_uid for p in (c.state_dir, c.state_dir / "nodes", c.home("a"))} \
        == {NOBODY}
    c.stop()


@needs_root
def test_the_death_signal_of_our_parent_survives_the_change_of_user(open_cluster):
    c = open_cluster({"a": fake_node()}, supervisor={"user": "nobody"}, wrapper=(
        harness.PYTHON, "-c", "import subprocess, sys\n"
        "subprocess.run(['setpriv', '--pdeathsig', 'KILL', *sys.argv[1:]])"), ready=True)
    pid = int((c.state_dir / "lock").read_text())
    c.process.kill()
    c.process.wait()
    wait_for(lambda: not harness.is_alive(pid), "the end of the gateway")
    wait_for(lambda: c.processes() == [], "and of its nodes")


def test_supervisor_user_and_a_nodes_user_exclude_one_another(cluster):
    c = cluster({"a": {**fake_node(), "group": "0"}, "b": fake_node()}, start=False,
                supervisor={"user": "root"}, node={"user": "root"})
    code, said = check(c)
    told = [line for line in said.splitlines() if "together with [supervisor] user" in line]
    assert code == 78 and len(told) == 2
    assert "[node] user" in told[0] and "[node:a] group" in told[1]


@needs_root
def test_without_root_supervisor_user_is_refused(open_cluster):
    c = open_cluster({}, start=False, supervisor={"user": "daemon"})
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           harness.BINARY, "run", "-c", c.ini], capture_output=True, text=True,
                          timeout=30, env=c.env)
    assert done.returncode == 1
    assert "[supervisor] user: only root can become 'daemon'" in done.stderr


# --------------------------------------------------------------------------- pidfile

def refused(c):
    done = subprocess.run([harness.BINARY, "run", "-c", c.ini], capture_output=True, text=True,
                          timeout=30, env=c.env)
    assert done.returncode == 1
    return done.stderr


def test_the_pidfile_is_there_as_long_as_we_are(cluster, tmp_path):
    file = tmp_path / "our.pid"
    c = cluster({"a": fake_node()}, supervisor={"pidfile": file}, ready=True)
    assert file.read_text() == f"{c.process.pid}\n"
    c.stop()
    assert list(tmp_path.glob("our.pid*")) == []


def test_a_live_daemon_keeps_its_pidfile_and_a_dead_one_loses_it(cluster, tmp_path):
    file = tmp_path / "our.pid"
    one = cluster({}, supervisor={"pidfile": file})
    two = cluster({}, supervisor={"pidfile": file}, start=False)
    assert f"is held by a running copilot-cluster (pid {one.process.pid})" in refused(two)
    assert file.read_text() == f"{one.process.pid}\n"
    one.kill(9)
    one.wait()
    assert file.exists()
    two.start()
    assert file.read_text() == f"{two.process.pid}\n"
    two.stop()
    assert list(tmp_path.glob("our.pid*")) == []


def test_a_file_that_is_no_pidfile_is_left_alone(cluster, tmp_path):
    file = tmp_path / "notes"
    file.write_text("dear diary")
    c = cluster({}, supervisor={"pidfile": file}, start=False)
    assert "is no pid file: remove it" in refused(c)
    assert file.read_text() == "dear diary"
    c.sections["supervisor"]["pidfile"] = tmp_path / "nowhere/our.pid"
    c.write_ini()
    assert "No such file" in refused(c)


@needs_root
def test_a_pidfile_that_the_new_user_cannot_remove_is_left_empty(open_cluster, open_folder):
    file = open_folder / "our.pid"
    c = open_cluster({}, supervisor={"pidfile": file, "user": "nobody"})
    assert file.read_text() == f"{c.process.pid}\n"
    c.stop()
    assert file.read_text() == ""
    c.start()
    c.stop()
