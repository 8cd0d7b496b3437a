#!/bin/sh
# Installs what is missing, builds, and runs the suite; by default in the lab, on
# configs/test-pcie-passthrough-minimal.yaml. All options go to the suite: ./run-suite.sh --help
# With --all, the suite runs on each of configs/test-*.yaml, one after the other, in logs/all/, with one report
# of all in logs/all/junit.xml. Exit status 0 where all passed, 77 where none checked anything, else 1.
set -eu
source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=cmake/setup.sh
. "$source_dir/cmake/setup.sh"

# What has to be known before the program is built, which therefore cannot be asked.
all=no
asks_only=no
profile=lab      # the last one counts, as the program has it
starts_lab=maybe # no: whatever the profile, nothing is deployed
not_with_all=
previous=
count=$#
while [ "$count" -gt 0 ]; do # each argument but --all goes to the back
  argument=$1
  shift
  count=$((count - 1))
  [ "$previous" != --profile ] || profile=$argument
  previous=$argument
  if [ "$argument" = --all ]; then
    all=yes
    continue
  fi
  option=${argument%%=*}
  case $option in
  --help | -h | --version)
    asks_only=yes
    starts_lab=no
    ;;
  --replay | --report | --compare | --destroy | --reap | --merge-junit | --doctor | --ctest | --completion | --manual | \
    --gtest_list_tests)
    starts_lab=no
    ;;
  --profile) [ "$argument" = --profile ] || profile=${argument#*=} ;;
  esac
  case $option in
  --config | --log-dir | --replay | --report | --compare | --destroy | --reap | --merge-junit | --expect | --no-cleanup | \
    --doctor | --ctest | --completion | --manual | --gtest_list_tests)
    not_with_all="$not_with_all $option"
    ;;
  esac
  set -- "$@" "$argument"
done
if [ "$all" = yes ] && [ -n "$not_with_all" ]; then
  say "run-suite.sh: not with --all:$not_with_all. --all runs the suite on each of configs/test-*.yaml, in logs/all/."
  exit 1
fi
[ "$asks_only" = no ] || all=no

# Help needs nothing but the program, and that nothing but what it was built with.
suite=$source_dir/build/bin/passthrough-suite
if [ "$asks_only" = yes ]; then
  if [ -x "$suite" ]; then exec "$suite" "$@"; fi
  cat <<'END'
Usage: run-suite.sh [--all] [options] [--gtest_… options]

Installs what is missing (packages of Debian, as root or with sudo), builds, and runs the suite: deploys the
cluster of a cluster file, checks on every VM that GPU passthrough really works, and destroys the cluster. Without
options it does so in the lab, a VM of its own, on configs/test-pcie-passthrough-minimal.yaml.

  --all             one run for each of configs/test-*.yaml, and one report, logs/all/junit.xml
  --config FILE     cluster file in ai-how's format
  --profile NAME    where and how: a file of configs/profiles/ or a path; "host": this machine
  --attach          check the cluster that is there: nothing is deployed, nothing destroyed

The program has more options and is not built yet: run-suite.sh builds it, and so does
cmake --preset default && cmake --build --preset default; docs/options.md has all of them.
END
  exit 0
fi

# The lab's images are needed where a lab may have to be started.
needs_lab=no
[ "$profile" != lab ] || [ "$starts_lab" = no ] || needs_lab=yes

# What is missing is told at once, before anything is compiled.
if [ "$needs_lab" = yes ]; then
  # shellcheck disable=SC2086 # lists of words
  require_packages $build_packages $run_packages $lab_packages
  "$source_dir/lab/images/build.sh" --check >&2 || exit 1
  [ -d "$source_dir/build" ] ||
    say 'The first run compiles the suite and builds the images of the lab: three to five minutes on 2 cores; later ones take less than one.'
  build_with_images passthrough-suite passthrough-lab
else
  # shellcheck disable=SC2086
  require_packages $build_packages $run_packages
  build passthrough-suite passthrough-lab
fi
[ "$all" = yes ] || exec "$suite" "$@"

# The running suite handles signals: it ends in order, and no other run is begun.
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
  elif [ "$ended" -eq 77 ]; then # nothing could be checked: see the README
    result='NOT CHECKED'
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
