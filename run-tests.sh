#!/bin/sh
# Installs what is missing, builds, and runs the project's own tests.
#   ./run-tests.sh                 lint, unit, end-to-end, sanitizers and fuzz, in less than an hour
#   ./run-tests.sh lint            formatting, shellcheck, compiler warnings as errors, clang-tidy
#   ./run-tests.sh unit            those that need no lab
#   ./run-tests.sh end-to-end      those in labs
#   ./run-tests.sh faults          every fault planted in a lab, and which checks noticed it
#   ./run-tests.sh interruptions   runs that are interrupted at every point, and what they leave
#   ./run-tests.sh sanitizers      unit once more, under ASan and UBSan, and under TSan
#   ./run-tests.sh fuzz            libFuzzer on whatever reads what others wrote
#   ./run-tests.sh releases        the whole way of a new user, on bare machines of each release, in hours; needs root
#   ./run-tests.sh all             all of these but releases, what takes long in a lab (reboots, many nodes, pages of docs),
#                                  and the suite on each of configs/test-*.yaml, in two hours and a half
# What follows goes to ctest (./run-tests.sh unit -R Ssh); after "faults" and "interruptions" to the program
# (./run-tests.sh faults --only N18). $PASSTHROUGH_FUZZ_SECONDS is how long each fuzz target runs (60; 20 where no
# group is named).
set -eu
source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=cmake/setup.sh
. "$source_dir/cmake/setup.sh"

group=usual
case ${1-} in
lint | unit | end-to-end | faults | interruptions | sanitizers | fuzz | releases | all | compile_ahead)
  group=$1
  shift
  ;;
-h | --help)
  sed -n '2,/^set -eu/{/^set -eu/d; s/^# \{0,1\}//; p;}' "$0"
  exit 0
  ;;
'' | -*) ;;
*)
  say "run-tests.sh: $1: no such group of tests; there are lint, unit, end-to-end, faults, interruptions,"
  say "sanitizers, fuzz, releases and all"
  exit 1
  ;;
esac

if [ "$group" = releases ]; then # it builds elsewhere
  require_packages mmdebstrap debian-archive-keyring
  exec "$source_dir/tests/releases/walk.sh" "$@"
fi

# shellcheck disable=SC2086 # lists of words
require_packages $build_packages $run_packages $lab_packages $test_packages

[ "$group" != usual ] || : "${PASSTHROUGH_FUZZ_SECONDS=20}"
export PASSTHROUGH_FUZZ_SECONDS="${PASSTHROUGH_FUZZ_SECONDS:-60}"

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

# Prints the files of the project below $source_dir whose names end in one of its arguments.
sources() {
  (cd "$source_dir" && for ending in "$@"; do
    find bench cmake configs fixtures helpers lab remote suites tests -name "*.$ending" -type f
  done)
}

# From now on warnings are errors in the build directory: the compiler was not asked twice in CI, where they were from
# the start.
lint() {
  passed=yes
  say 'Checking the format …'
  # shellcheck disable=SC2046 # names without blanks
  (cd "$source_dir" && clang-format --dry-run -Werror $(sources cc h c)) || passed=no
  say 'Checking the scripts …'
  # shellcheck disable=SC2046
  (cd "$source_dir" && shellcheck -x run-suite.sh run-tests.sh .ci/run $(sources sh)) || passed=no
  cmake -DPASSTHROUGH_WERROR=ON "$build_dir" >"$build_dir/configure.log" 2>&1 || passed=no
  build all
  say 'Running clang-tidy …'
  # As the build takes them, several sources at once, which is three times as fast.
  rooms='(helpers|fixtures|suites|lab)/.*'
  log=$build_dir/clang-tidy.log
  if ! (cd "$source_dir" && run-clang-tidy -quiet -p "$build_dir" -j "$(nproc)" -checks=-bugprone-suspicious-include \
    -header-filter "^$source_dir/$rooms" "^($source_dir|$build_dir)/$rooms\\.(cc|cxx)\$") >"$log" 2>&1; then
    # It colours what it says, also where no terminal is.
    sed "s/$(printf '\033')\[[0-9;]*m//g" "$log" | grep -E ' (error|warning): ' | sort -u >&2
    passed=no
  fi
  [ "$passed" = yes ]
}

build_sanitizers() {
  for kind in asan tsan; do
    build_dir=$source_dir/build-$kind
    build unit_tests --preset "$kind" -DPASSTHROUGH_WERROR=OFF # GCC's warnings are the ones that count
  done
}

build_fuzz() {
  build_dir=$source_dir/build-fuzz
  build passthrough-fuzz --preset fuzz -DPASSTHROUGH_WERROR=OFF
}

# For the script itself, in a session of its own, which takes what the other sessions leave. Where the kernel shares the
# processors among sessions first (sched(7), "The autogroup feature"), niceness counts only within each of them.
compile_ahead() {
  { echo 19 >/proc/self/autogroup; } 2>/dev/null || :
  renice -n 19 $$ >/dev/null
  build_sanitizers
  build_fuzz
}

# Most of the unit tests wait, for clocks and for each other's sockets.
unit() { run_labelled '^unit$' "$@" -j $(($(nproc) * 2)); }

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
usual | all | lint)
  # shellcheck disable=SC2086
  require_packages $lint_packages
  ;;
esac
case $group in
usual | all | sanitizers | fuzz)
  # shellcheck disable=SC2086
  require_packages $sanitizer_packages
  require_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" # of whichever release clang is
  ;;
esac
case $group in
usual | all | end-to-end)
  # shellcheck disable=SC2086
  require_packages $browser_packages
  ;;
esac
case $group in
sanitizers | fuzz | compile_ahead)
  "$group" "$@"
  exit
  ;;
esac

case $group in
unit | lint) build all ;;
*)
  "$source_dir/lab/images/build.sh" --check >&2
  build_with_images all
  ;;
esac
case $group in
lint) lint ;;
faults) exec "$source_dir/build/bin/passthrough-faults" "$@" ;;
interruptions) exec "$source_dir/build/bin/interruptions" "$@" ;;
unit) unit "$source_dir/build" "$@" ;;
end-to-end) run_labelled '^end-to-end$' "$source_dir/build" "$@" ;;
usual | all)
  # A lab computes on one processor: the compiler has the others meanwhile.
  setsid "$source_dir/run-tests.sh" compile_ahead >/dev/null 2>&1 &
  compiler=$!
  trap 'end_group "$compiler"' EXIT
  trap 'exit 130' INT TERM HUP
  status=0
  lint || status=1
  run_labelled '^end-to-end$' "$source_dir/build" "$@" || status=1
  unit "$source_dir/build" "$@" || status=1
  wait "$compiler" || : # what failed there fails again below, with its message
  if [ "$group" = all ]; then
    # Each source by itself, where the build takes several at once: what one forgets to include is told here.
    each=$source_dir/build-each
    { cmake --preset default -S "$source_dir" -B "$each" && cmake --build "$each"; } >"$source_dir/build/each.log" 2>&1 ||
      { tail -n 60 "$source_dir/build/each.log" >&2; status=1; }
    run_labelled '^(faults|interruptions|long|all-files)$' "$source_dir/build" "$@" || status=1
  fi
  sanitizers "$@" || status=1
  fuzz "$@" || status=1
  exit $status
  ;;
esac
