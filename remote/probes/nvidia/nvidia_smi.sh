#!/bin/sh
# order: 40
# limit: 60
# if-hung: The driver or the GPU hangs: look for NVRM and Xid in the node's kernel log. Or persistence mode is off, so
# if-hung: that whatever opens a GPU initialises it anew, one after the other: run nvidia-persistenced on the node.
# about: the table of nvidia-smi

# The probe's exit status is that of nvidia-smi; what it prints is not touched.
LC_ALL=C
export LC_ALL

# A link that leads nowhere, or in a circle, and a file that cannot be run are not found either: they are named here.
if ! command -v nvidia-smi >/dev/null 2>&1; then
  IFS=:
  for directory in $PATH; do
    file=$directory/nvidia-smi
    if [ -L "$file" ] && ! [ -e "$file" ]; then
      printf '%s is a symbolic link that leads nowhere\n' "$file" >&2
      exit 126
    elif [ -e "$file" ]; then
      printf '%s is there, and is no program that this user may run\n' "$file" >&2
      exit 126
    fi
  done
  unset IFS
fi
exec nvidia-smi
