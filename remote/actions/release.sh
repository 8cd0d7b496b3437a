#!/bin/sh
# about: has whatever uses the node's GPUs let go of them, before they are removed or unplugged
#
#   release.sh               as root
#
# Asks the release.sh of each maker of GPUs, in the folders beside this file. Prints what restore.sh needs to undo it: a
# word a line, FOLDER:WORD. Exit status 6: programs hold a GPU open, named on standard error, one a line; 5: interrupted.
# In both cases all is as before.
LC_ALL=C
export LC_ALL
actions=$(cd "${0%/*}" && pwd)

released=
words= # of the maker that was asked last, not in $released yet
restore() {
  for word in $words; do released="$released $maker:$word"; done
  # shellcheck disable=SC2086 # words
  sh "$actions/restore.sh" $released
}
trap 'restore; exit 5' HUP INT PIPE TERM # PIPE: whoever asked has gone away

for script in "$actions"/*/release.sh; do
  [ -e "$script" ] || continue
  maker=${script%/release.sh}
  maker=${maker##*/}
  words=$(sh "$script") || {
    status=$?
    restore
    exit "$status"
  }
  for word in $words; do released="$released $maker:$word"; done
  words=
done
for word in $released; do printf '%s\n' "$word"; done
