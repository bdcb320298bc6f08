#!/bin/sh
# run.sh - every fuzz target over its corpus, then some seconds of its own. Usage:
#
#   run.sh SECONDS BINARY...        SECONDS 0: the corpus only
#
# A target is tests/fuzz/fuzz_NAME.c. Its inputs are the files of tests/fuzz/corpus/NAME and of
# the folders that its head names in lines " * seeds: FOLDER"; a line " * max_len: BYTES" asks
# for longer inputs than 4096. tests/fuzz/NAME.dict are words to try. What is found on the way
# is kept beside the binary, never in the tree. A crash leaves its input in NAME-crash-*: copy
# that into the corpus, where it is a test from then on.
#
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:?usage: run.sh SECONDS BINARY...}
shift
status=0

# run NAME: libFuzzer on it; $log is what it said.
run() {
    source=tests/fuzz/fuzz_$1.c
    found=$place/found/$1
    mkdir -p "$found" || return 1
    set -- "$binary" -artifact_prefix="$place/$1-" -timeout=20 -rss_limit_mb=1024 \
        -max_len="$(head_says max_len 4096)" "$found"
    for folder in "tests/fuzz/corpus/$name" $(head_says seeds); do
        [ ! -d "$folder" ] || set -- "$@" "$folder"
    done
    [ ! -f "tests/fuzz/$name.dict" ] || set -- "$@" -dict="tests/fuzz/$name.dict"
    if [ "$seconds" = 0 ]; then
        set -- "$@" -runs=0
    else
        set -- "$@" -max_total_time="$seconds"
    fi
    "$@" >"$log" 2>&1 </dev/null
}

# head_says WORD DEFAULT: what the target's first comment has behind " * WORD: ".
head_says() {
    said=$(sed -n "/\*\//q; s/^ \* $1: *//p" "$source")
    echo "${said:-${2:-}}"
}

for binary; do
    name=${binary##*/fuzz_}
    place=${binary%/*}
    log=$place/$name.log
    if run "$name"; then
        awk -v name="$name" '
            / seed corpus: files: / { sub(/.*files: /, ""); seeds = $1 }
            /^Done / { inputs = $2; seconds = $5 }
            END { printf "[  PASSED  ] 1 test(s). %s: %d inputs in %d s, from %d files\n",
                  name, inputs, seconds, seeds }' "$log"
    else
        tail -n 60 "$log"
        echo "[  FAILED  ] 1 test(s). $name: all output is in $log"
        status=1
    fi
done
exit $status
