#!/bin/sh
# run.sh - every test there is; what `make test` and .ci/run call.
#
# Step after step, each with a heading, its time and its count. A failed step shows the end of
# its output and does not keep the next ones from running. The last line alone says
# "N passed, N failed". Outputs stay in build/test-logs/. Exit 1 when anything failed.
#
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/.." || exit 1
logs=build/test-logs
mkdir -p "$logs"
passed=0 failed=0 number=0
jobs=$(getconf _NPROCESSORS_ONLN)
make="make --no-print-directory -s -j$jobs"
# Leftovers of the caller would change what is built.
unset MODE CC B CFLAGS LDFLAGS MAKEFLAGS MFLAGS MAKELEVEL

# What cmocka and pytest say about themselves, as "passed failed".
count() {
    awk '
        /^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
        / in [0-9.]+s/ {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) passed += $(i - 1)
                if ($i ~ /^(failed|errors?)/) failed += $(i - 1)
            }
        }
        END { print passed + 0, failed + 0 }' "$1"
}

# step NAME COMMAND...: runs it; live when NAME starts with a plus.
step() {
    name=${1#+} live=$1
    shift
    number=$((number + 1))
    log=$logs/$number.log
    printf '== %s\n' "$name"
    begin=$(date +%s)
    if [ "$live" != "$name" ]; then
        { "$@" 2>&1 </dev/null; echo $? >"$log.status"; } | tee "$log"
        status=$(cat "$log.status")
        rm -f "$log.status"
    else
        "$@" >"$log" 2>&1 </dev/null
        status=$?
    fi
    seconds=$(($(date +%s) - begin))
    counts=$(count "$log")
    ok=${counts% *} bad=${counts#* }
    # A crash, a failed build or a finding of lint is one failure as well; so are no tests.
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
    case $1 in
    pytest_all | data_path | unit_tests) [ "$ok" != 0 ] || [ "$bad" != 0 ] || bad=1 ;;
    esac
    passed=$((passed + ok)) failed=$((failed + bad))
    if [ "$status" = 0 ] && [ "$bad" = 0 ]; then
        [ "$ok" = 0 ] && note="ok" || note="$ok passed"
    else
        [ "$live" != "$name" ] || tail -n 100 "$log"
        note="FAILED (exit $status, all output in $log)"
    fi
    printf '   %s, %s s\n' "$note" "$seconds"
}

unit_tests() {
    $make unit "$@"
}

pytest_all() {
    /usr/bin/python3 -m pytest -p no:cacheprovider -q -rs --tb=short \
        -n "${TEST_WORKERS:-3}" --dist loadfile tests/integration
}

# The data path again, and reloads, with a binary that notices what a test would not.
data_path() {
    $make all MODE=asan || return
    COPILOT_CLUSTER=$PWD/build/asan/copilot-cluster TEST_PATIENCE=90 \
        /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short \
        -n "${TEST_WORKERS:-3}" --dist loadfile -k "gateway or not rawhttp" \
        tests/integration/rawhttp tests/integration/test_http.py \
        tests/integration/test_upstream.py tests/integration/test_streams.py \
        tests/integration/test_reload.py
}

step "packages" sh tests/deps.sh apt test
step "copilot-api and the test clients" sh tests/deps.sh node test
step "build (cc)" $make all
step "unit tests" unit_tests
step "exhaustive searches" $make model
step "a seeded bug in each property is found" /usr/bin/python3 tests/seeded.py
step "unit tests under ASan and UBSan" unit_tests MODE=asan
step "the data path under ASan and UBSan" data_path
step "fuzzers, a few seconds each" $make fuzz
step "build (clang)" $make all CC=clang B=build/clang
step "lint" $make lint
step "+the real binary, end to end" pytest_all

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
