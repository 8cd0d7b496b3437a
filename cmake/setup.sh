# shellcheck shell=sh
# Sourced by run-suite.sh and run-tests.sh: installs what is missing, builds. Needs $source_dir.

# Debian 12's names; Ubuntu 24.04 has the same but where said.
build_packages='g++ cmake ninja-build pkg-config libgtest-dev libgmock-dev libvirt-dev libssh-dev
  libyaml-cpp-dev libboost1.81-dev libfmt-dev libpugixml-dev libarchive-dev nlohmann-json3-dev'
run_packages='openssh-client libvirt0'
lab_packages='qemu-system-x86 qemu-utils mmdebstrap e2fsprogs syslinux syslinux-common mtools
  dosfstools debian-archive-keyring zstd mount'
test_packages='openssh-server shellcheck busybox-static libvirt-clients libxml2-utils'
sanitizer_packages='clang'

say() { printf '%s\n' "$*" >&2; }

# Prints those of its arguments that are not installed.
missing_packages() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || printf '%s ' "$package"
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
  # shellcheck disable=SC2086 # a list of words
  if ! as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
  ' sh $missing >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    say "Packages are missing, and they could not be installed from here. Install them and start again:"
    say "  sudo apt-get install $missing"
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
