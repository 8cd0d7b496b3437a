#!/bin/sh
# Run in a lab host once, before its state is saved: a network and a domain that live for a moment.
# libvirt learns what its QEMU can do, and the programs, files and kernel modules that a deployment
# needs are in memory from then on. Leaves nothing else behind.
set -eu
modprobe -a vfio-pci tun
cd "$(mktemp -d)"
cat >network.xml <<'END'
<network><name>rehearsal</name><forward mode='nat'/><bridge name='virbr-rehearse'/>
<ip address='192.168.254.1' netmask='255.255.255.0'><dhcp><range start='192.168.254.2' end='192.168.254.9'/></dhcp></ip></network>
END
cat >domain.xml <<'END'
<domain type='qemu'><name>rehearsal</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><devices>
<interface type='network'><source network='rehearsal'/><model type='virtio'/></interface>
<serial type='pty'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
<memballoon model='none'/></devices></domain>
END
export LIBVIRT_DEFAULT_URI=qemu:///system
virsh -q net-create network.xml
virsh -q create domain.xml
virsh -q destroy rehearsal
virsh -q net-destroy rehearsal
virsh -q nodedev-list --cap pci >/dev/null
rm network.xml domain.xml
rmdir "$PWD"
sync
