#include "lab/host/kvm_probe.h"

#include <gmock/gmock.h>

#include "helpers/base/files.h"
#include "lab/host/qemu_process.h"

namespace passthrough {
namespace {

using testing::HasSubstr;

// The probe guest itself is right: where there is no KVM, a missing answer is KVM's fault.
TEST(KvmProbe, ItsGuestAnswersUnderEmulation) {
  EXPECT_TRUE(ProbeGuestAnswers(QemuProgram(), Accelerator::kEmulation));
}

TEST(KvmProbe, WantsTheProcessorsWord) {
  const TemporaryDirectory directory("passthrough-kvm-test");
  const auto cpuinfo = directory.path() / "cpuinfo";
  // "vmx" must be a word of the flags, not of something else.
  WriteFile(cpuinfo, "model name\t: vmx svm\nflags\t\t: fpu vmxx\n");
  const KvmAnswer answer = ProbeKvm(QemuProgram(), cpuinfo, "/dev/null");
  EXPECT_FALSE(answer.works);
  EXPECT_THAT(answer.reason, HasSubstr("neither vmx nor svm"));
}

TEST(KvmProbe, WantsADeviceThatOpens) {
  const TemporaryDirectory directory("passthrough-kvm-test");
  const auto cpuinfo = directory.path() / "cpuinfo";
  WriteFile(cpuinfo, "flags\t\t: fpu svm lm\n");
  const KvmAnswer answer = ProbeKvm(QemuProgram(), cpuinfo, directory.path() / "kvm");
  EXPECT_FALSE(answer.works);
  EXPECT_THAT(answer.reason, HasSubstr("cannot open"));
}

}  // namespace
}  // namespace passthrough
