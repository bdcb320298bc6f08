#!/bin/sh
# deps.sh - install what the build, the nodes and the tests need, and nothing that is there.
#
#   deps.sh apt        Debian, Ubuntu: libraries and compiler. Asks dpkg first, so a second run
#                      takes no time and no network. Elsewhere: prints names of packages.
#   deps.sh node       Node is checked, then copilot-api goes into build/copilot-api.
#   deps.sh apt test    and   deps.sh node test    add what only the tests need. nginx and
#                       HAProxy, which the tests compare us with, and Prometheus go into
#                       build/peers.
#   deps.sh apt bench   and   deps.sh node bench   add what only `make bench` needs.
#
# npm installs from the committed lock files: they pin every version by its integrity hash and
# name no download address, so the registry is the one that npm is configured for.
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."

NODE_MIN=20.18
BUILD_PACKAGES="gcc make pkg-config libuv1-dev libcurl4-openssl-dev libjansson-dev libinih-dev
    libssl-dev"
TEST_PACKAGES="libcmocka-dev python3-pytest python3-pytest-xdist clang clang-format openssl curl
    git iproute2 util-linux procps libfaketime"
# What the bench measures beside us, and what it looks inside with.
BENCH_PACKAGES="python3 nginx-light haproxy valgrind strace util-linux"

fail() {
    printf 'deps: %s\n' "$@" >&2
    exit 1
}

# -------------------------------------------------------------------------------------- apt

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# True when apt offers package $1 (in version $2 or newer, where given).
is_offered() {
    offered=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p')
    case $offered in '' | '(none)') return 1 ;; esac
    [ -z "${2:-}" ] || dpkg --compare-versions "$offered" ge "$2"
}

# Debian 12 has llhttp as sources inside node-llhttp; newer systems have a library.
llhttp_package() {
    if is_installed libllhttp-dev || is_offered libllhttp-dev; then
        echo libllhttp-dev
    else
        echo node-llhttp
    fi
}

# clang's sanitizers and libFuzzer. Where it is not offered, clang brings them along.
clang_runtime_package() {
    ! is_offered libclang-rt-dev || echo libclang-rt-dev
}

# Only root can run an engine of its own; others need not install what they cannot use.
docker_packages() {
    [ "$(id -u)" = 0 ] || return 0
    for pair in dockerd:docker.io docker-compose:docker-compose iptables:iptables; do
        PATH=$PATH:/usr/sbin command -v "${pair%:*}" >/dev/null 2>&1 || echo "${pair#*:}"
    done
    # Newer systems have the client in a package of its own.
    command -v docker >/dev/null 2>&1 || ! is_offered docker-cli || echo docker-cli
}

# Runs quietly; on failure shows what was said.
quietly() {
    if ! said=$("$@" 2>&1 </dev/null); then
        printf '%s\n' "$said" >&2
        return 1
    fi
}

other_systems() {
    ID=unknown
    [ ! -r /etc/os-release ] || . /etc/os-release
    case "$ID ${ID_LIKE:-}" in
    *fedora* | *rhel*)
        set -- "dnf install gcc make pkgconf libuv-devel libcurl-devel jansson-devel" \
            "inih-devel openssl-devel llhttp-devel nodejs npm" \
            "libcmocka-devel python3-pytest python3-pytest-xdist clang clang-tools-extra" \
            "nginx haproxy golang-github-prometheus"
        ;;
    *alpine*)
        clang="clang clang-extra-tools compiler-rt"
        set -- "apk add build-base pkgconf linux-headers libuv-dev curl-dev jansson-dev" \
            "inih-dev openssl-dev llhttp-dev nodejs npm" \
            "$clang cmocka-dev py3-pytest py3-pytest-xdist iproute2 util-linux" \
            "nginx haproxy prometheus"
        ;;
    *arch*)
        set -- "pacman -S gcc make pkgconf libuv curl jansson" \
            "libinih openssl llhttp nodejs npm" \
            "cmocka python-pytest python-pytest-xdist clang" "nginx haproxy prometheus"
        ;;
    *)
        set -- "a C11 compiler, make, pkg-config, libuv, libcurl, jansson" \
            "inih, OpenSSL, llhttp, Node and npm" "cmocka, pytest, pytest-xdist, clang" \
            "nginx, HAProxy, Prometheus with promtool"
        ;;
    esac
    for library in libuv libcurl jansson inih libcrypto; do
        pkg-config --exists $library 2>/dev/null || not_there="${not_there:-}$library "
    done
    [ -z "${not_there:-}" ] || fail "not found: $not_there" \
        "there is no apt on this system; it calls them:" "    $1 $2" \
        "and for the tests:" "    $3 $4"
}

# missing SET: what apt would have to install, as far as its lists know.
missing() {
    wanted="$BUILD_PACKAGES"
    [ -d /usr/share/llhttp ] && [ -d /usr/share/include/llhttp ] ||
        wanted="$wanted $(llhttp_package)"
    case $1 in
    test) wanted="$wanted $TEST_PACKAGES $(clang_runtime_package) $(docker_packages)" ;;
    bench) wanted="$wanted $BENCH_PACKAGES" ;;
    esac
    if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        # Only where the system's own Node is new enough; otherwise deps.sh node explains.
        ! is_offered nodejs "$NODE_MIN" || wanted="$wanted nodejs npm"
    fi
    for package in $wanted; do
        is_installed "$package" || printf '%s ' "$package"
    done
}

apt() {
    if ! command -v apt-get >/dev/null 2>&1; then
        other_systems
        return
    fi
    names=$(missing "$1")
    [ -n "$names" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        root=
    elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || sudo -v; }; then
        root=sudo
    else
        fail "packages are missing; run this as root, then try again:" \
            "    apt-get update && apt-get install -y --no-install-recommends $names"
    fi
    echo "deps: installing with apt: $names"
    # Stale lists of some foreign source must not stop us; the installation says what matters.
    quietly $root apt-get update ||
        echo "deps: apt-get update failed, going on with the lists that are there" >&2
    names=$(missing "$1") # fresh lists may know more
    quietly $root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $names ||
        fail "apt-get could not install: $names"
    no_service "$root" "$names"
}

# Debian starts the servers that it installs. Ours are there to be measured, not to serve.
no_service() {
    for server in nginx haproxy docker; do
        case $2 in *$server*)
            [ ! -d /run/systemd/system ] || quietly $1 systemctl disable --now $server ||
                echo "deps: $server was installed for the tests, and may run now" >&2
            ;;
        esac
    done
}

# ------------------------------------------------------------------------------------- node

check_node() {
    how="Node $NODE_MIN or newer is needed: https://nodejs.org/en/download, or your system's
      package, or a version manager such as fnm or nvm; then run this again"
    command -v node >/dev/null 2>&1 || fail "there is no 'node' in PATH." "$how"
    found=$(node --version 2>/dev/null) || fail "'node --version' does not work." "$how"
    ok=$(printf '%s\n' "$found" | awk -F'[v.]' -v min=$NODE_MIN '
        { split(min, m, "."); print ($2 > m[1] || ($2 == m[1] && $3 >= m[2])) ? 1 : 0 }')
    [ "$ok" = 1 ] || fail "found Node $found at $(command -v node)." "$how"
    command -v npm >/dev/null 2>&1 || fail "there is no 'npm' in PATH (it comes with Node)."
}

# install FROM INTO: `npm ci` of FROM's two files in INTO. The stamp holds their checksum.
install() {
    from=$1 into=$2
    sum=$(cat "$from/package.json" "$from/package-lock.json" | cksum)
    [ "$(cat "$into/stamp" 2>/dev/null)" != "$sum" ] || return 0
    echo "deps: npm ci in $into"
    mkdir -p "$into"
    rm -f "$into/stamp"
    cp "$from/package.json" "$from/package-lock.json" "$into/"
    (cd "$into" && quietly npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
        fail "npm ci failed in $into (see above)"
    printf '%s\n' "$sum" >"$into/stamp"
}

node_packages() {
    check_node
    install conf/copilot-api build/copilot-api
    [ "$1" != test ] || install tests/integration/clients build/clients
    [ "$1" != bench ] || install tests/bench/fastify build/bench/fastify
}

# ------------------------------------------------------------------------------------ peers

# The wire tests run against nginx and HAProxy, too, and a Prometheus asks for /metrics. They
# are unpacked, not installed: an installed one would be a service of this machine.

has_peer() {
    [ -x "build/peers/$1" ] || [ -x "/usr/sbin/$1" ] || command -v "$1" >/dev/null 2>&1
}

# fetch_packages INTO NAME...: the packages and what they need that is not installed.
fetch_packages() {
    into=$1
    shift
    quietly apt-get install -y --no-install-recommends --download-only \
        -o Dir::Cache::archives="$into" -o Debug::NoLocking=1 "$@"
}

# Programs and shared libraries of the packages in $1 go into build/peers, side by side.
unpack_packages() {
    for package in "$1"/*.deb; do
        dpkg-deb -x "$package" "$1/tree"
    done
    mkdir -p build/peers
    find "$1/tree" \( -name '*.so.*' -o -path '*/sbin/nginx' -o -path '*/sbin/haproxy' -o \
        -path '*/bin/prometheus' -o -path '*/bin/promtool' \) \
        -exec cp -P {} build/peers/ \;
}

peers() {
    wanted=
    for peer in nginx haproxy prometheus; do
        has_peer $peer || wanted="$wanted $peer"
    done
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "not found:$wanted (the tests need them)"
    echo "deps: unpacking into build/peers:$wanted"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    if ! fetch_packages "$folder" $wanted; then
        [ "$(id -u)" = 0 ] || fail "run 'apt-get update' as root, then try again"
        quietly apt-get update && fetch_packages "$folder" $wanted || fail "no$wanted"
    fi
    unpack_packages "$folder"
}

case "${1:-}" in
apt)
    apt "${2:-}"
    [ "${2:-}" != test ] || peers
    ;;
node) node_packages "${2:-}" ;;
*) fail "usage: deps.sh {apt|node} [test|bench]" ;;
esac
