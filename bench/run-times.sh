#!/bin/sh
# Where the seconds of a run in the lab go: the suite on a whole cluster, and attached to one that a snapshot holds, each
# COUNT times; prints the median of each phase as a Markdown table. Run ./run-suite.sh before, which makes the programs
# and the lab's images. The labs are in build/bench. Nothing else may run on the machine meanwhile.
#   bench/run-times.sh [COUNT]   (5)
set -eu
source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
count=${1:-5}
suite=$source_dir/build/bin/passthrough-suite
lab=$source_dir/build/bin/passthrough-lab
config=$source_dir/configs/test-pcie-passthrough-minimal.yaml
work=$source_dir/build/bench/run-times
rm -rf "$work"
mkdir -p "$work/whole" "$work/attached"
trap 'PASSTHROUGH_LAB_DIR=$work/lab "$lab" down >/dev/null 2>&1 || :' EXIT
trap 'exit 130' INT TERM HUP
export PASSTHROUGH_LAB_DIR="$work/lab"

# suite_run KIND NUMBER OPTION…
suite_run() {
  log=$work/$1/$2
  shift 2
  begin=$(date +%s.%N)
  "$suite" --log-dir "$work/logs" --config "$config" "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
  }
  end=$(date +%s.%N)
  grep -q ', all passed' "$log"
  awk -v begin="$begin" -v end="$end" 'BEGIN { printf "[ 0 s] all of it (%.1f s)\n", end - begin }' >>"$log"
}

suite_run whole 0 # saves the lab's state, if that is not there
rm "$work/whole/0"
for number in $(seq "$count"); do suite_run whole "$number"; done
"$lab" up "$config" >/dev/null 2>&1
"$lab" create --wait "$config" >/dev/null 2>&1
"$lab" snapshot quiet >/dev/null 2>&1
for number in $(seq "$count"); do
  "$lab" restore quiet >/dev/null 2>&1
  suite_run attached "$number" --attach
done

# "[ 12.3 s] what happened (4.5 s)": the phases in their order, each with the median of its seconds.
medians() {
  awk '
    /^\[ *[0-9.]+ s\] .* \(([0-9]+ min )?[0-9.]+ s\)$/ {
      line = $0
      sub(/^\[ *[0-9.]+ s\] /, "", line)
      seconds = line
      sub(/.*\(/, "", seconds)
      minutes = seconds ~ /min/ ? seconds + 0 : 0
      sub(/.*min /, "", seconds)
      sub(/ \([^(]*\)$/, "", line)
      if (!(line in n)) order[++phases] = line
      all[line, ++n[line]] = minutes * 60 + seconds
    }
    END {
      for (p = 1; p <= phases; p++) {
        k = n[order[p]]
        for (i = 1; i <= k; i++) {
          for (j = i + 1; j <= k; j++) {
            if (all[order[p], j] < all[order[p], i]) {
              t = all[order[p], i]; all[order[p], i] = all[order[p], j]; all[order[p], j] = t
            }
          }
        }
        printf "| %s | %.1f s | %.1f to %.1f s |\n",
               order[p], all[order[p], int((k + 1) / 2)], all[order[p], 1], all[order[p], k]
      }
    }' "$@"
}
for kind in whole attached; do
  printf '| %s run | median of %d | from, to |\n|---|---|---|\n' "$kind" "$count"
  medians "$work/$kind"/*
  echo
done
