#!/bin/sh
# about: whether functions of the node's PCI bus have a driver
#
#   drivers.sh ADDRESS …     ADDRESS: 0000:01:00.0
#
# Exit status 0: each has one; 1: one has none, or is not listed. $PROBE_ROOT stands before /sys, for tests.
for address; do
  [ -e "${PROBE_ROOT:-}/sys/bus/pci/devices/$address/driver" ] || exit 1
done
exit 0
