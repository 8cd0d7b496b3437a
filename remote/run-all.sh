#!/bin/sh
# Runs probes on this machine, one after the other, each with its own time limit.
#
#   run-all.sh [--frames NONCE] [--limit-scale N] [--gpu-memory P] [--overwrite PLACES] [--work DIR] [probe …]
#
#   probe            names of files in probes/ and its folders without ".sh"; none: all of them
#   --frames NONCE   print for a program to read, as README.md says; NONCE is 16 to 64 hex digits
#   --limit-scale N  multiply every probe's limit by N, on a slow machine
#   --gpu-memory P   have P percent of each GPU's free memory tested, 1 to 100, by probes that test it
#   --overwrite PLACES  let the disks that have a mark be written to whose functions are at these places on the PCI bus,
#                    with commas between: root bus and slots on the way down, 00/02.1/00.0
#   --work DIR       keep output in this empty private directory until it is printed; whoever made it
#                    removes it (default: one of its own below $TMPDIR, removed at the end)
#
# A probe that does not end within its limit gets TERM, a second later KILL, and is not waited for:
# a process can hang in the kernel where no signal ends it. The other probes still run, but for those
# that need the one that hung. Starting a program is slow on an emulated machine, so this keeps to the
# shell's own commands where it can.

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
umask 077

most_output=4194304 # bytes of a probe's stdout that are passed on
most_errors=65536   # of its stderr

usage() {
  printf 'run-all.sh: %s\n' "$1" >&2
  printf 'usage: run-all.sh [--frames NONCE] [--limit-scale N] [--gpu-memory P] [--overwrite PLACES] [--work DIR] [probe …]\n' >&2
  exit 64
}

case $0 in
*/*) remote=$(cd "${0%/*}" && pwd) ;;
*) remote=$(pwd) ;;
esac
probes=$remote/probes

# Sets $file to that of probe $1; what is a maker's is in a folder. Fails where there is none.
find_probe() {
  for file in "$probes/$1.sh" "$probes"/*/"$1.sh"; do
    [ ! -r "$file" ] || return 0
  done
  return 1
}

# Sets $session to that of the process whose line of /proc/PID/stat is $1.
session_of() {
  process=${1##*) }
  process=${process#* }
  process=${process#* }
  process=${process#* }
  session=${process%% *}
}

# The probes run in a session of their own, so that whatever they left running can be known from the
# rest and ended. What was started by hand stays behind to pass on Ctrl-C.
session=
{ read -r line <"/proc/$$/stat"; } 2>/dev/null && session_of "$line"
own_session=no
[ "$session" != "$$" ] || own_session=yes
if [ "$own_session" = no ] && [ -z "$PROBE_SESSION" ] && command -v setsid >/dev/null; then
  PROBE_SESSION=1 setsid sh "$remote/run-all.sh" "$@" &
  worker=$!
  trap 'kill -TERM "$worker" 2>/dev/null' HUP INT TERM PIPE
  while :; do
    wait "$worker"
    status=$?
    kill -0 "$worker" 2>/dev/null || exit "$status"
  done
fi

nonce=
scale=1
percent=0
work=
unset DISKS_OVERWRITE # only the option gives it
while [ $# -gt 0 ]; do
  case $1 in
  --frames) nonce=$2 ;;
  --limit-scale) scale=$2 ;;
  --gpu-memory) percent=$2 ;;
  --overwrite)
    DISKS_OVERWRITE=$2
    export DISKS_OVERWRITE
    ;;
  --work) work=$2 ;;
  -*) usage "unknown option $1" ;;
  *) break ;;
  esac
  [ $# -ge 2 ] || usage "$1 needs a value"
  [ "$1" != --frames ] || [ -n "$2" ] || usage "--frames needs a value"
  shift 2
done
case $nonce in
'') ;;
*[!0-9a-f]*) usage "the nonce is not hex" ;;
????????????????*) ;;
*) usage "the nonce is too short" ;;
esac
case $scale in
[1-9] | [1-9][0-9]) ;;
*) usage "--limit-scale is a whole number from 1 to 99" ;;
esac
case $percent in
0) ;;
[1-9] | [1-9][0-9] | 100)
  WORKLOAD_MEMORY_PERCENT=$percent
  export WORKLOAD_MEMORY_PERCENT
  ;;
*) usage "--gpu-memory is a whole number from 1 to 100" ;;
esac
if [ $# -eq 0 ]; then
  for file in "$probes"/*.sh "$probes"/*/*.sh; do
    [ -e "$file" ] || continue
    name=${file##*/}
    set -- "$@" "${name%.sh}"
  done
fi
for name; do
  case $name in
  '' | *[!a-z0-9_]*) usage "a probe's name is made of lower-case letters, digits and _" ;;
  esac
  find_probe "$name" || usage "there is no probe named $name"
done

probe=
hung= # those that did not end within their limit

# Hundredths of a second since boot.
now() {
  read -r up _ </proc/uptime
  hundredths=${up#*.}
  now=$((${up%.*} * 100 + ${hundredths#0}))
}

# Ends all that the probes have running, by signal $1: every other process of this session. (Without
# setsid there is no such session, and only the probe's own shell is known.) A process may start another one
# between the listing and its own end, so there are as many rounds as find one, up to three: what hangs in the
# kernel is found each time.
end_session() {
  [ -z "$probe" ] || kill -"$1" "$probe" 2>/dev/null
  [ "$own_session" = yes ] || return 0
  for _ in 1 2 3; do
    found=no
    for stat in /proc/[0-9]*/stat; do
      { read -r line <"$stat"; } 2>/dev/null || continue
      session_of "$line"
      process=${line%% *}
      if [ "$session" = "$$" ] && [ "$process" != "$$" ]; then
        kill -"$1" "$process" 2>/dev/null && found=yes
      fi
    done
    [ "$found" = yes ] || return 0
    [ "$1" = KILL ] || return 0
  done
}

own_work=no
# shellcheck disable=SC2317 # called by a trap
finish() {
  [ "$own_work" = no ] || rm -rf "$work"
}
trap finish EXIT
for signal in HUP:129 INT:130 PIPE:141 TERM:143; do
  # shellcheck disable=SC2064 # the number is known now
  trap "end_session KILL; exit ${signal#*:}" "${signal%:*}"
done

if [ -z "$work" ]; then
  work=$(mktemp -d "${TMPDIR:-/tmp}/pcie-probes.XXXXXX") || exit 71
  own_work=yes
fi
cd "$work" || exit 71

# Sets $count to how many of the files there are that the patterns in $1 name, below $PROBE_ROOT; 1 where there are none.
count_files() {
  count=0
  for pattern in $1; do
    for entry in ${PROBE_ROOT:-}$pattern; do
      [ ! -e "$entry" ] || count=$((count + 1))
    done
  done
  [ "$count" -gt 0 ] || count=1
}

# Runs probe $1. Leaves its output in $1.out and $1.err, how it ended in $how and $status, and the time
# that it took, in hundredths of a second, in $took.
#
# This shell waits for a sleep that lasts as long as the probe may, never for the probe: a process that
# hangs in the kernel cannot be waited for. A probe that ends in time ends the sleep.
run_probe() {
  limit=20
  limit_each=0
  limit_percent=0
  each_of=
  needs=
  about=
  find_probe "$1"
  while read -r _ key value; do
    case $key in
    limit:) limit=$value ;;
    limit-each:)
      limit_each=${value%% *}
      each_of=${value#* }
      ;;
    limit-percent:) limit_percent=$value ;;
    needs:) needs=$value ;;
    about:)
      about=$value
      break
      ;;
    esac
  done <"$file"
  if [ -n "$each_of" ]; then
    count_files "$each_of"
    limit=$((limit + limit_each * (count - 1) + limit_percent * percent * count))
  fi
  limit=$((limit * scale))
  PROBE_LIMIT=$limit
  PROBE_SCALE=$scale
  export PROBE_LIMIT PROBE_SCALE
  now
  begun=$now
  for other in $needs; do
    case " $hung " in
    *" $other "*)
      : >"$1.out"
      printf 'not run, because %s hung\n' "$other" >"$1.err"
      how='skipped' status=0 took=0
      return
      ;;
    esac
  done
  sleep "$limit" >/dev/null 2>&1 &
  sleeper=$!
  (
    (
      ulimit -f $((most_output / 512 + 1)) 2>/dev/null
      cd / || exit 1
      # shellcheck source=/dev/null
      . "$file"
    )
    status=$?
    kill -KILL "$sleeper"
    exit "$status"
  ) >"$1.out" 2>"$1.err" </dev/null &
  probe=$!
  if wait "$sleeper" 2>/dev/null; then
    how='timeout'
    status=$limit
    hung="$hung $1"
    end_session TERM
    sleep 1
    end_session KILL
  else
    how='exit'
    wait "$probe"
    status=$?
    # The shell's way to tell of signals 1 to 64; programs have an exit status 255 of their own.
    if [ "$status" -gt 128 ] && [ "$status" -le 192 ]; then
      how='signal'
      status=$((status - 128))
    fi
  fi
  now
  took=$((now - begun))
  # The clock of an emulated machine may step back when it goes on from a saved state.
  [ "$took" -ge 0 ] || took=0
}

# Counts the bytes of $1.out and $1.err into $out and $err, and sets $out_cut and $err_cut to 1 where
# there are more than are passed on.
measure() {
  # shellcheck disable=SC2046 # words are wanted: count, name, count, name, …
  set -- $(wc -c "$1.out" "$1.err")
  out=${1:-0}
  err=${3:-0}
  out_cut=0
  err_cut=0
  [ "$out" -le "$most_output" ] || { out=$most_output out_cut=1; }
  [ "$err" -le "$most_errors" ] || { err=$most_errors err_cut=1; }
}

show_bytes() {
  [ "$1" -eq 0 ] || head -c "$1" "$2"
}

show_frame() {
  printf '@frame %s %s %s %s %s %s %s %s %s\n' "$nonce" "$1" "$how" "$status" $((took * 10)) \
    "$out" "$err" "$out_cut" "$err_cut"
  show_bytes "$out" "$1.out"
  show_bytes "$err" "$1.err"
  printf '\n'
}

show_readably() {
  case $how in
  exit) ended="exit status $status" ;;
  signal) ended="ended by signal $status" ;;
  timeout) ended="did not end within $status s" ;;
  skipped) ended='not run' ;;
  esac
  printf '=== %s: %s ===\n' "$1" "$about"
  show_bytes "$out" "$1.out"
  [ "$out_cut" = 0 ] || printf '\n(only the first %s bytes are shown)\n' "$out"
  if [ "$err" -gt 0 ]; then
    printf -- '--- %s: errors ---\n' "$1"
    show_bytes "$err" "$1.err"
  fi
  printf -- '--- %s: %s, %d.%02d s ---\n\n' "$1" "$ended" $((took / 100)) $((took % 100))
}

[ -z "$nonce" ] || printf '@begin %s 1\n' "$nonce"
for name; do
  run_probe "$name"
  measure "$name"
  if [ -n "$nonce" ]; then show_frame "$name"; else show_readably "$name"; fi
  : >"$name.out"
  : >"$name.err"
done
[ -z "$nonce" ] || printf '@end %s %d\n' "$nonce" $#
