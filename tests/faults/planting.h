// Pieces of shell that several faults are planted with.
#pragma once

#include <string>

namespace passthrough {

inline constexpr char kComputeDomain[] = "test-hpc-pcie-minimal-compute-01";
inline constexpr char kControllerDomain[] = "test-hpc-pcie-minimal-controller";

// In a node: its first GPU's directory in sysfs, in $gpu.
inline constexpr char kFindGpu[] =
    "for class in /sys/bus/pci/devices/*/class; do\n"
    "  case $(cat \"$class\") in 0x03*) gpu=${class%/class}; break ;; esac\n"
    "done\n";

// On the lab host: asks a running domain to let function `address` ("0000:01:00.0") go.
std::string AskToUnplug(const std::string& address, const std::string& domain);
// The same, and waits until it has.
std::string UnplugFromDomain(const std::string& address, const std::string& domain);

// In a node: a file of /proc or /sys as `sed` makes it of what it was. `file` may hold shell variables.
std::string CoverFile(const std::string& file, const std::string& sed);

// In a node: an nvidia-smi that gives what `sed` makes of the real one's output, with its exit status.
std::string CoverNvidiaSmi(const std::string& sed);

// In a node: lines that replace what the stub nvidia-smi says (lab/stub/README.md).
std::string ReplaceInNvidiaSmi(const std::string& lines);

// In a node: a line of the kernel's log.
std::string SayInKernelLog(const std::string& text);

// In a node: where a text of a binary file begins with `from`, writes `to` over it. `file` may be a pattern of the
// shell.
std::string PatchBinary(const std::string& file, const std::string& from, const std::string& to);

// On the lab host: a small domain that never boots, as XML in the file /tmp/NAME.xml. `devices`: more of it.
std::string WriteSmallDomain(const std::string& name, const std::string& devices = "");

}  // namespace passthrough
