#!/bin/bash
# Walks the ways of a new user, each on a bare machine of its release: a root file system that mmdebstrap makes, with
# nothing of the machine below but its kernel, its devices and its network.
#
#   walk.sh [--keep] [RELEASE/WAY/USER …]
#
# RELEASE  bookworm, trixie
# WAY      source: ./run-suite.sh in a copy of this source tree, as README.md has it, twice; then, of root,
#          ./run-tests.sh unit, and cpack, whose packages lintian likes
#          packages: what cpack made of it on that release, installed with apt
# USER     root; or user, who is an ordinary one: root does no more than the messages say
# --keep   leaves the root file system of a walk that failed
#
# Without arguments, each of both releases. Every walk has to reach "all passed" in the lab, leave nothing in /tmp, and,
# of the packages, nothing behind when they are removed. Needs root, 15 GiB, and an hour and a half on 2 cores. Prints a
# line a walk, with the seconds from its first command to the verdict. Exit status 1 where one failed.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$source_dir/build/releases

die() { echo "walk.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -eu/{/^set -eu/d; s/^# \{0,1\}//; p;}' "${BASH_SOURCE[0]}"; }

# ---- inside: what runs in the bare root, as root ----

install_log=/var/log/walk-packages.log

as_user() { # as_user COMMAND…
	runuser -u tester -- env -i HOME=/home/tester USER=tester LOGNAME=tester LANG=C.UTF-8 TERM=dumb \
		PATH=/usr/local/bin:/usr/bin:/bin "$@"
}

# Runs its command as whoever walks, in that one's home.
as_walker() {
	if [[ $user == root ]]; then (cd /root && "$@"); else (cd /home/tester && as_user "$@"); fi
}

# Does what a message says that root can do: the lines of $1 that begin with sudo, and usermod.
obey() {
	local line commands
	commands=$(sed -n -e 's/^ *sudo \(apt-get .*\)/\1/p' -e 's/.*root can: \(usermod .*\)/\1/p' "$1" | sort -u)
	[[ $commands ]] || return 1
	while IFS= read -r line; do
		echo "root: $line"
		line=${line//sudo /}
		DEBIAN_FRONTEND=noninteractive bash -c "${line//apt-get install/apt-get install -y -q}" >>"$install_log" 2>&1 </dev/null ||
			{ tail -n 20 "$install_log"; return 1; }
	done <<<"$commands"
}

# Until it is told of nothing more that root has to do; what it prints last is in /var/log/walk.
walk() {
	local rounds=0
	until as_walker "$@" >/var/log/walk 2>&1; do
		cat /var/log/walk
		rounds=$((rounds + 1))
		# Twice: the packages, and then what only those can tell.
		[[ $user != root ]] && ((rounds < 3)) && obey /var/log/walk || return 1
	done
	cat /var/log/walk
}

passed() {
	grep -q ', all passed' /var/log/walk || { echo "walk: it says nothing of \"all passed\""; return 1; }
	echo "seconds $1 $((SECONDS - began))"
}

clean() {
	local left
	left=$(find /tmp /var/tmp -mindepth 1 -maxdepth 1)
	[[ -z $left ]] || { printf 'walk: left behind: %s\n' "$left"; return 1; }
	for _ in {1..50}; do # the run's guard ends after the run
		left=$(pgrep -af '/(qemu-system|passthrough-)' || :)
		[[ $left ]] || break
		sleep 0.2
	done
	[[ -z $left ]] || { printf 'walk: still running: %s\n' "$left"; return 1; }
}

inside() {
	local release=$1 way=$2
	user=$3
	began=$SECONDS
	home=/root
	if [[ $user != root ]]; then
		useradd --create-home --shell /bin/bash tester
		home=/home/tester
	fi
	case $way in
	source)
		mkdir "$home/pcie-passthrough-suite"
		tar -C "$home/pcie-passthrough-suite" -xf /walk/source.tar
		[[ $user == root ]] || chown -R tester: "$home"
		walk sh -c 'cd pcie-passthrough-suite && ./run-suite.sh'
		passed first
		began=$SECONDS
		walk sh -c 'cd pcie-passthrough-suite && ./run-suite.sh'
		passed again
		clean
		;;&
	source)
		[[ $user == root ]] || return 0
		began=$SECONDS
		as_walker sh -c 'cd pcie-passthrough-suite && ./run-tests.sh unit' >/var/log/walk 2>&1 || { cat /var/log/walk; return 1; }
		tail -n 5 /var/log/walk
		echo "seconds unit $((SECONDS - began))"
		apt-get install -y -q --no-install-recommends dpkg-dev file lintian >>"$install_log" 2>&1
		(cd "$home/pcie-passthrough-suite" && cmake --build build && cd build && cpack) >/var/log/walk 2>&1 ||
			{ tail -n 40 /var/log/walk; return 1; }
		lintian --allow-root --fail-on warning "$home/pcie-passthrough-suite/build/packages"/*.deb
		mkdir -p "/walk/$release"
		rm -f "/walk/$release"/*.deb
		cp "$home/pcie-passthrough-suite/build/packages"/*.deb "/walk/$release/"
		;;
	packages)
		cp "/walk/$release"/*.deb /mnt/
		apt-get update -q >>"$install_log" 2>&1
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q /mnt/*.deb >>"$install_log" 2>&1 ||
			{ tail -n 20 "$install_log"; return 1; }
		! command -v g++ || { echo 'walk: a compiler came with it'; return 1; }
		walk passthrough-suite
		passed first
		began=$SECONDS
		walk passthrough-suite
		passed again
		walk passthrough-suite --version
		walk passthrough-suite --doctor
		clean
		apt-get purge -y -q pcie-passthrough-suite pcie-passthrough-lab >>"$install_log" 2>&1
		left=$(find / -xdev \( -path "$home" -o -path /walk -o -path /mnt -o -path /proc \) -prune -o \
			-name '*passthrough*' -print)
		[[ -z $left ]] || { printf 'walk: the removed packages left: %s\n' "$left"; return 1; }
		;;
	esac
}

if [[ ${1-} == --inside ]]; then
	shift
	inside "$@"
	exit
fi

# ---- outside ----

keep=
walks=()
while (($#)); do
	case $1 in
	-h | --help) usage; exit 0 ;;
	--keep) keep=1 ;;
	bookworm/source/root | bookworm/source/user | bookworm/packages/root | bookworm/packages/user) walks+=("$1") ;;
	trixie/source/root | trixie/source/user | trixie/packages/root | trixie/packages/user) walks+=("$1") ;;
	*) die "$1: no such walk; there are {bookworm,trixie}/{source,packages}/{root,user}" ;;
	esac
	shift
done
((${#walks[@]})) || walks=({bookworm,trixie}/{source,packages}/{root,user})
((EUID == 0)) || die "needs root: it makes root file systems and mounts in them, in a mount namespace of its own"
command -v mmdebstrap >/dev/null || die "mmdebstrap not found: install the package mmdebstrap"

mkdir -p "$work"
(cd "$source_dir" && git ls-files -z --cached --others --exclude-standard |
	while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done |
	tar --null --files-from=- -cf "$work/source.tar")

root=
# shellcheck disable=SC2317 # a trap does
clean_up() {
	local status=$?
	trap - EXIT
	[[ -z $root ]] || rm -rf --one-file-system "$root"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The tar file of a bare root of release $1, at most a day old.
bare() {
	local tar=$work/$1.tar
	if [[ -z $(find "$tar" -mtime -1 2>/dev/null) ]]; then
		unshare --mount --propagation private mmdebstrap --quiet --format=tar --variant=minbase --architectures=amd64 \
			--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --include=ca-certificates \
			"$1" "$tar.part" >"$work/$1.log" 2>&1 || { cat "$work/$1.log" >&2; die "mmdebstrap cannot make a root of $1"; }
		mv "$tar.part" "$tar"
	fi
	echo "$tar"
}

# Run in a mount namespace of its own, as root: makes its first argument the only root file system there (no chroot, for
# in one the kernel makes no user namespaces: user_namespaces(7)) and runs this script --inside.
# shellcheck disable=SC2016 # that shell's
enter='
	set -eu
	root=$1 work=$2 script=$3
	shift 3
	mount --bind "$root" "$root"
	mkdir -p "$root/walk"
	mount --bind "$work" "$root/walk"
	cp "$script" "$root/usr/local/sbin/walk.sh"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	cd "$root"
	mkdir -p .below
	pivot_root . .below
	cd /
	umount -l /.below
	rmdir /.below
	exec env -i HOME=/root LANG=C.UTF-8 TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		bash /usr/local/sbin/walk.sh --inside "$@"'

failed=0
for walk in "${walks[@]}"; do
	IFS=/ read -r release way user <<<"$walk"
	if [[ $way == packages && -z $(find "$work/$release" -name '*.deb' 2>/dev/null) ]]; then
		printf '%-24s NOT RUN: there are no packages; %s/source/root makes them\n' "$walk" "$release"
		failed=1
		continue
	fi
	tar=$(bare "$release")
	root=$work/root.${walk//\//-}
	rm -rf --one-file-system "$root"
	mkdir "$root"
	tar -C "$root" -xpf "$tar" --numeric-owner
	log=$work/${walk//\//-}.log
	began=$SECONDS
	if timeout 3600 unshare --mount --pid --fork --kill-child --propagation private bash -c "$enter" bash \
		"$root" "$work" "$source_dir/tests/releases/walk.sh" "$release" "$way" "$user" >"$log" 2>&1 </dev/null; then
		printf '%-24s passed, %4d s' "$walk" $((SECONDS - began))
		sed -n 's/^seconds \(.*\) \([0-9]*\)$/; \1 \2 s/p' "$log" | tr -d '\n'
		echo
	else
		printf '%-24s FAILED, %4d s: %s\n' "$walk" $((SECONDS - began)) "$log"
		tail -n 25 "$log" | sed 's/^/    /'
		failed=1
		if [[ $keep ]]; then root=; continue; fi
	fi
	rm -rf --one-file-system "$root"
	root=
done
exit "$failed"
