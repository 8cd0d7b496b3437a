// A log as kernels of healthy nodes print it, for the tests of checks that read one.
#pragma once

#include <string>

#include "helpers/parsers/kernel_log.h"

namespace passthrough {

inline KernelLog Log(const std::string& text) { return KernelLog::Parse(text, "k.txt"); }

// What kernels of healthy nodes print.
inline constexpr char kHealthy[] =
    "[    0.000000] Linux version 6.1.0-23-amd64\n"
    "[    0.512345] pci 0000:01:00.0: [10de:2684] type 00 class 0x030000\n"
    "[    0.600000] pci 0000:01:00.0: BAR 1: no space for [mem size 0x10000000 64bit pref]\n"
    "[    0.600001] pci 0000:01:00.0: BAR 1: failed to assign [mem size 0x10000000 64bit pref]\n"
    "[    0.600002] pci 0000:01:00.0: BAR 6: no space for [mem size 0x00080000 pref]\n"
    "[    0.600003] pci 0000:00:01.0: BAR 13: no space for [io  size 0x1000]\n"
    "[    0.610000] pci 0000:01:00.0: BAR 1: assigned [mem 0x800000000-0x80fffffff 64bit pref]\n"
    "[    0.620000] pcieport 0000:00:01.0: AER: enabled with IRQ 24\n"
    "[    0.630000] pci 0000:01:00.0: 2.000 Gb/s available PCIe bandwidth, limited by 2.5 GT/s PCIe x1 link\n"
    "[    4.000000] nvidia: loading out-of-tree module taints kernel.\n"
    "[    4.000001] nvidia: module verification failed: signature and/or required key missing - tainting\n"
    "[    4.100000] nvidia-nvlink: Nvlink Core is being initialized, major device number 240\n"
    "[    4.200000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.54.03\n"
    "[    4.300000] pcieport 0000:00:01.0: AER: Corrected error received: 0000:01:00.0\n"
    "[    4.300001] nvidia 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer\n"
    "[    9.000000] nvme nvme0: I/O 12 QID 5 timeout, completion polled\n"
    "[   10.000000] NVRM: Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset) to 0x0 "
    "(None)\n";

}  // namespace passthrough
