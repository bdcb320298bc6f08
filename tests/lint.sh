#!/bin/sh
# lint.sh - the rules of the house that a compiler does not know. Usage: lint.sh BUILD_DIR
#
# Format, layers, one owner for each foreign API, purity of the core, names of exported symbols,
# banned functions, file heads, line length, traces of one machine. Each finding is one line:
# file:line, what is wrong, what to do. The rules that look at symbols need the objects in
# BUILD_DIR, so `make` comes first. Exit 1 when anything was found.
#
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C.UTF-8
export LC_ALL
build=${1:?usage: lint.sh BUILD_DIR}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

c_files() { # of the given folders, those that are there
    for folder; do [ ! -d "$folder" ] || find "$folder" -name '*.[ch]'; done | sort
}

# Turns "file:line:text" lines into findings with the advice $1.
finding() {
    awk -v advice="$1" '{ n = split($0, part, ":"); rest = part[3]
        for (i = 4; i <= n; i++) rest = rest ":" part[i]
        gsub(/^[ \t]+|[ \t]+$/, "", rest)
        printf "%s:%s: %s   %s\n", part[1], part[2], rest, advice }' >>"$report"
}

# look REGEX ADVICE FILE...: every matching line outside comments is a finding.
look() {
    regex=$1 advice=$2
    shift 2
    [ $# -eq 0 ] || grep -HnE "$regex" "$@" | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)' |
        finding "$advice"
}

# only OWNER REGEX WHAT: nobody but OWNER may match.
only() {
    owner=$1 regex=$2 what=$3
    look "$regex" "-> $what belongs to $owner alone; call that" \
        $(c_files supervisor proxy include | grep -vx "$owner")
}

# ------------------------------------------------------------------------------------ format

format() {
    tool=$(command -v clang-format-14 || command -v clang-format) || {
        echo "lint: no clang-format here, format not checked" >&2
        return
    }
    case $($tool --version) in *'version 14.'*) ;; *)
        echo "lint: the style is for clang-format 14, this is another; format not checked" >&2
        return ;;
    esac
    $tool --dry-run -Werror $(c_files supervisor proxy include tests) 2>&1 |
        grep -E '^[^ ]+:[0-9]+:[0-9]+: ' |
        sed 's/: error: code should be clang-formatted.*/: not in the format/' |
        cut -d: -f1,2,4- | finding "-> clang-format -i that file"
}

# ------------------------------------------------------------------------------------ layers

# Headers that pure code may have, as a regex of what stands between the quotes or brackets.
PURE_SYSTEM='<(assert|inttypes|limits|stdalign|stdarg|stdbool|stddef|stdint|string)\.h>'
PURE_OURS='"(slice|list|bounds|error|node|failover|price|cidr)\.h"'

layers() {
    look '#include "(\.\./)*supervisor/' "-> proxy must not know the supervisor (DESIGN 2)" \
        $(c_files proxy include)
    for header in $(c_files supervisor | grep '\.h$'); do
        name=${header##*/}
        [ -n "$(find proxy include -name "$name")" ] ||
            look "#include \"$name\"" "-> proxy must not know the supervisor (DESIGN 2)" \
                $(c_files proxy include)
    done
    for core in proxy/core supervisor/core; do
        allowed="$PURE_SYSTEM|$PURE_OURS"
        for header in $(c_files proxy/core supervisor/core | grep '\.h$'); do
            allowed="$allowed|\"([a-z/]*/)?${header##*/}\""
        done
        files=$(c_files $core)
        [ -z "$files" ] || grep -HnE '#include' $files | grep -vE "#include ($allowed)" |
            finding "-> core is pure: freestanding, core and include/ word headers only"
    done
    files=$(c_files proxy/base)
    [ -z "$files" ] || grep -HnE '#include "' $files |
        grep -vE '"(slice|list|bounds|error|node|mem|buf|log|reload)\.h"' |
        finding "-> base stands at the bottom and includes base headers only (DESIGN 2)"

    only proxy/fetch.c '#include <curl/' "libcurl"
    only supervisor/spawn.c '(^|[^a-z_.>])(fork|vfork|execve|execvpe?|posix_spawn)[ ]*\(' \
        "fork and exec"
    only supervisor/reaper.c '(^|[^a-z_.>])(waitid|waitpid|wait4?)[ ]*\(' "waiting for children"
    only supervisor/config_ini.c '#include <ini\.h>' "inih"
    look 'uv_spawn|uv_process_t' "-> libuv's processes are not used (DESIGN D3)" \
        $(c_files supervisor proxy include)
    # One caller for each engine; the engine's own header and source name it as well.
    look 'failover_step[ ]*\(' "-> only proxy/driver.c steps the failover engine" \
        $(c_files supervisor proxy | grep -vxE 'proxy/(core/failover[a-z_]*\.[ch]|driver\.c)')
    look 'fleet_step[ ]*\(' "-> only supervisor/cluster.c steps the fleet" \
        $(c_files supervisor proxy |
            grep -vxE 'supervisor/(core/fleet[a-z_]*\.[ch]|cluster\.c)')
}

# ----------------------------------------------------------------------------------- symbols

objects() { # of the given folders' sources; complains about one that is not built
    for source in $(c_files "$@" | grep '\.c$'); do
        object=$build/${source%.c}.o
        if [ -f "$object" ]; then
            echo "$object"
        else
            echo "$source:1: has no object in $build   -> run make first" >>"$report"
        fi
    done
}

# nm's lines as "file:line:symbol"; the source line is known where there is debug information.
undefined_of() {
    for object; do
        nm -u -l "$object" | awk -v here="$PWD/" -v source="${object#"$build"/}" '
            { at = $3; sub(here, "", at); sub(/\.o$/, ".c:0", source)
              print (at == "" ? source : at) ":" $2 }'
    done
}

symbols() {
    core=$(objects proxy/core supervisor/core)
    if [ -n "$core" ]; then
        own=$(nm --defined-only -g $core | awk 'NF == 3 { printf "|%s", $3 }')
        harmless='mem[a-z]+|str[a-z]+|__(mem|str)[a-z]+_chk|__assert_fail|__stack_chk_fail'
        undefined_of $core |
            grep -vE ":($harmless|node_[a-z]+_name|_GLOBAL_OFFSET_TABLE_$own)$" |
            finding "-> core calls nothing but mem*, str* and core: make the shell do it"
        undefined_of $core | grep -E ':(strn?dup|strerror|strtok|strsignal)$' |
            finding "-> core neither allocates nor keeps state of its own"
    fi
    for object in $(objects supervisor proxy); do
        source=${object#"$build"/} source=${source%.o}.c
        name=${source##*/} name=${name%.c} module=$name
        [ "$source" != supervisor/main.c ] || continue
        # config_table.c may export config_table_x and config_x.
        prefixes=$name
        while [ "$module" != "${module%_*}" ]; do
            module=${module%_*} prefixes="$prefixes|$module"
        done
        nm --defined-only -g "$object" | awk 'NF == 3 { print $3 }' |
            grep -vE "^($prefixes)(_|$)" | while read -r symbol; do
                line=$(grep -nE "(^|[ *])$symbol([ (=;\[]|$)" "$source" | head -n 1)
                line=${line%%:*}
                echo "$source:${line:-1}: exports $symbol   -> name it ${name}_..., or static"
            done >>"$report"
    done
}

# ------------------------------------------------------------------------------------- words

words() {
    banned='strcpy|strcat|sprintf|strncpy|atoi|strtok|system|popen|alloca|sleep|usleep'
    look "(^|[^a-zA-Z0-9_])($banned)[[:space:]]*\(" \
        "-> banned (STYLE 2): it hides a bound or blocks" \
        $(c_files supervisor proxy include tests)
    look 'TODO|FIXME|XXX|not implemented' "-> finish it or write an issue" \
        $(c_files supervisor proxy include)
}

# ----------------------------------------------------------------------------- tracked files

tracked() { # also new files that are not ignored; fakehub is taken over as it is
    git ls-files --cached --others --exclude-standard "$@" | grep -v '^tests/fakehub/' |
        sort -u | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

heads() {
    for file in $(tracked '*.c' '*.h'); do
        name=${file##*/}
        sed -n 1p "$file" | grep -qE "^/\* (${name%.*}|$name) - ." ||
            echo "$file:1: its first line does not say what it is   -> /* ${name%.c} - one line"
    done >>"$report"
    for file in $(tracked '*.sh' '*.py' '*.mjs' '.ci/*'); do
        sed -n 2,3p "$file" | grep -qE '^(# |"""|// )' || sed -n 1p "$file" |
            grep -qE '^("""|// )' ||
            echo "$file:1: does not open with a comment   -> say what it is and how it works"
    done >>"$report"
    for file in $(tracked '*.c' '*.h' '*.sh' '*.py' '*.mjs' Makefile Dockerfile); do
        head -n 60 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
            echo "$file:1: no licence line   -> SPDX-License-Identifier: MIT at its top"
    done >>"$report"
}

traces() {
    tracked '*.c' '*.h' '*.sh' '*.py' '*.mjs' '*.ini' Makefile Dockerfile |
        xargs -r grep -HnE '^.{97,}' | cut -c1-120 | finding "-> break it: at most 96 columns"
    # Brackets keep these patterns from finding themselves.
    places='/wor[k]/(main|steering|shared|\.library)|/far[m]/in'
    registries='registr[y]\.npmjs\.org|de[b]\.debian\.org'
    tracked | xargs -r grep -HnIE "$places|$registries" |
        cut -c1-120 | finding "-> a path or registry of one machine: take it out"
}

format
layers
symbols
words
if git rev-parse --show-toplevel >/dev/null 2>&1; then
    heads
    traces
else
    echo "lint: not a git checkout; file heads and traces not checked" >&2
fi
if [ -s "$report" ]; then
    sort -t: -k1,1 -k2,2n "$report" | uniq
    echo "lint: $(sort -u "$report" | wc -l) findings"
    exit 1
fi
