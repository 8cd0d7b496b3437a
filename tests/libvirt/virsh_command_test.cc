#include "helpers/libvirt/virsh_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using testing::HasSubstr;

const char kLab[] = "qemu+ssh://root@lab-host/system?command=/a/ssh&no_tty=1";

TEST(VirshCommandTest, NamesTheLibvirtThatIsMeant) {
  EXPECT_EQ(VirshCommand("qemu:///system", {"start", "x"}), "virsh -c qemu:///system start x");
  EXPECT_EQ(VirshCommand(kLab, {"start", "x"}), std::string("virsh -c '") + kLab + "' start x");
}

TEST(VirshCommandTest, EachOfTwoCommandsDoes) {
  EXPECT_EQ(VirshToRemoveDomain("qemu:///system", "d"),
            "virsh -c qemu:///system destroy d; "
            "virsh -c qemu:///system undefine d --managed-save --snapshots-metadata --nvram");
  EXPECT_EQ(VirshToRemoveNetwork("qemu:///system", "n"),
            "virsh -c qemu:///system net-destroy n; virsh -c qemu:///system net-undefine n");
  EXPECT_EQ(VirshToRemovePool("qemu:///system", "p"),
            "virsh -c qemu:///system pool-destroy p; virsh -c qemu:///system pool-undefine p");
}

TEST(VirshCommandTest, VirshItselfTakesIt) {
  const ChildResult result = RunChild({"sh", "-c", VirshCommand("test:///default", {"list", "--all"})}, {},
                                      Deadline::After(std::chrono::minutes(1)));
  EXPECT_TRUE(result.Succeeded()) << result.output;
  EXPECT_THAT(result.output, HasSubstr("running"));
}

}  // namespace
}  // namespace passthrough
