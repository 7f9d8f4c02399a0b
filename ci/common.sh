# shellcheck shell=bash
# What the scripts in ci/ share. Sourced, never run; the caller has set -eu.

# The checkout, wherever the caller stands.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=$(basename "$0")

say() {
    printf '%s: %s\n' "$me" "$*"
}

die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 2
}

# The comment block at the top of a script is its help.
print_help() {
    sed -n '2,/^[^#]/{ s/^# \{0,1\}//; t show; d; :show p; }' "$0"
    exit 0
}

# How many jobs to build with: CMAKE_BUILD_PARALLEL_LEVEL where set, else the processors there are.
jobs_count() {
    printf '%s' "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
}

# Runs a command and shows its output only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log" >&2
        printf '%s: failed with exit code %s: %s\n' "$me" "$status" "$*" >&2
    fi
    rm -f "$log"
    return "$status"
}

# configure_preset PRESET [CMAKE_OPTION…]
configure_preset() {
    local preset=$1
    shift
    quietly cmake -S "$root" --preset "$preset" "$@"
}

# build_preset PRESET [TARGET…]
build_preset() {
    local preset=$1
    shift
    quietly cmake --build "$root/build/$preset" --parallel "$(jobs_count)" ${1:+--target "$@"}
}

# Seconds since this script began, for closing lines.
elapsed() {
    printf '%s s' "$SECONDS"
}
