#!/bin/sh
# Finishes the lab host's root filesystem and makes its disk image. Run by
# mmdebstrap as root of that filesystem:  build.sh ROOT RECIPE DROP
# Takes node.qcow2 out of DROP, waiting for it; leaves host.qcow2, host-vmlinuz,
# host-initrd and host.versions there.
set -eu

root=$1
recipe=$2
drop=$3

# A kernel and a QEMU of one's own, in place of the release's.
own() {
	if [ -d "$recipe/own-kernel" ]; then
		rm -rf "${root:?}/usr/lib/modules" "${root:?}"/boot/vmlinuz-*
		mkdir -p "$root/usr/lib"
		cp -r "$recipe/own-kernel/lib/modules" "$root/usr/lib/modules"
		version=$(ls "$root/lib/modules")
		rm -f "$root/lib/modules/$version/build" "$root/lib/modules/$version/source"
		cp "$recipe/own-kernel/vmlinuz" "$root/boot/vmlinuz-$version"
		chroot "$root" depmod "$version"
	elif [ -e "$recipe/own-kernel.deb" ]; then
		rm -rf "${root:?}"/usr/lib/modules/* "${root:?}"/boot/vmlinuz-*
		install_package kernel
	fi
	if [ -d "$recipe/own-qemu" ]; then
		cp -r "$recipe/own-qemu/." "$root/"
		program=$(cd "$recipe/own-qemu" && find . -type f -name qemu-system-x86_64 | head -n 1)
		program=${program#.}
		[ "$program" = /usr/bin/qemu-system-x86_64 ] || ln -sf "$program" "$root/usr/bin/qemu-system-x86_64"
	elif [ -e "$recipe/own-qemu.deb" ]; then
		install_package qemu
	fi
	chroot "$root" /usr/bin/qemu-system-x86_64 --version >"$root/tmp/qemu-version" 2>&1 || {
		cat "$root/tmp/qemu-version"
		echo "the lab host's QEMU does not run: is it built for the lab host's release, with libraries that this has?"
		exit 1
	}
	version=$(ls "$root/lib/modules")
}

install_package() {
	cp "$recipe/own-$1.deb" "$root/tmp/own.deb"
	chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --allow-downgrades /tmp/own.deb
	rm "$root/tmp/own.deb"
}

settings() {
	cp -r "$recipe/images/host/files/." "$root/"
	echo lab-host >"$root/etc/hostname"
	printf '127.0.0.1\tlocalhost lab-host\n' >"$root/etc/hosts"
	: >"$root/etc/fstab"
	echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
	install -D -m 600 "$drop/authorized_keys" "$root/root/.ssh/authorized_keys"
	chmod 700 "$root/root/.ssh"
	chroot "$root" passwd -q -l root 2>/dev/null || :
	sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"
	rm -f "$root"/etc/ssh/ssh_host_*
	chroot "$root" ssh-keygen -q -t ed25519 -N '' -C lab-host -f /etc/ssh/ssh_host_ed25519_key

	# QEMU as root and unconfined: it has /dev/vfio and the images to open,
	# and the whole machine is thrown away after the run.
	printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' \
		'dynamic_ownership = 0' 'remember_owner = 0' >>"$root/etc/libvirt/qemu.conf"
	# No --timeout: the daemon stays.
	echo 'LIBVIRTD_ARGS=""' >"$root/etc/default/libvirtd"
	# One emulator less for libvirtd to question at its first start.
	rm -f "$root/usr/bin/qemu-system-i386" "$root/etc/libvirt/storage/autostart/default.xml"
}

services() {
	chroot "$root" systemctl -q set-default multi-user.target
	chroot "$root" systemctl -q enable libvirtd.service systemd-networkd.service ssh.service
	chroot "$root" systemctl -q disable systemd-networkd-wait-online.service 2>/dev/null || :
	chroot "$root" systemctl -q mask \
		apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
		fstrim.timer systemd-tmpfiles-clean.timer motd-news.timer man-db.timer \
		systemd-networkd-wait-online.service systemd-timesyncd.service systemd-resolved.service \
		systemd-fsck-root.service systemd-remount-fs.service systemd-pstore.service systemd-hwdb-update.service \
		systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-journal-flush.service \
		systemd-machine-id-commit.service systemd-boot-system-token.service systemd-random-seed.service \
		systemd-binfmt.service systemd-firstboot.service systemd-sysusers.service \
		apparmor.service libvirt-guests.service \
		getty@tty1.service getty-static.service console-getty.service \
		dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		sys-fs-fuse-connections.mount modprobe@configfs.service modprobe@drm.service modprobe@fuse.service \
		modprobe@efi_pstore.service systemd-logind.service ssh.socket \
		virtlockd.socket virtlockd.service
	tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

# Smaller and quicker than initramfs-tools' own: no udev, only the disk.
initrd() {
	tree=$root/tmp/initrd
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/root"
	cp "$root/bin/busybox" "$tree/bin/busybox"
	for name in sh mount umount insmod usleep switch_root; do ln -s busybox "$tree/bin/$name"; done
	install -m 755 "$recipe/images/host/initrd-init" "$tree/init"
	chroot "$root" modprobe -S "$version" --show-depends -a virtio_pci virtio_blk ext4 crc32c-intel crc32c_generic |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
		case $module in # busybox unpacks none
		*.xz) xz -dc "$root$module" >"$tree/$(basename "$module" .xz)" ;;
		*) cp "$root$module" "$tree/" ;;
		esac
		echo "/$(basename "$module" .xz)"
	done >"$tree/modules"
	chroot "$root" sh -c "cd /tmp/initrd && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet -o -H newc" >"$drop/host-initrd"
	rm -r "$tree"
	cp "$root/boot/vmlinuz-$version" "$drop/host-vmlinuz"
}

slim() {
	rm -rf "${root:?}"/boot/* "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale \
		"$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt
	for kind in gpu/drm/amd gpu/drm/nouveau gpu/drm/i915 gpu/drm/radeon media net/wireless net/ethernet \
		infiniband isdn staging; do
		rm -rf "$root/lib/modules/$version/kernel/drivers/$kind"
	done
	chroot "$root" depmod "$version"
}

versions() {
	echo "host_kernel $version"
	echo "host_qemu $(head -n 1 "$root/tmp/qemu-version")"
	rm "$root/tmp/qemu-version"
	# shellcheck disable=SC2016  # dpkg-query's variables
	chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' libvirt-daemon qemu-system-x86 dnsmasq-base \
		openssh-server systemd
}

disk() {
	mkdir -p "$root/var/lib/passthrough-lab/images"
	while [ ! -e "$drop/node.qcow2" ]; do
		if [ -e "$drop/node.failed" ]; then exit 1; fi
		sleep 0.2
	done
	cp "$drop/node.qcow2" "$root/var/lib/passthrough-lab/images/node.qcow2"
	truncate -s 8G "$drop/host.raw"
	# Seen through a bind, the tree has no /proc, /sys and /dev mounted in it.
	mkdir "$drop/root"
	mount --bind "$root" "$drop/root"
	# No journal: nobody repairs this disk, it is made anew.
	mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=1,root_owner=0:0 -m 0 -N 100000 \
		-L lab-host -d "$drop/root" "$drop/host.raw"
	umount "$drop/root"
	rmdir "$drop/root"
	qemu-img convert -f raw -O qcow2 "$drop/host.raw" "$drop/host.qcow2"
	rm "$drop/host.raw"
}

own
settings
services
initrd
slim
versions >"$drop/host.versions"
disk
chmod 644 "$drop"/host.qcow2 "$drop"/host-vmlinuz "$drop"/host-initrd "$drop"/host.versions
