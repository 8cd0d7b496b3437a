#!/bin/sh
# Fuzzes one target for $PASSTHROUGH_FUZZ_SECONDS: fuzz.sh PROGRAM TARGET. What is found is kept in the working
# directory as TARGET-crash-…; to run it again: PASSTHROUGH_FUZZ_TARGET=TARGET PROGRAM FILE.
set -eu
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
trap 'exit 1' HUP INT TERM
PASSTHROUGH_FUZZ_TARGET=$2 PASSTHROUGH_FUZZ_SEEDS=$corpus "$1" -runs=0 -verbosity=0
PASSTHROUGH_FUZZ_TARGET=$2 "$1" -max_total_time="${PASSTHROUGH_FUZZ_SECONDS:-60}" -timeout=20 -rss_limit_mb=2048 -max_len=8192 \
  -print_final_stats=1 -verbosity=0 -artifact_prefix="$2-" "$corpus"
