#include "lab/host/kvm_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

// isa-debug-exit ends QEMU with status 2 * value + 1.
constexpr unsigned char kAnswer = 0x2a;
constexpr int kAnswerStatus = 2 * kAnswer + 1;

// The probe's firmware fills the last 64 KiB below 4 GiB; the processor starts in its last 16 bytes
// with CS at 0xffff0000 (Intel SDM volume 3, 10.1.4).
constexpr size_t kFirmwareSize = 65536;
constexpr size_t kCode16 = 0xff00;
constexpr size_t kCode32 = 0xff40;
constexpr size_t kDescriptorPointer = 0xff60;
constexpr size_t kDescriptors = 0xff68;
constexpr size_t kReset = 0xfff0;

void Put(std::string& firmware, size_t offset, const std::initializer_list<unsigned char>& bytes) {
  std::transform(bytes.begin(), bytes.end(), firmware.begin() + static_cast<std::ptrdiff_t>(offset),
                 [](unsigned char byte) { return static_cast<char>(byte); });
}

std::string ProbeFirmware() {
  std::string firmware(kFirmwareSize, '\xf4');  // hlt
  Put(firmware, kReset, {0xe9, 0x0d, 0xff});    // jmp kCode16
  Put(firmware, kCode16,
      {0xfa,                                              // cli
       0x2e, 0x66, 0x0f, 0x01, 0x16, 0x60, 0xff,          // lgdt cs:[kDescriptorPointer]
       0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0,    // cr0 |= 1: protected mode
       0x66, 0xea, 0x40, 0xff, 0xff, 0xff, 0x08, 0x00});  // jmp 8:0xffffff40
  Put(firmware, kCode32, {0xb0, kAnswer, 0xe6, 0xf4});    // mov al, kAnswer; out 0xf4, al
  Put(firmware, kDescriptorPointer, {0x0f, 0x00, 0x68, 0xff, 0xff, 0xff});
  Put(firmware, kDescriptors,
      {0, 0, 0, 0, 0, 0, 0, 0,
       // Code, 4 GiB, 32 bits; marked accessed, since the table is in memory that cannot be
       // written.
       0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0});
  return firmware;
}

bool ProcessorHasVirtualization(const std::filesystem::path& cpuinfo) {
  const std::string text = ReadFile(cpuinfo);
  for (const std::string_view line : SplitLines(text)) {
    if (!line.starts_with("flags")) continue;
    for (const std::string_view word : SplitWords(line)) {
      if (word == "vmx" || word == "svm") return true;
    }
  }
  return false;
}

}  // namespace

std::string_view ToString(Accelerator accelerator) { return accelerator == Accelerator::kKvm ? "kvm" : "tcg"; }

bool ProbeGuestAnswers(const std::filesystem::path& qemu, Accelerator accelerator) {
  const TemporaryDirectory directory("passthrough-kvm-probe");
  const std::filesystem::path firmware = directory.path() / "probe.bin";
  WriteFile(firmware, ProbeFirmware());
  ChildOptions options;
  options.grace = std::chrono::seconds(1);
  const ChildResult result = RunChild({qemu.string(), "-accel", std::string(ToString(accelerator)), "-machine", "pc",
                                       "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-bios",
                                       firmware.string(), "-device", "isa-debug-exit,iobase=0xf4,iosize=1"},
                                      options, Deadline::After(std::chrono::seconds(5)));
  return result.exit_status == kAnswerStatus;
}

KvmAnswer ProbeKvm(const std::filesystem::path& qemu, const std::filesystem::path& cpuinfo,
                   const std::filesystem::path& device) {
  if (!ProcessorHasVirtualization(cpuinfo)) {
    return {false, fmt::format("no KVM: {} shows neither vmx nor svm", cpuinfo.string())};
  }
  const int descriptor = open(device.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    return {false, fmt::format("no KVM: cannot open {}: {}", device.string(), strerror(errno))};
  }
  close(descriptor);
  if (!ProbeGuestAnswers(qemu, Accelerator::kKvm)) {
    return {false, fmt::format("no KVM: {} is there, but a probe guest does not answer", device.string())};
  }
  return {true, "KVM: a probe guest answers"};
}

}  // namespace passthrough
