# shellcheck shell=sh
# Sourced by probes whose work is done by a program that is built with the suite and sent along as programs/<probe>.
#
#   run_program NAME FILE [COMMAND…]   runs FILE, which is program NAME, in place of this shell, by COMMAND where there
#                                      is one. Where this machine cannot run it, that is the fact program_error.

# Whether this machine runs the program $1; if not, why is $said and $status.
# 126: there, but the system will not run it; 127: there, but its loader is not (another C library).
runs() {
  said=$("$1" --check 2>&1)
  status=$?
  [ "$status" = 0 ]
}

run_program() {
  name=$1
  program=$2
  shift 2
  if [ ! -f "$program" ]; then
    why="there is no $program: it is built with the suite (target $name)"
  elif runs "$program"; then
    exec "$@" "$program"
  else
    why="exit status $status: ${said%%
*}"
    # Hardened machines mount /tmp with noexec.
    for directory in /dev/shm "${XDG_RUNTIME_DIR:-/run}" /var/tmp "${HOME:-/root}"; do
      copy=$(mktemp "$directory/pcie-$name.XXXXXX" 2>/dev/null) || continue
      if cp "$program" "$copy" 2>/dev/null && chmod 700 "$copy" && runs "$copy"; then
        exec "$@" "$copy" --unlink
      fi
      rm -f "$copy"
    done
    why="this machine cannot run $program ($why); it needs glibc 2.17 or newer on x86-64"
  fi
  printf 'program_error: %s\nend: %s\n' "$why" "$name"
  exit 0
}
