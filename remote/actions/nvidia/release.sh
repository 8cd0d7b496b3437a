#!/bin/sh
# about: release.sh for NVIDIA's GPUs
#
# The kernel does not return from the removal of a GPU that is in use: "Attempting to remove device … with non-zero usage
# count!" (nv_pci_remove_helper() in kernel-open/nvidia/nv-pci.c of open-gpu-kernel-modules). Four things use one:
# NVIDIA's daemon, the driver's own persistence mode, which no process holds open, programs, and the kernel itself:
# nvidia-drm with modeset=1 opens each GPU through nvidia-modeset for as long as it is loaded (nv_drm_dev_load() in
# nvidia-drm-drv.c), and with fbdev=1 has a console on it. The first two are ended, and nvidia-drm is unloaded where
# nothing uses it; what still holds a GPU is named on standard error, a line each, and then all is as before. A program
# that only asks and goes, as monitors do, has some seconds for it. $PROBE_ROOT stands before /proc and /sys, for tests.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
actions=$(cd "${0%/*}" && pwd)
proc=${PROBE_ROOT:-}/proc
sys=${PROBE_ROOT:-}/sys

smi() { timeout -s KILL 45 nvidia-smi "$@" 2>/dev/null; }

# Patterns of grep for the files through which a program holds a GPU: /dev/nvidia0 …, /dev/nvidia-modeset, and what DRM
# has for the driver's GPUs.
held_files() {
  printf '%s\n' ' -> /dev/nvidia[0-9]' ' -> /dev/nvidia-modeset$'
  for node in "$sys"/bus/pci/drivers/nvidia/*/drm/*; do
    [ ! -e "$node" ] || printf ' -> /dev/dri/%s$\n' "${node##*/}"
  done
}

# Programs that hold one of these open: "python3 (PID 4711)".
holders() {
  # shellcheck disable=SC2010 # what the links point to is in ls's output alone
  ls -l "$proc"/[0-9]*/fd 2>/dev/null | grep -e "^$proc/" -e "$(held_files)" | while read -r line; do
    case $line in
    "$proc"/*)
      pid=${line#"$proc"/}
      pid=${pid%%/*}
      ;;
    *) printf '%s (PID %s)\n' "$(cat "$proc/$pid/comm" 2>/dev/null)" "$pid" ;;
    esac
  done | sort -u
}

# "Y" or "N"; nothing where the module is not loaded or has no such parameter.
drm_parameter() { { read -r value <"$sys/module/nvidia_drm/parameters/$1" && printf '%s' "$value"; } 2>/dev/null; }

# The consoles that nvidia-drm has on its GPUs: "fb0".
consoles() {
  for name in "$sys"/class/graphics/fb*/name; do
    [ -r "$name" ] || continue
    case $(cat "$name") in
    nvidia*) name=${name%/name} && printf '%s ' "${name##*/}" ;;
    esac
  done
}

# Unloads nvidia-drm where it holds GPUs by itself; names it where that does not work. modprobe may wait in the kernel,
# where nothing can end it: it gets 20 s and is left to itself then.
release_drm() {
  [ "$(drm_parameter modeset)" = Y ] || return 0
  parameters=Y.$(drm_parameter fbdev)
  modprobe -r nvidia_drm >/dev/null 2>&1 &
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -d "$sys/module/nvidia_drm" ] || break
    kill -0 "$!" 2>/dev/null || break
    sleep 1
  done
  if [ ! -d "$sys/module/nvidia_drm" ]; then
    released="$released drm:$parameters"
    return 0
  fi
  shown=$(consoles)
  printf 'the kernel: nvidia_drm with modeset=1%s\n' "${shown:+, the console on ${shown% }}" >&2
  return 1
}

released=
restore() {
  # shellcheck disable=SC2086 # words
  [ -z "$released" ] || sh "$actions/restore.sh" $released
}
trap 'restore; exit 5' HUP INT PIPE TERM

if [ "$(systemctl is-active nvidia-persistenced 2>/dev/null)" = active ]; then released=daemon; fi
modes=$(smi --query-gpu=pci.bus_id,persistence_mode --format=csv,noheader)
persistent=
case $modes in
*Enabled*Disabled* | *Disabled*Enabled*) persistent=$(echo "$modes" | sed -n 's/, *Enabled.*//p') ;;
*Enabled*) persistent=all ;;
esac
for gpu in $persistent; do released="$released persistent:$gpu"; done

case $released in
*daemon*) systemctl stop nvidia-persistenced >/dev/null 2>&1 ;;
esac
if [ -n "$persistent" ]; then smi -pm 0 >/dev/null; fi
for _ in 1 2 3 4 5; do
  held=$(holders)
  if [ -z "$held" ]; then
    # Last: what uses it is gone.
    release_drm || {
      restore
      exit 6
    }
    for word in $released; do printf '%s\n' "$word"; done
    exit 0
  fi
  sleep 1
done
echo "$held" >&2
restore
exit 6
