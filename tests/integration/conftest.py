"""conftest - fixtures: a fake GitHub, clusters that end with their test.

`cluster(...)` starts a Cluster and, when the test is over, stops it with TERM and checks that
it exits 0 and leaves no process. Tests that end it themselves are left alone.

SPDX-License-Identifier: MIT
"""
import pytest

import harness


def pytest_sessionstart():
    missing = [str(p) for p in (harness.BINARY, harness.NODE_BIN / "copilot-api",
                                harness.CLIENTS / "node_modules") if not p.exists()]
    if missing:
        pytest.exit(f"not there: {', '.join(missing)}; 'make deps-test all' makes them", 1)


@pytest.fixture
def hub(tmp_path):
    hub = harness.Hub(tmp_path)
    yield hub
    hub.stop()


@pytest.fixture
def cluster(tmp_path, request, hub_first):
    return harness.factory(tmp_path, request)


@pytest.fixture
def hub_first(request):
    """The hub, if the test has one, outlives its clusters."""
    if "hub" in request.fixturenames:
        request.getfixturevalue("hub")


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory, request):
    return harness.factory(tmp_path_factory.mktemp("shared"), request)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its clusters' logs."""
    report = (yield).get_result()
    if report.when == "call" and report.failed and "tmp_path" in item.funcargs:
        for log in sorted(item.funcargs["tmp_path"].glob("cluster*/log")):
            text = log.read_text(errors="replace")[-6000:]
            report.sections.append((f"{log.parent.name} log", text))
