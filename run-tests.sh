#!/bin/sh
# Installs what is missing, builds, and runs the project's own tests.
#   ./run-tests.sh              all of them
#   ./run-tests.sh unit         those that need no lab
#   ./run-tests.sh end-to-end   those in labs
#   ./run-tests.sh faults       every fault planted in a lab, and which checks noticed it: half an hour
# What follows goes to ctest (./run-tests.sh unit -R Ssh), after "faults" to the program passthrough-faults
# (./run-tests.sh faults --only N18).
set -eu
source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=cmake/setup.sh
. "$source_dir/cmake/setup.sh"

labels='^(unit|end-to-end|faults)$'
case ${1-} in
unit | end-to-end | faults)
  labels="^$1\$"
  shift
  ;;
'' | -*) ;;
*)
  say "run-tests.sh: $1: no such group of tests; there are unit, end-to-end and faults"
  exit 1
  ;;
esac

# shellcheck disable=SC2086 # lists of words
require_packages $build_packages $run_packages $lab_packages $test_packages
build all
if [ "$labels" != '^unit$' ]; then
  "$source_dir/lab/images/build.sh" >&2
fi
cd "$source_dir/build"
if [ "$labels" = '^faults$' ]; then
  exec bin/passthrough-faults "$@"
fi
exec ctest -L "$labels" --output-on-failure --no-tests=error "$@"
