#!/bin/sh
# about: undoes what the release.sh beside it did
#
#   restore.sh [daemon] [persistent:all | persistent:ADDRESS …] [drm:MODESET.FBDEV]
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
umask 022 # nvidia-smi may make device files

smi() { timeout -s KILL 45 nvidia-smi "$@" >/dev/null 2>&1; }

# nvidia-drm as it was loaded; FBDEV is empty where the driver has no such parameter.
load_drm() {
  fbdev=${1#*.}
  # shellcheck disable=SC2086 # words
  modprobe nvidia_drm "modeset=${1%%.*}" ${fbdev:+"fbdev=$fbdev"} >/dev/null 2>&1
}

for word; do
  case $word in
  daemon) systemctl start nvidia-persistenced >/dev/null 2>&1 ;;
  persistent:all) smi -pm 1 ;;
  persistent:*) smi -i "${word#persistent:}" -pm 1 ;;
  drm:*) load_drm "${word#drm:}" ;;
  esac
done
exit 0
