#!/bin/sh
# Installs what is missing, builds, and runs the project's own tests.
#   ./run-tests.sh                 unit, end-to-end, sanitizers and fuzz, in about three quarters of an hour
#   ./run-tests.sh unit            those that need no lab
#   ./run-tests.sh end-to-end      those in labs
#   ./run-tests.sh faults          every fault planted in a lab, and which checks noticed it
#   ./run-tests.sh interruptions   runs that are interrupted at every point, and what they leave
#   ./run-tests.sh sanitizers      unit once more, under ASan and UBSan, and under TSan
#   ./run-tests.sh fuzz            libFuzzer on whatever reads what others wrote
#   ./run-tests.sh all             all of these, those that reboot the lab's nodes, and the suite on each of
#                                  configs/test-*.yaml, in two hours
# What follows goes to ctest (./run-tests.sh unit -R Ssh); after "faults" and "interruptions" to the program
# (./run-tests.sh faults --only N18). $PASSTHROUGH_FUZZ_SECONDS is how long each fuzz target runs (60).
set -eu
source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=cmake/setup.sh
. "$source_dir/cmake/setup.sh"

group=usual
case ${1-} in
unit | end-to-end | faults | interruptions | sanitizers | fuzz | all)
  group=$1
  shift
  ;;
'' | -*) ;;
*)
  say "run-tests.sh: $1: no such group of tests; there are unit, end-to-end, faults, interruptions, sanitizers,"
  say "fuzz and all"
  exit 1
  ;;
esac

# shellcheck disable=SC2086 # lists of words
require_packages $build_packages $run_packages $lab_packages $test_packages

# ctest on the tests with label $1 in the build directory $2; the other arguments are ctest's. A log gets no line
# for each test that passed: nobody would find the one that failed.
run_labelled() {
  label=$1
  directory=$2
  shift 2
  set -- -L "$label" --output-on-failure --no-tests=error "$@"
  if [ -t 1 ]; then
    (cd "$directory" && ctest --progress "$@")
    return
  fi
  ended=$(mktemp)
  { (cd "$directory" && ctest "$@") && echo passed >"$ended"; } |
    grep --line-buffered -v -e '^ *Start  *[0-9]*: ' -e '^ *[0-9]*/[0-9]* Test .* Passed '
  result=$(cat "$ended")
  rm -f "$ended"
  [ "$result" = passed ]
}

images() { "$source_dir/lab/images/build.sh" >&2; }

build_sanitizers() {
  for kind in asan tsan; do
    build_dir=$source_dir/build-$kind
    build all --preset "$kind"
  done
}

build_fuzz() {
  build_dir=$source_dir/build-fuzz
  build passthrough-fuzz --preset fuzz "-DPASSTHROUGH_FUZZ_SECONDS=${PASSTHROUGH_FUZZ_SECONDS:-60}"
}

# Most of the unit tests wait, for clocks and for each other's sockets.
unit() { run_labelled '^unit$' "$@" -j "$(nproc)"; }

sanitizers() {
  build_sanitizers
  passed=yes
  for kind in asan tsan; do
    unit "$source_dir/build-$kind" "$@" || passed=no
  done
  [ "$passed" = yes ]
}

fuzz() {
  build_fuzz
  run_labelled '^fuzz$' "$source_dir/build-fuzz" -j "$(nproc)" "$@"
}

case $group in
usual | all | sanitizers | fuzz)
  # shellcheck disable=SC2086
  require_packages $sanitizer_packages
  require_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" # of whichever release clang is
  ;;
esac
case $group in
sanitizers | fuzz)
  "$group" "$@"
  exit
  ;;
esac

build all
[ "$group" = unit ] || images
case $group in
faults) exec "$source_dir/build/bin/passthrough-faults" "$@" ;;
interruptions) exec "$source_dir/build/bin/interruptions" "$@" ;;
unit) unit "$source_dir/build" "$@" ;;
end-to-end) run_labelled '^end-to-end$' "$source_dir/build" "$@" ;;
usual | all)
  # A lab computes on one processor: the compiler has the others meanwhile.
  (build_sanitizers && build_fuzz) >/dev/null 2>&1 &
  compiler=$!
  renice -n 19 "$compiler" >/dev/null
  trap 'kill "$compiler" 2>/dev/null || :' EXIT
  status=0
  run_labelled '^end-to-end$' "$source_dir/build" "$@" || status=1
  unit "$source_dir/build" "$@" || status=1
  wait "$compiler" || : # what failed there fails again, and is told, below
  if [ "$group" = all ]; then
    run_labelled '^(faults|interruptions|disruptive|all-files)$' "$source_dir/build" "$@" || status=1
  fi
  sanitizers "$@" || status=1
  fuzz "$@" || status=1
  exit $status
  ;;
esac
