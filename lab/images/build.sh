#!/bin/bash
# Builds the lab's images from Debian's packages, once for each recipe.
#
#   build.sh [--cache DIR] [--print-dir | --check] [--quiet] [--host-release R] [--node-release R]
#            [--host-kernel WHAT] [--host-qemu WHAT]
#
# --cache DIR        where to keep them (default ${XDG_CACHE_HOME:-~/.cache}/pcie-passthrough-suite)
# --print-dir        print the directory that this recipe's images have, and stop
# --check            say what would keep them from being built, all of it, and stop
# --quiet            say nothing but errors and, at the end, nothing
# --host-release R   Debian's release in the lab host: bookworm (the default) or trixie; $PASSTHROUGH_LAB_HOST_RELEASE
# --node-release R   the same in the nodes; $PASSTHROUGH_LAB_NODE_RELEASE
# --host-kernel K    another kernel in the lab host: a package of that release by its name (linux-image-rt-amd64), a
#                    package file, or a directory with vmlinuz and lib/modules/VERSION; $PASSTHROUGH_LAB_HOST_KERNEL
# --host-qemu Q      another QEMU in the lab host: a package file, or a directory as make install DESTDIR=DIR fills it,
#                    built for the lab host's release; $PASSTHROUGH_LAB_HOST_QEMU
#
# Without --quiet it prints one line a step with the seconds since the start;
# the last line is the directory. Two builds at once do not collide: the second
# waits and finds the work done. Works as root and, where user namespaces
# allow, as an ordinary user.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pcie-passthrough-suite
quiet=
print_dir=
check=
host_release=${PASSTHROUGH_LAB_HOST_RELEASE:-bookworm}
node_release=${PASSTHROUGH_LAB_NODE_RELEASE:-bookworm}
host_kernel=${PASSTHROUGH_LAB_HOST_KERNEL-}
host_qemu=${PASSTHROUGH_LAB_HOST_QEMU-}

die() { echo "build.sh: $*" >&2; exit 1; }
usage() { sed -n 's/^# \{0,1\}//; 4,17p' "$here/build.sh"; }

while (($#)); do
	case $1 in
	--cache) (($# > 1)) || die "--cache needs a directory"; cache=$2; shift ;;
	--cache=*) cache=${1#*=} ;;
	--host-release | --node-release | --host-kernel | --host-qemu)
		(($# > 1)) || die "$1 needs a value"
		declare "$(tr - _ <<<"${1#--}")=$2"
		shift
		;;
	--print-dir) print_dir=1 ;;
	--check) check=1 ;;
	--quiet) quiet=1 ;;
	-h | --help) usage; exit 0 ;;
	*) die "unknown argument: $1 (try --help)" ;;
	esac
	shift
done

for option in host node; do
	release=${option}_release
	case ${!release} in
	bookworm | trixie) ;;
	*) die "--$option-release ${!release}: no release that the lab knows; bookworm and trixie are" ;;
	esac
done
for option in kernel qemu; do
	what=host_$option
	case ${!what} in
	*/* | .*) [[ -e ${!what} ]] || die "--host-$option ${!what}: there is no such file or directory" ;;
	esac
	[[ ! -e ${!what} ]] || declare "$what=$(realpath "${!what}")"
done
[[ ! -d $host_kernel || -e $host_kernel/vmlinuz && -d $host_kernel/lib/modules ]] ||
	die "--host-kernel $host_kernel: a directory needs vmlinuz and lib/modules/VERSION in it (make modules_install INSTALL_MOD_PATH=DIR; cp arch/x86/boot/bzImage DIR/vmlinuz)"
[[ ! -d $host_kernel/lib/modules || $(find "$host_kernel/lib/modules" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]] ||
	die "--host-kernel $host_kernel: modules of several kernels are in its lib/modules; one is needed"
if [[ -d $host_qemu ]] && ! find "$host_qemu" -type f -name qemu-system-x86_64 | grep -q .; then
	die "--host-qemu $host_qemu: there is no qemu-system-x86_64 in it (make install DESTDIR=DIR)"
fi
[[ -e $host_kernel || $host_kernel =~ ^([a-z0-9][a-z0-9.+-]+)?$ ]] ||
	die "--host-kernel $host_kernel: neither a file, nor a directory, nor the name of a package"
[[ -z $host_qemu || -e $host_qemu ]] || die "--host-qemu $host_qemu: there is no such file or directory"

# Names, sizes and times of the files of one's own, which may be many and large.
identity() {
	printf '%s\n' "$1"
	[[ ! -e $1 ]] || find "$1" -printf '%P %s %T@ %l\n' | LC_ALL=C sort
}

# What the images are made of: names, modes and contents, documentation aside.
recipe_hash() {
	cd "$lab"
	{
		if [[ $host_release$node_release$host_kernel$host_qemu != bookwormbookworm ]]; then
			echo "$host_release $node_release"
			identity "$host_kernel"
			identity "$host_qemu"
		fi
		recipe_files
	} | sha256sum | cut -c1-12
}

recipe_files() {
	find images stub ! -name '*.md' \( -type f -o -type l \) -print0 | LC_ALL=C sort -z |
		while IFS= read -r -d '' file; do
			[[ -x $file ]] && echo "x $file" || echo "- $file"
			if [[ -L $file ]]; then readlink "$file"; else sha256sum <"$file"; fi
		done
}

hash=$(recipe_hash)
target=$cache/images-$hash
if [[ $print_dir ]]; then echo "$target"; exit 0; fi

say() { [[ $quiet ]] || printf '[%4d s] %s\n' "$SECONDS" "$*"; }
if [[ -e $target/manifest.json ]]; then
	[[ $check ]] && exit 0
	say "already built"
	[[ $quiet ]] || echo "$target"
	exit 0
fi

problems=()
need() { # need PROGRAM PACKAGE
	command -v "$1" >/dev/null || problems+=("$1 not found: install the package $2")
}
PATH=$PATH:/usr/sbin:/sbin
need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need mkfs.vfat dosfstools
need mcopy mtools
need syslinux syslinux
need qemu-img qemu-utils
need ssh-keygen openssh-client
need flock util-linux
need unshare util-linux
[[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ||
	problems+=("/usr/share/keyrings/debian-archive-keyring.gpg not found: install the package debian-archive-keyring")
# An ordinary user's build works as root of a user namespace, with ids of its own.
if ((EUID != 0)); then
	user=$(id -un)
	need newuidmap uidmap
	for file in /etc/subuid /etc/subgid; do
		awk -F: -v name="$user" -v id="$EUID" '($1 == name || $1 == id) && $3 >= 65536 { found = 1 } END { exit !found }' \
			"$file" 2>/dev/null ||
			problems+=("$file gives the user $user no 65536 ids; root can: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user")
	done
	if command -v unshare >/dev/null && ! unshare --user --map-root-user true 2>/dev/null; then
		problems+=("user namespaces are closed to ordinary users here; root can: sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=15000")
	fi
fi
if ((${#problems[@]})); then
	printf 'build.sh: %s\n' "${problems[@]}" >&2
	exit 1
fi
[[ $check ]] && exit 0

mkdir -p "$cache"
exec 9>"$cache/.images.lock"
if ! flock -n 9; then
	say "waiting for another build"
	flock 9
	hash=$(recipe_hash) # the recipe may have changed meanwhile
	target=$cache/images-$hash
	if [[ -e $target/manifest.json ]]; then
		[[ $quiet ]] || echo "$target"
		exit 0
	fi
fi

# An ordinary user's mmdebstrap works under other user ids, which may not enter
# a private home: the work is done beside it, in directories whose names cannot
# be guessed.
if ((EUID == 0)); then
	mode=root
	work=$(mktemp -d "$cache/.building.XXXXXXXX")
else
	mode=unshare
	work=$(mktemp -d "${TMPDIR:-/tmp}/passthrough-images.XXXXXXXX")
	chmod 711 "$work"
fi
result=
clean_up() {
	local status=$? child
	trap - EXIT INT TERM
	# mmdebstrap does not end its hooks when it is ended: each is a group.
	for child in $(jobs -p); do kill -- "-$child" 2>/dev/null || :; done
	wait || :
	rm -rf --one-file-system "$work" ${result:+"$result"}
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

drop=$(mktemp -d "$work/XXXXXXXX")
[[ $mode == root ]] || chmod 777 "$drop"
mkdir "$work/recipe"
cp -r "$lab/images" "$lab/stub" "$work/recipe/"
# What of one's own goes into the host image, where host/build.sh finds it.
for option in kernel qemu; do
	what=host_$option
	if [[ -d ${!what} ]]; then # links stay links: a kernel's "build" leads to its whole source
		cp -r --no-preserve=ownership "${!what}" "$work/recipe/own-$option"
	elif [[ -e ${!what} ]]; then
		cp "${!what}" "$work/recipe/own-$option.deb"
	fi
done
if [[ -d $host_kernel ]]; then # which is a link in some trees
	cp --remove-destination "$host_kernel/vmlinuz" "$work/recipe/own-kernel/vmlinuz"
fi
chmod -R a+rX "$work/recipe"
export TMPDIR=$work
[[ $mode == root ]] || { mkdir "$work/tmp"; chmod 1777 "$work/tmp"; export TMPDIR=$work/tmp; }

mkdir "$work/ssh"
ssh-keygen -q -t ed25519 -N '' -C pcie-passthrough-lab -f "$work/ssh/id_ed25519"
cp "$work/ssh/id_ed25519.pub" "$drop/authorized_keys"
chmod 644 "$drop/authorized_keys"

# The machine's own archive of the release $1 where it has one, Debian's otherwise.
sources() {
	local found='' release=$1
	if command -v apt-get >/dev/null; then
		# shellcheck disable=SC2016  # apt-get's variables, not the shell's
		found=$(apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' \
			'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
			grep -E " $release(-updates|-security)? main\$" | sort -u) || :
	fi
	if ! grep -q " $release main\$" <<<"$found"; then
		found="deb http://deb.debian.org/debian $release main
deb http://deb.debian.org/debian $release-updates main
deb http://deb.debian.org/debian-security $release-security main"
	fi
	printf '%s\n' "$found"
}

# Those of image $1 in release $2. A kernel of one's own is a package in place of linux-image-amd64, or comes after the
# others: see host/build.sh.
packages() {
	sed -e '/^#/d' -e "s/^$2: //" -e '/: /d' "$here/$1/packages" |
		if [[ $1 == host && $host_kernel && ! -e $host_kernel ]]; then
			sed "s|^linux-image-amd64\$|$host_kernel|"
		else
			cat
		fi | paste -sd,
}

# build NAME RELEASE HOOK ARGUMENT...   HOOK: when mmdebstrap is to run NAME/build.sh
build() {
	local name=$1 release=$2 hook=$3
	shift 3
	sources "$release" >"$work/sources.$name"
	# As root, mmdebstrap mounts /proc, /sys and more: in a mount namespace of
	# its own, where they end with it whatever happens.
	local -a private=()
	if ((EUID == 0)); then private=(unshare --mount --propagation private); fi
	exec setsid "${private[@]}" mmdebstrap --quiet --mode="$mode" --architectures=amd64 --format=null \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--aptopt='APT::Install-Recommends "false"' --include="$(packages "$name" "$release")" "$@" \
		"--$hook-hook='$work/recipe/images/$name/build.sh' \"\$1\" '$work/recipe' '$drop'" \
		"$release" - <"$work/sources.$name" >"$work/$name.log" 2>&1
}

fail() {
	echo "build.sh: building the $1 image failed; the end of its log:" >&2
	tail -n 30 "$work/$1.log" >&2
	exit 1
}

say "building in $mode mode, recipe $hash: lab host $host_release${host_kernel:+, kernel $host_kernel}${host_qemu:+, QEMU $host_qemu}; nodes $node_release"
hooks=/usr/share/mmdebstrap/hooks/merged-usr
(build node "$node_release" extract --variant=extract --hook-dir="$hooks") &
node=$!
(build host "$host_release" customize --variant=minbase \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='force-unsafe-io' \
	--dpkgopt='path-exclude=/etc/kernel/postinst.d/initramfs-tools' \
	--dpkgopt='force-confold') &
host=$!
if wait "$node" && [[ -e $drop/node.qcow2 ]]; then
	say "node image built"
else
	: >"$drop/node.failed"
	fail node
fi
wait "$host" || fail host
say "host image built"

result=$(mktemp -d "$cache/.images.XXXXXXXX")
chmod 755 "$result"
for file in node.qcow2 host.qcow2 host-vmlinuz host-initrd; do
	if ((EUID == 0)); then mv "$drop/$file" "$result/$file"; else cp --sparse=always "$drop/$file" "$result/$file"; fi
done
mv "$work/ssh" "$result/ssh"

# "NAME VALUE" lines to JSON members
members() { sed 's/"//g; s/^\([^ ]*\) \(.*\)$/    "\1": "\2",/; $s/,$//'; }
{
	echo '{'
	echo "  \"recipe\": \"$hash\","
	echo "  \"host_release\": \"$host_release\", \"node_release\": \"$node_release\","
	[[ -z $host_kernel ]] || echo "  \"host_kernel\": \"${host_kernel//[[:cntrl:]\"\\]/_}\","
	[[ -z $host_qemu ]] || echo "  \"host_qemu\": \"${host_qemu//[[:cntrl:]\"\\]/_}\","
	echo "  \"built\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\","
	echo "  \"build_seconds\": $SECONDS,"
	echo '  "versions": {'
	cat "$drop/node.versions" "$drop/host.versions" | members
	echo '  },'
	echo '  "bytes": {'
	(cd "$result" && stat -c '%n %s' ./*.qcow2 host-vmlinuz host-initrd | sed 's/^\.\///') | members
	echo '  }'
	echo '}'
} >"$result/manifest.json"
mv -T "$result" "$target"
result=
say "done"
[[ $quiet ]] || echo "$target"
