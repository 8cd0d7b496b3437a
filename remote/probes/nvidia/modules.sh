#!/bin/sh
# order: 30
# limit: 60
# about: loaded kernel modules, and the NVIDIA module on disk

# Prints facts as README.md says. $PROBE_ROOT stands before /proc and /sys, for tests.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
root=${PROBE_ROOT:-}

# Prints fact $1 with the first line of file $2; nothing where that cannot be read.
fact_of_file() {
  value=
  { read -r value <"$root$2"; } 2>/dev/null
  [ -z "$value" ] || printf '%s: %s\n' "$1" "$value"
}

fact_of_file kernel_release /proc/sys/kernel/osrelease
fact_of_file loaded_nvidia_version /sys/module/nvidia/version
fact_of_file driver_version_text /proc/driver/nvidia/version

# Debian's packages call the file nvidia-current and the module in it nvidia.
information=$(modinfo nvidia 2>&1) || other=$(modinfo nvidia-current 2>/dev/null) ||
  printf 'disk_error: %s\n' "${information%%
*}"
printf '%s\n' "${other:-$information}" | while read -r key value; do
  case $key in
  filename:) printf 'disk_file: %s\n' "$value" ;;
  version:) printf 'disk_version: %s\n' "$value" ;;
  vermagic:) printf 'disk_vermagic: %s\n' "$value" ;;
  esac
done

# The NVML library that programs load is what the link libnvidia-ml.so.1 leads to; its name has the release.
for directory in /usr/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu/nvidia/current /usr/lib64 /usr/lib; do
  link=$root$directory/libnvidia-ml.so.1
  [ -e "$link" ] || continue
  value=$(readlink -f "$link")
  printf 'library_file: %s\n' "${value#"$root"}"
  break
done

# A kernel that cannot load modules has no such file.
if [ -r "$root/proc/modules" ]; then
  while read -r name _ count users state _; do
    printf 'module: %s %s %s %s\n' "$name" "$count" "$users" "$state"
  done <"$root/proc/modules"
else
  printf 'modules_error: cannot read %s/proc/modules\n' "$root"
fi
printf 'end: modules\n'
