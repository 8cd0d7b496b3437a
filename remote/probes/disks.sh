#!/bin/sh
# order: 65
# limit: 90
# limit-each: 8 /sys/block/nvme*n* /sys/block/sd* /sys/block/vd*
# about: every disk that a PCI function drives: what it says of itself, and reads that are compared

# Prints facts as README.md says, a block a "disk". The work is done by a program that is built with the suite and sent
# along as programs/disks. By hand: DISKS_PROGRAM=build/libexec/pcie-passthrough-suite/disks remote/probes/disks.sh
LC_ALL=C
export LC_ALL
# shellcheck disable=SC2154 # run-all.sh sets $remote
case ${0##*/} in
disks.sh) place=$(cd "${0%/*}/.." && pwd) ;;
*) place=$remote ;;
esac
# shellcheck source=remote/run-program.sh
. "$place/run-program.sh"

user=
while read -r key user _; do
  [ "$key" != Uid: ] || break
done <"/proc/$$/status"
# Disks are read by root alone. sudo keeps no environment.
if [ "$user" != 0 ] && command -v sudo >/dev/null && sudo -n env true 2>/dev/null; then
  set -- sudo -n env "PROBE_LIMIT=${PROBE_LIMIT:-}" "PROBE_SCALE=${PROBE_SCALE:-}" "PROBE_ROOT=${PROBE_ROOT:-}" \
    "DISKS_OVERWRITE=${DISKS_OVERWRITE:-}"
else
  set --
fi
run_program disks "${DISKS_PROGRAM:-$place/programs/disks}" "$@"
