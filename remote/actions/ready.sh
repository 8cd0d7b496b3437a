#!/bin/sh
# about: waits until cloud-init has set the node up
#
#   ready.sh
#
# Prints what cloud-init says. Exit status 0: it is done, was never to run, or is not there; 1: it failed; 2: it is done,
# and recovered from errors (since 23.4; https://docs.cloud-init.io, "Failure states"); others as cloud-init has them.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

# This file may be the shell's standard input: what is started has another.
command -v cloud-init >/dev/null 2>&1 || {
  echo 'no cloud-init'
  exit 0
}
# Where an image has its units disabled it says this for ever, and --wait waits with it: "not run", since 24.1 "not
# started". While the node boots, it may be true for a moment.
case $(cloud-init status 2>/dev/null </dev/null) in
*'not run'* | *'not started'*)
  case $(systemctl is-system-running 2>/dev/null </dev/null) in
  running | degraded)
    echo 'cloud-init does not run on this node'
    exit 0
    ;;
  esac
  ;;
esac
status=0
cloud-init status --wait 2>&1 </dev/null || status=$?
[ "$status" = 0 ] || cloud-init status --long 2>&1 </dev/null
exit "$status"
