#!/bin/sh
# order: 20
# limit: 60
# about: every PCI function, from sysfs

# Prints facts as README.md says, a block a function; bridges in short. $PROBE_ROOT stands before /sys,
# for tests.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
devices=${PROBE_ROOT:-}/sys/bus/pci/devices
newline='
'

# Prints fact $1 with the first line of the function's file $2; nothing where there is none.
fact_of_file() {
  value=
  { read -r value <"$function/$2"; } 2>/dev/null
  [ -z "$value" ] || printf '%s: %s\n' "$1" "$value"
}

# Prints fact $1 with the last part of what the function's link $2 points to.
fact_of_link() {
  if cd -P "$function/$2" 2>/dev/null; then
    printf '%s: %s\n' "$1" "${PWD##*/}"
    cd /
  fi
}

# The bridge above, which is the directory above in the kernel's tree; none for those on a root bus.
show_parent() {
  cd -P "$function" 2>/dev/null || return 0
  above=${PWD%/*}
  cd /
  case ${above##*/} in
  *:*:*.*) printf 'parent: %s\n' "${above##*/}" ;;
  esac
}

show_in_short() {
  printf 'function: %s\n' "${function##*/}"
  for name in vendor device subsystem_vendor subsystem_device class revision; do
    fact_of_file "$name" "$name"
  done
  fact_of_link driver driver
  show_parent
}

# The lines of "resource" that are not all zero, with their number: BARs 0 to 5 and the ROM, 6.
show_resources() {
  number=0
  while [ $number -lt 7 ] && read -r start end flags; do
    case $start$end$flags in
    *[!0x]*) printf 'resource: %s %s %s %s\n' $number "$start" "$end" "$flags" ;;
    esac
    number=$((number + 1))
  done <"$function/resource"
}

# The total of a file of AER counters, and each counter that is not 0.
show_aer() {
  [ -r "$function/$2" ] || return 0
  total=
  counters=
  while read -r name value; do
    case $name in
    TOTAL_*) total=$value ;;
    *) [ "$value" = 0 ] || counters="$counters $name=$value" ;;
    esac
  done <"$function/$2"
  [ -z "$total" ] || printf '%s: %s%s\n' "$1" "$total" "$counters"
}

show_details() {
  for name in driver_override enable irq numa_node current_link_speed max_link_speed \
    current_link_width max_link_width power_state; do
    fact_of_file "$name" "$name"
  done
  fact_of_file runtime_status power/runtime_status
  fact_of_link iommu_group iommu_group
  show_resources
  show_aer aer_correctable aer_dev_correctable
  show_aer aer_nonfatal aer_dev_nonfatal
  show_aer aer_fatal aer_dev_fatal
}

if [ ! -d "$devices" ]; then
  printf 'pci.sh: there is no %s\n' "$devices" >&2
  exit 1
fi

# Bridges (base class 06) have no more to tell than the short form, but for "other bridges" (0680): an NVSwitch is one,
# and is passed through as any device is.
detailed=
set --
for function in "$devices"/*; do
  class=
  { read -r class <"$function/class"; } 2>/dev/null
  case $class in
  0x0680*) ;;
  0x06*) continue ;;
  esac
  [ -e "$function/config" ] || continue
  detailed="$detailed ${function##*/} "
  set -- "$@" "$function/config"
done
# The head of every config space in two execs: od prints four lines a function. Where one could not be
# read, the lines are fewer, and each function is asked on its own, so that none is taken for another.
lines=0
if [ $# -gt 0 ]; then
  expected=$(($# * 4))
  hex=$(head -q -c 64 "$@" 2>/dev/null | od -An -v -tx1)
  IFS=$newline
  # shellcheck disable=SC2086 # lines are wanted
  set -- $hex
  unset IFS
  lines=$#
fi

show_config() {
  if [ "$lines" = "$expected" ]; then
    hex=$1$2$3$4
  else
    hex=$(head -c 64 "$function/config" 2>&1 >/dev/null)
    if [ -n "$hex" ]; then
      printf 'config_error: %s\n' "$hex"
      return
    fi
    # shellcheck disable=SC2046 # words are wanted
    set -- $(head -c 64 "$function/config" | od -An -v -tx1)
    hex=" $*"
  fi
  printf 'config:%s\n' "$hex"
}

# "0-1,4", as the kernel has it; nothing where it knows no NUMA.
for name in online has_cpu; do
  value=
  { read -r value <"${PROBE_ROOT:-}/sys/devices/system/node/$name"; } 2>/dev/null
  [ -z "$value" ] || printf 'numa_nodes_%s: %s\n' "$name" "$value"
done

# The drivers that the kernel has, whether they have a function or not.
drivers=
for driver in "${devices%/devices}"/drivers/*; do
  case ${driver##*/} in
  '*' | *[!A-Za-z0-9._-]*) ;;
  *) drivers="$drivers ${driver##*/}" ;;
  esac
done
[ -z "$drivers" ] || printf 'pci_drivers:%s\n' "$drivers"

for function in "$devices"/*; do
  [ -e "$function" ] || continue
  show_in_short
  case $detailed in
  *" ${function##*/} "*)
    show_details
    show_config "$@"
    [ $# -lt 4 ] || shift 4
    ;;
  esac
done
printf 'end: pci\n'
