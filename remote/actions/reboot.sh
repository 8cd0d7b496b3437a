#!/bin/sh
# about: reboots the node, a moment after it has returned
#
#   reboot.sh                as root
PATH=$PATH:/usr/sbin:/sbin
(
  sleep 2
  reboot
) >/dev/null 2>&1 </dev/null &
