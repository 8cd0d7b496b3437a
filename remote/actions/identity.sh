#!/bin/sh
# about: which machine this is, and which boot of it
#
#   identity.sh              as root, who alone may read the product UUID
#
# Prints "boot_id: …" and "product_uuid: …"; a line without a value where it cannot be read. $PROBE_ROOT stands before
# /proc and /sys, for tests.
boot_id=
{ read -r boot_id <"${PROBE_ROOT:-}/proc/sys/kernel/random/boot_id"; } 2>/dev/null
product_uuid=
{ read -r product_uuid <"${PROBE_ROOT:-}/sys/class/dmi/id/product_uuid"; } 2>/dev/null
printf 'boot_id: %s\nproduct_uuid: %s\n' "$boot_id" "$product_uuid"
