#!/bin/sh
# limit: 45
# order: 5
# about: waits until each GPU has a driver, on a node that has just booted

# udev loads a driver beside sshd, so that a node may answer before its GPUs have one. Ends as soon as each GPU
# has a driver, at once where the node is up for a minute or more, and after 30 s at the latest. Prints
# "waited" where it waited with success, "no driver" where it did not help. Exit status 0. Needs no privileges, and in
# the common case nothing but the shell's own commands. $PROBE_ROOT stands before /proc and /sys, for tests.
LC_ALL=C
export LC_ALL
root=${PROBE_ROOT:-}

# Whether a GPU has no driver: a display function (base class 03), or a processing accelerator (12) of a maker of GPUs
# (1002 AMD, 10de NVIDIA, 8086 Intel). Those that a hypervisor emulates do without one: Cirrus,
# QEMU's standard VGA, VMware's SVGA, virtio and QXL (pci.ids: 1013, 1234, 15ad, 1af4, 1b36).
driver_is_missing() {
  for function in "$root"/sys/bus/pci/devices/*; do
    { read -r vendor <"$function/vendor" && read -r class <"$function/class"; } 2>/dev/null || continue
    case $vendor in
    0x1013 | 0x1234 | 0x15ad | 0x1af4 | 0x1b36) continue ;;
    esac
    case $vendor$class in
    0x*0x03???? | 0x10020x12???? | 0x10de0x12???? | 0x80860x12????) [ -e "$function/driver" ] || return 0 ;;
    esac
  done
  return 1
}

up=
{ read -r up _ <"$root/proc/uptime"; } 2>/dev/null
case ${up%%.*} in
'' | *[!0-9]*) exit 0 ;;
esac
[ "${up%%.*}" -lt 60 ] || exit 0

waited=0
while driver_is_missing; do
  if [ "$waited" -ge 30 ]; then
    echo 'no driver'
    exit 0
  fi
  waited=$((waited + 1))
  sleep 1
done
[ "$waited" = 0 ] || echo waited
exit 0
