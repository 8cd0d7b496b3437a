// Parts of the logs of healthy machines, in the words of their kernels: of several distributions, of VMs and of bare
// metal. With what sounds like an error and is none. The GPU is at 0000:05:00, as in kernel_log_classes_test.cc.
#pragma once

namespace passthrough {

// Debian 12 in a VM of QEMU, NVIDIA's proprietary modules.
inline constexpr char kHealthyDebianVm[] =
    R"([    0.000000] Linux version 6.1.0-23-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP
[    0.000000] Command line: BOOT_IMAGE=/boot/vmlinuz-6.1.0-23-amd64 root=UUID=0123 ro console=tty0 console=ttyS0,115200 earlyprintk=ttyS0,115200 errors=remount-ro
[    0.000000] DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
[    0.000000] Hypervisor detected: KVM
[    0.004586] kvm-clock: using sched offset of 8091818236 cycles
[    0.031921] Using GB pages for direct mapping
[    0.050966] ACPI: Early table checksum verification disabled
[    0.132185] ACPI: PM-Timer IO Port: 0x608
[    0.185738] Unknown kernel command line parameters "BOOT_IMAGE=/boot/vmlinuz-6.1.0-23-amd64", will be passed to user space.
[    0.207398] Memory: 8052788K/8388612K available (14343K kernel code, 2327K rwdata, 8348K rodata, 2612K init, 5436K bss)
[    0.329440] Dynamic Preempt: voluntary
[    0.685183] ------------[ cut here ]------------
[    0.696253] XSAVE consistency problem: size 2696 != kernel_size 576
[    0.696917] WARNING: CPU: 0 PID: 0 at arch/x86/kernel/fpu/xstate.c:606 fpu__init_system_xstate+0x85a/0xb19
[    0.703460] ---[ end trace 0000000000000000 ]---
[    1.245862] Performance Events: PMU not available due to virtualization, using software events only.
[    1.256666] NMI watchdog: Perf NMI watchdog permanently disabled
[    1.623663] x86/cpu: User Mode Instruction Prevention (UMIP) activated
[    1.700000] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible via Spectre v2 BHB attacks!
[    1.700001] MDS: Vulnerable: Clear CPU buffers attempted, no microcode
[    1.700002] MMIO Stale Data: Unknown: No mitigations
[    2.100000] pci 0000:00:01.3: [1b36:000c] type 01 class 0x060400
[    2.101000] pci 0000:00:1f.0: quirk: [io  0x0600-0x067f] claimed by ICH6 ACPI/GPIO/TCO
[    2.102000] pci 0000:05:00.0: [10de:2684] type 00 class 0x030000
[    2.103000] pci 0000:05:00.0: reg 0x10: [mem 0xfc000000-0xfcffffff]
[    2.104000] pci 0000:05:00.0: enabling Extended Tags
[    2.105000] pci 0000:05:00.0: PME# supported from D0 D3hot
[    2.106000] pci 0000:05:00.0: 2.000 Gb/s available PCIe bandwidth, limited by 2.5 GT/s PCIe x1 link at 0000:00:01.3 (capable of 252.048 Gb/s with 16.0 GT/s PCIe x16 link)
[    2.200000] pci 0000:05:00.0: vgaarb: bridge control possible
[    2.200001] pci 0000:05:00.0: vgaarb: VGA device added: decodes=io+mem,owns=none,locks=none
[    2.300000] pci 0000:05:00.0: can't claim BAR 6 [mem 0xfff80000-0xffffffff pref]: no compatible bridge window
[    2.300001] pci 0000:00:01.1: bridge window [io  0x1000-0x0fff] to [bus 03] add_size 1000
[    2.300002] pci 0000:00:01.0: BAR 7: no space for [io  size 0x1000]
[    2.300003] pci 0000:00:01.0: BAR 7: failed to assign [io  size 0x1000]
[    2.300004] pci 0000:00:01.1: BAR 13: no space for [io  size 0x1000]
[    2.300005] pci 0000:05:00.0: BAR 1: no space for [mem size 0x800000000 64bit pref]
[    2.300006] pci 0000:05:00.0: BAR 1: failed to assign [mem size 0x800000000 64bit pref]
[    2.300007] pci 0000:05:00.0: BAR 5: no space for [io  size 0x0080]
[    2.300008] pci 0000:05:00.0: BAR 1: assigned [mem 0x1000000000-0x17ffffffff 64bit pref]
[    2.886823] pci 0000:02:01.0: extending delay after power-on from D3hot to 20 msec
[    2.895196] PCI: CLS 0 bytes, default 64
[    3.402700] pcieport 0000:00:01.3: PME: Signaling with IRQ 27
[    3.403000] pcieport 0000:00:01.3: pciehp: Slot #3 AttnBtn+ PwrCtrl+ MRL- AttnInd+ PwrInd+ HotPlug+ Surprise+ Interlock+ NoCompl- IbPresDis- LLActRep+
[    3.404000] pcieport 0000:00:01.3: AER: enabled with IRQ 27
[    3.500000] shpchp: Standard Hot Plug PCI Controller Driver version: 0.4
[    3.600000] Error: Driver 'pcspkr' is already registered, aborting...
[    3.650000] i8042: PNP: PS/2 Controller [PNP0303:KBD,PNP0f13:MOU] at 0x60,0x64 irq 1,12
[    3.700000] rtc_cmos 00:03: setting system clock to 2026-11-26T07:36:03 UTC (1795678563)
[    3.750000] integrity: Problem loading X.509 certificate -65
[    3.760000] blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0
[    3.770000] floppy: error 10 while reading block 0
[    3.800000] virtio_blk virtio1: [vda] 62914560 512-byte logical blocks (32.2 GB/30.0 GiB)
[    3.810000] ata1: SATA link down (SStatus 0 SControl 300)
[    3.900000] EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.
[    4.000000] EXT4-fs (vda1): re-mounted. Quota mode: none.
[    4.100000] FAT-fs (vda15): Volume was not properly unmounted. Some data may be corrupt. Please run fsck.
[    4.200000] systemd[1]: Failed to find module 'autofs4'
[    4.300000] systemd[1]: Condition check resulted in Load Kernel Module fuse being skipped.
[    4.400000] lpc_ich 0000:00:1f.0: I/O space for GPIO uninitialized
[    4.500000] i801_smbus 0000:00:1f.3: SMBus using PCI interrupt
[    4.600000] snd_hda_intel 0000:00:1b.0: no codecs found!
[    4.650000] bochs-drm 0000:00:02.0: vgaarb: deactivate vga console
[    4.700000] nvidia: loading out-of-tree module taints kernel.
[    4.700001] nvidia: module license 'NVIDIA' taints kernel.
[    4.700002] Disabling lock debugging due to kernel taint
[    4.700003] nvidia: module verification failed: signature and/or required key missing - tainting kernel
[    4.800000] nvidia-nvlink: Nvlink Core is being initialized, major device number 235
[    4.800001] nvidia 0000:05:00.0: enabling device (0000 -> 0003)
[    4.800002] nvidia 0000:05:00.0: vgaarb: changed VGA decodes: olddecodes=io+mem,decodes=none:owns=none
[    4.900000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024
[    5.000000] nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver for UNIX platforms  535.183.01  Sun May 12 19:31:08 UTC 2024
[    5.100000] [drm] [nvidia-drm] [GPU ID 0x00000500] Loading driver
[    6.000000] [drm] Initialized nvidia-drm 0.0.0 20160202 for 0000:05:00.0 on minor 1
[    6.000001] nvidia 0000:05:00.0: [drm] Cannot find any crtc or sizes
[    6.100000] nvidia_uvm: module uses symbols nvUvmInterfaceDisableAccessCntr from proprietary module nvidia, inheriting taint.
[    6.200000] nvidia-uvm: Loaded the UVM driver, major device number 511.
[    6.300000] NVRM: Persistence mode is deprecated and will be removed in a future release. Please use nvidia-persistenced instead.
[    7.000000] audit: type=1400 audit(1795678570.000:2): apparmor="STATUS" operation="profile_load" profile="unconfined" name="nvidia_modprobe" pid=412 comm="apparmor_parser"
[   60.000000] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable because the skew is too large:
[   70.000000] hrtimer: interrupt took 8012345 ns
)";

// Ubuntu 24.04 on a server with Intel processors, NVIDIA's open modules. Raw, as "dmesg -r" prints it.
inline constexpr char kHealthyUbuntuServer[] =
    R"(<5>[    0.000000] Linux version 6.8.0-45-generic (buildd@lcy02-amd64-075) (x86_64-linux-gnu-gcc-13) #45-Ubuntu SMP PREEMPT_DYNAMIC
<6>[    0.000000] Command line: BOOT_IMAGE=/vmlinuz-6.8.0-45-generic root=/dev/mapper/ubuntu--vg-ubuntu--lv ro intel_iommu=on
<6>[    0.000000] x86/split lock detection: #AC: crashing the kernel on kernel split_locks and warning on user-space split_locks
<6>[    0.012000] check: Scanning 1 areas for low memory corruption
<3>[    0.386656] ACPI BIOS Error (bug): Could not resolve symbol [\_SB.PC00.RP01.PXSX], AE_NOT_FOUND (20230628/dswload2-162)
<3>[    0.386657] ACPI Error: AE_NOT_FOUND, During name lookup/catalog (20230628/psobject-220)
<4>[    0.386658] ACPI: Skipping parse of AML opcode: Scope (0x0010)
<4>[    0.390000] ACPI Warning: \_SB.PCI0.GFX0._DSM: Argument #4 type mismatch - Found [Buffer], ACPI requires [Package] (20230628/nsarguments-61)
<6>[    0.400000] DMAR: IOMMU enabled
<6>[    0.410000] DMAR: Host address width 46
<4>[    0.411000] DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [0x000000007b800000-0x000000007bffffff], contact BIOS vendor for fixes
<6>[    0.420000] DMAR-IR: Enabled IRQ remapping in x2apic mode
<6>[    0.500000] mce: CPU0: Thermal monitoring enabled (TM1)
<6>[    0.600000] pci 0000:05:00.0: [10de:2684] type 00 class 0x030000 PCIe Legacy Endpoint
<6>[    0.600001] pci 0000:05:00.0: BAR 0 [mem 0xfc000000-0xfcffffff]
<6>[    0.600002] pci 0000:05:00.0: 63.008 Gb/s available PCIe bandwidth, limited by 16.0 GT/s PCIe x4 link
<6>[    0.610000] pci 0000:05:00.0: BAR 1 [mem 0x6000000000-0x60ffffffff 64bit pref]: can't claim; no compatible bridge window
<6>[    0.620000] pci 0000:00:1c.0: bridge window [io  size 0x1000]: can't assign; no space
<6>[    0.620001] pci 0000:00:1c.0: bridge window [io  size 0x1000]: failed to assign
<6>[    0.620002] pci 0000:05:00.0: BAR 1 [mem 0x6000000000-0x60ffffffff 64bit pref]: assigned
<6>[    0.620003] pci 0000:05:00.0: VF BAR 0 [mem size 0x00100000]: can't assign; no space
<6>[    0.620004] pci 0000:05:00.0: VF BAR 0 [mem size 0x00100000]: failed to assign
<6>[    0.630000] pci 0000:05:00.1: D0 power state depends on 0000:05:00.0
<6>[    0.631000] pci 0000:05:00.2: quirk_usb_early_handoff+0x0/0x750 took 16123 usecs
<6>[    0.725659] RAS: Correctable Errors collector initialized.
<6>[    0.730000] EDAC MC: Ver: 3.0.0
<6>[    0.800000] ERST: Error Record Serialization Table (ERST) support is initialized.
<6>[    0.810000] HEST: Table parsing has been initialized.
<6>[    0.820000] GHES: APEI firmware first mode is enabled by APEI bit.
<6>[    0.830000] pcieport 0000:00:1c.0: DPC: enabled with IRQ 124
<6>[    0.830001] pcieport 0000:00:1c.0: DPC: error containment capabilities: Int Msg #0, RPExt+ PoisonedTLP+ SwTrigger+ RP PIO Log 4, DL_ActiveErr+
<4>[    0.900000] pnp 00:05: disabling [mem 0xfed1c000-0xfed1ffff] because it overlaps 0000:00:1f.0 BAR 2
<3>[    1.000000] tpm tpm0: [Firmware Bug]: TPM interrupt not working, polling instead
<4>[    1.100000] usb: port power management may be unreliable
<6>[    1.200000] xhci_hcd 0000:05:00.2: xHCI Host Controller
<6>[    1.200001] xhci_hcd 0000:05:00.2: hcc params 0x0180ff05 hci version 0x110 quirks 0x0000000000000010
<6>[    1.300000] nvme nvme0: 32/0/0 default/read/poll queues
<6>[    1.400000] ata7: SATA link down (SStatus 0 SControl 300)
<3>[    1.500000] sd 8:0:0:0: [sda] No Caching mode page found
<3>[    1.500001] sd 8:0:0:0: [sda] Assuming drive cache: write through
<6>[    1.600000] EXT4-fs (dm-0): mounted filesystem 0123 ro with ordered data mode. Quota mode: none.
<4>[    1.700000] ipmi_si: Unable to find any System Interface(s)
<3>[    1.800000] i915 0000:00:02.0: [drm] *ERROR* Failed to probe lspcon
<3>[    1.900000] bnxt_en 0000:3b:00.0 (unnamed net_device) (uninitialized): Device requests max timeout of 100 seconds, may trigger hung task watchdog
<6>[    2.000000] snd_hda_intel 0000:05:00.1: enabling device (0000 -> 0002)
<6>[    2.000001] snd_hda_intel 0000:05:00.1: Disabling MSI
<6>[    2.000002] snd_hda_intel 0000:05:00.1: Handle vga_switcheroo audio client
<4>[    2.100000] nvidia: loading out-of-tree module taints kernel.
<6>[    2.200000] nvidia-nvlink: Nvlink Core is being initialized, major device number 236
<6>[    2.300000] nvidia 0000:05:00.0: vgaarb: VGA decodes changed: olddecodes=none,decodes=none:owns=none
<4>[    2.400000] NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build  (dvs-builder@U22-I3)
<6>[    2.500000] nvidia-modeset: Loading NVIDIA UNIX Open Kernel Mode Setting Driver for x86_64  570.133.20  Release Build
<4>[    2.600000] nvidia-modeset: WARNING: GPU:0: Unable to read EDID for display device DP-0
<6>[    2.700000] [drm] Initialized nvidia-drm 0.0.0 for 0000:05:00.0 on minor 1
<3>[   16.770579] [drm:nv_drm_master_set [nvidia_drm]] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to grab modeset ownership
<6>[   17.000000] nvidia 0000:05:00.0: Direct firmware load for nvidia/570.133.20/gsp_ga10x.bin failed with error -2
<4>[   20.000000] pcieport 0000:00:01.3: AER: Correctable error message received from 0000:05:00.0
<4>[   20.000001] nvidia 0000:05:00.0: PCIe Bus Error: severity=Correctable, type=Physical Layer, (Receiver ID)
<4>[   20.000002] nvidia 0000:05:00.0:   device [10de:2684] error status/mask=00000001/0000a000
<4>[   20.000003] nvidia 0000:05:00.0:    [ 0] RxErr                  (First)
<6>[   30.000000] loop0: detected capacity change from 0 to 8
<6>[   31.000000] mce: CPU12: Core temperature/speed normal
<4>[   32.000000] [UFW BLOCK] IN=eno1 OUT= MAC=01:00:5e:00:00:01:aa:bb:cc:dd:ee:ff:08:00 SRC=10.0.0.1 DST=224.0.0.1 LEN=32 PROTO=2
<5>[   33.000000] audit: type=1400 audit(1795678599.000:99): apparmor="DENIED" operation="open" profile="snap.x" name="/proc/driver/nvidia/params" comm="nvidia-smi"
<3>[   34.000000] kauditd_printk_skb: 12 callbacks suppressed
<6>[   35.000000] traps: a.out[1234] trap invalid opcode ip:401136 sp:7ffd12345678 error:0 in a.out[401000+1000]
<6>[   36.000000] python3[1235]: segfault at 0 ip 0000000000401136 sp 00007ffd12345678 error 4 in python3.12[401000+1000] likely on CPU 3
)";

// RHEL 9 in a VM on AMD processors, XFS, from the journal.
inline constexpr char kHealthyRhelVm[] =
    R"([    0.000000] compute-01 kernel: Linux version 5.14.0-427.13.1.el9_4.x86_64 (mockbuild@x86-64-03.build.eng.rdu2.redhat.com) #1 SMP PREEMPT_DYNAMIC
[    0.000000] compute-01 kernel: The list of certified hardware and cloud instances for Red Hat Enterprise Linux 9 can be viewed at the Red Hat Ecosystem Catalog, https://catalog.redhat.com.
[    0.010000] compute-01 kernel: AMD-Vi: Using global IVHD EFR:0x0, EFR2:0x0
[    0.020000] compute-01 kernel: Booting paravirtualized kernel on KVM
[    0.500000] compute-01 kernel: kvm-guest: setup PCID
[    0.700000] compute-01 kernel: Speculative Return Stack Overflow: WARNING: See https://kernel.org/doc/html/latest/admin-guide/hw-vuln/srso.html for mitigation options.
[    0.900000] compute-01 kernel: ACPI: _OSC evaluation for CPUs failed, trying _PDC
[    0.910000] compute-01 kernel: acpi PNP0A08:00: _OSC: platform does not support [LTR]
[    0.920000] compute-01 kernel: acpi PNP0A08:00: fail to add MMCONFIG information, can't access extended PCI configuration space under this bridge.
[    1.000000] compute-01 kernel: pci 0000:00:01.3: BAR 14: assigned [mem 0xfd000000-0xfdffffff]
[    1.100000] compute-01 kernel: pcieport 0000:00:01.5: pciehp: Slot #5 AttnBtn+ PwrCtrl+ MRL- AttnInd+ PwrInd+ HotPlug+ Surprise+
[    1.200000] compute-01 kernel: cryptd: max_cpu_qlen set to 1000
[    1.300000] compute-01 kernel: alg: No test for stdrng (krng)
[    1.400000] compute-01 kernel: Unstable clock detected, switching default tracing clock to "global"
[    1.500000] compute-01 kernel: XFS (vda4): Mounting V5 Filesystem 0123
[    1.600000] compute-01 kernel: XFS (vda4): Starting recovery (logdev: internal)
[    1.700000] compute-01 kernel: XFS (vda4): Ending recovery (logdev: internal)
[    1.800000] compute-01 kernel: systemd-journald[234]: File /var/log/journal/0123/system.journal corrupted or uncleanly shut down, renaming and replacing.
[    2.000000] compute-01 kernel: Warning: Deprecated Driver is detected: nft_compat will not be maintained in a future major release and may be disabled
[    2.100000] compute-01 kernel: nvidia 0000:05:00.0: enabling device (0100 -> 0102)
[    2.200000] compute-01 kernel: NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024
[    2.300000] compute-01 kernel: NVRM: GPU at 0000:05:00.0 has software scheduler DISABLED with policy NONE.
[    3.000000] compute-01 kernel: virtio_net virtio0 enp1s0: renamed from eth0
[    4.000000] compute-01 kernel: block vda: the capability attribute has been deprecated.
[    5.000000] compute-01 kernel: nfs: Deprecated parameter 'intr'
[    6.000000] compute-01 kernel: SELinux:  Class mptcp_socket not defined in policy.
[   10.000000] compute-01 kernel: Rounding down aligned max_sectors from 4294967295 to 4294967288
)";

// An arm64 machine with an SMMU.
inline constexpr char kHealthyArm[] =
    R"([    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd4f0]
[    0.000000] Linux version 6.8.0-1014-nvidia-64k (buildd@bos03-arm64-053) #15-Ubuntu SMP
[    0.000000] random: crng init done
[    0.100000] arm-smmu-v3 arm-smmu-v3.0.auto: option mask 0x10
[    0.110000] arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 48-bit (features 0x001c1fff)
[    0.120000] arm-smmu-v3 arm-smmu-v3.0.auto: allocated 524288 entries for cmdq
[    0.130000] arm-smmu-v3 arm-smmu-v3.0.auto: msi_domain absent - falling back to wired irqs
[    0.140000] ACPI: SRAT not present
[    0.200000] kvm [1]: HYP mode not available
[    0.300000] SError recovery is available
[    0.400000] nvidia-modeset: Correcting number of heads for current head configuration (0x0f)
[    0.500000] cacheinfo: Unable to detect cache hierarchy for CPU 0
[    0.600000] hw perfevents: unable to count PMU IRQs
)";

inline constexpr const char* kHealthyBoots[] = {kHealthyDebianVm, kHealthyUbuntuServer, kHealthyRhelVm, kHealthyArm};

}  // namespace passthrough
