#!/bin/sh
# Deploys and destroys a cluster with ai-how, in the spelling that the installed ai-how has, with a state file of the
# run's own. Run in ai-how's project, by the profile host:
#   ai-how.sh create RUN CLUSTERS FILE
#   ai-how.sh destroy RUN CLUSTERS FILE
# RUN: a word that no other run has. CLUSTERS: hpc, cloud or both, what is in FILE.
#
# Without --state, ai-how keeps all clusters of a directory in one output/state.json, and its destroy removes what is in
# there, whichever cluster that is of. Without a state that knows the cluster, its destroy removes every domain whose
# name begins with the cluster's: so it is not called where ai-how has recorded nothing.
set -u

usage='ai-how.sh create|destroy RUN hpc|cloud|both FILE'
verb=${1:?$usage} run=${2:?$usage} clusters=${3:?$usage} file=${4:?$usage}
state_dir=output/passthrough-suite/$run

say() { printf '%s\n' "$*"; }
fail() {
  say "ai-how.sh: $*" >&2
  exit 1
}

# Each way to call ai-how here, best first: `uv run` where there is a project or an environment for it, ai-how's own
# checkout (whose project is in python/ai_how), then what is installed.
ai_how() {
  case $way in
  uv) uv run ai-how "$@" ;;
  checkout) uv run --project python/ai_how ai-how "$@" ;;
  venv) .venv/bin/ai-how "$@" ;;
  *) ai-how "$@" ;;
  esac
}

is_possible() {
  case $1 in
  uv) command -v uv >/dev/null && { [ -f pyproject.toml ] || [ -d .venv ]; } ;;
  checkout) command -v uv >/dev/null && [ -f python/ai_how/pyproject.toml ] ;;
  venv) [ -x .venv/bin/ai-how ] ;;
  *) command -v ai-how >/dev/null ;;
  esac
}

# Sets $way and $help.
find_ai_how() {
  said=
  for way in uv checkout venv installed; do
    is_possible "$way" || continue
    if help=$(NO_COLOR=1 TERM=dumb COLUMNS=200 ai_how --help 2>&1); then
      escape=$(printf '\033')
      help=$(say "$help" | sed "s/$escape\[[0-9;]*[A-Za-z]//g")
      return
    fi
    said=$help
  done
  [ -z "$said" ] || say "$said" >&2
  fail "ai-how is not there (looked for: uv run ai-how, python/ai_how, .venv/bin/ai-how, ai-how in PATH): install uv" \
    "(https://docs.astral.sh/uv/) and run in ai-how's project, or use --profile host-own-deployer"
}

# Whether the help lists the command, at the start of a line but for what frames it, or in {a,b}.
has_command() { say "$help" | grep -Eq "(^[^[:alnum:]_-]*|[{,])$1([[:space:]},]|\$)"; }
has_state() { say "$help" | grep -q -e '--state'; }

# with_state FILE ARGUMENT…
with_state() {
  state=$1
  shift
  if has_state; then
    set -- --state "$state" "$@"
  fi
  say "+ ai-how $*"
  ai_how "$@"
}

create() {
  { mkdir -p "$state_dir" && touch "$state_dir/begun"; } || fail "$PWD/$state_dir cannot be made"
  if ! has_command hpc; then
    has_command create || fail "this ai-how has neither \"hpc\" nor \"create\" among its commands:
$help"
    with_state "$state_dir/state.json" create "$file"
    return
  fi
  case $clusters in
  both)
    if has_command system; then
      with_state "$state_dir/state.json" system start "$file"
    else # the states where "system start" puts them
      with_state "$state_dir/hpc-state.json" hpc start "$file" &&
        with_state "$state_dir/cloud-state.json" cloud start "$file"
    fi
    ;;
  *) with_state "$state_dir/state.json" "$clusters" start "$file" ;;
  esac
}

# destroy_one STATE ARGUMENT…: where a state was recorded.
destroy_one() {
  recorded=$1
  has_state || recorded=$state_dir/begun
  if [ ! -f "$recorded" ]; then
    shift
    say "ai-how has recorded nothing that this run made, for there is no $PWD/$recorded: not called: ai-how $*"
    return
  fi
  with_state "$@" || status=1
}

destroy() {
  status=0
  if ! has_command hpc; then
    destroy_one "$state_dir/state.json" destroy "$file" --force
  elif [ "$clusters" = both ]; then
    destroy_one "$state_dir/cloud-state.json" cloud destroy "$file" --force
    destroy_one "$state_dir/hpc-state.json" hpc destroy "$file" --force
  else
    destroy_one "$state_dir/state.json" "$clusters" destroy "$file" --force
  fi
  [ "$status" = 0 ] || return 1
  # What ai-how itself leaves of this run's.
  rm -f "$state_dir/begun" "$state_dir/state.json" "$state_dir/hpc-state.json" "$state_dir/cloud-state.json" "$state_dir/global-state.json"
  rmdir "$state_dir" output/passthrough-suite 2>/dev/null
  [ ! -d traces ] || say "ai-how leaves its traces in $PWD/traces"
  return 0
}

case $clusters in
hpc | cloud | both) ;;
*) fail "$clusters: $usage" ;;
esac
case $verb in
create | destroy)
  find_ai_how
  "$verb"
  ;;
*) fail "$verb: $usage" ;;
esac
