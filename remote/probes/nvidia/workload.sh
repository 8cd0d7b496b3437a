#!/bin/sh
# order: 70
# limit: 90
# limit-each: 45 /proc/driver/nvidia/gpus/* /proc/driver/nvidia/capabilities/gpu*/mig/gi*
# limit-percent: 8
# needs: nvidia_smi nvidia_smi_xml
# about: every GPU put to work through CUDA's driver API: memory, copies, interrupts, a kernel

# Prints facts as README.md says, a block a "gpu". The work is done by a program that is built with the suite and
# sent along as programs/workload. By hand: WORKLOAD_PROGRAM=build/libexec/pcie-passthrough-suite/workload remote/probes/nvidia/workload.sh
LC_ALL=C
export LC_ALL
# shellcheck disable=SC2154 # run-all.sh sets $remote
case ${0##*/} in
workload.sh) place=$(cd "${0%/*}/../.." && pwd) ;;
*) place=$remote ;;
esac
program=${WORKLOAD_PROGRAM:-$place/programs/workload}

give_up() {
  printf 'program_error: %s\nend: workload\n' "$1"
  exit 0
}

# Whether this machine runs the program; if not, why is $said.
# 126: there, but the system will not run it; 127: there, but its loader is not (another C library).
runs() {
  said=$("$1" --check 2>&1)
  status=$?
  [ "$status" = 0 ]
}

[ -f "$program" ] || give_up "there is no $program: it is built with the suite (target workload)"
if runs "$program"; then
  exec "$program"
fi
why="exit status $status: ${said%%
*}"
# Hardened machines mount /tmp with noexec.
for directory in /dev/shm "${XDG_RUNTIME_DIR:-/run}" /var/tmp "${HOME:-/root}"; do
  copy=$(mktemp "$directory/pcie-workload.XXXXXX" 2>/dev/null) || continue
  if cp "$program" "$copy" 2>/dev/null && chmod 700 "$copy" && runs "$copy"; then
    exec "$copy" --unlink
  fi
  rm -f "$copy"
done
give_up "this machine cannot run $program ($why); it needs glibc 2.17 or newer on x86-64"
