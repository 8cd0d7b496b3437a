#!/bin/sh
# order: 90
# limit: 60
# about: the kernel's log; where it is longer than 1.5 MiB, its begin, its end, and what matters of the rest

# The probe's exit status is that of dmesg. Where nothing has to be left out, what dmesg or journalctl prints is not
# touched.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

user=
while read -r key user _; do
  [ "$key" != Uid: ] || break
done <"/proc/$$/status"

# Raw, so that each line has its severity: "<3>[    1.5] text". A busybox that was built without it has another form,
# and prints nothing before it says so.
run_dmesg() {
  "$@" dmesg -r || "$@" dmesg
}

# dmesg, by way of sudo where the kernel shows its log to root alone.
show_log() {
  restricted=0
  { read -r restricted </proc/sys/kernel/dmesg_restrict; } 2>/dev/null
  if [ "$user" = 0 ] || [ "$restricted" = 0 ]; then
    run_dmesg
  elif ! command -v sudo >/dev/null; then
    printf 'not privileged: the log is for root alone, and there is no sudo\n' >&2
    return 1
  else
    run_dmesg sudo -n
  fi
}

# Sets $seconds to the whole seconds since boot of the line $1; to nothing where it has no time stamp.
seconds_of() {
  seconds=${1#<*>}
  case $seconds in
  \[*.*\]*)
    seconds=${seconds#\[}
    seconds=${seconds%%.*}
    seconds=${seconds##* }
    ;;
  *) seconds= ;;
  esac
  case $seconds in
  *[!0-9]*) seconds= ;;
  esac
}

# The journal, which keeps what the ring buffer no longer has; fails where it shows nothing, or begins no earlier than
# $1 seconds after boot.
show_journal() {
  command -v journalctl >/dev/null || return 1
  {
    { [ "$user" != 0 ] && sudo -n journalctl -k -b -q -o short-monotonic --no-pager; } ||
      journalctl -k -b -q -o short-monotonic --no-pager
  } 2>/dev/null | {
    IFS= read -r line || exit 1
    seconds_of "$line"
    [ -n "$seconds" ] && [ "$seconds" -lt "$1" ] || exit 1
    printf '%s\n' "$line" && cat
  }
}

# Passes the log on, or the journal in its place where the log begins a second or more after boot: then the ring
# buffer has wrapped. The last line's newline is all that is ever added.
pass_on() {
  IFS= read -r first || [ -n "$first" ] || return 0
  seconds_of "$first"
  if [ "${seconds:-0}" != 0 ] && show_journal "$seconds"; then
    cat >/dev/null
    return
  fi
  printf '%s\n' "$first"
  cat
}

# Of a log of more than 1.5 MiB: its first 256 KiB, its last 1.25 MiB, and up to 0.5 MiB of what stands between them and
# has a word that the checks of helpers/health look for, each text once. What is left out is counted in a line that no
# kernel prints.
shorten() {
  awk '
    BEGIN { head = 262144; tail = 1310720; most = 524288 }
    function keep_if_it_matters(line, text) {
      text = tolower(line)
      sub(/^(<[0-9]+>)?\[ *[0-9.]+\] */, "", text)
      if (!(text in seen) && kept < most && text ~ matters) {
        seen[text] = 1
        kept += length(line) + 1
        print line
      } else {
        dropped++
        dropped_bytes += length(line) + 1
      }
    }
    BEGIN {
      matters = "xid|nvrm|nvidia|linux version|error|fail|fault|time-?out|timed out|lost|bug:|oops|panic|corrupt|" \
        "bad page|lockup|stall|blocked for|aer:|dpc:|pciehp|bar [0-9]|out of memory|i/o|read-only|nobody cared|" \
        "disabling irq|system clock|died|giving up|inaccessible|refused|no codecs|no space|hardware"
    }
    {
      if (size < head) {
        size += length($0) + 1
        print
        next
      }
      last++
      lines[last] = $0
      bytes += length($0) + 1
      while (bytes > tail) {
        first++
        bytes -= length(lines[first]) + 1
        keep_if_it_matters(lines[first])
        delete lines[first]
      }
    }
    END {
      if (dropped) printf "kernel_log: left out %d lines, %d bytes\n", dropped, dropped_bytes
      while (first < last) print lines[++first]
    }'
}

# shorten's exit status is the pipe's: dmesg's own goes round it.
{ status=$({ { show_log; printf '%s' $? >&3; } | pass_on | shorten >&4; } 3>&1); } 4>&1
exit "$status"
