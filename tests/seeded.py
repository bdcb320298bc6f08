#!/usr/bin/env python3
"""seeded - one bug for each property of the engine, and the search has to find it.

A search that finds nothing proves little until it is seen to find something. Each row below
names a property, a file of proxy/core, a piece of it (which must stand there exactly once) and
the bug to put in its place. The engine with that one bug is built in a folder of its own under
build/seeded/ and searched; the search must fail, and blame the property. Product code carries
no trace of this: `seeded.py P7` builds and searches one row, `seeded.py` all of them.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "seeded"
SIZES = ["-DNODES_MAX=4", "-DREQUESTS_MAX=2", "-DATTEMPTS_MAX=3"]
SEARCHES = {"P1": 1, "fail-back": 10, "hold": 11, "reserve": 12}  # else in the first
CORE = ["failover", "failover_names", "events", "ending", "flight", "baton", "health",
        "health_quota"]
SEARCH = ["model_failover", "search_check", "search_rules", "search_events", "search_key",
          "search_store"]

BUGS = [
    ("P1", "flight.c", "(state == NODE_READY || (state == NODE_DRAINED && is_free))",
     "(state == NODE_READY || state == NODE_RATE_LIMITED)"),
    ("P2", "baton.c", "if (i != f->active && f->nodes[i].inflight > 0)",
     "if (i != f->active && f->nodes[i].inflight > 1)"),
    ("P3", "ending.c", "hand_on(f, r, outcome, out);\n        return;\n    }\n    enum",
     "hand_on(f, r, outcome, out);\n    }\n    enum"),
    ("P4", "ending.c", "else if (r->state == FAILOVER_REQUEST_STARTED)",
     "else if (r->state == FAILOVER_REQUEST_STARTED && ev->outcome != FAILOVER_OUTCOME_QUOTA)"),
    ("P5", "flight.c", "if (r->attempts > f->policy.retry_limit)",
     "if (r->attempts > f->policy.retry_limit + 1)"),
    ("P6", "baton.c", "if (n->rank < rank && (below", "if (n->rank + 1 < rank && (below"),
    ("P7", "health.c", "!(n->is_token_bad && n->is_owned)", "true"),
    ("P8", "health.c", "    if (n->limited_until_ms <= now_ms)",
     "    if (n->limited_until_ms < now_ms)"),
    ("P9", "flight.c", "at = min_ms(at, until);", "at = r->is_bypass ? until : at;"),
    ("P10", "flight.c", "return a->is_used && a->generation == id.generation ? a : NULL;",
     "return a->is_used ? a : NULL;"),
    ("P11", "health.c", "if (n->forbidden_streak > 0 && !n->is_forbidden_asked)",
     "if (!n->is_forbidden_asked)"),
    ("D4", "baton.c", "health_may_be_cut(n) && n->handoff_until_ms <= now_ms;",
     "health_may_be_cut(n);"),
    ("D6", "events.c", "    r->is_fin = true;\n", ""),
    ("reserve", "health_quota.c", "n->estimate_milli - cost_milli >= policy->reserve_milli;",
     "n->estimate_milli - cost_milli >= 0;"),
    ("hold", "health.c", " || n->hold != FAILOVER_HOLD_NONE)\n        return NODE_OFFLINE;",
     ")\n        return NODE_OFFLINE;"),
    ("queue", "flight.c", "(int32_t)(r->order - f->requests[f->queue_tail].order) > 0;",
     "true;"),
    ("fail-back", "baton.c", "is_failback || !is_nothing_in_flight(f))\n        return",
     "is_failback)\n        return"),
]


def build(number, file, old, new):
    """The search over an engine with this bug; None when its place is not found."""
    folder = BUILD / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "proxy" / "core", folder / "proxy" / "core")
    text = (folder / "proxy" / "core" / file).read_text()
    if text.count(old) != 1:
        return None
    (folder / "proxy" / "core" / file).write_text(text.replace(old, new))
    sources = [f"{folder}/proxy/core/{name}.c" for name in CORE]
    sources += [f"{ROOT}/tests/unit/{name}.c" for name in SEARCH]
    sources += [f"{ROOT}/proxy/base/node.c"]
    command = [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-w", *SIZES]
    command += ["-iquote", str(ROOT / "include"), "-iquote", str(folder)]
    subprocess.run([*command, "-o", str(folder / "search"), *sources], check=True)
    return folder / "search"


def try_bug(number, prop, file, old, new):
    search = build(number, file, old, new)
    if search is None:
        return f"{prop}: the place of its bug is not in {file} any more, or not once"
    number = str(SEARCHES.get(prop, 0))
    run = subprocess.run([search, number], stdout=subprocess.PIPE, text=True, timeout=300)
    blame = next((line for line in run.stdout.splitlines() if line.startswith("search: ")), "")
    if run.returncode == 0:
        return f"{prop}: the search did not find the bug in {file}"
    if f" {prop}: " not in blame:
        return f"{prop}: the search blamed something else: {blame or run.stdout[-200:]!r}"
    print(f"seeded: {prop} in {file}: found ({blame.removeprefix('search: ')})", flush=True)
    return None


def main():
    wanted = sys.argv[1:]
    rows = [(i, *bug) for i, bug in enumerate(BUGS) if not wanted or bug[0] in wanted]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda row: try_bug(*row), rows))
    failures = [result for result in results if result]
    for failure in failures:
        print(f"seeded: {failure}")
    if failures:
        print(f"[  FAILED  ] {len(failures)} test(s).")
    print(f"[  PASSED  ] {len(rows) - len(failures)} test(s).")
    sys.exit(1 if failures or not rows else 0)


if __name__ == "__main__":
    main()
