# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # what sources it uses these, and sets source_dir
# Sourced by run-suite.sh and run-tests.sh: installs what is missing, builds. Needs $source_dir.

# Debian 12's names. Debian 13 and Ubuntu 24.04 have the same packages, but for Boost: see of_this_system.
build_packages='g++ cmake ninja-build pkg-config libgtest-dev libgmock-dev libvirt-dev libssh-dev
  libyaml-cpp-dev libboost1.81-dev libfmt-dev libpugixml-dev libarchive-dev nlohmann-json3-dev
  libkainjow-mustache-dev libcli11-dev'
run_packages='openssh-client libvirt0'
lab_packages='qemu-system-x86 qemu-utils mmdebstrap e2fsprogs syslinux syslinux-common mtools
  dosfstools debian-archive-keyring zstd mount uidmap'
test_packages='openssh-server shellcheck busybox-static libvirt-clients libxml2-utils
  groff-base fish zsh python3-jsonschema'
browser_packages='chromium chromium-driver curl'
sanitizer_packages='clang'
lint_packages='clang-format clang-tidy shellcheck'

say() { printf '%s\n' "$*" >&2; }

is_installed() {
  status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) || status=
  [ "$status" = installed ]
}

# The default Boost of a system where that is new enough.
has_other_boost() {
  is_installed libboost-dev || return 1
  version=$(dpkg-query -W -f '${Version}' libboost-dev) && dpkg --compare-versions "$version" ge 1.81
}

# Prints those of its arguments that are not installed.
missing_packages() {
  for package in "$@"; do
    is_installed "$package" && continue
    [ "$package" != libboost1.81-dev ] || ! has_other_boost || continue
    printf '%s ' "$package"
  done
}

# Whether apt could install it: by its lists, for it also knows names that only others' dependencies have.
has_candidate() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# Prints its arguments as this system's apt has them: libboost1.81-dev is Debian 12's beside an older default,
# elsewhere the default is newer (Debian 13 and Ubuntu 24.04: 1.83). Where apt has no lists yet, Debian 12 is told by
# its name.
of_this_system() {
  for package in "$@"; do
    if [ "$package" = libboost1.81-dev ] && ! has_candidate "$package" &&
      { has_candidate libboost-dev || ! grep -qs '^VERSION_CODENAME=bookworm$' "${os_release-/etc/os-release}"; }; then
      package=libboost-dev
    fi
    printf '%s ' "$package"
  done
}

# Runs apt-get, as root or with sudo; fails where neither may be.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo "$@"
  else
    return 1
  fi
}

# Prints what apt-get would install for its arguments, all that these need included; nothing where it cannot say.
would_install() {
  apt-get install -s -y --no-install-recommends --no-remove "$@" 2>/dev/null | sed -n 's/^Inst \([^ ]*\).*/\1/p' |
    tr '\n' ' '
}

announce() {
  [ -z "$1" ] || say "Installing, and removing nothing: $1"
}

# Installs what is missing of its arguments, or says what and how, and stops. Removes nothing.
require_packages() {
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "These packages (by Debian's names) are needed, and this is neither Debian nor Ubuntu:"
    say "  $missing"
    exit 1
  fi
  say "Missing: $missing"
  log=$(mktemp) # by this user, who has to be able to remove it
  # shellcheck disable=SC2046,SC2086 # lists of words
  if ! as_root apt-get update -q >"$log" 2>&1 ||
    ! announce "$(would_install $(of_this_system $missing))" ||
    ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove $(
      of_this_system $missing
    ) >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    say "Packages are missing, and they could not be installed from here. Install them and start again:"
    say "  sudo apt-get update; sudo apt-get install --no-install-recommends $(of_this_system $missing)"
    exit 1
  fi
  rm -f "$log"
}

# Says every ten seconds how far ninja is that writes the log $1, until it is ended, or the script is gone.
show_progress() {
  trap 'kill "$sleeper" 2>/dev/null; exit' TERM
  while sleep 10 >/dev/null 2>&1 & sleeper=$!; wait "$sleeper" && kill -0 $$ 2>/dev/null; do
    sed -n 's/^\[\([0-9]*\)\/\([0-9]*\)\].*/Building … \1 of \2 steps/p' "$1" | tail -n 1 >&2
  done
}

# build TARGET… [CMAKE_OPTION…]: configures $build_dir where that was not done yet, then builds the targets named.
# Prints the compiler's output only where it fails.
# $PASSTHROUGH_CMAKE_OPTIONS: more options of cmake, for the first time.
# A unity build: several sources of a room at a time take the compiler less than half of the time
# (docs/performance.md). Who changes one source after the other does better with cmake --preset default.
build_dir=$source_dir/build
: "${PASSTHROUGH_CMAKE_OPTIONS=}"
build() {
  targets=
  while [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; do
    targets="$targets $1"
    shift
  done
  mkdir -p "$build_dir"
  if [ ! -f "$build_dir/build.ninja" ]; then
    say 'Configuring …'
    # shellcheck disable=SC2086 # a list of words
    if ! (
      cd "$source_dir"
      cmake -S . -B "$build_dir" -G Ninja -DCMAKE_UNITY_BUILD=ON $PASSTHROUGH_CMAKE_OPTIONS "$@"
    ) >"$build_dir/configure.log" 2>&1; then
      cat "$build_dir/configure.log" >&2
      exit 1
    fi
  fi
  say 'Building …'
  : >"$build_dir/build.log"
  show_progress "$build_dir/build.log" &
  progress=$!
  # shellcheck disable=SC2086 # a list of words
  cmake --build "$build_dir" --target $targets >>"$build_dir/build.log" 2>&1 && built=yes || built=no
  kill "$progress" 2>/dev/null || :
  wait "$progress" 2>/dev/null || :
  if [ "$built" = no ]; then
    tail -n 60 "$build_dir/build.log" >&2
    say "The build failed: $build_dir/build.log"
    exit 1
  fi
}

# build, and the lab's images beside it, for one waits for the disk and the network where the other computes. The first
# that fails ends the other.
build_with_images() {
  # Each is a session of its own, which can be ended with all that it started.
  setsid "$source_dir/lab/images/build.sh" >&2 &
  images=$!
  export source_dir PASSTHROUGH_CMAKE_OPTIONS
  # shellcheck disable=SC2016 # that shell's
  setsid sh -c 'set -eu; . "$source_dir/cmake/setup.sh"; build "$@"' sh "$@" &
  compiler=$!
  trap 'end_group "$images" "$compiler"; exit 130' INT TERM HUP
  images_ended=
  while kill -0 "$compiler" 2>/dev/null; do
    if [ -z "$images_ended" ] && ! kill -0 "$images" 2>/dev/null; then
      images_ended=yes
      wait "$images" || no_images
    fi
    sleep 0.2
  done
  if ! wait "$compiler"; then
    end_group "$images"
    exit 1
  fi
  [ -n "$images_ended" ] || wait "$images" || no_images
  trap - INT TERM HUP
}

end_group() {
  for leader in "$@"; do kill -TERM "-$leader" 2>/dev/null || :; done
}

no_images() {
  end_group "$compiler"
  say "The lab's images could not be built; see above. --profile host runs on this machine instead."
  exit 1
}
