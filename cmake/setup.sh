# shellcheck shell=sh
# Sourced by run-suite.sh and run-tests.sh: installs what is missing, builds. Needs $source_dir.

# Debian 12's names, where they are tried. Ubuntu 24.04 has the same packages, but for Boost: see of_this_system.
build_packages='g++ cmake ninja-build pkg-config libgtest-dev libgmock-dev libvirt-dev libssh-dev
  libyaml-cpp-dev libboost1.81-dev libfmt-dev libpugixml-dev libarchive-dev nlohmann-json3-dev'
run_packages='openssh-client libvirt0'
lab_packages='qemu-system-x86 qemu-utils mmdebstrap e2fsprogs syslinux syslinux-common mtools
  dosfstools debian-archive-keyring zstd mount'
test_packages='openssh-server shellcheck busybox-static libvirt-clients libxml2-utils'
sanitizer_packages='clang'

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

# Prints its arguments as this system's apt has them: libboost1.81-dev is Debian 12's beside an older default,
# elsewhere the default is newer (Ubuntu 24.04: 1.83). Where apt has no lists yet, both are unknown to it.
of_this_system() {
  for package in "$@"; do
    if [ "$package" = libboost1.81-dev ] && ! apt-cache show "$package" >/dev/null 2>&1 &&
      apt-cache show libboost-dev >/dev/null 2>&1; then
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

# Installs what is missing of its arguments, or says what and how, and stops.
require_packages() {
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "These packages (by Debian's names) are needed, and this is neither Debian nor Ubuntu:"
    say "  $missing"
    exit 1
  fi
  say "Installing: $missing"
  log=$(mktemp) # by this user, who has to be able to remove it
  # shellcheck disable=SC2086,SC2046 # lists of words
  if ! { as_root apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(
      of_this_system $missing
    ); } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    say "Packages are missing, and they could not be installed from here. Install them and start again:"
    say "  sudo apt-get install $(of_this_system $missing)"
    exit 1
  fi
  rm -f "$log"
}

# build TARGET… [CMAKE_OPTION…]: configures $build_dir where that was not done yet, then builds the targets named.
# Prints the compiler's output only where it fails.
build_dir=$source_dir/build
build() {
  targets=
  while [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; do
    targets="$targets $1"
    shift
  done
  mkdir -p "$build_dir"
  if [ ! -f "$build_dir/build.ninja" ]; then
    say 'Configuring …'
    if ! (cd "$source_dir" && cmake -S . -B "$build_dir" -G Ninja "$@") >"$build_dir/configure.log" 2>&1; then
      cat "$build_dir/configure.log" >&2
      exit 1
    fi
  fi
  say 'Building …'
  # shellcheck disable=SC2086 # a list of words
  if ! cmake --build "$build_dir" --target $targets >"$build_dir/build.log" 2>&1; then
    tail -n 60 "$build_dir/build.log" >&2
    say "The build failed: $build_dir/build.log"
    exit 1
  fi
}
