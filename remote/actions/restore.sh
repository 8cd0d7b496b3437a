#!/bin/sh
# about: undoes what release.sh did
#
#   restore.sh [FOLDER:WORD …]      as root; the words that release.sh printed
LC_ALL=C
export LC_ALL
actions=$(cd "${0%/*}" && pwd)

for script in "$actions"/*/restore.sh; do
  [ -e "$script" ] || continue
  maker=${script%/restore.sh}
  maker=${maker##*/}
  words=
  for word; do
    case $word in
    "$maker":*) words="$words ${word#*:}" ;;
    esac
  done
  # shellcheck disable=SC2086 # words
  [ -z "$words" ] || sh "$script" $words
done
exit 0
