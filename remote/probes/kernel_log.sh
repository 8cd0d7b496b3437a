#!/bin/sh
# limit: 20
# about: the kernel's log, at most its last 2 MiB

# The probe's exit status is that of dmesg; what it prints is not touched.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

# dmesg, by way of sudo where the kernel shows its log to root alone.
show_log() {
  restricted=0
  { read -r restricted </proc/sys/kernel/dmesg_restrict; } 2>/dev/null
  user=
  while read -r key user _; do
    [ "$key" != Uid: ] || break
  done <"/proc/$$/status"
  if [ "$user" = 0 ] || [ "$restricted" = 0 ]; then
    dmesg
  elif ! command -v sudo >/dev/null; then
    printf 'not privileged: the log is for root alone, and there is no sudo\n' >&2
    return 1
  else
    sudo -n dmesg
  fi
}

# tail's exit status is the pipe's: dmesg's own goes round it.
{ status=$({ { show_log; printf '%s' $? >&3; } | tail -c 2097152 >&4; } 3>&1); } 4>&1
exit "$status"
