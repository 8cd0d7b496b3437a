#!/bin/sh
# order: 10
# limit: 60
# about: which machine this is

# Prints facts as README.md says. $PROBE_ROOT stands before /proc, /sys and /etc, for tests.
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

fact_of_file hostname /proc/sys/kernel/hostname
fact_of_file kernel_release /proc/sys/kernel/osrelease
fact_of_file machine /proc/sys/kernel/arch
fact_of_file boot_id /proc/sys/kernel/random/boot_id
fact_of_file dmi_vendor /sys/class/dmi/id/sys_vendor
fact_of_file dmi_product /sys/class/dmi/id/product_name

# For root alone to read.
uuid_file=$root/sys/class/dmi/id/product_uuid
value=
{ read -r value <"$uuid_file"; } 2>/dev/null
if [ -n "$value" ]; then
  printf 'product_uuid: %s\n' "$value"
elif [ ! -e "$uuid_file" ]; then
  printf 'product_uuid_error: %s does not exist\n' "$uuid_file"
elif ! command -v sudo >/dev/null; then
  printf 'product_uuid_error: not privileged: %s is for root alone, and there is no sudo\n' \
    "$uuid_file"
elif value=$(sudo -n cat "$uuid_file" 2>/dev/null) && [ -n "$value" ]; then
  # sudo warns beside its work, of a host name that does not resolve for one: that is no part of the value.
  printf 'product_uuid: %s\n' "${value%%
*}"
else
  # Asked again for the reason, which is the last line: the first may be such a warning.
  value=$(sudo -n cat "$uuid_file" 2>&1 >/dev/null)
  printf 'product_uuid_error: not privileged: %s\n' "${value##*
}"
fi

while read -r key value _; do
  if [ "$key" = Uid: ]; then
    printf 'user_id: %s\n' "$value"
    break
  fi
done <"/proc/$$/status"

if read -r value _ <"$root/proc/uptime"; then
  printf 'uptime_seconds: %s\n' "$value"
fi
printf 'epoch_seconds: %s\n' "$(date +%s)"

while IFS='=' read -r key value; do
  value=${value#\"}
  case $key in
  ID) printf 'os_id: %s\n' "${value%\"}" ;;
  VERSION_ID) printf 'os_version: %s\n' "${value%\"}" ;;
  esac
done <"$root/etc/os-release"

# The last line for / is the one that counts: another may have been mounted over it.
options=
while read -r _ place _ value _; do
  [ "$place" != / ] || options=$value
done <"$root/proc/mounts"
case ,$options, in
,,) ;;
*,ro,*) printf 'root_read_only: yes\n' ;;
*) printf 'root_read_only: no\n' ;;
esac

# After its head, df -P has a line a file system: what, size, used, free, in percent, where. An initramfs
# may have no size.
df -kP / "${TMPDIR:-/tmp}" 2>/dev/null | {
  read -r _
  root_free=
  tmp_free=
  while read -r _ size _ value _ place; do
    if [ "$place" = / ] && [ "$size" != 0 ]; then
      root_free=$value
    fi
    tmp_free=$value
  done
  [ -z "$root_free" ] || printf 'root_free_kib: %s\n' "$root_free"
  [ -z "$tmp_free" ] || printf 'tmp_free_kib: %s\n' "$tmp_free"
}
printf 'end: identity\n'
