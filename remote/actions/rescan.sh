#!/bin/sh
# about: removes GPUs from the node's PCI bus and rescans it
#
#   rescan.sh ADDRESS …      as root; ADDRESS: 0000:01:00.0
#
# However it ends, the bus is rescanned, and what release.sh ended runs again. Exit status 2: one could not be removed;
# 3: one is still listed; 4: the rescan failed; 5: interrupted; 6: something holds a GPU (release.sh), and nothing was
# removed; 7: the removal does not end, and nothing more was done: a rescan would wait for the same lock
# (pci_lock_rescan_remove() in drivers/pci/remove.c), and nvidia-smi for the driver. $PROBE_ROOT stands before /sys, for
# tests.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
actions=$(cd "${0%/*}" && pwd)
pci=${PROBE_ROOT:-}/sys/bus/pci
set -f

removal_limit=60 # seconds: firmware of real GPUs takes 10 s and more
released=
notes=
finish() {
  status=$?
  rm -rf "$notes"
  [ "$status" != 7 ] || exit 7
  trap '' HUP INT PIPE TERM # what follows is done to its end
  echo 1 >"$pci/rescan" || [ "$status" != 0 ] || status=4
  # shellcheck disable=SC2086 # words
  sh "$actions/restore.sh" $released
  exit "$status"
}
trap finish EXIT
trap 'exit 5' HUP INT PIPE TERM

# The kernel does not return from the removal of a GPU that is in use.
released=$(sh "$actions/release.sh") || exit
notes=$(mktemp -d) || exit 2
for address; do
  # Nothing ends a process that waits in the kernel: it is left to itself then, and to the node's next boot.
  {
    if { echo 1 >"$pci/devices/$address/remove"; } 2>"$notes/why"; then outcome=removed; else outcome=failed; fi
    echo "$outcome" >"$notes/$address"
  } </dev/null >/dev/null 2>&1 &
  waited=0
  while ! [ -s "$notes/$address" ]; do
    [ "$waited" -lt "$removal_limit" ] || exit 7
    sleep 1
    waited=$((waited + 1))
  done
  [ "$(cat "$notes/$address")" = removed ] || {
    cat "$notes/why" >&2
    exit 2
  }
  ! [ -e "$pci/devices/$address" ] || exit 3
done
