// Whether KVM really runs guests here.
#pragma once

#include <filesystem>
#include <string>

#include "helpers/base/deadline.h"

namespace passthrough {

enum class Accelerator { kEmulation, kKvm };

// As QEMU's -accel names it: "tcg", "kvm".
std::string_view ToString(Accelerator accelerator);

// Runs a guest of a few instructions (into 32-bit mode, then out of QEMU through its isa-debug-exit
// device) and tells whether it did so. A guest that hangs is killed after 5 s. Throws ProcessError
// where QEMU cannot be started; InterruptedError.
bool ProbeGuestAnswers(const std::filesystem::path& qemu, Accelerator accelerator);

struct KvmAnswer {
  bool works = false;
  std::string reason;  // in words, either way
};

// A machine can have /dev/kvm and still not run an ordinary guest with it: the guest hangs at once.
// So KVM counts only where the processor says vmx or svm, /dev/kvm opens, and a probe guest
// answers.
KvmAnswer ProbeKvm(const std::filesystem::path& qemu, const std::filesystem::path& cpuinfo = "/proc/cpuinfo",
                   const std::filesystem::path& device = "/dev/kvm");

}  // namespace passthrough
