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
# shellcheck source=remote/run-program.sh
. "$place/run-program.sh"
run_program workload "${WORKLOAD_PROGRAM:-$place/programs/workload}"
