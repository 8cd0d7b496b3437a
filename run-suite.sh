#!/bin/sh
# Installs what is missing, builds, and runs the suite; by default in the lab, on
# configs/test-pcie-passthrough-minimal.yaml. All options go to the suite: ./run-suite.sh --help
# With --all, the suite runs on each of configs/test-*.yaml, one after the other, in logs/all/, with one report
# of all in logs/all/junit.xml. Exit status 0 where all passed, 77 where none judged anything, else 1.
set -eu
source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=cmake/setup.sh
. "$source_dir/cmake/setup.sh"

all=no
not_with_all=
asks_only=no
count=$#
while [ "$count" -gt 0 ]; do # each argument but --all goes to the back
  case $1 in
  --all) all=yes ;;
  --config | --config=* | --log-dir | --log-dir=* | --replay* | --destroy* | --reap | --merge-junit* | --expect* | --no-cleanup)
    not_with_all="$not_with_all ${1%%=*}"
    set -- "$@" "$1"
    ;;
  --help | --version)
    asks_only=yes
    set -- "$@" "$1"
    ;;
  *) set -- "$@" "$1" ;;
  esac
  shift
  count=$((count - 1))
done
if [ "$all" = yes ] && [ -n "$not_with_all" ]; then
  say "run-suite.sh: not with --all:$not_with_all. --all runs the suite on each of configs/test-*.yaml, in logs/all/."
  exit 1
fi
[ "$asks_only" = no ] || all=no

# The lab's images are needed where a lab may have to be started.
needs_lab=yes
previous=
for argument in "$@"; do
  case $previous$argument in
  --profile=lab | --profilelab) needs_lab=yes ;;
  --profile=* | --profile?*) needs_lab=no ;;
  --replay* | --help | --version | --gtest_list_tests | --destroy* | --reap | --merge-junit*) needs_lab=no ;;
  esac
  previous=
  [ "$argument" != --profile ] || previous=--profile
done

# shellcheck disable=SC2086 # lists of words
require_packages $build_packages $run_packages
if [ "$needs_lab" = yes ]; then
  # shellcheck disable=SC2086
  require_packages $lab_packages
  # Beside the build: one waits for the disk and the network where the other computes.
  "$source_dir/lab/images/build.sh" >&2 &
  images=$!
fi
build passthrough-suite passthrough-lab
if [ "$needs_lab" = yes ] && ! wait "$images"; then
  say "The lab's images could not be built; see above. --profile host runs on this machine instead."
  exit 1
fi
suite=$source_dir/build/bin/passthrough-suite
[ "$all" = yes ] || exec "$suite" "$@"

# Signals are the running suite's to heed: it ends in order, and no other run is begun.
running=
stopped=
pass_on() {
  stopped=yes
  [ -z "$running" ] || kill "-$1" "$running" 2>/dev/null || :
}
for signal in INT TERM HUP; do
  # shellcheck disable=SC2064 # this signal
  trap "pass_on $signal" "$signal"
done
run() {
  "$@" <&0 &
  running=$!
  ended=0
  wait "$running" || ended=$?
  while kill -0 "$running" 2>/dev/null; do # a signal ended the wait, and not what is waited for
    ended=0
    wait "$running" || ended=$?
  done
  running=
  return "$ended"
}

logs=logs/all
rm -f "$logs/junit.xml" # an earlier run's report must not stand for this one's
results=
passed=no
failed=no
for config in "$source_dir"/configs/test-*.yaml; do
  name=${config##*/}
  [ -n "$stopped" ] || say "--- ${name%.yaml} ---"
  rm -f "$logs/${name%.yaml}/latest"
  if [ -n "$stopped" ]; then
    result='NOT RUN'
    failed=yes
  elif run "$suite" --config "$config" --log-dir "$logs/${name%.yaml}" "$@"; then
    result=passed
    passed=yes
  elif [ "$ended" -eq 77 ]; then # nothing could be judged: see the README
    result='NOT JUDGED'
  else
    result='FAILED'
    failed=yes
  fi
  results="$results$result  ${name%.yaml}
"
done
set -- --merge-junit "$logs"
for config in "$source_dir"/configs/test-*.yaml; do
  name=${config##*/}
  set -- "$@" --expect "${name%.yaml}"
done
mkdir -p "$logs"
"$suite" "$@" || failed=yes
printf '%sreport of all: %s/junit.xml\n' "$results" "$logs"
[ "$failed" = no ] || exit 1
[ "$passed" = yes ] || exit 77
