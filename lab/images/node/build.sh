#!/bin/sh
# Makes the node image out of unpacked packages. Run by mmdebstrap as root of
# its root filesystem:  build.sh ROOT RECIPE DROP
# RECIPE holds images/ and stub/, DROP takes node.qcow2 and node.versions.
set -eu

root=$1
recipe=$2
drop=$3
tree=$root/tree

inside() { chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

version=$(ls "$root/lib/modules")

build_stub() {
	ln -sf gawk "$root/usr/bin/awk" # no alternatives in an unpacked root
	cp -r "$recipe/stub" "$root/stub"
	inside make -s -j2 -C "/usr/src/linux-headers-$version" M=/stub modules
	inside gcc -std=gnu11 -Os -Wall -Wextra -Werror -static -s -o /stub/nvidia-smi /stub/nvidia-smi.c
	install -D -m 644 -t "$root/lib/modules/$version/updates" "$root/stub/nvidia.ko" "$root/stub/nvidia-uvm.ko"
	inside strip --strip-debug "/lib/modules/$version/updates/nvidia.ko" "/lib/modules/$version/updates/nvidia-uvm.ko"
}

make_directories() {
	for dir in bin sbin lib lib64; do
		mkdir -p "$tree/usr/$dir"
		ln -s "usr/$dir" "$tree/$dir"
	done
	mkdir -p "$tree/dev" "$tree/proc" "$tree/sys" "$tree/run" "$tree/tmp" "$tree/root/.ssh" \
		"$tree/home/admin/.ssh" "$tree/var/empty" "$tree/var/log" "$tree/etc" "$tree/usr/share/misc"
	ln -s /run "$tree/var/run"
	mknod -m 600 "$tree/dev/console" c 5 1 2>/dev/null || : # a user may not; the kernel's own initramfs has one
}

# A program or library, with the libraries that it is linked to. Copied from inside: seen from outside, a symbolic link
# with an absolute path (the dynamic loader's) leads to a file of the machine that builds.
take() {
	for file; do
		inside install -D "$file" "/tree$file"
		inside /lib64/ld-linux-x86-64.so.2 --list "$file" 2>/dev/null |
			sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' >>"$root/libraries" || :
	done
}

take_programs() {
	: >"$root/libraries"
	take /usr/sbin/sshd /usr/bin/ssh-keygen /usr/bin/sudo /usr/bin/lspci /usr/bin/kmod /bin/dash /bin/busybox \
		/usr/libexec/sudo/sudoers.so /lib/x86_64-linux-gnu/security/pam_permit.so \
		/lib/x86_64-linux-gnu/security/pam_deny.so
	# Debian 13's sshd starts these for each connection.
	for file in /usr/lib/openssh/sshd-session /usr/lib/openssh/sshd-auth; do
		[ ! -e "$root$file" ] || take "$file"
	done
	sort -u "$root/libraries" | while read -r library; do
		inside install -D "$library" "/tree$library"
	done
	# A loader and a C library of two releases: "stack smashing detected" on every node.
	for program in /usr/bin/dash /usr/sbin/sshd /usr/bin/kmod; do
		chroot "$tree" /lib64/ld-linux-x86-64.so.2 --list "$program" >/dev/null
	done
	chroot "$tree" /usr/bin/kmod --version >/dev/null
	chmod 4755 "$tree/usr/bin/sudo"
	install -m 755 "$root/stub/nvidia-smi" "$tree/usr/bin/nvidia-smi"
	# Names of the vendors that a node can have, and of the classes.
	awk '/^[0-9a-f]/ { on = /^(10de|1234|1af4|1b36|8086) / } /^C / { on = 1 } on || /^#/' \
		"$root/usr/share/misc/pci.ids" >"$tree/usr/share/misc/pci.ids"

	for name in lsmod modinfo; do ln -s kmod "$tree/usr/bin/$name"; done
	for name in modprobe rmmod insmod depmod; do ln -s ../bin/kmod "$tree/usr/sbin/$name"; done
	ln -s dash "$tree/usr/bin/sh"
	inside busybox --list-full | while read -r path; do
		name=${path##*/} # kmod's lsmod is in bin, busybox' own would be in sbin
		if [ -L "$tree/usr/bin/$name" ] || [ -L "$tree/usr/sbin/$name" ]; then continue; fi
		path=$tree/usr/${path#usr/}
		[ -e "$path" ] || ln -s /bin/busybox "$path"
	done
	ln -s sbin/init "$tree/init"
}

take_modules() {
	inside depmod "$version"
	inside modprobe -S "$version" --show-depends -a virtio_pci virtio_net virtio_rng virtio_blk button evdev nvidia nvidia_uvm |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r module; do
		install -D -m 644 "$root$module" "$tree$module"
	done
	cp "$root/lib/modules/$version/"modules.builtin* "$root/lib/modules/$version/modules.order" "$tree/lib/modules/$version/"
	inside depmod -b /tree "$version"
}

take_settings() {
	cp -r "$recipe/images/node/files/." "$tree/"
	chmod 440 "$tree/etc/sudoers"
	chmod 600 "$tree/etc/shadow"
	for home in root home/admin; do
		install -m 600 "$drop/authorized_keys" "$tree/$home/.ssh/authorized_keys"
		chmod 700 "$tree/$home/.ssh" "$tree/$home"
	done
	chown -R 1000:1000 "$tree/home/admin"
}

make_disk() {
	inside sh -c "cd /tree && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet -o -H newc" >"$root/initrd"
	kernel=$root/boot/vmlinuz-$version
	size=$(($(stat -c %s "$kernel") + $(stat -c %s "$root/initrd") + 2097152))
	truncate -s $(((size / 1048576 + 1) * 1048576)) "$root/disk"
	mkfs.vfat -n LABNODE "$root/disk" >/dev/null
	MTOOLS_SKIP_CHECK=1 mcopy -i "$root/disk" "$recipe/images/node/syslinux.cfg" ::syslinux.cfg
	MTOOLS_SKIP_CHECK=1 mcopy -i "$root/disk" "$kernel" ::vmlinuz
	MTOOLS_SKIP_CHECK=1 mcopy -i "$root/disk" "$root/initrd" ::initrd
	# It hands mtools an open file by /proc/PID/fd: an ordinary user's build, in a PID namespace of its own, has the
	# /proc of another.
	unshare --mount --pid --fork --mount-proc env TMPDIR="$root" syslinux --install "$root/disk"
	qemu-img convert -f raw -O qcow2 "$root/disk" "$drop/node.qcow2.part"
}

build_stub
make_directories
take_programs
take_modules
take_settings
make_disk
{
	echo "node_kernel $version"
	echo "node_initrd_bytes $(stat -c %s "$root/initrd")"
} >"$drop/node.versions"
chmod 644 "$drop/node.qcow2.part" "$drop/node.versions"
mv "$drop/node.qcow2.part" "$drop/node.qcow2"
