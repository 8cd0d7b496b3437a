#!/bin/sh
# order: 60
# limit: 60
# if-hung: The driver or the GPU hangs: look for NVRM and Xid in the node's kernel log. Or persistence mode is off, so
# if-hung: that whatever opens a GPU initialises it anew, one after the other: run nvidia-persistenced on the node.
# about: /dev/nvidia*, and the character devices that the kernel has registered

# Prints facts as README.md says, a block a file. $PROBE_ROOT stands before /proc and /dev, for tests.
LC_ALL=C
export LC_ALL
root=${PROBE_ROOT:-}

while read -r key value _; do
  if [ "$key" = Uid: ]; then
    printf 'user_id: %s\n' "$value"
    break
  fi
done <"/proc/$$/status"

while read -r number name _; do
  case $number in
  Block) break ;;
  esac
  case $name in
  nvidia*) printf 'major: %s %s\n' "$number" "$name" ;;
  esac
done <"$root/proc/devices"

# Opens the character device $1 for reading and writing, as whoever uses the GPU must.
try_to_open() {
  if { :; } 2>/dev/null <>"$1"; then
    printf 'opens: yes\n'
  else
    why=$( ({ :; } <>"$1") 2>&1)
    printf 'opens: no\nopen_error: %s\n' "${why##*: }"
  fi
} 2>/dev/null

# Where the symbolic link $1 leads: it says $2. Who opens it opens the file at its end. One that leads nowhere is not
# opened for writing, which would make a file there.
show_link() {
  case $2 in
  *[!A-Za-z0-9._/-]*) ;;
  *) printf 'link: %s\n' "$2" ;;
  esac
  if [ -c "$1" ]; then
    try_to_open "$1"
  elif [ -e "$1" ]; then
    printf 'link_error: no device is at its end\n'
  else
    why=$( ({ :; } <"$1") 2>&1)
    printf 'link_error: %s\n' "${why##*: }"
  fi
}

# A line of ls -ln: "crw-rw-rw- 1 0 0 195, 0 Nov 22 14:00 /dev/nvidia0".
show_file() {
  path=${7#*" $root/dev/"}
  case $1 in
  l*) path=${path%% -> *} ;;
  esac
  target=${7#*" -> "}
  case $path in
  '' | *[!A-Za-z0-9._/-]*)
    printf 'skipped: a file whose name has other characters than letters, digits and ._/-\n'
    return
    ;;
  esac
  printf 'file: /dev/%s\nmode: %s\nuid: %s\ngid: %s\n' "$path" "$1" "$3" "$4"
  case $1 in
  b*) printf 'device: %s %s\n' "${5%,}" "$6" ;;
  c*)
    printf 'device: %s %s\n' "${5%,}" "$6"
    try_to_open "$root/dev/$path"
    ;;
  l*) show_link "$root/dev/$path" "$target" ;;
  esac
}

set --
for file in "$root"/dev/nvidia* "$root"/dev/nvidia-caps/*; do
  if [ -e "$file" ] || [ -L "$file" ]; then
    set -- "$@" "$file"
  fi
done
if [ $# -gt 0 ]; then
  # shellcheck disable=SC2012 # the names were looked at above
  ls -lnd "$@" | while read -r mode links uid gid first second rest; do
    show_file "$mode" "$links" "$uid" "$gid" "$first" "$second" "$second $rest"
  done
fi
printf 'end: device_files\n'
